// What is asked of the service. The key is kept for this tab alone, and goes nowhere else.

const BASE = new URL("../api/v1/", import.meta.url);
const KEPT = "rungs-key";
const SHORTEST = 1_000;
const LONGEST = 30_000;

/** A refusal, or no answer at all. */
export class Refused extends Error {
  constructor(status, body) {
    super(body?.message ?? "the service cannot be reached");
    this.status = status;
    this.code = body?.code;
    this.field = body?.field;
    this.details = body?.details;
    this.retryAfter = body?.retry_after;
  }
}

let key = sessionStorage.getItem(KEPT) ?? "";
const hearers = { balance: () => {}, stranger: () => {} };

export function hasKey() {
  return key !== "";
}

export function setKey(text) {
  key = text.trim();
  if (key) sessionStorage.setItem(KEPT, key);
  else sessionStorage.removeItem(KEPT);
}

/** Calls `hearer` with what is left, whenever the service says; or when it does not know the key. */
export function hear(name, hearer) {
  hearers[name] = hearer;
}

async function request(method, path, { body, headers = {}, signal } = {}) {
  const all = { ...headers };
  if (key) all["X-API-Key"] = key;
  if (body !== undefined) all["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(new URL(path, BASE), {
      method, headers: all, signal, cache: "no-store", credentials: "omit", redirect: "error",
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    throw error.name === "AbortError" ? error : new Refused(0);
  }
  const left = response.headers.get("x-alterlab-balance");
  if (left) hearers.balance(left, response.headers.get("x-alterlab-balance-warning"));
  if (response.ok) return response;
  const problem = await response.json().catch(() => undefined);
  if (response.status === 401) hearers.stranger();
  throw new Refused(response.status, problem);
}

/** Asks for JSON. `path` is below `/api/v1/`. */
export async function ask(method, path, options) {
  return (await request(method, path, options)).json();
}

/** A file beside a result, by the address that the result has for it. */
export async function file(url, signal) {
  const response = await request("GET", url.replace(/^\/?api\/v1\//, ""), { signal });
  return response.blob();
}

/** Waits, unless the view is left before. */
export function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const end = () => reject(new DOMException("left", "AbortError"));
    if (signal.aborted) return end();
    const timer = setTimeout(() => { signal.removeEventListener("abort", stop); resolve(); }, ms);
    const stop = () => { clearTimeout(timer); end(); };
    signal.addEventListener("abort", stop, { once: true });
  });
}

/**
 * Follows a batch to its end: `hearer(name, data)` for each event. A stream that breaks is taken up where
 * it was; EventSource would do the same, but cannot send a key.
 */
export async function follow(batch, hearer, signal) {
  const state = { last: "", retry: SHORTEST * 2, ended: false };
  let wait = SHORTEST;
  while (!state.ended) {
    try {
      const headers = state.last ? { "Last-Event-ID": state.last } : {};
      const response = await request("GET", `batch/${encodeURIComponent(batch)}/events`, { headers, signal });
      if (response.status === 204) return;
      await read(response.body.getReader(), state, hearer);
      wait = state.retry;
    } catch (error) {
      if (error.name === "AbortError") throw error;
      if (error instanceof Refused && [401, 403, 404].includes(error.status)) throw error;
      wait = Math.min(LONGEST, Math.max(wait * 2, (error.retryAfter ?? 0) * 1_000));
    }
    if (!state.ended) await pause(wait, signal);
  }
}

async function read(reader, state, hearer) {
  const decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += decoder.decode(value, { stream: true });
    const parts = rest.split("\n\n");
    rest = parts.pop();
    for (const part of parts) take(part, state, hearer);
  }
}

function take(part, state, hearer) {
  const fields = { event: "", data: "" };
  for (const line of part.split("\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) fields[line.slice(0, colon)] = line.slice(colon + 1).replace(/^ /, "");
  }
  if (fields.retry) state.retry = Number(fields.retry) || state.retry;
  if (fields.id) state.last = fields.id;
  if (!fields.event) return;
  if (fields.event === "batch.completed") state.ended = true;
  hearer(fields.event, JSON.parse(fields.data));
}
