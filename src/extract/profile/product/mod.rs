//! The `product` profile: something for sale, its price, its numbers and its availability.
//!
//! Structured data leads ([`item`], [`meta`]); what it lacks is read from the page ([`page`],
//! [`brand`], [`stock`]) and from the data of its scripts ([`scripts`]).

mod brand;
mod codes;
mod item;
mod meta;
mod names;
mod page;
mod scripts;
mod stock;

use serde_json::Value;

use crate::core::request::Profile;
use crate::extract::data::facts::Facts;
use crate::extract::data::property::{PropertyContext, text};
use crate::extract::data::schema_org::fits;
use crate::extract::dom::doc::Doc;
use crate::extract::dom::labeled::LabeledValues;
use crate::extract::page_index::LazyIndex;
use crate::extract::value::money::local_currency;
use crate::extract::value::number::decimal;
use crate::extract::value::provenance::{Fields, Source, Sourced};

pub(super) use self::stock::has_cart;

/// Fields that are read from the page itself where the data lacks them.
const SHOWN: [&str; 7] = ["availability", "brand", "currency", "gtin", "name", "price", "sku"];
/// Items of one product that are read.
const MAX_ITEMS: usize = 8;

pub(super) fn fields(
    doc: &Doc<'_>,
    page: &LazyIndex<'_, '_>,
    facts: &Facts,
    context: PropertyContext<'_>,
) -> Fields {
    let mut fields = Fields::seeking(&SHOWN);
    let mut prices = Vec::new();
    let items = items(facts);
    for (source, item) in &items {
        item::read(&mut fields, *source, item, context, &mut prices);
    }
    if items.is_empty() {
        names::read(&mut fields, page, facts);
    }
    meta::read(&mut fields, facts, &mut prices);
    price(&mut fields, doc, page, facts, &prices);
    let labeled = LabeledValues::of(doc);
    if let Some(number) = page::number(doc, &labeled) {
        fields.put("sku", Source::Dom, "label", number.into());
    }
    if !fields.has("sku") {
        let name = fields.text("name").or(facts.heading.as_deref());
        let found = name.and_then(|it| scripts::sku(doc, it));
        fields.offer("sku", Source::Dom, "script", found.map(Value::from));
    }
    page::fill(&mut fields, doc, facts, &labeled);
    if !fields.has("brand") {
        brand::read(&mut fields, doc, page, facts);
    }
    let is_article = facts.declared.opengraph.get("type").is_some_and(|it| it == "article");
    if items.is_empty() && is_article && facts.published_at.is_some() {
        // The title of an article is no product, unless the page sells it.
        if !fields.has("price") && !has_cart(doc) {
            fields.0.remove("name");
        }
    }
    fields
}

/// Chooses the price.
///
/// Structured data leads. But it may be older than the page, keep the price from before a sale, or hold
/// one for each of several sellers: then the price on the page decides.
fn price(
    fields: &mut Fields,
    doc: &Doc<'_>,
    page: &LazyIndex<'_, '_>,
    facts: &Facts,
    declared: &[Sourced],
) {
    let visible = page.prices_of(doc, facts.heading_at);
    let same = |it: &&Sourced, amount: f64| it.value.as_f64() == Some(amount);
    let first = declared.first();
    let chosen = match (visible.current, first) {
        (Some(current), Some(first)) => {
            let confirmed = declared.iter().find(|it| same(it, current.amount));
            let was = visible.past.iter().any(|it| same(&first, *it));
            let lower = first.value.as_f64().is_some_and(|it| it > current.amount);
            match confirmed {
                Some(confirmed) => Some(confirmed.clone()),
                None if was && lower => None,
                None => Some(first.clone()),
            }
        }
        (_, first) => first.cloned(),
    };
    if let Some(Sourced { value, source, path }) = chosen {
        fields.offer("price", source, &path, Some(value));
    } else if let Some(current) = visible.current {
        fields.offer("price", Source::Dom, "price", Some(decimal(current.amount)));
        let address = facts.declared.address.as_deref();
        let currency = current.currency.map(|it| local_currency(it, address).into());
        fields.offer("currency", Source::Dom, "price", currency);
    }
}

/// Returns the items that describe the page's product, the best first.
fn items(facts: &Facts) -> Vec<(Source, &Value)> {
    let Some(main) = facts.declared.about(Profile::Product) else { return Vec::new() };
    let title = facts.title.as_deref().unwrap_or_default().to_lowercase();
    let named = |it: &Value| it.get("name").and_then(text).map(|it| it.to_lowercase());
    let main_name = named(main.1);
    // Other items of the same product fill in the fields that the first lacks.
    let same = |it: &Value| {
        let name = named(it);
        name.is_some() && (name == main_name || name.is_some_and(|it| title.contains(&it)))
    };
    let all = facts.declared.items().filter(|it| fits(it.1, Profile::Product));
    let mut found: Vec<(Source, &Value)> = all.filter(|it| same(it.1)).collect();
    found.insert(0, main);
    // An item with an offer is the one that the shop wrote for this page.
    found.sort_by_key(|it| it.1.get("offers").is_none_or(Value::is_null));
    found.truncate(MAX_ITEMS);
    found
}
