// Submits a batch, waits for it, and prints the result of each page:
//
//     node batch.mjs http://127.0.0.1:8080 URL...

import { setTimeout as sleep } from "node:timers/promises";

import { Client } from "./rungs-client.mjs";

const [baseUrl, ...urls] = process.argv.slice(2);
const client = new Client({ apiKey: process.env.RUNGS_API_KEY ?? "", baseUrl });

const batch = await client.batchScrape({ urls, webhookUrl: process.env.WEBHOOK_URL ?? null });
console.log(`Batch ${batch.batch_id}: ${batch.estimated_credits} credits estimated`);

let status;
while ((status = await client.getBatchStatus(batch.batch_id)).status === "processing") {
  await sleep(Number(process.env.POLL_SECONDS ?? 2) * 1000);
}

for (const item of status.items) {
  if (item.status === "succeeded") {
    console.log(`${item.url}: ${item.result.text.length} characters`);
  } else {
    console.log(`${item.url}: ${item.error}`);
  }
}
