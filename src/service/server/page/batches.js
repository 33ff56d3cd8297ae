// The first view: the form for a new batch, and the list of batches.

import { requestJson, pause } from "./api.js";
import { address, bar, h, money, emptyState, pill, plural, time } from "./dom.js";
import { form } from "./submit.js";

const PAGE_SIZE = 20;
const POLL_ACTIVE_MS = 1_500;
const POLL_IDLE_MS = 10_000;

export async function batches({ root, signal }) {
  const rows = new Map();
  const list = h("ul", { class: "rows" });
  const empty = emptyState("No batches yet", "Submitted batches are listed until 24 hours after they end.");
  const more = h("button", { type: "button", class: "quiet", hidden: true }, "Older batches");
  root.append(
    h("h1", { class: "visually-hidden" }, "Batches"),
    form(),
    h("section", { "aria-labelledby": "batches" }, h("h2", { id: "batches" }, "Batches"), list, empty, more));
  empty.hidden = true;
  let next = null;

  const show = (found, older) => {
    for (const batch of found) {
      const known = rows.get(batch.batch_id);
      if (known) known.show(batch);
      else {
        const element = row(batch);
        rows.set(batch.batch_id, element);
        if (older) list.append(element);
        else list.insertBefore(element, nextRow(list, batch));
      }
    }
    empty.hidden = rows.size > 0;
  };
  more.addEventListener("click", async () => {
    const page = await requestJson("GET", `batches?limit=${PAGE_SIZE}&cursor=${encodeURIComponent(next)}`, { signal });
    show(page.batches, true);
    next = page.next_cursor;
    more.hidden = !page.has_more;
  });

  let loaded = false;
  const refresh = async () => {
    const page = await requestJson("GET", `batches?limit=${PAGE_SIZE}`, { signal });
    show(page.batches, false);
    if (!loaded) [next, more.hidden, loaded] = [page.next_cursor, !page.has_more, true];
    return page.batches.some((it) => it.status === "processing");
  };
  let active = await refresh();
  poll();

  // One request covers all batches. The view of a single batch follows its events instead.
  async function poll() {
    while (!signal.aborted) {
      try {
        await pause(active ? POLL_ACTIVE_MS : POLL_IDLE_MS, signal);
        if (!document.hidden) active = await refresh();
      } catch {
        // The view ended, or the service is unreachable and is polled again later.
        active = false;
      }
    }
  }
}

/** Finds the row to insert a batch before: newest first. */
function nextRow(list, batch) {
  return [...list.children].find((it) => it.dataset.at < batch.created_at) ?? null;
}

function row(batch) {
  const progress = bar();
  const state = h("span", { class: "state" });
  const count = h("span", { class: "count" });
  const cost = h("span", { class: "cost" });
  const element = h("li", { "data-at": batch.created_at },
    h("a", { class: "row batch", href: `#/batch/${batch.batch_id}` },
      h("span", { class: "title" }, batch.first_url ? address(batch.first_url) : plural(batch.total, "page"),
        h("small", {}, batch.total > 1 ? `and ${batch.total - 1} more · ` : null, time(batch.created_at))),
      progress, count, cost, state));
  element.show = (it) => {
    progress.show(it);
    state.replaceChildren(pill(it.status));
    const failed = it.failed ? `, ${it.failed} failed` : "";
    count.textContent = it.status === "processing" ? `${it.completed + it.failed} of ${it.total}` : `${it.completed} done${failed}`;
    cost.textContent = it.status === "processing" ? `up to ${money(it.estimated_credits)}` : money(it.credits_used);
  };
  element.show(batch);
  return element;
}
