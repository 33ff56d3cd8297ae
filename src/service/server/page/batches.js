// The first view: a form for a new batch, and those that there are.

import { ask, pause } from "./api.js";
import { address, bar, h, money, nothing, pill, plural, when } from "./dom.js";
import { form } from "./submit.js";

const AT_ONCE = 20;
const WHILE_GOING = 1_500;
const AT_REST = 10_000;

export async function batches({ place, signal }) {
  const rows = new Map();
  const list = h("ul", { class: "rows" });
  const empty = nothing("Nothing here yet", "Batches that you submit stay here until a day after they end.");
  const more = h("button", { type: "button", class: "quiet", hidden: true }, "Older batches");
  place.append(
    h("h1", { class: "unseen" }, "Batches"),
    form(),
    h("section", { "aria-labelledby": "batches" }, h("h2", { id: "batches" }, "Batches"), list, empty, more));
  empty.hidden = true;
  let next = null;

  const take = (found, older) => {
    for (const batch of found) {
      const known = rows.get(batch.batch_id);
      if (known) known.show(batch);
      else {
        const made = row(batch);
        rows.set(batch.batch_id, made);
        if (older) list.append(made);
        else list.insertBefore(made, nextRow(list, batch));
      }
    }
    empty.hidden = rows.size > 0;
  };
  more.addEventListener("click", async () => {
    const page = await ask("GET", `batches?limit=${AT_ONCE}&cursor=${encodeURIComponent(next)}`, { signal });
    take(page.batches, true);
    next = page.next_cursor;
    more.hidden = !page.has_more;
  });

  let begun = false;
  const look = async () => {
    const page = await ask("GET", `batches?limit=${AT_ONCE}`, { signal });
    take(page.batches, false);
    if (!begun) [next, more.hidden, begun] = [page.next_cursor, !page.has_more, true];
    return page.batches.some((it) => it.status === "processing");
  };
  let going = await look();
  keep();

  // One request for all of them; a batch that is opened is followed event by event instead.
  async function keep() {
    while (!signal.aborted) {
      try {
        await pause(going ? WHILE_GOING : AT_REST, signal);
        if (!document.hidden) going = await look();
      } catch {
        // The view was left, or the service is away and is asked again after a rest.
        going = false;
      }
    }
  }
}

/** The row before which a batch stands: the newest come first. */
function nextRow(list, batch) {
  return [...list.children].find((it) => it.dataset.at < batch.created_at) ?? null;
}

function row(batch) {
  const progress = bar();
  const state = h("span", { class: "state" });
  const count = h("span", { class: "count" });
  const cost = h("span", { class: "cost" });
  const made = h("li", { "data-at": batch.created_at },
    h("a", { class: "row batch", href: `#/batch/${batch.batch_id}` },
      h("span", { class: "title" }, batch.first_url ? address(batch.first_url) : plural(batch.total, "page"),
        h("small", {}, batch.total > 1 ? `and ${batch.total - 1} more · ` : null, when(batch.created_at))),
      progress, count, cost, state));
  made.show = (it) => {
    progress.show(it);
    state.replaceChildren(pill(it.status));
    const failed = it.failed ? `, ${it.failed} failed` : "";
    count.textContent = it.status === "processing" ? `${it.completed + it.failed} of ${it.total}` : `${it.completed} done${failed}`;
    cost.textContent = it.status === "processing" ? `up to ${money(it.estimated_credits)}` : money(it.credits_used);
  };
  made.show(batch);
  return made;
}
