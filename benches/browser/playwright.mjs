// Renders pages with playwright-core, each in a fresh context: one line with `{url, tabs, pages}` in, one with
// the milliseconds that each page took out. The only argument is the browser.
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const browser = await chromium.launch({ executablePath: process.argv[2] });

async function one(url) {
  const begun = performance.now();
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(url, { waitUntil: 'load' });
  await page.waitForSelector('#ready', { state: 'attached' });
  const html = await page.content();
  if (!html.includes('as they came')) throw new Error(`no page: ${html.slice(0, 300)}`);
  const took = performance.now() - begun;
  await context.close();
  return took;
}

for await (const line of createInterface({ input: process.stdin })) {
  const { url, tabs, pages } = JSON.parse(line);
  const each = [];
  let next = 0;
  const begun = performance.now();
  const worker = async () => {
    while (next < pages) each.push(await one(`${url}/${next++}`));
  };
  await Promise.all(Array.from({ length: tabs }, worker));
  console.log(JSON.stringify({ took: performance.now() - begun, each }));
}
await browser.close();
