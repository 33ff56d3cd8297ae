// Elements, and how numbers, times and states are written. Every text goes in as text.

const SVG = "http://www.w3.org/2000/svg";
export const TIERS = [["1", "curl"], ["2", "http"], ["3", "stealth"], ["3.5", "lightjs"], ["4", "browser"]];

/** An element. Functions are listeners, true and false switch an attribute, and strings are text. */
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

/** Says something to whoever listens instead of looking. */
export function say(text) {
  document.getElementById("say").textContent = text;
}

/** Credits as money: a million are a dollar, and a page costs far less than a cent. */
export function money(credits) {
  if (!credits) return "$0";
  const dollars = credits / 1_000_000;
  return dollars >= 1 ? `$${dollars.toFixed(2)}` : `$${dollars.toFixed(4)}`;
}

export function span(ms) {
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

/** A moment as people say it, with the exact one for whoever asks. */
export function when(text) {
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

const MARKS = { succeeded: "✓", failed: "✕", processing: "", queued: "" };

/** A job's state as a mark. The word is there for those who do not see it. */
export function mark(state) {
  return h("span", { class: `mark ${state}`, role: "img", "aria-label": state }, MARKS[state] ?? "");
}

/** A state as a word with its colour. */
export function pill(state) {
  return h("span", { class: `pill ${state}` }, state);
}

/** An address: the site first, the way to the page after it. */
export function address(text) {
  try {
    const url = new URL(text);
    return h("span", { class: "address", title: text }, h("b", {}, url.host), url.pathname + url.search);
  } catch {
    return h("span", { class: "address" }, text);
  }
}

/** How far up a job went, as a ladder lying on its side. */
export function ladder(escalations, tierUsed) {
  const tried = new Map();
  for (const it of escalations ?? []) tried.set(it.tier, it.result === "success" ? "worked" : "tried");
  if (tierUsed) tried.set(tierUsed, "worked");
  const said = TIERS.filter(([number]) => tried.has(number))
    .map(([number, name]) => `tier ${number} (${name}) ${tried.get(number) === "worked" ? "worked" : "did not do"}`);
  const picture = document.createElementNS(SVG, "svg");
  fill(picture, { class: "ladder", viewBox: "0 0 38 16", width: 38, height: 16, role: "img",
    "aria-label": said.join(", ") || "no tier was tried yet" }, []);
  TIERS.forEach(([number], at) => {
    const high = 5 + at * 2.5;
    const bar = document.createElementNS(SVG, "rect");
    fill(bar, { x: at * 8, y: 15.5 - high, width: 5, height: high, rx: 1, class: tried.get(number) ?? "rest" }, []);
    picture.append(bar);
  });
  const title = document.createElementNS(SVG, "title");
  title.textContent = said.join(", ");
  picture.append(title);
  return picture;
}

/** A batch's pages in one bar. */
export function bar() {
  const [done, bad] = ["done", "bad"].map((it) => h("span", { class: it }));
  const whole = h("div", { class: "bar", role: "progressbar", "aria-label": "Pages that ended", "aria-valuemin": 0 }, done, bad);
  whole.show = (batch) => {
    const part = (count) => `${(100 * count) / Math.max(1, batch.total)}%`;
    for (const [it, count] of [[done, batch.completed], [bad, batch.failed]]) {
      it.style.width = part(count);
      it.hidden = count === 0;
    }
    whole.setAttribute("aria-valuemax", batch.total);
    whole.setAttribute("aria-valuenow", batch.completed + batch.failed);
    whole.setAttribute("aria-valuetext",
      `${batch.completed} succeeded, ${batch.failed} failed, ${batch.pending} to go`);
    whole.classList.toggle("going", batch.status === "processing");
  };
  return whole;
}

/** What went wrong, where something was to be. */
export function trouble(error) {
  return h("div", { class: "trouble", role: "alert" }, h("strong", {}, error.code ?? "No answer"), " ", error.message);
}

/** Where nothing is. */
export function nothing(title, text) {
  return h("div", { class: "nothing" }, h("p", { class: "lead" }, title), h("p", {}, text));
}

/** A list of terms and what they are; those without are left out. */
export function facts(pairs) {
  const there = pairs.filter(([, value]) => value != null && value !== "");
  return h("dl", { class: "facts" }, there.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}
