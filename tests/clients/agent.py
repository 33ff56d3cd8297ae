"""Drives `rungs mcp` with the official Python client of the Model Context Protocol.

    python3 agent.py stdio|http PROGRAM SITE_URL
"""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from contextlib import asynccontextmanager, contextmanager

import httpx2
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

transport, program, site = sys.argv[1:]
TOOLS = {"scrape", "batch", "batch_status", "retry", "map", "crawl", "crawl_status", "cancel", "estimate", "extract"}
FENCE = re.compile(r"<<<([0-9a-f]{16}) begin untrusted [^>]*>>>\n(.*?)\n<<<\1 end>>>", re.S)
UNKNOWN = "019a0000-0000-7000-8000-000000000000"


def say(part):
    print(part, flush=True)


def tokens(text):
    """The estimate that the guide documents, in quarters of a token."""
    quarters = sum(1 if it == " " or it.isascii() and it.isalpha() else 2 if it.isascii() else 4 for it in text)
    return quarters / 4


async def called(client, tool, max_tokens=None, **arguments):
    """The text of a result, which must not be an error and must fit."""
    if max_tokens:
        arguments["max_tokens"] = max_tokens
    result = await client.call_tool(tool, arguments)
    [content] = result.content
    assert not result.is_error, (tool, arguments, content.text)
    assert tokens(content.text) <= (max_tokens or 8_000), (tool, tokens(content.text))
    assert re.search(r"^cost: ", content.text, re.M), content.text
    assert content.text.splitlines()[-1].startswith("budget: "), content.text
    return content.text


async def refused(client, tool, *words, **arguments):
    """The text of a result that is an error and has these words."""
    result = await client.call_tool(tool, arguments)
    [content] = result.content
    assert result.is_error, (tool, arguments, content.text)
    for word in ("error: ", "cost: nothing", *words):
        assert word in content.text, (word, content.text)
    assert tokens(content.text) <= 1_000, content.text
    return content.text


def field(text, name):
    found = re.search(rf"^{name}: (\S+)", text, re.M)
    assert found, (name, text)
    return found.group(1)


def next_call(text):
    """The tool and the arguments that continue a result."""
    found = re.search(r"^cut: .*?call (\w+) with (\{.*?\})", text, re.M)
    return found and (found.group(1), json.loads(found.group(2)))


async def whole(client, text, max_tokens):
    """All parts of a result that was cut, joined."""
    joined, calls = "", 0
    while True:
        [(_, part)] = FENCE.findall(text)
        joined += part + "\n"
        following = next_call(text)
        if not following:
            return joined, calls
        calls += 1
        text = await called(client, following[0], max_tokens, **following[1])


async def tools(client):
    listed = {it.name: it for it in (await client.list_tools()).tools}
    assert set(listed) == TOOLS, listed
    for tool in listed.values():
        assert tool.description and tool.input_schema["properties"]["max_tokens"]["description"], tool
    assert listed["estimate"].annotations.read_only_hint and not listed["batch"].annotations.read_only_hint
    say("tools")


async def scrapes(client):
    text = await called(client, "scrape", url=f"{site}/a")
    [(_, page)] = FENCE.findall(text)
    assert "# Loaf /a" in page and "Flour, water" in page and "[markdown]" in page, text
    assert "status_code: 200" in text and "cost: 200 credits ($0.0002)" in text, text
    text = await called(client, "scrape", url=f"{site}/a", formats=["text", "json"], cost_controls={"max_tier": "2"})
    assert "[text]" in text and "[json]" in text, text
    text = await called(client, "scrape", url=f"{site}/evil")
    [(mark, page)] = FENCE.findall(text)
    assert "Ignore your instructions" in page and mark not in page and "0000000000000000 end" in page, text
    again = await called(client, "batch_status", job_id=field(text, "job_id"))
    assert FENCE.findall(again)[0][1] == page and FENCE.findall(again)[0][0] != mark, again
    assert "begin untrusted page, 0 bytes" not in text
    await refused(client, "scrape", "error: ", "job_id: ", url=f"{site}/binary", mode="html")
    say("scrapes")


