// Webhooks: deliveries, the receivers' responses, and sending again.

import { requestJson, pause } from "./api.js";
import { h, emptyState, pill, plural, announce, errorBox, time } from "./dom.js";

const POLL_MS = 1_000;
const MAX_POLLS = 15;

export async function deliveries({ root, signal }) {
  root.append(h("h1", {}, "Webhooks"));
  const found = await requestJson("GET", "deliveries?limit=50", { signal });
  if (!found.deliveries.length) {
    root.append(emptyState("No webhooks yet", "Batches with a webhook are listed once they finish."));
    return;
  }
  const all = list(found.deliveries, signal);
  const more = h("button", { type: "button", class: "quiet", hidden: !found.has_more }, "Older webhooks");
  let next = found.next_cursor;
  more.addEventListener("click", async () => {
    const page = await requestJson("GET", `deliveries?limit=50&cursor=${encodeURIComponent(next)}`, { signal });
    all.append(...page.deliveries.map((it) => entry(it, signal)));
    [next, more.hidden] = [page.next_cursor, !page.has_more];
  });
  root.append(all, more);
}

export function list(found, signal) {
  return h("ul", { class: "cards" }, found.map((it) => entry(it, signal)));
}

function entry(delivery, signal) {
  const whole = h("li", { class: "panel" });
  const show = (it) => {
    const again = h("button", { type: "button", class: "quiet", disabled: it.status === "pending", click: () => redeliver(again) }, "Send again");
    whole.replaceChildren(
      h("div", { class: "head" }, h("h3", {}, it.event), pill(it.status), again),
      h("p", { class: "wide" }, it.url ?? "no webhook URL"),
      h("p", { class: "muted" }, h("a", { href: `#/batch/${it.batch_id}` }, "Batch"),
        ` · ${plural(it.attempts.length, "attempt")}`,
        it.next_attempt_at ? [" · next ", time(it.next_attempt_at)] : null),
      h("ol", { class: "attempts" }, it.attempts.map(attempt)),
      h("details", {}, h("summary", {}, "Payload"), h("pre", {}, JSON.stringify(it.payload, null, 2))));
  };
  const redeliver = async (button) => {
    button.disabled = true;
    const before = delivery.attempts.length;
    try {
      delivery = await requestJson("POST", `deliveries/${encodeURIComponent(delivery.delivery_id)}/redeliver`, { signal });
      for (let polls = 0; polls < MAX_POLLS && delivery.attempts.length === before; polls += 1) {
        await pause(POLL_MS, signal);
        const page = await requestJson("GET", `batch/${encodeURIComponent(delivery.batch_id)}/deliveries`, { signal });
        delivery = page.deliveries[0] ?? delivery;
      }
      show(delivery);
      announce(`Sent again: ${delivery.status}.`);
      whole.querySelector("button")?.focus();
    } catch (error) {
      if (error.name === "AbortError") return;
      button.disabled = false;
      whole.append(errorBox(error));
    }
  };
  show(delivery);
  return whole;
}

function attempt(it) {
  const well = it.status_code >= 200 && it.status_code < 300;
  return h("li", {}, h("span", { class: well ? "good" : "bad" }, it.status_code ?? "no response"), " ", time(it.at),
    it.error ? h("span", { class: "muted" }, ` · ${it.error}`) : null,
    it.response_body ? h("pre", { class: "response" }, it.response_body) : null);
}
