// One batch: its pages as they come in, its ledger and its webhook.

import { ask, follow } from "./api.js";
import { list as deliveryList } from "./deliveries.js";
import { address, bar, facts, h, ladder, mark, money, nothing, pill, plural, say, span, trouble, when } from "./dom.js";

const SPOKEN = 5_000;
const KINDS = [["all", "All"], ["succeeded", "Succeeded"], ["failed", "Failed"], ["going", "To come"]];

export async function batch({ place, signal }, id) {
  const path = `batch/${encodeURIComponent(id)}`;
  const found = await ask("GET", `${path}?include_results=false`, { signal });
  const jobs = new Map(found.items.map((it) => [it.job_id, it]));
  const rows = new Map(found.items.map((it) => [it.job_id, row(id, it)]));
  const progress = bar();
  const state = h("span", {});
  const counts = h("p", { class: "muted" });
  const money_ = h("div", {});
  const cancel = h("button", { type: "button", class: "quiet" }, "Cancel the rest");
  const list = h("ul", { class: "rows" }, [...rows.values()]);
  const chips = filter(list, rows, jobs);
  const ledger = unfolding("Ledger", () => ledgerOf(path, rows, jobs, signal));
  const webhook = unfolding("Webhook", () => webhookOf(path, found, signal));

  const show = (batch) => {
    progress.show(batch);
    state.replaceChildren(pill(batch.status));
    const failed = batch.failed ? `, ${batch.failed} failed` : "";
    const coming = batch.pending ? `, ${batch.pending} to come` : "";
    counts.textContent = `${batch.completed} of ${batch.total} succeeded${failed}${coming}`;
    cancel.hidden = batch.status !== "processing";
    money_.replaceChildren(facts([
      ["Charged", money(batch.credits_used)],
      ["Held at first", money(batch.estimated_credits)],
      ["Submitted", when(batch.created_at)],
      ["Took", batch.completed_at ? span(new Date(batch.completed_at) - new Date(batch.created_at)) : null],
      ["Kept until", batch.expires_at ? when(batch.expires_at) : null],
    ]));
    chips.count();
  };
  cancel.addEventListener("click", async () => {
    cancel.disabled = true;
    await ask("DELETE", path).catch((error) => cancel.after(trouble(error)));
  });
  place.append(
    h("p", { class: "back" }, h("a", { href: "#/" }, "← Batches")),
    h("header", { class: "head" }, h("h1", {}, `Batch of ${plural(found.total, "page")}`), state, cancel),
    h("p", { class: "id" }, id),
    progress, counts, money_,
    h("section", { "aria-labelledby": "pages" }, h("div", { class: "head" }, h("h2", { id: "pages" }, "Pages"), chips), list),
    ledger, webhook);
  show(found);
  if (found.status === "processing") keep();

  async function keep() {
    let spoken = Date.now();
    const told = (name, data) => {
      if (name === "batch.completed") {
        Object.assign(found, data);
        show(found);
        say(`The batch has ended: ${counts.textContent}.`);
        ledger.again();
        webhook.again();
        return;
      }
      const job = jobs.get(data.job_id);
      if (!job) return;
      if (name === "job.started") job.status = "processing";
      else if (name === "job.rescheduled") job.status = "queued";
      else if (name === "job.attempted") job.escalations = [...job.escalations, { ...data, result: "failed" }];
      else {
        Object.assign(job, data);
        const all = [...jobs.values()];
        const of = (word) => all.filter((it) => it.status === word).length;
        Object.assign(found, { completed: of("succeeded"), failed: of("failed"),
          credits_used: all.reduce((sum, it) => sum + it.credits_used, 0) });
        found.pending = found.total - found.completed - found.failed;
        show(found);
        // Who listens is told now and then, and not a hundred times.
        if (Date.now() - spoken > SPOKEN) [spoken] = [Date.now(), say(counts.textContent)];
      }
      rows.get(data.job_id).show(job);
      chips.apply();
    };
    try {
      await follow(id, told, signal);
    } catch (error) {
      if (error.name !== "AbortError") counts.after(trouble(error));
      return;
    }
    // A stream that had ended before says nothing of how.
    if (found.status === "processing") show(Object.assign(found, await ask("GET", `${path}?include_results=false`, { signal })));
  }
}

