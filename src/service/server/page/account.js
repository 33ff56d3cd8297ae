// Balance, usage and the most expensive sites of an account.

import { requestJson } from "./api.js";
import { facts, h, money, emptyState, plural } from "./dom.js";

export async function account({ root, signal }) {
  const [usage, spent] = await Promise.all(
    ["usage", "billing/usage"].map((it) => requestJson("GET", it, { signal })));
  const until = new Date(usage.billing_period_end).toLocaleDateString([], { month: "long", day: "numeric", timeZone: "UTC" });
  root.append(
    h("h1", {}, "Account"),
    h("div", { class: "tiles" },
      tile(usage.plan === "unlimited" ? "No limit" : money(usage.credits_available), "available"),
      tile(money(usage.credits_held), "held for pending pages"),
      tile(money(usage.credits_used_month), `spent this month, until ${until}`),
      tile(String(usage.requests_month), "pages this month")),
    facts([
      ["Today", `${money(spent.today_credits)} for ${plural(spent.today_requests, "page")}`],
      ["This week", `${money(spent.this_week_credits)} for ${plural(spent.this_week_requests, "page")}`],
      ["Total", money(spent.total_credits)],
    ]),
    h("h2", {}, "Sites"));
  if (!spent.top_domains.length) {
    root.append(emptyState("No spending yet", "The sites with the highest spending are listed here."));
    return;
  }
  const most = Math.max(1, ...spent.top_domains.map((it) => it.credits_used));
  root.append(h("ul", { class: "rows" }, spent.top_domains.map((it) => {
    const part = h("span", { class: "part-of" });
    part.style.width = `${(100 * it.credits_used) / most}%`;
    return h("li", {}, h("div", { class: "row site" }, h("span", { class: "title" }, it.domain),
      h("span", { class: "bar", "aria-hidden": "true" }, part),
      h("span", { class: "count" }, plural(it.requests, "page")), h("span", { class: "cost" }, money(it.credits_used))));
  })));
}

function tile(value, about) {
  return h("div", { class: "tile panel" }, h("strong", {}, value), h("span", {}, about));
}
