// The form for a new batch, with its price and its validation errors.

import { requestJson } from "./api.js";
import { h, money, plural, announce } from "./dom.js";

const DEBOUNCE_MS = 500;
const FORMATS = [["markdown", "Markdown"], ["text", "Text"], ["html", "HTML"], ["json", "JSON"]];
const MODES = [["auto", "Automatic"], ["html", "HTML"], ["js", "In a browser"], ["pdf", "PDF"], ["ocr", "Image"]];
const RENDER = [["", "When needed"], ["auto", "Decide per page"], ["true", "Always"]];
const TIERS = [["", "Any"], ["1", "1 curl"], ["2", "2 http"], ["3", "3 stealth"], ["3.5", "3.5 lightjs"], ["4", "4 browser"]];
/** Maps a field of the API to a control of the form. */
const CONTROLS = { url: "urls", urls: "urls", mode: "mode", formats: "formats", webhook_url: "webhook", max_tier: "tier",
  max_credits: "cost", render_js: "render", screenshot: "screenshot", timeout: "timeout",
  extraction_schema: "schema", evidence: "evidence" };

let draft = null;

function options(pairs) {
  return pairs.map(([value, text]) => h("option", { value }, text));
}

function field(id, label, control, hint) {
  control.id = id;
  if (hint) control.setAttribute("aria-describedby", `${id}-hint`);
  return h("div", { class: "field" }, h("label", { for: id }, label), control,
    hint ? h("small", { id: `${id}-hint` }, hint) : null);
}

