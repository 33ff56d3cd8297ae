// A client of the batch API that needs only Node 18 or later. Copy this file.

/** An error response of the service. */
export class ApiError extends Error {
  constructor(status, body) {
    super(`${body.code} (${status}): ${body.detail}`);
    this.status = status;
    this.code = body.code;
    this.retryAfter = body.retry_after;
  }
}

/** Sends requests to one service with one API key. */
export class Client {
  constructor({ apiKey = "", baseUrl = "http://127.0.0.1:8080", timeout = 60_000 } = {}) {
    this.apiKey = apiKey;
    this.baseUrl = baseUrl.replace(/\/+$/, "");
    this.timeout = timeout;
  }

  /** Submits up to 100 items, each a URL or an object with options. */
  batchScrape({ urls, webhookUrl = null, idempotencyKey = null }) {
    const headers = idempotencyKey ? { "Idempotency-Key": idempotencyKey } : {};
    return this.#request("POST", "/api/v1/batch", { urls, webhook_url: webhookUrl }, headers);
  }

  /** Returns the batch with the results of its finished pages. */
  getBatchStatus(batchId) {
    return this.#request("GET", `/api/v1/batch/${batchId}`);
  }

  /** Cancels the jobs that have not ended. */
  cancelBatch(batchId) {
    return this.#request("DELETE", `/api/v1/batch/${batchId}`);
  }

  async #request(method, path, body, headers = {}) {
    const response = await fetch(this.baseUrl + path, {
      method,
      headers: { "X-API-Key": this.apiKey, "Content-Type": "application/json", ...headers },
      body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(this.timeout),
    });
    const result = await response.json();
    if (!response.ok) throw new ApiError(response.status, result);
    return result;
  }
}
