// Webhooks: what was sent, what came back, and sending it once more.

import { ask, pause } from "./api.js";
import { h, nothing, pill, plural, say, trouble, when } from "./dom.js";

const LOOK = 1_000;
const LOOKS = 15;

export async function deliveries({ place, signal }) {
  place.append(h("h1", {}, "Webhooks"));
  const said = await ask("GET", "deliveries?limit=50", { signal });
  if (!said.deliveries.length) {
    place.append(nothing("Nothing was told to anybody", "Batches with a webhook show here once they have ended."));
    return;
  }
  const all = list(said.deliveries, signal);
  const more = h("button", { type: "button", class: "quiet", hidden: !said.has_more }, "Older webhooks");
  let next = said.next_cursor;
  more.addEventListener("click", async () => {
    const page = await ask("GET", `deliveries?limit=50&cursor=${encodeURIComponent(next)}`, { signal });
    all.append(...page.deliveries.map((it) => entry(it, signal)));
    [next, more.hidden] = [page.next_cursor, !page.has_more];
  });
  place.append(all, more);
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
      h("p", { class: "wide" }, it.url ?? "nobody asked to be told"),
      h("p", { class: "muted" }, h("a", { href: `#/batch/${it.batch_id}` }, "The batch"),
        ` · ${plural(it.attempts.length, "attempt")}`,
        it.next_attempt_at ? [" · next ", when(it.next_attempt_at)] : null),
      h("ol", { class: "attempts" }, it.attempts.map(attempt)),
      h("details", {}, h("summary", {}, "What is sent"), h("pre", {}, JSON.stringify(it.payload, null, 2))));
  };
  const redeliver = async (button) => {
    button.disabled = true;
    const before = delivery.attempts.length;
    try {
      delivery = await ask("POST", `deliveries/${encodeURIComponent(delivery.delivery_id)}/redeliver`, { signal });
      for (let look = 0; look < LOOKS && delivery.attempts.length === before; look += 1) {
        await pause(LOOK, signal);
        const said = await ask("GET", `batch/${encodeURIComponent(delivery.batch_id)}/deliveries`, { signal });
        delivery = said.deliveries[0] ?? delivery;
      }
      show(delivery);
      say(`Sent again: ${delivery.status}.`);
      whole.querySelector("button")?.focus();
    } catch (error) {
      if (error.name === "AbortError") return;
      button.disabled = false;
      whole.append(trouble(error));
    }
  };
  show(delivery);
  return whole;
}

function attempt(it) {
  const well = it.status_code >= 200 && it.status_code < 300;
  return h("li", {}, h("span", { class: well ? "good" : "bad" }, it.status_code ?? "no answer"), " ", when(it.at),
    it.error ? h("span", { class: "muted" }, ` · ${it.error}`) : null,
    it.response_body ? h("pre", { class: "answer" }, it.response_body) : null);
}