export function form() {
  const urls = h("textarea", { rows: 3, spellcheck: "false", autocapitalize: "off", placeholder: "One URL per line", required: true });
  const mode = h("select", {}, options(MODES));
  const render = h("select", {}, options(RENDER));
  const tier = h("select", {}, options(TIERS));
  const webhook = h("input", { type: "url", autocomplete: "off", inputmode: "url" });
  const cost = h("input", { type: "number", min: "0", step: "any", inputmode: "decimal" });
  const timeout = h("input", { type: "number", min: "1", max: "300", step: "1", placeholder: "90" });
  const screenshot = h("input", { type: "checkbox", id: "screenshot" });
  const explain = h("input", { type: "checkbox", id: "explain" });
  const schema = h("textarea", { rows: 4, spellcheck: "false", autocapitalize: "off", placeholder: '{"name": "string", "price": "number"}' });
  const evidence = h("input", { type: "checkbox", id: "evidence" });
  const formats = FORMATS.map(([value, text]) => {
    const box = h("input", { type: "checkbox", id: `format-${value}`, value, checked: value === "markdown" || value === "json" });
    return { box, part: h("label", { class: "check", for: `format-${value}` }, box, text) };
  });
  const price = h("p", { class: "price", id: "price", role: "status" });
  const errors = h("div", { id: "errors", role: "alert" });
  const send = h("button", { class: "main", type: "submit" }, "Submit");
  const controls = { urls, mode, render, tier, webhook, cost, timeout, screenshot, schema, evidence,
    formats: formats[0].box };

  const lines = () => urls.value.split("\n").map((it) => it.trim()).filter(Boolean);
  const readSchema = () => {
    try {
      return JSON.parse(schema.value);
    } catch (error) {
      throw Object.assign(new Error(`invalid JSON: ${error.message}`), { field: "extraction_schema" });
    }
  };
  const body = () => {
    const controlsOf = {};
    if (tier.value) controlsOf.max_tier = tier.value;
    if (cost.value) controlsOf.max_credits = Math.round(Number(cost.value) * 1_000_000);
    const advanced = {};
    if (screenshot.checked) advanced.screenshot = true;
    if (explain.checked) advanced.explain_content = true;
    if (screenshot.checked || render.value === "true") advanced.render_js = true;
    else if (render.value === "auto") advanced.render_js = "auto";
    const item = { mode: mode.value, formats: formats.filter((it) => it.box.checked).map((it) => it.box.value) };
    if (!item.formats.length) delete item.formats;
    if (Object.keys(controlsOf).length) item.cost_controls = controlsOf;
    if (Object.keys(advanced).length) item.advanced = advanced;
    if (timeout.value) item.timeout = Number(timeout.value);
    if (schema.value.trim()) item.extraction_schema = readSchema();
    if (evidence.checked) item.evidence = true;
    const whole = { urls: lines().map((url) => ({ url, ...item })) };
    if (webhook.value.trim()) whole.webhook_url = webhook.value.trim();
    return whole;
  };

  const clear = () => {
    errors.replaceChildren();
    for (const it of Object.values(controls)) it.removeAttribute("aria-invalid");
  };
  const showError = (error) => {
    clear();
    const { loc = [], msg = error.message } = error.details?.[0] ?? {};
    const [, index, ...path] = loc;
    const inItem = typeof index === "number";
    const name = (inItem ? path.join(".") : error.field ?? "").split(".").pop();
    const control = controls[CONTROLS[name]];
    control?.setAttribute("aria-invalid", "true");
    const where = inItem ? `Line ${index + 1}, ${name}` : error.field ?? "";
    errors.append(h("p", { class: "wrong" }, where ? h("strong", {}, `${where}: `) : null, msg,
      control ? h("button", { type: "button", class: "quiet", click: () => show(control, inItem ? index : null) }, "Show") : null));
  };
  const show = (control, index) => {
    control.closest("details")?.setAttribute("open", "");
    control.focus();
    if (control === urls && index != null) {
      const all = urls.value.split("\n");
      let [seen, at] = [-1, 0];
      for (const line of all) {
        if (line.trim() && ++seen === index) return urls.setSelectionRange(at, at + line.length);
        at += line.length + 1;
      }
    }
  };

  // The price is requested when typing pauses. The response to an earlier request is ignored.
  let [timer, latest] = [0, 0];
  const updatePrice = () => {
    clearTimeout(timer);
    const mine = ++latest;
    clear();
    if (!lines().length) return void (price.textContent = "");
    timer = setTimeout(async () => {
      try {
        const estimate = await requestJson("POST", "batch/estimate", { body: body() });
        if (mine !== latest) return;
        const most = estimate.max_possible_credits > estimate.estimated_credits ? `, at most ${money(estimate.max_possible_credits)}` : "";
        price.textContent = `${plural(estimate.total_urls, "page")}: ${money(estimate.estimated_credits)}${most}`;
      } catch (error) {
        if (mine !== latest) return;
        price.textContent = "";
        if (error.status && error.status !== 401) showError(error);
      }
    }, DEBOUNCE_MS);
  };

  const submit = async (event) => {
    event.preventDefault();
    clearTimeout(timer);
    latest += 1;
    clear();
    send.disabled = true;
    try {
      const text = JSON.stringify(body());
      // The key stays the same until the batch is accepted, so that a double click or a lost response submits once.
      if (draft?.text !== text) draft = { text, key: String(crypto.getRandomValues(new Uint32Array(4)).join("-")) };
      const batch = await requestJson("POST", "batch", { body: body(), headers: { "Idempotency-Key": draft.key } });
      draft = null;
      announce(`Submitted ${plural(batch.total_urls, "page")}.`);
      location.hash = `#/batch/${batch.batch_id}`;
    } catch (error) {
      if (error.status !== 401) showError(error);
    } finally {
      send.disabled = false;
    }
  };

  screenshot.addEventListener("change", () => {
    // A screenshot requires the browser.
    render.disabled = screenshot.checked;
    if (screenshot.checked) render.value = "true";
  });
  return h("form", { class: "new panel", "aria-labelledby": "new", submit, input: updatePrice, change: updatePrice, novalidate: true },
    h("h2", { id: "new" }, "New batch"),
    h("label", { for: "urls", class: "visually-hidden" }, "URLs, one per line"),
    Object.assign(urls, { id: "urls" }),
    h("fieldset", { class: "checks" }, h("legend", { class: "visually-hidden" }, "Formats"), formats.map((it) => it.part),
      h("label", { class: "check apart", for: "screenshot" }, screenshot, "Screenshot")),
    h("details", { class: "options" }, h("summary", {}, "Options"),
      h("div", { class: "grid" },
        field("mode", "Mode", mode),
        field("render", "Run scripts", render),
        field("tier", "Highest tier", tier),
        field("cost", "Most per page, $", cost),
        field("timeout", "Seconds per page", timeout),
        field("webhook", "Webhook", webhook, "Notified once, when the last page finishes")),
      field("schema", "Schema", schema, "JSON Schema, or types by name; fills the JSON of each page"),
      h("label", { class: "check", for: "evidence" }, evidence, "Show where each value was found"),
      h("label", { class: "check", for: "explain" }, explain, "List the kept and dropped parts of each page")),
    errors,
    h("div", { class: "foot" }, send, price));
}
