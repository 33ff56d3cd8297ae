// Requests to the service. The API key is kept in this tab and sent nowhere else.

const BASE = new URL("../api/v1/", import.meta.url);
const STORAGE_KEY = "rungs-key";
const MIN_RETRY_MS = 1_000;
const MAX_RETRY_MS = 30_000;

/** An error response, or no response (status 0). */
export class ApiError extends Error {
  constructor(status, body) {
    super(body?.message ?? "cannot reach the service: check that it is running");
    this.status = status;
    this.code = body?.code;
    this.field = body?.field;
    this.details = body?.details;
    this.retryAfter = body?.retry_after;
  }
}

let key = sessionStorage.getItem(STORAGE_KEY) ?? "";
const listeners = { balance: () => {}, unauthorized: () => {} };

export function hasKey() {
  return key !== "";
}

export function setKey(text) {
  key = text.trim();
  if (key) sessionStorage.setItem(STORAGE_KEY, key);
  else sessionStorage.removeItem(STORAGE_KEY);
}

/** Sets the listener for `balance`, called with each response's balance, or for `unauthorized`. */
export function on(name, listener) {
  listeners[name] = listener;
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
    throw error.name === "AbortError" ? error : new ApiError(0);
  }
  const left = response.headers.get("x-alterlab-balance");
  if (left) listeners.balance(left, response.headers.get("x-alterlab-balance-warning"));
  if (response.ok) return response;
  const problem = await response.json().catch(() => undefined);
  if (response.status === 401) listeners.unauthorized();
  throw new ApiError(response.status, problem);
}

/** Requests JSON. `path` is relative to `/api/v1/`. */
export async function requestJson(method, path, options) {
  return (await request(method, path, options)).json();
}

/** Requests an artifact by the URL in a result. */
export async function requestFile(url, signal) {
  const response = await request("GET", url.replace(/^\/?api\/v1\//, ""), { signal });
  return response.blob();
}

/** Waits, unless the view ends first. */
export function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const end = () => reject(new DOMException("the view ended", "AbortError"));
    if (signal.aborted) return end();
    const timer = setTimeout(() => { signal.removeEventListener("abort", stop); resolve(); }, ms);
    const stop = () => { clearTimeout(timer); end(); };
    signal.addEventListener("abort", stop, { once: true });
  });
}

/**
 * Follows a batch to its end and calls `listener(name, data)` for each event. A broken stream is resumed where it
 * left off. EventSource does the same but cannot send an API key.
 */
export async function follow(batch, listener, signal) {
  const state = { last: "", retry: MIN_RETRY_MS * 2, ended: false };
  let wait = MIN_RETRY_MS;
  while (!state.ended) {
    try {
      const headers = state.last ? { "Last-Event-ID": state.last } : {};
      const response = await request("GET", `batch/${encodeURIComponent(batch)}/events`, { headers, signal });
      if (response.status === 204) return;
      await read(response.body.getReader(), state, listener);
      wait = state.retry;
    } catch (error) {
      if (error.name === "AbortError") throw error;
      if (error instanceof ApiError && [401, 403, 404].includes(error.status)) throw error;
      wait = Math.min(MAX_RETRY_MS, Math.max(wait * 2, (error.retryAfter ?? 0) * 1_000));
    }
    if (!state.ended) await pause(wait, signal);
  }
}

async function read(reader, state, listener) {
  const decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += decoder.decode(value, { stream: true });
    const parts = rest.split("\n\n");
    rest = parts.pop();
    for (const part of parts) take(part, state, listener);
  }
}

function take(part, state, listener) {
  const fields = { event: "", data: "" };
  for (const line of part.split("\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) fields[line.slice(0, colon)] = line.slice(colon + 1).replace(/^ /, "");
  }
  if (fields.retry) state.retry = Number(fields.retry) || state.retry;
  if (fields.id) state.last = fields.id;
  if (!fields.event) return;
  if (fields.event === "batch.completed") state.ended = true;
  listener(fields.event, JSON.parse(fields.data));
}
