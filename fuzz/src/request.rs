//! A batch as clients write it: read, checked, priced, and kept.

use std::sync::Arc;

use rungs::core::credits::Credits;
use rungs::core::ladder::{Capabilities, Reach, estimate};
use rungs::core::price::{AddOns, PriceList};
use rungs::core::record::Record;
use rungs::core::request::{Item, JobRequest, Limits, ValidationError};
use rungs::core::tier::Tier;
use rungs::core::time::Timestamp;
use rungs::service::wire::{read_batch, read_item};
use rungs::stores::codec;
use rungs::testkit::store::sample::{self, with};
use serde_json::{Value, json};

/// The longest reason: quotations of the request are shortened.
const MAX_REASON: usize = 600;

pub fn run(data: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(data) else { return };
    if let Ok(item) = read_item(&value) {
        checked(item);
    }
    match read_batch(&value) {
        Ok(batch) => {
            same_by_either_name(&value, &batch.items);
            batch.items.into_iter().for_each(checked);
        }
        Err(wrong) => {
            let list = value.get("urls").or(value.get("requests")).and_then(Value::as_array);
            let length = list.map_or(0, Vec::len);
            assert!(wrong.index.is_none_or(|it| it < length), "{wrong} of {length} items");
            names_a_field(&wrong.error);
        }
    }
}

fn names_a_field(flaw: &ValidationError) {
    let word =
        |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_lowercase() || it == b'_');
    let field = flaw.field().strip_prefix("webhookUrl").unwrap_or(flaw.field());
    assert!(field.is_empty() || field.split('.').all(word), "`{}` is no field", flaw.field());
    assert!(!flaw.reason().is_empty() && flaw.reason().len() <= MAX_REASON, "{flaw}");
}

/// The list may be called `urls` or `requests`.
fn same_by_either_name(value: &Value, items: &[Item]) {
    let list = value.get("urls").filter(|it| !it.is_null()).or(value.get("requests"));
    let renamed = read_batch(&json!({ "requests": list, "later": { "unknown": [] } }));
    assert_eq!(renamed.expect("the same list").items, items);
}

fn checked(item: Item) {
    let request = match item.check(&Limits::default()) {
        Ok(request) => request,
        Err(flaw) => return names_a_field(&flaw),
    };
    let again = Item::from(request.clone()).check(&Limits::default());
    assert_eq!(again.as_ref(), Ok(&request), "a checked item does not pass its own check");
    hides_secrets(&request);
    is_kept(&request);
    is_priced(&request);
}

/// Checks that messages contain neither passwords nor queries.
fn hides_secrets(request: &JobRequest) {
    let shown = request.page().to_string();
    assert!(!shown.contains(['?', '#']), "{shown}");
    let Ok(url) = url::Url::parse(request.page().as_str()) else { return };
    let host = shown.split("://").nth(1).and_then(|it| it.split(['/', '\\']).next());
    assert!(url.password().is_none() || !host.unwrap_or_default().contains('@'), "{shown}");
}

/// An accepted job is never lost: a store must be able to read it back.
fn is_kept(request: &JobRequest) {
    let plain = sample::job(1, Timestamp::default());
    let record = Record::Job(with(plain, |made| made.request = Arc::new(request.clone())));
    let bytes = codec::encode(7, &record).expect("a job is plain data");
    let read = codec::decode(&bytes).expect("an accepted job reads back");
    assert_eq!((read.version, read.record), (7, record));
}

/// Checks that the hold covers every tier that may be charged and stays within the limit.
fn is_priced(request: &JobRequest) {
    let prices = PriceList::default();
    let mut tools = Capabilities::new(Tier::ALL);
    (tools.pdf, tools.ocr) = (true, true);
    let held = estimate(request, &tools, &prices);
    let asked = AddOns::asked(request);
    for tier in Reach::of(request, &tools, &prices).usable.iter() {
        assert!(prices.quote(request, tier, asked) <= held, "tier {tier} is not covered");
        let controls = &request.cost_controls();
        assert!(controls.max_tier.is_none_or(|it| tier <= it));
        assert!(controls.force_tier.is_none_or(|it| tier == it));
    }
    assert!(held <= request.cost_controls().max_credits.unwrap_or(Credits::MAX));
}