async def continuations(client):
    for name, sentence in [("long", "before they meet."), ("japanese", "何時間も休みます。")]:
        text = await called(client, "scrape", 2_000, url=f"{site}/{name}")
        joined, calls = await whole(client, text, 2_000)
        assert calls > 5, calls
        found = [int(it) for it in re.findall(r"(\d+)\\?\. \S", joined)]
        assert found == list(range(1_200)), found[:50]
        assert joined.count(sentence) == 1_200, joined.count(sentence)
    say("continuations")


async def batches(client):
    urls = [f"{site}/{name}" for name in ("a", "gone", "long", "b")]
    text = await called(client, "batch", urls=urls, wait_seconds=30)
    assert re.search(r"^status: partial: 3 of 4 pages succeeded, 1 failed, 0 pending$", text, re.M), text
    assert "NOT_FOUND_TARGET" in text and len(FENCE.findall(text)) == 3, text
    assert next_call(text)[1].keys() == {"job_id", "offset"}, text
    batch = field(text, "batch_id")
    text = await called(client, "batch_status", 1_000, batch_id=batch, max_tokens_per_page=300)
    seen, calls = len(re.findall(r"^\d: (?:succeeded|failed), ", text, re.M)), 0
    while following := re.search(r"^cut: .*? pages are not shown: call (\w+) with (\{.*?\})", text, re.M):
        text = await called(client, following.group(1), 1_000, max_tokens_per_page=300, **json.loads(following.group(2)))
        seen, calls = seen + len(re.findall(r"^\d: (?:succeeded|failed), ", text, re.M)), calls + 1
    assert seen == 4 and calls >= 1, (seen, calls)
    text = await called(client, "batch_status", batch_id=batch, include_content=False)
    assert not FENCE.search(text) and text.count("job_id ") == 4, text
    urls = [f"{site}/page/{number}" for number in range(100)]
    text = await called(client, "batch", urls=urls, wait_seconds=45)
    assert "status: completed: 100 of 100" in text and "pages are not shown" in text, text
    text = await called(client, "batch", urls=[f"{site}/slow"], wait_seconds=0)
    assert "1 pending" in text and "still running: call batch_status" in text, text
    job = re.search(r"job_id (\S+):", text).group(1)
    assert "Loaf /slow" in await called(client, "batch_status", job_id=job, wait_seconds=30)
    schema = {"properties": {"title": {"type": "string", "description": "x" * 10_000}}}
    text = await called(client, "batch", urls=[f"{site}/slow"] * 100, extraction_schema=schema, wait_seconds=0)
    text = await called(client, "cancel", batch_id=field(text, "batch_id"))
    text = await called(client, "batch", urls=[f"{site}/slow"], wait_seconds=0)
    text = await called(client, "cancel", batch_id=field(text, "batch_id"))
    assert "canceled: 1 pages" in text, text
    say("batches")


async def retries(client):
    text = await called(client, "batch", urls=[f"{site}/flaky"], wait_seconds=30)
    assert "1 failed" in text, text
    text = await called(client, "retry", batch_id=field(text, "batch_id"), wait_seconds=30)
    assert "retry_of: " in text and "1 of 1 pages succeeded" in text and "Loaf /flaky" in text, text
    await refused(client, "retry", "error: NOTHING_TO_RETRY", batch_id=field(text, "batch_id"))
    await refused(client, "retry", "batch_id: send exactly one", wait_seconds=0)
    say("retries")


async def maps(client):
    text = await called(client, "map", 1_500, url=f"{site}/start")
    assert "cost: 1000 credits" in text and "urls: 404" in text, text
    joined, calls = await whole(client, text, 1_500)
    lines = joined.splitlines()
    assert calls > 3 and len(lines) == len(set(lines)) == 404, (calls, len(lines))
    assert f"{site}/page/399" in lines
    again = await called(client, "map", map_id=field(text, "map_id"))
    assert "cost: nothing" in again, again
    text = await called(client, "map", url=f"{site}/start", max_pages=3, sitemap="skip")
    assert "urls: 3" in text, text
    await refused(client, "map", "map_id: no list", map_id="nothing")
    kept = {"map_id": field(text, "map_id")}
    await refused(client, "map", "max_pages: has no effect with `map_id`", max_pages=3, **kept)
    await refused(client, "map", "offset: is 1000000: the result has ", offset=1_000_000, **kept)
    await refused(client, "map", "offset: continues a list", url=f"{site}/start", offset=5)
    say("maps")


