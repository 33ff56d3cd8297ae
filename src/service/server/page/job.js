// One page: how it was got, and what was made of it.

import { ask, file, pause } from "./api.js";
import { address, bytes, facts, h, money, nothing, pill, span, trouble } from "./dom.js";

const LOOK = 1_000;
/** Characters that are shown at once; all of them can be saved. */
const SHOWN = 200_000;
const VERDICTS = { usable: "a usable page", other_document: "another kind of document", blocked: "blocked",
  needs_rendering: "needs a browser", thin: "next to nothing in it", transient: "may pass", permanent: "for good",
  no_response: "no answer" };

export async function job({ place, signal }, batch, id) {
  const path = `jobs/${encodeURIComponent(id)}`;
  let said = await ask("GET", path, { signal });
  const stage = h("div", { class: "stage" });
  place.append(h("p", { class: "back" }, h("a", { href: `#/batch/${batch}` }, "← The batch")), stage);
  stage.append(...view(said, signal));
  if (said.progress < 100) keep();

  async function keep() {
    try {
      while (said.progress < 100) {
        await pause(LOOK, signal);
        said = await ask("GET", path, { signal });
      }
      stage.replaceChildren(...view(said, signal));
    } catch (error) {
      if (error.name !== "AbortError") stage.append(trouble(error));
    }
  }
}

function view(said, signal) {
  const page = said.result;
  const parts = [
    h("header", { class: "head" }, h("h1", {}, page?.title || hostOf(said.url)), pill(said.status)),
    h("p", { class: "wide" }, link(said.url)),
  ];
  if (said.error) {
    parts.push(h("div", { class: "trouble" }, h("strong", {}, said.error), " ", said.error_message));
  }
  parts.push(facts([
    ["Charged", page ? money(said.billing.total_credits) : null],
    ["Tier", page ? (said.cached ? "from the cache" : `${said.billing.tier_used} ${said.billing.tier_name}`) : null],
    ["Answered", page ? String(page.status_code) : null],
    ["Took", page ? span(page.response_time_ms) : null],
    ["Size", page ? bytes(page.size_bytes) : null],
    ["Ended at", page?.redirected ? link(page.final_url) : null],
    ["Note", page?.warning],
  ]), way(said.billing.escalations));
  if (page) parts.push(outputs(page, signal));
  return parts;
}

function hostOf(text) {
  try { return new URL(text).host; } catch { return "Page"; }
}

/** A link that tells the site nothing of where it was; what is no web address stays text. */
function link(text) {
  const web = /^https?:\/\//i.test(text);
  return web ? h("a", { href: text, target: "_blank", rel: "noopener noreferrer nofollow" }, address(text)) : address(text);
}

/** The way up the ladder, with the evidence for each step. */
function way(attempts) {
  const steps = attempts.map((it) => {
    const worked = it.result === "success";
    const found = VERDICTS[it.verdict] ?? it.verdict;
    return h("li", { class: worked ? "worked" : "tried" },
      h("div", {}, h("b", {}, `${it.tier} ${it.name}`), h("span", {}, found),
        it.status_code ? h("span", {}, `HTTP ${it.status_code}`) : null,
        h("span", { class: "muted" }, span(it.duration_ms)),
        it.credits ? h("span", { class: "cost" }, money(it.credits)) : null),
      it.signal ? h("p", { class: "signal" }, it.signal) : null);
  });
  return h("section", { "aria-labelledby": "way" }, h("h2", { id: "way" }, "The way up"),
    steps.length ? h("ol", { class: "trail" }, steps) : h("p", { class: "muted" }, "No tier was tried."));
}

