//! Fields of the built-in extractor for a profile and a schema.

mod data;
mod lists;
mod product;
mod profiles;
mod recipe;
mod schema;

use rungs::core::request::{Format, Item, Limits, Profile};
use rungs::core::tier::Tier;
use rungs::extract::HtmlExtractor;
use rungs::ports::extract::{Document, Extracted, Extractor};
use serde_json::Value;

const URL: &str = "https://shop.example/pots/red-pot-1234567.html";

fn read(body: &str, change: impl FnOnce(&mut Item)) -> Extracted {
    let mut item = Item::get(URL).formats([Format::Json]);
    change(&mut item);
    let options = item.check(&Limits::default()).expect("an item");
    let (content_type, tier) = (Some("text/html; charset=utf-8"), Tier::Curl);
    let page = Document::new(body.as_bytes(), URL, &options)
        .with_content_type(content_type)
        .with_tier(tier);
    HtmlExtractor.extract(page).expect("a page")
}

fn json_of(body: &str, profile: Profile) -> Value {
    read(body, |it| it.extraction_profile = profile).content.remove(&Format::Json).expect("json")
}

fn ld(value: &Value) -> String {
    format!("<script type='application/ld+json'>{value}</script><p>Some words about it.</p>")
}

#[track_caller]
fn assert_fields(json: &Value, fields: &Value) {
    for (name, value) in fields.as_object().expect("an object") {
        assert_eq!(&json[name], value, "{name} in {json}");
    }
}