async def crawls(client):
    text = await called(client, "crawl", url=f"{site}/start", sitemap="skip", max_depth=1, wait_seconds=40)
    assert "status: completed: 4 pages found, 4 succeeded" in text and "Loaf /b" in text, text
    crawl = field(text, "crawl_id")
    text = await called(client, "crawl_status", 1_000, crawl_id=crawl, offset=2, include_content=False)
    assert re.search(r"^2: succeeded", text, re.M) and not re.search(r"^1: ", text, re.M), text
    text = await called(client, "crawl", url=f"{site}/slow", wait_seconds=0, max_pages=2)
    assert "still running: call crawl_status" in text, text
    text = await called(client, "cancel", crawl_id=field(text, "crawl_id"))
    await refused(client, "crawl", "max_pages", url=f"{site}/start", max_pages=0)
    await refused(client, "crawl_status", "CRAWL_NOT_FOUND", crawl_id=UNKNOWN)
    say("crawls")


async def extractions(client):
    lamp = "<title>Lamp</title><h1>Brass lamp</h1><p>It costs 49.50 EUR and is made of brass.</p>"
    price = {"extraction_schema": {"price": "number"}, "extraction_profile": "product"}
    text = await called(client, "extract", content=lamp, **price)
    assert '"price":49.5' in text and "extract_id: " in text and "cost: 2500 credits" in text, text
    first = await called(client, "extract", 1_000, content="word " * 9_000, formats=["text"], content_type="text")
    offset = int(re.search(r'"offset": (\d+)', first).group(1))
    before = field(first, "budget")
    second = await called(
        client, "extract", 1_000, content="word " * 9_000, formats=["text"], content_type="text", offset=offset
    )
    assert f"bytes {offset} to " in second and first.splitlines()[-1] == second.splitlines()[-1], (before, second)
    text = await called(client, "extract", url=f"{site}/a", extraction_schema={"title": "string"})
    assert "\"title\":\"Loaf" in text and "status_code: 200" in text, text
    text = await called(client, "extract", content=lamp, repeat=1, **price)
    assert "cost: 2500 credits" in text and "from the cache" not in text, text
    again = await called(client, "extract", content=lamp, repeat=1, **price)
    assert field(again, "extract_id") == field(text, "extract_id"), (text, again)
    assert again.splitlines()[-1] == text.splitlines()[-1], (text, again)
    await refused(client, "extract", "offset: ", "batch_status", url=f"{site}/a", offset=5)
    await refused(client, "extract", "mode: is for pages", content="x", mode="html")
    await refused(client, "extract", "url, content: send exactly one", extraction_profile="faq")
    await refused(client, "extract", "url, content: send exactly one", url=f"{site}/a", content="x")
    say("extractions")


async def estimates(client):
    urls = [f"{site}/page/{number}" for number in range(100)]
    text = await called(client, "estimate", 2_000, urls=urls)
    assert "pages: 100" in text and "cost: an estimate is free" in text and "cut: " in text, text
    offset = int(re.search(r'"offset": (\d+)', text).group(1))
    text = await called(client, "estimate", 2_000, urls=urls, offset=offset)
    assert re.search(rf"^{offset}: 200 to \d+ credits: {site}/page/{offset}: ", text, re.M), text
    say("estimates")


