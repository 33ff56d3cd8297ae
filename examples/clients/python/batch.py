"""Submits a batch, waits for it, and prints the result of each page.

    python3 batch.py http://127.0.0.1:8080 URL...
"""

import os
import sys
import time

from rungs_client import Client

base_url, urls = sys.argv[1], sys.argv[2:]
client = Client(os.environ.get("RUNGS_API_KEY", ""), base_url)

batch = client.batch_scrape(urls=urls, webhook_url=os.environ.get("WEBHOOK_URL"))
print(f"Batch {batch['batch_id']}: {batch['estimated_credits']} credits estimated")

while (status := client.get_batch_status(batch["batch_id"]))["status"] == "processing":
    time.sleep(float(os.environ.get("POLL_SECONDS", "2")))

for item in status["items"]:
    if item["status"] == "succeeded":
        print(f"{item['url']}: {len(item['result']['text'])} characters")
    else:
        print(f"{item['url']}: {item['error']}")
