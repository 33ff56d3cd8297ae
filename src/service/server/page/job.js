// One page: its attempts and its outputs.

import { requestJson, requestFile, pause } from "./api.js";
import { address, bytes, facts, h, money, emptyState, pill, duration, errorBox } from "./dom.js";

const POLL_MS = 1_000;
/** Characters that are displayed. Saving includes all of them. */
const MAX_SHOWN = 200_000;
const VERDICTS = { usable: "usable", other_document: "another document type", blocked: "blocked",
  needs_rendering: "needs a browser", thin: "almost no text", transient: "temporary error",
  permanent: "permanent error", no_response: "no response" };

export async function job({ root, signal }, batch, id) {
  const path = `jobs/${encodeURIComponent(id)}`;
  let job = await requestJson("GET", path, { signal });
  const stage = h("div", { class: "stage" });
  root.append(h("p", { class: "back" }, h("a", { href: `#/batch/${batch}` }, "← Batch")), stage);
  stage.append(...view(job, signal));
  if (job.progress < 100) poll();

  async function poll() {
    try {
      while (job.progress < 100) {
        await pause(POLL_MS, signal);
        job = await requestJson("GET", path, { signal });
      }
      stage.replaceChildren(...view(job, signal));
    } catch (error) {
      if (error.name !== "AbortError") stage.append(errorBox(error));
    }
  }
}

function view(job, signal) {
  const page = job.result;
  const parts = [
    h("header", { class: "head" }, h("h1", {}, page?.title || hostOf(job.url)), pill(job.status)),
    h("p", { class: "wide" }, link(job.url)),
  ];
  if (job.error) {
    parts.push(h("div", { class: "error-box" }, h("strong", {}, job.error), " ", job.error_message));
  }
  parts.push(facts([
    ["Charged", page ? money(job.billing.total_credits) : null],
    ["Tier", page ? (job.cached ? "cache" : `${job.billing.tier_used} ${job.billing.tier_name}`) : null],
    ["Status", page ? String(page.status_code) : null],
    ["Took", page ? duration(page.response_time_ms) : null],
    ["Size", page ? bytes(page.size_bytes) : null],
    ["Final URL", page?.redirected ? link(page.final_url) : null],
    ["Warning", page?.warning],
  ]), trail(job.billing.escalations));
  if (page) parts.push(outputs(page, signal));
  return parts;
}

function hostOf(text) {
  try { return new URL(text).host; } catch { return "Page"; }
}

/** Creates a link that sends no referrer. What is not an http URL stays text. */
function link(text) {
  const web = /^https?:\/\//i.test(text);
  return web ? h("a", { href: text, target: "_blank", rel: "noopener noreferrer nofollow" }, address(text)) : address(text);
}

/** Lists the attempts, each with its verdict and the evidence for it. */
function trail(attempts) {
  const steps = attempts.map((it) => {
    const worked = it.result === "success";
    const skipped = it.result === "skipped";
    const found = VERDICTS[it.verdict] ?? it.verdict;
    return h("li", { class: skipped ? "rest" : worked ? "worked" : "tried" },
      h("div", {}, h("b", {}, `${it.tier} ${it.name}`), h("span", {}, found),
        it.status_code ? h("span", {}, `HTTP ${it.status_code}`) : null,
        skipped ? null : h("span", { class: "muted" }, duration(it.duration_ms)),
        it.credits ? h("span", { class: "cost" }, money(it.credits)) : null),
      it.signal ? h("p", { class: "signal" }, it.signal) : null);
  });
  return h("section", { "aria-labelledby": "attempts" }, h("h2", { id: "attempts" }, "Attempts"),
    steps.length ? h("ol", { class: "trail" }, steps) : h("p", { class: "muted" }, "No attempts."));
}