async def mistakes(client):
    await refused(client, "scrape", "url", url="not a url")
    await refused(client, "scrape", "url", url="ftp://example.com/")
    await refused(client, "scrape", "error: ")
    await refused(client, "scrape", "uri: unknown argument", "url", uri=site)
    await refused(client, "scrape", "cost_controls.max_credit: unknown", url=site, cost_controls={"max_credit": 1})
    await refused(client, "scrape", "webhook_url: unknown argument", url=site, webhook_url=site)
    await refused(client, "scrape", "formats", url=site, formats=["pdf"])
    await refused(client, "scrape", "max_tokens: must be an integer from 1000 to 25000", url=site, max_tokens=10)
    await refused(client, "batch", "urls: must be a list", urls=site)
    await refused(client, "batch", "urls", urls=[])
    await refused(client, "batch", "urls", urls=[site] * 101)
    await refused(client, "batch", "urls[1]", urls=[site, "nonsense"])
    await refused(client, "batch_status", "BATCH_NOT_FOUND", batch_id=f"batch_{UNKNOWN}")
    await refused(client, "batch_status", "NOT_FOUND", job_id="../limits")
    await refused(client, "batch_status", "batch_id, job_id: send exactly one")
    await refused(client, "cancel", "BATCH_NOT_FOUND", batch_id="x")
    text = await called(client, "scrape", url=f"{site}/a")
    job = {"job_id": field(text, "job_id")}
    await refused(client, "batch_status", "include_content: has no effect on one page", include_content=False, **job)
    await refused(client, "batch_status", "max_tokens_per_page: has no effect", max_tokens_per_page=50, **job)
    await refused(client, "batch_status", "offset: is 99999: the result has ", offset=99_999, **job)
    text = await called(client, "batch", urls=[f"{site}/a"], wait_seconds=30)
    await refused(client, "batch_status", "offset: is 2: the result has 1 pages", batch_id=field(text, "batch_id"), offset=2)
    await refused(client, "estimate", "offset: is 1: the result has 1 pages", urls=[site], offset=1)
    large = {"extraction_schema": {"title": "x" * 70_000}}
    await refused(client, "batch", "urls: 100 URLs with these options exceed 4 MiB", urls=[site] * 100, **large)
    await refused(client, "scrape", "NOT_FOUND_TARGET", "cost: nothing", url=f"{site}/gone")
    try:
        await client.call_tool("nonsense", {})
    except MCPError as error:
        assert error.code == -32602 and "nonsense" in error.message, error
    else:
        raise AssertionError("an unknown tool was called")
    say("mistakes")


PARTS = [tools, scrapes, continuations, batches, retries, maps, crawls, extractions, estimates, mistakes]


def stdio(*arguments):
    return StdioServerParameters(command=program, args=["mcp", *arguments])


async def over_stdio():
    async with Client(stdio("--allow-private")) as client:
        for part in PARTS:
            await part(client)
    async with Client(stdio("--allow-private", "--budget", "10000"), mode="legacy") as client:
        cheap = {"cost_controls": {"max_tier": "2"}}
        text = await called(client, "scrape", url=f"{site}/a", **cheap)
        assert "budget: 9800 credits ($0.0098) left of 10000 until " in text, text
        await refused(client, "batch", "SPEND_LIMIT_EXCEEDED", "remedy: ", "9800 credits", urls=[f"{site}/a"] * 100)
        for _ in range(9):
            await called(client, "map", url=f"{site}/start", max_pages=1)
        await refused(client, "map", "SPEND_LIMIT_EXCEEDED", "remedy: ", url=f"{site}/start", max_pages=1)
        await refused(client, "extract", "SPEND_LIMIT_EXCEEDED", content="<p>x</p>")
        text = await called(client, "scrape", url=f"{site}/b", **cheap)
        assert "budget: 600 credits" in text, text
        await called(client, "estimate", urls=[f"{site}/a"])
    say("budgets")
    async with Client(stdio()) as client:
        await refused(client, "scrape", "PRIVATE_ADDRESS_BLOCKED", "--allow-private", url=f"{site}/a")
    say("private addresses")
    raw_messages()


def raw(*arguments, **variables):
    command = [program, "mcp", "--allow-private", *arguments]
    environment = {**os.environ, **variables}
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True)


def message(identifier, method, **params):
    return json.dumps({"jsonrpc": "2.0", "id": identifier, "method": method, "params": params}) + "\n"


HELLO = message(
    1, "initialize", protocolVersion="2025-06-18", capabilities={}, clientInfo={"name": "test", "version": "1"}
) + json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}) + "\n"