function row(batch, job) {
  const state = h("span", { class: "state" });
  const way = h("span", { class: "way" });
  const took = h("span", { class: "took" });
  const cost = h("span", { class: "cost" });
  const why = h("small", { class: "why" });
  const made = h("li", {}, h("a", { class: "row page", href: `#/batch/${batch}/${job.job_id}` },
    state, h("span", { class: "title" }, address(job.url), why), way, took, cost));
  made.show = (it) => {
    state.replaceChildren(mark(it.status));
    way.replaceChildren(ladder(it.escalations, it.tier_used));
    took.textContent = it.started_at && it.ended_at ? span(new Date(it.ended_at) - new Date(it.started_at)) : "";
    cost.textContent = it.status === "succeeded" ? money(it.credits_used) : "";
    why.textContent = it.error ? `${it.error}: ${it.error_message}` : "";
    why.hidden = !it.error;
  };
  made.show(job);
  return made;
}

/** Buttons that show a part of the pages, each with how many it has. */
function filter(list, rows, jobs) {
  let chosen = "all";
  const fits = (job, kind) => kind === "all" || job.status === kind ||
    (kind === "going" && (job.status === "queued" || job.status === "processing"));
  const buttons = KINDS.map(([kind, text]) => h("button", { type: "button", class: "chip", "data-kind": kind,
    "aria-pressed": String(kind === chosen), click: () => {
      chosen = kind;
      for (const it of buttons) it.setAttribute("aria-pressed", String(it.dataset.kind === kind));
      group.apply();
    } }, text, h("span", {})));
  const none = nothing("None", "No page of this batch is like that.");
  none.hidden = true;
  list.after(none);
  const group = h("div", { class: "chips", role: "group", "aria-label": "Which pages are shown" }, buttons);
  group.apply = () => {
    for (const [id, job] of jobs) rows.get(id).hidden = !fits(job, chosen);
  };
  group.count = () => {
    for (const it of buttons) {
      const count = [...jobs.values()].filter((job) => fits(job, it.dataset.kind)).length;
      it.lastChild.textContent = count;
      it.hidden = count === 0 && it.dataset.kind !== chosen;
    }
  };
  return group;
}

/** A part that is asked for when it is unfolded. */
function unfolding(title, make) {
  const inside = h("div", { class: "inside" });
  const part = h("details", { class: "part" }, h("summary", {}, h("h2", {}, title)), inside);
  part.again = async () => {
    if (!part.open) return;
    try {
      inside.replaceChildren(...[await make()].flat());
    } catch (error) {
      if (error.name !== "AbortError") inside.replaceChildren(trouble(error));
    }
  };
  part.addEventListener("toggle", part.again);
  return part;
}

async function ledgerOf(path, rows, jobs, signal) {
  const said = await ask("GET", `${path}/ledger`, { signal });
  const head = ["When", "What", "Held", "Charged", "Released"].map((it) => h("th", { scope: "col" }, it));
  const lines = said.entries.map((it) => {
    const job = jobs.get(it.job_id);
    return h("tr", {}, h("td", {}, when(it.at)),
      h("td", {}, it.kind === "hold" ? "Estimate held" : job ? address(job.url) : "Settled"),
      [it.held, it.charged, it.released].map((sum) => h("td", { class: "sum" }, sum ? money(sum) : "")));
  });
  const open = said.held - said.charged - said.released;
  return [h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Ledger" }, h("table", {},
    h("thead", {}, h("tr", {}, head)), h("tbody", {}, lines),
    h("tfoot", {}, h("tr", {}, h("th", { scope: "row", colspan: 2 }, "Together"),
      [said.held, said.charged, said.released].map((sum) => h("td", { class: "sum" }, money(sum))))))),
  h("p", { class: "muted" }, open ? `${money(open)} are held for pages that have not ended.` : "Every hold is settled.")];
}

async function webhookOf(path, found, signal) {
  if (!found.webhook_url) return nothing("No webhook", "This batch was submitted without one.");
  const said = await ask("GET", `${path}/deliveries`, { signal });
  if (!said.deliveries.length) return nothing("Not told yet", `${found.webhook_url} is told once the last page has ended.`);
  return deliveryList(said.deliveries, signal);
}
