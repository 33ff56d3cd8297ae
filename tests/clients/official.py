"""Drives the official Python client, unmodified, through everything that it can do here.

    python3 official.py BASE_URL SITE_URL WEBHOOK_URL
"""

import sys

from alterlab import AlterLabSync, CostControls
from alterlab.client import AlterLabAPIError, JobExpiredError

base, site, hook = sys.argv[1:]
client = AlterLabSync("sk_live_0123456789abcdef", base_url=base)


def refused(status, call):
    """The call is refused with this status, and says why in words."""
    try:
        call()
    except AlterLabAPIError as error:
        assert error.status_code == status, (status, error)
        assert isinstance(error.detail, str) and error.detail, error
        return error
    raise AssertionError(f"not refused with {status}")


def batches():
    batch = client.batch_scrape(
        [{"url": f"{site}/a"}, {"url": f"{site}/b", "formats": ["markdown"]}, {"url": f"{site}/gone"}],
        webhook_url=hook,
    )
    assert batch["batch_id"].startswith("batch_"), batch
    assert batch["status"] == "processing" and batch["total_requests"] == 3, batch
    first, second, gone = batch["job_ids"]
    page = client.wait_for_job(first, poll_interval=0.05)
    assert "Flour, water" in page["text"] and set(page["content"]) == {"html", "json"}, page
    page = client.wait_for_job(second, poll_interval=0.05)
    assert page["content"]["markdown"].startswith("# Loaf /b"), page
    assert client.get_job_status(first)["status"] == "completed"
    try:
        client.wait_for_job(gone, poll_interval=0.05)
    except AlterLabAPIError as error:
        assert "NOT_FOUND_TARGET" in str(error), error
    else:
        raise AssertionError("a page that is not there was got")


def scrapes():
    page = client.scrape(f"{site}/c", formats=["text", "markdown"])
    assert page["status_code"] == 200 and set(page["content"]) == {"text", "markdown"}, page
    assert page["billing"]["tier_used"] == "1", page["billing"]
    capped = client.scrape(f"{site}/d", cost_controls=CostControls(max_tier="2"))
    assert capped["billing"]["total_credits"] == 200, capped["billing"]
    job = client.scrape(f"{site}/e", sync=False)
    assert job["status"] in ("pending", "running", "completed"), job
    later = client.wait_for_job(job["job_id"], poll_interval=0.05)
    assert "Flour, water" in later["text"], later
    # Longer than the client's own patience: it is answered with a job before that, and polls.
    slow = client.scrape(f"{site}/slow", timeout=6)
    assert "Flour, water" in slow["text"], slow


def sessions():
    created = client.sessions.create(
        name="my shop", domain=site, cookies={"sid": "s3cret-over"}, headers={"X-Shop": "s3cret-header"},
        expires_at="2099-12-31T23:59:59+00:00", notes="bought in spring",
    )
    assert created["cookie_names"] == ["sid"] and created["header_names"] == ["X-Shop"], created
    assert created["status"] == "active" and created["domain"] == "127.0.0.1", created
    assert created["expires_at"].startswith("2099-12-31T23:59:59"), created
    id = created["id"]
    listed = client.sessions.list(domain="127.0.0.1", status="active")
    assert listed["total"] == 1 and listed["sessions"][0]["id"] == id, listed
    assert client.sessions.list(domain="example.com")["total"] == 0
    error = refused(403, lambda: client.scrape(f"{site}/member", session_id=id))
    assert "login" in error.detail, error
    assert client.sessions.get(id)["status"] == "expired"
    updated = client.sessions.update(id, name="renamed", notes="other")
    assert updated["name"] == "renamed" and updated["notes"] == "other", updated
    fresh = client.sessions.refresh(id, cookies={"sid": "fresh"})
    assert fresh["status"] == "active" and fresh["consecutive_failures"] == 0, fresh
    page = client.scrape(f"{site}/member", session_id=id)
    assert page["billing"]["byos_applied"] is True, page["billing"]
    assert page["billing"]["byos_session_name"] == "renamed", page["billing"]
    validation = client.sessions.validate(id)
    assert validation["is_valid"] is True and validation["http_status"] == 200, validation
    after = client.sessions.get(id)
    assert after["total_requests"] == 2 and after["success_rate"] == 0.5, after
    assert "s3cret" not in str([created, listed, error, updated, fresh, page, validation, after])
    client.sessions.delete(id)
    refused(404, lambda: client.sessions.get(id))