def waiting_call(tool, **arguments):
    """A program with a call that waits for a page or a model, which has received the request."""

    def visits():
        return httpx2.get(f"{site}/waiting").text

    before, process = visits(), raw(RUNGS_LLM_URL=f"{site}/late", RUNGS_LLM_MODEL="slow")
    call = message(2, "tools/call", name=tool, arguments=arguments)
    process.stdin.write(HELLO + call)
    process.stdin.flush()
    process.stdout.readline()
    while visits() == before:
        pass
    return process


def accepted(process, *words):
    """The call must end with these words before what it waited for, and the program on the next signal."""
    result = json.loads(process.stdout.readline())
    text = result["result"]["content"][0]["text"]
    assert result["id"] == 2 and all(it in text for it in words), text
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 0


def raw_messages():
    process = raw()
    nonsense = "nonsense\n{\n[]\n{\"jsonrpc\": \"2.0\"}\n\"\x00\"\n" + "x" * 100_000 + "\n"
    call = message(2, "tools/call", name="scrape", arguments={"url": f"{site}/a"})
    wrong = message(3, "tools/call", name="scrape", arguments=[1, 2])
    output, _ = process.communicate(HELLO + nonsense + call + wrong + message(4, "no/such"), timeout=20)
    answers = [json.loads(line) for line in output.splitlines()]
    by_id = {it.get("id"): it for it in answers}
    assert by_id[1]["result"]["serverInfo"]["name"] == "rungs", answers
    assert "Loaf /a" in by_id[2]["result"]["content"][0]["text"], answers
    assert "error" in by_id[4], answers
    say("malformed input")
    assert process.returncode == 0, process.returncode
    process = raw()
    assert process.communicate("", timeout=20) == ("", None) and process.returncode == 0, process.returncode
    say("end of input")
    unfinished = ("job_id: ", "status: the page is not finished yet")
    process = waiting_call("scrape", url=f"{site}/late")
    process.stdin.close()
    accepted(process, *unfinished)
    say("results at the end")
    process = waiting_call("extract", content="The lamp costs 5.", extraction_prompt="What does it cost?")
    process.send_signal(signal.SIGTERM)
    accepted(process, "status: the extraction is not finished yet", "next: call extract again", "cost: charged once")
    say("extractions at the end")
    process = waiting_call("scrape", url=f"{site}/late")
    process.send_signal(signal.SIGTERM)
    accepted(process, *unfinished)
    process = raw()
    process.stdin.write(HELLO)
    process.stdin.flush()
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 0
    say("signals")


@asynccontextmanager
async def connected(url, key=None, **options):
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with httpx2.AsyncClient(headers=headers, timeout=60) as http:
        async with Client(streamable_http_client(url, http_client=http), **options) as client:
            yield client


