"""A client of the batch API that needs only Python's standard library. Copy this file."""

import json
import urllib.error
import urllib.request


class ApiError(Exception):
    """An error response of the service."""

    def __init__(self, status, code, detail, retry_after=None):
        super().__init__(f"{code} ({status}): {detail}")
        self.status, self.code, self.detail, self.retry_after = status, code, detail, retry_after


class Client:
    """Sends requests to one service with one API key."""

    def __init__(self, api_key="", base_url="http://127.0.0.1:8080", timeout=60):
        self.api_key, self.base_url, self.timeout = api_key, base_url.rstrip("/"), timeout

    def batch_scrape(self, urls, webhook_url=None, idempotency_key=None):
        """Submits up to 100 items, each a URL or an object with options."""
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        body = {"urls": urls, "webhook_url": webhook_url}
        return self._request("POST", "/api/v1/batch", body, headers)

    def get_batch_status(self, batch_id):
        """Returns the batch with the results of its finished pages."""
        return self._request("GET", f"/api/v1/batch/{batch_id}")

    def cancel_batch(self, batch_id):
        """Cancels the jobs that have not ended."""
        return self._request("DELETE", f"/api/v1/batch/{batch_id}")

    def _request(self, method, path, body=None, headers=None):
        data = None if body is None else json.dumps(body).encode()
        sent = {"X-API-Key": self.api_key, "Content-Type": "application/json", **(headers or {})}
        request = urllib.request.Request(self.base_url + path, data, sent, method=method)
        try:
            with urllib.request.urlopen(request, timeout=self.timeout) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                problem = json.load(error)
            raise ApiError(error.code, problem["code"], problem["detail"], problem.get("retry_after")) from None
