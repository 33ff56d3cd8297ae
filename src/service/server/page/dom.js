// Elements, and the format of numbers, times and states. Strings are inserted as text, never as HTML.

const SVG = "http://www.w3.org/2000/svg";
export const TIERS = [["1", "curl"], ["2", "http"], ["3", "stealth"], ["3.5", "lightjs"], ["4", "browser"]];

/** Creates an element. Function attributes are event listeners, and booleans switch an attribute on or off. */
export function h(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat(3).filter((it) => it != null && it !== false));
  return element;
}

/** Announces a text to screen readers. */
export function announce(text) {
  document.getElementById("announcer").textContent = text;
}

/** Formats credits as dollars: 1,000,000 credits are one. A page costs far less than a cent. */
export function money(credits) {
  if (!credits) return "$0";
  const dollars = credits / 1_000_000;
  return dollars >= 1 ? `$${dollars.toFixed(2)}` : `$${dollars.toFixed(4)}`;
}

/** Formats a duration. */
export function duration(ms) {
  if (ms == null || Number.isNaN(ms)) return "";
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1_000)} s`;
}

export function bytes(count) {
  if (count < 1_000) return `${count} B`;
  if (count < 1_000_000) return `${(count / 1_000).toFixed(1)} kB`;
  return `${(count / 1_000_000).toFixed(1)} MB`;
}

export function plural(count, one, many = `${one}s`) {
  return `${count} ${count === 1 ? one : many}`;
}

/** Creates a relative time whose tooltip is the exact one. */
export function time(text) {
  const at = new Date(text);
  const ago = Date.now() - at.getTime();
  const title = at.toLocaleString();
  const short = ago < 0 || ago > 20 * 3_600_000
    ? at.toLocaleString([], { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" })
    : ago < 45_000 ? "just now"
    : ago < 3_600_000 ? `${Math.max(1, Math.round(ago / 60_000))} min ago`
    : `${Math.round(ago / 3_600_000)} h ago`;
  return h("time", { datetime: text, title }, short);
}

const STATE_ICONS = { succeeded: "✓", failed: "✕", processing: "", queued: "" };

/** Creates the icon of a job's state, labeled for screen readers. */
export function stateIcon(state) {
  return h("span", { class: `state-icon ${state}`, role: "img", "aria-label": state }, STATE_ICONS[state] ?? "");
}

/** Creates a colored label with a state's name. */
export function pill(state) {
  return h("span", { class: `pill ${state}` }, state);
}

/** Formats a URL with its host emphasized. */
export function address(text) {
  try {
    const url = new URL(text);
    return h("span", { class: "address", title: text }, h("b", {}, url.host), url.pathname + url.search);
  } catch {
    return h("span", { class: "address" }, text);
  }
}

/** Draws the tiers that a job tried as bars of increasing height. */
export function ladder(escalations, tierUsed) {
  const tried = new Map();
  for (const it of escalations ?? []) {
    if (it.result !== "skipped") tried.set(it.tier, it.result === "success" ? "worked" : "tried");
  }
  if (tierUsed) tried.set(tierUsed, "worked");
  const label = TIERS.filter(([number]) => tried.has(number))
    .map(([number, name]) => `tier ${number} (${name}) ${tried.get(number) === "worked" ? "succeeded" : "failed"}`);
  const picture = document.createElementNS(SVG, "svg");
  fill(picture, { class: "ladder", viewBox: "0 0 38 16", width: 38, height: 16, role: "img",
    "aria-label": label.join(", ") || "no attempts yet" }, []);
  TIERS.forEach(([number], at) => {
    const height = 5 + at * 2.5;
    const bar = document.createElementNS(SVG, "rect");
    fill(bar, { x: at * 8, y: 15.5 - height, width: 5, height, rx: 1, class: tried.get(number) ?? "rest" }, []);
    picture.append(bar);
  });
  const title = document.createElementNS(SVG, "title");
  title.textContent = label.join(", ");
  picture.append(title);
  return picture;
}

/** Creates the progress bar of a batch. */
export function bar() {
  const [done, bad] = ["done", "bad"].map((it) => h("span", { class: it }));
  const whole = h("div", { class: "bar", role: "progressbar", "aria-label": "Finished pages", "aria-valuemin": 0 }, done, bad);
  whole.show = (batch) => {
    const part = (count) => `${(100 * count) / Math.max(1, batch.total)}%`;
    for (const [it, count] of [[done, batch.completed], [bad, batch.failed]]) {
      it.style.width = part(count);
      it.hidden = count === 0;
    }
    whole.setAttribute("aria-valuemax", batch.total);
    whole.setAttribute("aria-valuenow", batch.completed + batch.failed);
    whole.setAttribute("aria-valuetext",
      `${batch.completed} succeeded, ${batch.failed} failed, ${batch.pending} pending`);
    whole.classList.toggle("running", batch.status === "processing");
  };
  return whole;
}

/** Creates a box with an error's code and message. */
export function errorBox(error) {
  return h("div", { class: "error-box", role: "alert" }, h("strong", {}, error.code ?? "No response"), " ", error.message);
}

/** Creates the placeholder of an empty list. */
export function emptyState(title, text) {
  return h("div", { class: "empty-state" }, h("p", { class: "lead" }, title), h("p", {}, text));
}

/** Creates a list of names and values; pairs without a value are dropped. */
export function facts(pairs) {
  const present = pairs.filter(([, value]) => value != null && value !== "");
  return h("dl", { class: "facts" }, present.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}