@contextmanager
def serving(*arguments):
    """The address of a server, which SIGTERM must end."""
    command = [program, "mcp", "--transport", "http", "--listen", "127.0.0.1:0", "--allow-private", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        assert line.startswith("listening on http://127.0.0.1:") and line.endswith("/mcp\n"), line
        yield line.split()[-1]
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
    finally:
        process.kill()


async def over_http():
    with serving() as url:
        async with connected(url) as client:
            for part in PARTS:
                await part(client)
        await two_clients(url)
        await keys()
        await rebinding(url)
    addresses()
    say("signals")


async def two_clients(url):
    async with connected(url) as first, connected(url, mode="legacy") as second:
        pages = [(first, "a"), (second, "b"), (first, "c"), (second, "d")] * 3
        texts = await asyncio.gather(*(called(it, "scrape", url=f"{site}/{name}") for it, name in pages))
        assert all(f"# Loaf /{name}" in text for (_, name), text in zip(pages, texts)), texts
        slow = asyncio.create_task(called(first, "batch", urls=[f"{site}/slow"], wait_seconds=30))
        await called(second, "estimate", urls=[site])
        assert not slow.done() and "Loaf /slow" in await slow
    say("two clients")


async def keys():
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        entries, secrets = [], []
        daily = {"credits": 1_500, "period": "daily"}
        limits = [("one", "acme", daily, None), ("two", "other", None, None), ("three", "other", None, 2)]
        for name, account, spend, rate in limits:
            made = subprocess.run([program, "key", name, "--account", account], capture_output=True, text=True, check=True)
            secrets.append(made.stdout.strip())
            entry = json.loads(made.stderr.splitlines()[-1])
            entries.append({**entry, "spend": spend, "requests_per_minute": rate})
        json.dump(entries, file)
        file.flush()
        with serving("--api-keys", file.name) as url:
            async with connected(url, secrets[0]) as first, connected(url, secrets[1]) as second:
                cheap = {"cost_controls": {"max_tier": "1"}}
                text = await called(first, "scrape", url=f"{site}/a", **cheap)
                assert "left of 1500 until" in text, text
                job = field(text, "job_id")
                await refused(second, "batch_status", "NOT_FOUND", job_id=job)
                await refused(first, "batch", "SPEND_LIMIT_EXCEEDED", urls=[f"{site}/a"] * 20, **cheap)
                text = await called(second, "map", url=f"{site}/start", max_pages=2)
                assert "budget: no limit" in text, text
                await refused(first, "map", "map_id: no list", map_id=field(text, "map_id"))
                slow = [f"{site}/slow"] * 4
                calls = [second.call_tool("batch", {"urls": slow, "wait_seconds": 20}) for _ in range(17)]
                texts = [it.content[0].text for it in await asyncio.gather(*calls)]
                busy = [it for it in texts if "16 calls of this client are running" in it]
                assert len(busy) == 1 and "cost: nothing" in busy[0], texts
            # Its rate lets it submit, and then no more.
            async with connected(url, secrets[2]) as third:
                text = await called(third, "batch", urls=[f"{site}/a"])
                assert field(text, "batch_id") and "RATE_LIMIT_EXCEEDED" in text, text
            for wrong in [None, "sk_live_wrong_wrong_wrong_wrong"]:
                headers = {"Authorization": f"Bearer {wrong}"} if wrong else {}
                answer = httpx2.post(url, headers={**ACCEPT, **headers}, json=json.loads(HELLO.splitlines()[0]))
                assert answer.status_code == 401 and "API key" in answer.json()["message"], answer.text
            answer = httpx2.post(url, headers={**ACCEPT, "X-API-Key": secrets[1]}, json=json.loads(HELLO.splitlines()[0]))
            assert answer.status_code == 200, answer.text
    say("keys")


def addresses():
    """Every loopback address is served, with and without a slash at the end of the path."""
    command = [program, "mcp", "--transport", "http", "--listen", "127.0.0.2:0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        url = process.stdout.readline().split()[-1]
        assert url.startswith("http://127.0.0.2:"), url
        for path in (url, f"{url}/"):
            answer = httpx2.post(path, headers=ACCEPT, json=json.loads(HELLO.splitlines()[0]))
            assert answer.status_code == 200, answer.text
        assert httpx2.post(url, headers={**ACCEPT, "Host": "evil.example"}, json={}).status_code == 403
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
    finally:
        process.kill()
    say("addresses")


ACCEPT = {"Accept": "application/json, text/event-stream"}


async def rebinding(url):
    hello = json.loads(HELLO.splitlines()[0])
    port = url.split(":")[2].split("/")[0]

    def status(**headers):
        return httpx2.post(url, headers={**ACCEPT, **headers}, json=hello).status_code

    assert status() == 200
    assert status(Host="evil.example") == 403
    assert status(Origin="https://evil.example") == 403
    assert status(Origin=f"http://127.0.0.1:{port}") == 200
    assert httpx2.post(url, headers={**ACCEPT, "Content-Type": "text/plain"}, content="{}").status_code == 415
    assert httpx2.post(url, headers={**ACCEPT, "Content-Type": "application/json"}, content="{").status_code >= 400
    big = {**hello, "params": {**hello["params"], "x": "x" * 9_000_000}}
    assert httpx2.post(url, headers=ACCEPT, json=big).status_code == 413
    assert httpx2.get(url, headers=ACCEPT).status_code == 405
    assert httpx2.get(url.replace("/mcp", "/health")).status_code == 200
    say("rebinding")


asyncio.run(over_stdio() if transport == "stdio" else over_http())