function outputs(page, signal) {
  const made = page.content ?? {};
  const tabs = [];
  const add = (name, title, make) => tabs.push({ name, title, make });
  const text = (name, title, value, kind) => {
    const whole = typeof value === "string" ? value : JSON.stringify(value, null, 2);
    add(name, title, () => source(whole, `page.${kind}`));
  };
  if (made.markdown != null) text("markdown", "Markdown", made.markdown, "md");
  text("text", "Text", page.text ?? "", "txt");
  if (made.html != null) {
    add("rendered", "Readable", () => rendered(made.html));
    text("html", "HTML", made.html, "html");
  }
  if (made.json != null) text("json", "JSON", made.json, "json");
  for (const [name, value] of Object.entries(made)) {
    if (!["markdown", "text", "html", "json"].includes(name)) text(name, name, value, "json");
  }
  if (page.screenshot_url) add("screenshot", "Screenshot", () => picture(page.screenshot_url, signal));
  if (page.artifacts?.length) add("files", "Files", () => files(page.artifacts, signal));
  text("metadata", "Metadata", { ...page.metadata, headers: page.headers }, "json");
  return h("section", { "aria-labelledby": "made" }, h("h2", { id: "made" }, "What was made of it"), tablist(tabs));
}

/** Tabs as they are moved through by keys: arrows choose, Tab goes on into what is shown. */
function tablist(tabs) {
  const panel = h("div", { role: "tabpanel", id: "panel", tabindex: 0, "aria-live": "off" });
  const buttons = tabs.map((tab, at) => h("button", { type: "button", role: "tab", id: `tab-${tab.name}`,
    "aria-controls": "panel", click: () => choose(at) }, tab.title));
  const choose = (at) => {
    buttons.forEach((it, other) => {
      it.setAttribute("aria-selected", String(other === at));
      it.tabIndex = other === at ? 0 : -1;
    });
    panel.setAttribute("aria-labelledby", buttons[at].id);
    panel.replaceChildren(...[tabs[at].make()].flat());
  };
  const move = (event) => {
    const at = buttons.indexOf(event.target);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (at < 0 || to == null) return;
    event.preventDefault();
    const next = (to + buttons.length) % buttons.length;
    choose(next);
    buttons[next].focus();
  };
  const list = h("div", { role: "tablist", class: "tabs", "aria-labelledby": "made", keydown: move }, buttons);
  choose(0);
  return [list, panel];
}

function source(text, name) {
  if (!text) return nothing("Nothing", "The page has none of this.");
  const cut = text.length > SHOWN;
  const copied = h("button", { type: "button", class: "quiet", click: async () => {
    const done = await navigator.clipboard.writeText(text).then(() => true, () => false);
    copied.textContent = done ? "Copied" : "It may not be copied";
  } }, "Copy");
  return [
    h("div", { class: "tools" }, navigator.clipboard ? copied : null,
      h("button", { type: "button", class: "quiet", click: () => save(new Blob([text]), name) }, "Save"),
      cut ? h("span", { class: "muted" }, `the first ${bytes(SHOWN)} of ${bytes(text.length)}`) : null),
    h("pre", { class: "source" }, cut ? text.slice(0, SHOWN) : text),
  ];
}

/** The site's HTML in a frame of its own: no scripts, no forms, no origin, and nothing is loaded. */
function rendered(html) {
  return h("iframe", { sandbox: "", srcdoc: html, title: "The page's readable HTML, without scripts", referrerpolicy: "no-referrer" });
}

function save(blob, name) {
  const url = URL.createObjectURL(blob);
  const anchor = h("a", { href: url, download: name });
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

function picture(url, signal) {
  const place = h("div", { class: "picture" }, h("p", { class: "muted" }, "Loading…"));
  file(url, signal).then((blob) => {
    const shown = URL.createObjectURL(blob);
    signal.addEventListener("abort", () => URL.revokeObjectURL(shown), { once: true });
    place.replaceChildren(h("img", { src: shown, alt: "The page as the browser showed it" }));
  }).catch((error) => { if (error.name !== "AbortError") place.replaceChildren(trouble(error)); });
  return place;
}

function files(artifacts, signal) {
  return h("ul", { class: "files" }, artifacts.map((it) => h("li", {},
    h("button", { type: "button", class: "quiet", click: async (event) => {
      try {
        save(await file(it.url, signal), it.name);
      } catch (error) {
        if (error.name !== "AbortError") event.target.after(trouble(error));
      }
    } }, it.name), h("span", { class: "muted" }, `${it.media_type}, ${bytes(it.size_bytes)}`))));
}
