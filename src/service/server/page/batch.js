// One batch: its pages as they finish, its ledger and its webhook.

import { requestJson, follow } from "./api.js";
import { list as deliveryList } from "./deliveries.js";
import { address, bar, facts, h, ladder, stateIcon, money, emptyState, pill, plural, announce, duration, errorBox, time } from "./dom.js";

const ANNOUNCE_MS = 5_000;
const KINDS = [["all", "All"], ["succeeded", "Succeeded"], ["failed", "Failed"], ["pending", "Pending"]];

export async function batch({ root, signal }, id) {
  const path = `batch/${encodeURIComponent(id)}`;
  const found = await requestJson("GET", `${path}?include_results=false`, { signal });
  const jobs = new Map(found.items.map((it) => [it.job_id, it]));
  const rows = new Map(found.items.map((it) => [it.job_id, row(id, it)]));
  const progress = bar();
  const state = h("span", {});
  const counts = h("p", { class: "muted" });
  const costs = h("div", {});
  const cancel = h("button", { type: "button", class: "quiet" }, "Cancel");
  const list = h("ul", { class: "rows" }, [...rows.values()]);
  const chips = filter(list, rows, jobs);
  const ledger = lazySection("Ledger", () => ledgerOf(path, rows, jobs, signal));
  const webhook = lazySection("Webhook", () => webhookOf(path, found, signal));

  const show = (batch) => {
    progress.show(batch);
    state.replaceChildren(pill(batch.status));
    const failed = batch.failed ? `, ${batch.failed} failed` : "";
    const pending = batch.pending ? `, ${batch.pending} pending` : "";
    counts.textContent = `${batch.completed} of ${batch.total} succeeded${failed}${pending}`;
    cancel.hidden = batch.status !== "processing";
    costs.replaceChildren(facts([
      ["Charged", money(batch.credits_used)],
      ["Held at submission", money(batch.estimated_credits)],
      ["Submitted", time(batch.created_at)],
      ["Took", batch.completed_at ? duration(new Date(batch.completed_at) - new Date(batch.created_at)) : null],
      ["Kept until", batch.expires_at ? time(batch.expires_at) : null],
    ]));
    chips.count();
  };
  cancel.addEventListener("click", async () => {
    cancel.disabled = true;
    await requestJson("DELETE", path).catch((error) => cancel.after(errorBox(error)));
  });
  root.append(
    h("p", { class: "back" }, h("a", { href: "#/" }, "← Batches")),
    h("header", { class: "head" }, h("h1", {}, `Batch of ${plural(found.total, "page")}`), state, cancel),
    h("p", { class: "id" }, id),
    progress, counts, costs,
    h("section", { "aria-labelledby": "pages" }, h("div", { class: "head" }, h("h2", { id: "pages" }, "Pages"), chips), list),
    ledger, webhook);
  show(found);
  if (found.status === "processing") followEvents();

  async function followEvents() {
    let announced = Date.now();
    const onEvent = (name, data) => {
      if (name === "batch.completed") {
        Object.assign(found, data);
        show(found);
        announce(`Batch finished: ${counts.textContent}.`);
        ledger.reload();
        webhook.reload();
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
        // A screen reader announces progress now and then, not for every page.
        if (Date.now() - announced > ANNOUNCE_MS) [announced] = [Date.now(), announce(counts.textContent)];
      }
      rows.get(data.job_id).show(job);
      chips.apply();
    };
    try {
      await follow(id, onEvent, signal);
    } catch (error) {
      if (error.name !== "AbortError") counts.after(errorBox(error));
      return;
    }
    // A stream that ended before this view opened has no event with the result.
    if (found.status === "processing") show(Object.assign(found, await requestJson("GET", `${path}?include_results=false`, { signal })));
  }
}

function row(batch, job) {
  const state = h("span", { class: "state" });
  const tiers = h("span", { class: "tiers" });
  const took = h("span", { class: "took" });
  const cost = h("span", { class: "cost" });
  const why = h("small", { class: "why" });
  const element = h("li", {}, h("a", { class: "row page", href: `#/batch/${batch}/${job.job_id}` },
    state, h("span", { class: "title" }, address(job.url), why), tiers, took, cost));
  element.show = (it) => {
    state.replaceChildren(stateIcon(it.status));
    tiers.replaceChildren(ladder(it.escalations, it.tier_used));
    took.textContent = it.started_at && it.ended_at ? duration(new Date(it.ended_at) - new Date(it.started_at)) : "";
    cost.textContent = it.status === "succeeded" ? money(it.credits_used) : "";
    why.textContent = it.error ? `${it.error}: ${it.error_message}` : "";
    why.hidden = !it.error;
  };
  element.show(job);
  return element;
}

/** Creates the buttons that filter the pages by state, each with a count. */
function filter(list, rows, jobs) {
  let chosen = "all";
  const fits = (job, kind) => kind === "all" || job.status === kind ||
    (kind === "pending" && (job.status === "queued" || job.status === "processing"));
  const buttons = KINDS.map(([kind, text]) => h("button", { type: "button", class: "chip", "data-kind": kind,
    "aria-pressed": String(kind === chosen), click: () => {
      chosen = kind;
      for (const it of buttons) it.setAttribute("aria-pressed", String(it.dataset.kind === kind));
      group.apply();
    } }, text, h("span", {})));
  const none = emptyState("None", "No page of this batch has this state.");
  none.hidden = true;
  list.after(none);
  const group = h("div", { class: "chips", role: "group", "aria-label": "Filter pages by state" }, buttons);
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

/** Creates a section whose content is loaded when it is opened. */
function lazySection(title, load) {
  const inside = h("div", { class: "inside" });
  const part = h("details", { class: "part" }, h("summary", {}, h("h2", {}, title)), inside);
  part.reload = async () => {
    if (!part.open) return;
    try {
      inside.replaceChildren(...[await load()].flat());
    } catch (error) {
      if (error.name !== "AbortError") inside.replaceChildren(errorBox(error));
    }
  };
  part.addEventListener("toggle", part.reload);
  return part;
}

async function ledgerOf(path, rows, jobs, signal) {
  const ledger = await requestJson("GET", `${path}/ledger`, { signal });
  const head = ["Time", "Entry", "Held", "Charged", "Released"].map((it) => h("th", { scope: "col" }, it));
  const lines = ledger.entries.map((it) => {
    const job = jobs.get(it.job_id);
    return h("tr", {}, h("td", {}, time(it.at)),
      h("td", {}, it.kind === "hold" ? "Hold" : job ? address(job.url) : "Settled"),
      [it.held, it.charged, it.released].map((sum) => h("td", { class: "sum" }, sum ? money(sum) : "")));
  });
  const open = ledger.held - ledger.charged - ledger.released;
  return [h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Ledger" }, h("table", {},
    h("thead", {}, h("tr", {}, head)), h("tbody", {}, lines),
    h("tfoot", {}, h("tr", {}, h("th", { scope: "row", colspan: 2 }, "Total"),
      [ledger.held, ledger.charged, ledger.released].map((sum) => h("td", { class: "sum" }, money(sum))))))),
  h("p", { class: "muted" }, open ? `${money(open)} still held for pages that have not finished.` : "Everything held is settled.")];
}

async function webhookOf(path, found, signal) {
  if (!found.webhook_url) return emptyState("No webhook", "This batch was submitted without a webhook.");
  const page = await requestJson("GET", `${path}/deliveries`, { signal });
  if (!page.deliveries.length) return emptyState("Not sent yet", `The notification is sent to ${found.webhook_url} when the last page finishes.`);
  return deliveryList(page.deliveries, signal);
}