def crawls():
    crawl = client.crawl(f"{site}/a", max_pages=3, formats=["text"], cost_controls={"max_credits": 100000})
    assert crawl["status"] == "discovering" and crawl["estimated_pages"] == 3, crawl
    status = client.get_crawl(crawl["crawl_id"])
    assert status["status"] in ("discovering", "running", "completed"), status
    done = client.crawl_and_wait(f"{site}/a", max_pages=2, poll_interval=0.05, advanced={"timeout": 20})
    assert done["status"] == "completed" and done["completed"] == done["total"] >= 1, done
    assert done["pages"][0]["status"] == "succeeded", done["pages"]
    refused(409, lambda: client.cancel_crawl(done["crawl_id"]))
    refused(404, lambda: client.get_crawl("019a0000-0000-7000-8000-000000000000"))
    refused(422, lambda: client.crawl(f"{site}/a", max_pages=0))


def maps():
    found = client.map(f"{site}/a", max_pages=5, include_metadata=True)
    assert found["urls"][0]["url"] == f"{site}/a" and found["credits_used"] == 1000, found
    assert found["total_urls"] == len(found["urls"]) and found["map_id"], found


def money():
    estimate = client.estimate_cost(f"{site}/a")
    assert estimate["estimated_tier"] == "1" and estimate["estimated_credits"] == 200, estimate
    assert estimate["confidence"] in ("low", "medium", "high") and estimate["reasoning"], estimate
    usage = client.get_usage()
    assert usage["credits_used"] >= 1000 and usage["requests_count"] >= 7, usage
    assert usage["subscription_tier"] and usage["billing_period_start"] < usage["billing_period_end"]


def extractions():
    page = "<title>Lamp</title><h1>Brass lamp</h1><p>It costs 49.50 EUR and is made of brass.</p>"
    found = client.extract(page, extraction_schema={"price": "number"}, extraction_profile="product")
    assert found["extract_id"] and found["filtered_content"] == {"price": 49.5}, found
    assert set(found["formats"]) == {"json"} and found["credits_used"] == 2500, found
    again = client.extract(page, extraction_schema={"price": "number"}, extraction_profile="product", cache="only")
    assert again["cache_hit"] and again["credits_used"] == 0, again
    notes = client.extract("# Loaf", content_type="markdown", formats=["markdown", "text"], evidence=False)
    assert notes["formats"]["markdown"] == "# Loaf", notes
    refused(404, lambda: client.extract("<p>other</p>", cache="only"))
    refused(422, lambda: client.extract("x", extraction_profile="faq", extraction_template="faq"))
    price = client.estimate_extraction_cost(600_000, has_extraction_prompt=True)
    assert price["estimated_cost_microcents"] == 6000 and price["breakdown"]["prompt"] == 1000, price
    usage = client.get_extraction_usage(page_size=2, date_from="2020-01-01")
    assert usage["total"] == 3 and usage["has_more"] and len(usage["items"]) == 2, usage
    assert client.get_extraction_usage_summary(days=1)["total_cost_microcents"] == 5000
    assert client.list_beta_features() == {"features": [], "total": 0}
    assert client.list_my_beta_features() == {"features": []}
    refused(404, lambda: client.enable_beta_feature("search-api"))


def absent():
    once = AlterLabSync("sk_live_0123456789abcdef", base_url=base, max_retries=1)
    for call in (
        lambda: once.search("bread"),
        lambda: once.list_extraction_templates(),
        lambda: once.list_llm_keys(),
    ):
        error = refused(501, call)
        assert ": " in error.detail, error


def mistakes():
    refused(422, lambda: client.batch_scrape([]))
    refused(422, lambda: client.batch_scrape([{"url": f"{site}/a"}] * 101))
    error = refused(422, lambda: client.batch_scrape([{"url": f"{site}/a"}, {"url": "nothing"}]))
    assert "requests[1].url" in error.detail, error
    refused(422, lambda: client.batch_scrape([{"url": f"{site}/a", "cost_controls": {"max_tier": "9"}}]))
    refused(422, lambda: client.scrape(f"{site}/gone"))
    try:
        client.get_job_status("019a0000-0000-7000-8000-000000000000")
    except JobExpiredError:
        pass
    else:
        raise AssertionError("an unknown job was found")
    stranger = AlterLabSync("sk_live_nobody_0123456789", base_url=base)
    refused(401, stranger.get_usage)


for part in (batches, scrapes, crawls, maps, sessions, money, extractions, absent, mistakes):
    part()
    print(part.__name__)
