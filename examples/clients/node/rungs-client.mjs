// A client of the batch API with nothing but what Node brings (18 or later). Copy this file.

/** The service refused a request. */
export class ApiError extends Error {
  constructor(status, body) {
    super(`${body.code} (${status}): ${body.detail}`);
    this.status = status;
    this.code = body.code;
    this.retryAfter = body.retry_after;
  }
}

/** Talks to one service with one key. */
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

  /** The batch with the results of what has ended. */
  getBatchStatus(batchId) {
    return this.#request("GET", `/api/v1/batch/${batchId}`);
  }

  /** Ends what has not ended. */
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
    const said = await response.json();
    if (!response.ok) throw new ApiError(response.status, said);
    return said;
  }
}
