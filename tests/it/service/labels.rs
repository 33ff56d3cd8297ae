//! Labels of a result over HTTP. Every response is checked against the description of the API.

use rungs::stores::Memory;
use rungs::testkit::site::{Site, SiteResponse};
use serde_json::{Value, json};

use super::world::{Plan, World, engine, page};
use crate::support::fetchers::Marked;

fn world() -> World {
    let engine = engine(Memory::default()).browser(Marked::default());
    World::of(Plan { engine, ..Plan::default() })
}

fn scraped(world: &World, body: &Value) -> Value {
    let answer = world.post("/api/v1/scrape", body);
    assert_eq!(answer.status, 200, "{}", answer.json());
    answer.json()
}

#[test]
fn a_page_that_the_time_budget_chose_names_the_skipped_tiers() {
    let (world, site) = (world(), Site::start(|_| SiteResponse::html("<p>Back soon</p>")));

    let body = json!({ "url": site.url("/a"), "cost_controls": { "time_budget": 6 } });
    let page = scraped(&world, &body);

    assert_eq!((&page["time_budget_expired"], &page["credits_used"]), (&json!(true), &json!(200)));
    let quality = &page["quality_warning"];
    assert_eq!((&quality["code"], &quality["word_count"]), (&json!("THIN_CONTENT"), &json!(2)));
    let rungs = page["billing"]["escalations"].as_array().expect("a list");
    let results: Vec<_> = rungs.iter().map(|it| (&it["tier"], &it["result"])).collect();
    let expected = json!([
        ["1", "success"],
        ["2", "failed"],
        ["3", "skipped"],
        ["3.5", "failed"],
        ["4", "skipped"],
    ]);
    assert_eq!(json!(results), expected, "{rungs:?}");
    assert_eq!(
        (&rungs[2]["reason"], &rungs[4]["reason"]),
        (&json!("no_fetcher"), &json!("time_budget"))
    );
    assert_eq!((&rungs[0]["credits"], &rungs[4]["credits"]), (&json!(200), &json!(0)));
    assert!(rungs[4]["duration_ms"].is_null() && rungs[4]["signal"].is_string());
}

#[test]
fn a_good_page_has_no_warnings() {
    let (world, site) = (world(), Site::start(page));

    let page = scraped(&world, &json!({ "url": site.url("/a") }));

    assert_eq!(page["time_budget_expired"], false);
    for name in ["quality_warning", "domain_difficulty", "domain_warning", "tier_cap_warning"] {
        assert!(page.get(name).is_none(), "{name}");
    }
    let billing = &page["billing"];
    assert_eq!(billing["escalations"].as_array().map(Vec::len), Some(1));
    assert_eq!(
        (&billing["byop_discount_percent"], &billing["original_cost_microcents"]),
        (&Value::Null, &Value::Null)
    );
}

#[test]
fn a_failed_job_names_the_tiers_that_were_skipped() {
    let (world, site) = (world(), Site::start(|_| SiteResponse::status(403)));

    let body = json!({ "url": site.url("/a"), "cost_controls": { "max_tier": "2" } });
    let answer = world.post("/api/v1/scrape", &body);

    let rungs = &answer.json()["details"]["escalations"];
    let skipped = rungs.as_array().expect("a list").iter().filter(|it| it["result"] == "skipped");
    let reasons: Vec<_> = skipped.map(|it| (it["tier"].clone(), it["reason"].clone())).collect();
    let all = ["3", "3.5", "4"].map(|it| (json!(it), json!("max_tier")));
    assert_eq!(reasons, all, "{rungs}");
}

#[test]
fn a_difficult_site_and_a_cap_below_its_tier_are_reported_as_clients_read_them() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    let is_open = Arc::new(AtomicBool::new(false));
    let opened = Arc::clone(&is_open);
    let world = world();
    let site = Site::start(move |request| {
        let is_read = opened.load(Ordering::SeqCst) || request.header("x-rendered").is_some();
        if is_read { page(request) } else { SiteResponse::status(403) }
    });
    for number in 1..=2 {
        scraped(&world, &json!({ "url": site.url(&format!("/item/{number}")) }));
    }
    is_open.store(true, Ordering::SeqCst);

    let controls = json!({ "max_tier": "3.5" });
    let page = scraped(&world, &json!({ "url": site.url("/item/3"), "cost_controls": controls }));

    assert_eq!(page["tier_cap_warning"], json!({ "domain_min_tier": 4, "your_max_tier": 3.5 }));
    let difficulty = &page["domain_difficulty"];
    assert!(difficulty["success_rate"].as_f64().is_some_and(|it| it < 0.5), "{difficulty}");
    assert_eq!(difficulty["override_active"], true);
    assert!(
        page["domain_warning"]
            .as_str()
            .is_some_and(|it| it.contains("results of tiers on this site"))
    );
}

#[test]
fn a_page_above_its_limit_is_labeled_as_clients_read_it() {
    let body = format!("<title>Bread</title><p>{}</p>", "Flour and water. ".repeat(3_000));
    let length = body.len();
    let (world, site) = (world(), Site::start(move |_| SiteResponse::html(body.clone())));

    let page = scraped(&world, &json!({ "url": site.url("/"), "max_response_bytes": 10_000 }));

    let expected = json!({
        "truncated": true, "truncated_at_bytes": 10_000, "original_size_bytes": length,
        "truncation_reason": "response_body_cap",
    });
    assert_eq!(page["content_truncated"], expected);
    assert_eq!(page["size_bytes"], 10_000);
    assert!(page["warning"].as_str().is_some_and(|it| it.contains("max_response_bytes")));
}