function outputs(page, signal) {
  const content = page.content ?? {};
  const tabs = [];
  const add = (name, title, make) => tabs.push({ name, title, make });
  const text = (name, title, value, kind) => {
    const whole = typeof value === "string" ? value : JSON.stringify(value, null, 2);
    add(name, title, () => source(whole, `page.${kind}`));
  };
  if (content.markdown != null) text("markdown", "Markdown", content.markdown, "md");
  text("text", "Text", page.text ?? "", "txt");
  if (content.html != null) {
    add("rendered", "Readable", () => rendered(content.html));
    text("html", "HTML", content.html, "html");
  }
  if (content.json != null) text("json", "JSON", content.json, "json");
  if (page.filtered_content != null && content.json == null) text("fields", "Fields", page.filtered_content, "json");
  if (page.evidence != null) text("evidence", "Evidence", page.evidence, "json");
  for (const [name, value] of Object.entries(content)) {
    if (!["markdown", "text", "html", "json"].includes(name)) text(name, name, value, "json");
  }
  if (page.content_parts?.length) add("parts", "Parts", () => contentParts(page.content_parts));
  if (page.screenshot_url) add("screenshot", "Screenshot", () => picture(page.screenshot_url, signal));
  if (page.artifacts?.length) add("files", "Files", () => files(page.artifacts, signal));
  text("metadata", "Metadata", { ...page.metadata, headers: page.headers }, "json");
  return h("section", { "aria-labelledby": "outputs" }, h("h2", { id: "outputs" }, "Outputs"), tablist(tabs));
}

/** Creates tabs with the usual keys: arrows select a tab, Tab moves into the panel. */
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
  const list = h("div", { role: "tablist", class: "tabs", "aria-labelledby": "outputs", keydown: move }, buttons);
  choose(0);
  return [list, panel];
}

/** Lists the kept and dropped parts of the page: the rule that decided, the share of the text, the beginning. */
function contentParts(parts) {
  const percent = (share) => `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;
  return h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Parts" }, h("table", {},
    h("thead", {}, h("tr", {}, ["Part", "Rule", "Share", "Begins"].map((it) => h("th", { scope: "col" }, it)))),
    h("tbody", {}, parts.map((it) => h("tr", {},
      h("td", {}, it.kept ? "kept" : "dropped"), h("td", {}, it.rule), h("td", {}, percent(it.share)),
      h("td", {}, it.snippet))))));
}

function source(text, name) {
  if (!text) return emptyState("Empty", "The page has no such content.");
  const cut = text.length > MAX_SHOWN;
  const copied = h("button", { type: "button", class: "quiet", click: async () => {
    const done = await navigator.clipboard.writeText(text).then(() => true, () => false);
    copied.textContent = done ? "Copied" : "The browser refused";
  } }, "Copy");
  return [
    h("div", { class: "tools" }, navigator.clipboard ? copied : null,
      h("button", { type: "button", class: "quiet", click: () => save(new Blob([text]), name) }, "Save"),
      cut ? h("span", { class: "muted" }, `first ${bytes(MAX_SHOWN)} of ${bytes(text.length)}`) : null),
    h("pre", { class: "source" }, cut ? text.slice(0, MAX_SHOWN) : text),
  ];
}

/** Shows the site's HTML in a sandboxed frame: no scripts, no forms, no origin, no network. */
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
  requestFile(url, signal).then((blob) => {
    const shown = URL.createObjectURL(blob);
    signal.addEventListener("abort", () => URL.revokeObjectURL(shown), { once: true });
    place.replaceChildren(h("img", { src: shown, alt: "Screenshot of the page" }));
  }).catch((error) => { if (error.name !== "AbortError") place.replaceChildren(errorBox(error)); });
  return place;
}

function files(artifacts, signal) {
  return h("ul", { class: "files" }, artifacts.map((it) => h("li", {},
    h("button", { type: "button", class: "quiet", click: async (event) => {
      try {
        save(await requestFile(it.url, signal), it.name);
      } catch (error) {
        if (error.name !== "AbortError") event.target.after(errorBox(error));
      }
    } }, it.name), h("span", { class: "muted" }, `${it.media_type}, ${bytes(it.size_bytes)}`))));
}
