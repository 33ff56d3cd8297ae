// Routing between views, and signing in with an API key.

import { hasKey, on, requestJson, setKey } from "./api.js";
import { account } from "./account.js";
import { batch } from "./batch.js";
import { batches } from "./batches.js";
import { deliveries } from "./deliveries.js";
import { errorBox, h } from "./dom.js";
import { job } from "./job.js";

const main = document.getElementById("main");
const leave = document.getElementById("leave");
const balance = document.getElementById("balance");
const VIEWS = { "": batches, batch: (view, id, jobId) => (jobId ? job(view, id, jobId) : batch(view, id)),
  webhooks: deliveries, account };

let viewEnd = new AbortController();
let firstView = true;
let unlimited = false;

/** Ends the current view and makes room for the next one. */
function startView() {
  viewEnd.abort();
  viewEnd = new AbortController();
  main.replaceChildren();
  return { root: main, signal: viewEnd.signal };
}

async function route() {
  if (location.hash === "#main") return main.focus();
  const [name, ...rest] = location.hash.replace(/^#\/?/, "").split("/");
  const show = Object.hasOwn(VIEWS, name) ? VIEWS[name] : batches;
  for (const link of document.querySelectorAll("nav a")) {
    const current = link.hash === `#/${name}` || (name === "batch" && link.hash === "#/");
    if (current) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const view = startView();
  try {
    await show(view, ...rest);
  } catch (error) {
    if (error.name === "AbortError" || view.signal.aborted || error.status === 401) return;
    main.replaceChildren(h("p", { class: "back" }, h("a", { href: "#/" }, "← Batches")),
      h("h1", {}, error.status === 404 ? "Not found" : "Request failed"), errorBox(error));
  }
  if (view.signal.aborted) return;
  const heading = main.querySelector("h1");
  document.title = heading ? `${heading.textContent} · rungs` : "rungs";
  // A screen reader announces the view that a link led to. On the first view it reads from the top.
  if (!firstView && heading) {
    heading.tabIndex = -1;
    heading.focus({ preventScroll: true });
    scrollTo(0, 0);
  }
  firstView = false;
}

/** Prompts for an API key until the service accepts one. */
function signIn(rejected) {
  const { root, signal } = startView();
  leave.hidden = true;
  balance.textContent = "";
  const input = h("input", { id: "key", type: "password", autocomplete: "off", spellcheck: "false", required: true,
    "aria-describedby": "key-help" });
  const error = h("p", { role: "alert", class: "wrong" }, rejected ? "Unknown API key." : "");
  const form = h("form", { class: "enter panel", submit: async (event) => {
    event.preventDefault();
    setKey(input.value);
    await begin();
  } },
  h("h1", {}, "Sign in"),
  h("p", { id: "key-help", class: "muted" }, "The key is kept in this tab and sent to this service only. ",
    "The operator generates one with ", h("code", {}, "rungs key NAME"), "."),
  h("label", { for: "key" }, "API key"), input, error,
  h("button", { class: "main", type: "submit" }, "Continue"));
  root.append(form);
  if (!signal.aborted) input.focus();
}

async function begin() {
  try {
    const usage = await requestJson("GET", "usage");
    unlimited = usage.plan === "unlimited";
    leave.hidden = !hasKey();
    balance.textContent = unlimited ? "" : `$${usage.balance_dollars.toFixed(2)} left`;
    await route();
  } catch (error) {
    if (error.status === 401) return;
    startView().root.append(h("h1", {}, "No response"), errorBox(error),
      h("p", {}, h("button", { type: "button", click: begin }, "Try again")));
  }
}

on("balance", (left, warning) => {
  if (unlimited) return;
  balance.textContent = `${left} left`;
  balance.className = warning === "healthy" ? "" : "low";
});
on("unauthorized", () => {
  const rejected = hasKey();
  setKey("");
  signIn(rejected);
});
leave.addEventListener("click", () => {
  setKey("");
  location.hash = "#/";
  begin();
});
addEventListener("hashchange", route);
begin();
