// Which view is shown, and the key that the others ask with.

import { ask, hasKey, hear, setKey } from "./api.js";
import { account } from "./account.js";
import { batch } from "./batch.js";
import { batches } from "./batches.js";
import { deliveries } from "./deliveries.js";
import { h, trouble } from "./dom.js";
import { job } from "./job.js";

const main = document.getElementById("main");
const leave = document.getElementById("leave");
const balance = document.getElementById("balance");
const VIEWS = { "": batches, batch: (stage, id, jobId) => (jobId ? job(stage, id, jobId) : batch(stage, id)),
  webhooks: deliveries, account };

let leaving = new AbortController();
let first = true;
let endless = false;

/** Ends the view that is shown and gives the next one its place. */
function stage() {
  leaving.abort();
  leaving = new AbortController();
  main.replaceChildren();
  return { place: main, signal: leaving.signal };
}

async function route() {
  if (location.hash === "#main") return main.focus();
  const [name, ...rest] = location.hash.replace(/^#\/?/, "").split("/");
  const view = Object.hasOwn(VIEWS, name) ? VIEWS[name] : batches;
  for (const link of document.querySelectorAll("nav a")) {
    const here = link.hash === `#/${name}` || (name === "batch" && link.hash === "#/");
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const shown = stage();
  try {
    await view(shown, ...rest);
  } catch (error) {
    if (error.name === "AbortError" || shown.signal.aborted || error.status === 401) return;
    main.replaceChildren(h("p", { class: "back" }, h("a", { href: "#/" }, "← Batches")),
      h("h1", {}, error.status === 404 ? "Not here" : "That did not work"), trouble(error));
  }
  if (shown.signal.aborted) return;
  const heading = main.querySelector("h1");
  document.title = heading ? `${heading.textContent} · rungs` : "rungs";
  // Who came by a link hears where they are; who has just come reads from the top.
  if (!first && heading) {
    heading.tabIndex = -1;
    heading.focus({ preventScroll: true });
    scrollTo(0, 0);
  }
  first = false;
}

/** Asks for a key, and goes on once the service knows it. */
function enter(wrong) {
  const { place, signal } = stage();
  leave.hidden = true;
  balance.textContent = "";
  const input = h("input", { id: "key", type: "password", autocomplete: "off", spellcheck: "false", required: true,
    "aria-describedby": "key-about" });
  const said = h("p", { role: "alert", class: "wrong" }, wrong ? "The service does not know this key." : "");
  const form = h("form", { class: "enter panel", submit: async (event) => {
    event.preventDefault();
    setKey(input.value);
    await begin();
  } },
  h("h1", {}, "Your key"),
  h("p", { id: "key-about", class: "muted" }, "It is kept for this tab and sent to this service only. ",
    "The service's operator makes one with ", h("code", {}, "rungs key NAME"), "."),
  h("label", { for: "key" }, "API key"), input, said,
  h("button", { class: "main", type: "submit" }, "Go on"));
  place.append(form);
  if (!signal.aborted) input.focus();
}

async function begin() {
  try {
    const usage = await ask("GET", "usage");
    endless = usage.plan === "unlimited";
    leave.hidden = !hasKey();
    balance.textContent = endless ? "" : `$${usage.balance_dollars.toFixed(2)} left`;
    await route();
  } catch (error) {
    if (error.status === 401) return;
    stage().place.append(h("h1", {}, "No answer"), trouble(error),
      h("p", {}, h("button", { type: "button", click: begin }, "Try again")));
  }
}

hear("balance", (left, warning) => {
  if (endless) return;
  balance.textContent = `${left} left`;
  balance.className = warning === "healthy" ? "" : "low";
});
hear("stranger", () => {
  const had = hasKey();
  setKey("");
  enter(had);
});
leave.addEventListener("click", () => {
  setKey("");
  location.hash = "#/";
  begin();
});
addEventListener("hashchange", route);
begin();
