//! Something for sale: what it is, what it costs, and whether it can be had.

mod page;
mod shipped;
mod shown;
mod stock;

use serde_json::{Value, json};

use crate::core::request::Profile;
use crate::extract::address::Base;
use crate::extract::data::{Facts, fits};
use crate::extract::doc::Doc;
use crate::extract::profile::common::{first, images, name, several, text};
use crate::extract::profile::label::Labels;
use crate::extract::profile::money::{at_home, decimal};
use crate::extract::profile::{Field, Fields, Source};
use crate::extract::schema::number;

use self::shown::Shown;
pub(super) use self::shown::is_past;
pub(super) use self::stock::availability;

/// Names of an article number, by what it is called in structured data.
const GTINS: [&str; 8] =
    ["gtin13", "gtin", "gtin14", "gtin12", "gtin8", "isbn", "productGTIN", "ean"];

pub(super) fn fields(doc: &Doc<'_>, base: &Base, facts: &Facts) -> Fields {
    let mut fields = Fields::default();
    let items = best(facts);
    let mut prices = Vec::new();
    for item in &items {
        from_item(&mut fields, facts, base, *item, &mut prices);
    }
    from_meta(&mut fields, facts, &mut prices);
    price(&mut fields, doc, facts, &prices);
    let labels = Labels::of(doc);
    if let Some(shown) = page::number(doc, &labels) {
        fields.put("sku", Source::Dom, "label", shown.into());
    }
    if !fields.has("sku") {
        let name =
            fields.0.get("name").and_then(|it| it.value.as_str()).or(facts.heading.as_deref());
        let found = name.and_then(|it| shipped::sku(doc, it));
        fields.offer("sku", Source::Dom, "script", found.map(Value::from));
    }
    page::fill(&mut fields, doc, facts, &labels);
    fields
}

/// The price of all that structured data and the page say.
///
/// Structured data leads. But it may be older than the page, keep the price from before a sale, or hold
/// one for each of several sellers: then what the page shows decides.
fn price(fields: &mut Fields, doc: &Doc<'_>, facts: &Facts, prices: &[Field]) {
    let shown = Shown::of(doc, facts.heading_at.unwrap_or(0));
    let same = |it: &&Field, amount: f64| it.value.as_f64() == Some(amount);
    let led = prices.first();
    let chosen = match (shown.now, led) {
        (Some(now), Some(led)) => {
            let said = prices.iter().find(|it| same(it, now.amount));
            let before = shown.old.iter().any(|it| same(&led, *it));
            let lower = led.value.as_f64().is_some_and(|it| it > now.amount);
            match said {
                Some(said) => Some(said.clone()),
                None if before && lower => None,
                None => Some(led.clone()),
            }
        }
        (_, led) => led.cloned(),
    };
    if let Some(Field { value, source, path }) = chosen {
        fields.offer("price", source, &path, Some(value));
    } else if let Some(now) = shown.now {
        fields.offer("price", Source::Dom, "price", Some(decimal(now.amount)));
        let address = facts.address.as_deref();
        let currency = now.currency.map(|it| at_home(it, address).into());
        fields.offer("currency", Source::Dom, "price", currency);
    }
}

/// The items that describe the page's product, the best first.
fn best(facts: &Facts) -> Vec<(Source, &Value)> {
    let Some(main) = facts.about(Profile::Product) else { return Vec::new() };
    let title = facts.title.as_deref().unwrap_or_default().to_lowercase();
    let named = |it: &Value| it.get("name").and_then(text).map(|it| it.to_lowercase());
    let main_name = named(main.1);
    // Other items of the same thing fill in what the first does not say.
    let same = |it: &Value| {
        let name = named(it);
        name.is_some() && (name == main_name || name.is_some_and(|it| title.contains(&it)))
    };
    let all = facts.items().filter(|it| fits(it.1, Profile::Product));
    let mut found: Vec<(Source, &Value)> = all.filter(|it| same(it.1)).collect();
    found.insert(0, main);
    // One with an offer says what a shop's own page says.
    found.sort_by_key(|it| it.1.get("offers").is_none_or(Value::is_null));
    found.truncate(8);
    found
}

fn from_item(
    fields: &mut Fields,
    facts: &Facts,
    base: &Base,
    (source, item): (Source, &Value),
    prices: &mut Vec<Field>,
) {
    let get = |name: &str| item.get(name).filter(|it| !it.is_null());
    let mut offer = |name, key: &str, value: Option<Value>| fields.offer(name, source, key, value);
    let names = get("name").map(several).unwrap_or_default();
    let called = names.iter().filter_map(text).find(|it| is_name(it));
    offer("name", "name", called.map(Value::from));
    offer("description", "description", get("description").and_then(text).map(Value::from));
    for key in ["brand", "manufacturer"] {
        let brand = get(key).and_then(|it| name(facts, it)).and_then(|it| named(&it));
        offer("brand", key, brand.map(Value::from));
    }
    for key in GTINS {
        offer("gtin", key, get(key).and_then(text).and_then(|it| gtin(&it)).map(Value::from));
    }
    if let Some(rating) = get("aggregateRating").and_then(first) {
        let value = rating.get("ratingValue").and_then(number);
        offer("rating", "aggregateRating.ratingValue", value.map(|it| json!(it)));
        let count = rating.get("reviewCount").or_else(|| rating.get("ratingCount"));
        offer(
            "review_count",
            "aggregateRating.reviewCount",
            count.and_then(crate::extract::schema::whole),
        );
    }
    offer("images", "image", get("image").map(|it| images(facts, base, it).into()));
    let mut all = Vec::new();
    if let Some(offers) = get("offers") {
        offers_of(facts, offers, &mut all, 0);
    }
    if let Some(variants) = get("hasVariant") {
        for variant in
            variants.as_array().into_iter().flatten().chain(variants.as_object().map(|_| variants))
        {
            if let Some(offers) = facts.graph.resolve(variant).get("offers") {
                offers_of(facts, offers, &mut all, 0);
            }
        }
    }
    // A thing that one of its offers has is to be had.
    if all.iter().any(|it| in_stock(it)) {
        fields.put("availability", source, "offers.availability", "InStock".into());
    }
    for one in &all {
        from_offer(fields, source, one, prices);
    }
    let mut offer = |name, key: &str, value: Option<Value>| fields.offer(name, source, key, value);
    for key in ["sku", "productID"] {
        offer("sku", key, get(key).and_then(text).and_then(|it| code(&it)).map(Value::from));
    }
    offer("mpn", "mpn", get("mpn").and_then(text).map(Value::from));
}

fn in_stock(offer: &Value) -> bool {
    offer.get("availability").and_then(text).and_then(|it| availability(&it)) == Some("InStock")
}

/// Whether a text is a name and not an address or a place that was left to be filled.
fn is_name(text: &str) -> bool {
    text.contains(char::is_alphanumeric)
        && !text.starts_with(['$', '{', '['])
        && !text.starts_with("http")
}

/// A name without the label that stands before it; the title of a page is none.
fn named(text: &str) -> Option<String> {
    let is_label = |it: &str| {
        let it = it.trim_end().to_lowercase();
        page::BRAND.iter().any(|label| it.ends_with(label))
    };
    let text = match text.rsplit_once(':') {
        Some((label, name)) if is_label(label) => name.trim(),
        _ => text.trim(),
    };
    (is_name(text) && !text.contains(" | ")).then(|| text.to_owned())
}

/// A name of a few words.
fn brand(text: &str) -> Option<String> {
    let fits =
        |it: &String| (2..=40).contains(&it.chars().count()) && it.split_whitespace().count() <= 4;
    named(text).filter(fits)
}

/// A shop's number of a thing: one word, without what names its kind.
fn code(text: &str) -> Option<String> {
    let text = text.trim().trim_start_matches("sku:").trim();
    let word = text.split_whitespace().next()?;
    let fits = word == text || word.bytes().any(|it| it.is_ascii_digit());
    fits.then(|| word.to_owned())
}

/// An article number of the right length whose check digit is right.
fn gtin(text: &str) -> Option<String> {
    let plain: String = text.chars().filter(|it| !matches!(it, '-' | ' ')).collect();
    let digits: Option<Vec<u32>> = plain.chars().map(|it| it.to_digit(10)).collect();
    let digits = digits.filter(|it| matches!(it.len(), 8 | 12 | 13 | 14))?;
    // From the right, every second digit counts three times.
    let sum: u32 = digits.iter().rev().zip([1, 3].iter().cycle()).map(|it| it.0 * it.1).sum();
    (sum.is_multiple_of(10) && sum > 0).then_some(plain)
}

/// Offers in offers, laid flat, those that say a price first.
fn offers_of<'v>(facts: &'v Facts, value: &'v Value, into: &mut Vec<&'v Value>, depth: usize) {
    if depth > 4 || into.len() > 50 {
        return;
    }
    match facts.graph.resolve(value) {
        Value::Array(all) => all.iter().for_each(|it| offers_of(facts, it, into, depth + 1)),
        offer @ Value::Object(of) => {
            into.push(offer);
            if let Some(inner) = of.get("offers") {
                offers_of(facts, inner, into, depth + 1);
            }
        }
        _ => {}
    }
}

fn from_offer(fields: &mut Fields, source: Source, of: &Value, prices: &mut Vec<Field>) {
    let get = |name: &str| of.get(name).filter(|it| !it.is_null());
    let mut price = |it: Option<&Value>, path: &str| {
        let number = it.and_then(first).and_then(number).filter(|it| *it > 0.0);
        prices.extend(number.map(|it| Field { value: decimal(it), source, path: path.to_owned() }));
    };
    let mut offer = |name, key: &str, value: Option<Value>| fields.offer(name, source, key, value);
    price(get("price"), "offers.price");
    if let Some(specified) = get("priceSpecification").and_then(first) {
        price(specified.get("price"), "offers.priceSpecification.price");
        offer(
            "currency",
            "offers.priceSpecification.priceCurrency",
            specified.get("priceCurrency").and_then(text).map(Value::from),
        );
    }
    price(get("lowPrice"), "offers.lowPrice");
    offer("currency", "offers.priceCurrency", get("priceCurrency").and_then(text).map(Value::from));
    let word = get("availability").and_then(text).and_then(|it| availability(&it));
    offer("availability", "offers.availability", word.map(Value::from));
    offer("sku", "offers.sku", get("sku").and_then(text).and_then(|it| code(&it)).map(Value::from));
    for key in GTINS {
        let said = get(key).and_then(text).and_then(|it| gtin(&it));
        offer("gtin", "offers.gtin", said.map(Value::from));
    }
}

fn from_meta(fields: &mut Fields, facts: &Facts, prices: &mut Vec<Field>) {
    let price = |it: &str| number(&Value::from(it)).filter(|it| *it > 0.0).map(decimal);
    let mut take = |name, source, list: &std::collections::BTreeMap<String, String>, key: &str| {
        let Some(said) = list.get(key).filter(|it| !it.is_empty()) else { return };
        let value = match name {
            "price" => {
                let value = price(said);
                let path = key.to_owned();
                return prices.extend(value.map(|value| Field { value, source, path }));
            }
            "availability" => availability(said).map(Value::from),
            "brand" => named(said).map(Value::from),
            "gtin" => gtin(said).map(Value::from),
            _ => Some(said.as_str().into()),
        };
        fields.offer(name, source, key, value);
    };
    for (name, key) in [
        ("price", "product:price:amount"),
        ("price", "product:sale_price:amount"),
        ("currency", "product:price:currency"),
        ("availability", "product:availability"),
        ("brand", "product:brand"),
        ("sku", "product:retailer_item_id"),
        ("gtin", "product:gtin"),
        ("gtin", "product:ean"),
    ] {
        take(name, Source::OpenGraph, &facts.meta, key);
    }
    for (name, key) in [
        ("price", "price:amount"),
        ("price", "price"),
        ("currency", "price:currency"),
        ("availability", "availability"),
        ("brand", "brand"),
        ("name", "title"),
        ("description", "description"),
    ] {
        take(name, Source::OpenGraph, &facts.opengraph, key);
    }
    for (name, key) in [
        ("price", "price"),
        ("currency", "pricecurrency"),
        ("availability", "availability"),
        ("sku", "sku"),
        ("brand", "brand"),
        ("gtin", "gtin13"),
    ] {
        take(name, Source::Meta, &facts.meta, key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_article_number_has_a_length_and_a_check_digit() {
        for right in ["4006381333931", "4 006381 333931", "73513537", "036000291452"] {
            assert!(gtin(right).is_some(), "{right}");
        }
        for wrong in ["4006381333932", "123", "40063813339310", "0000000000000", "n/a", ""] {
            assert_eq!(gtin(wrong), None, "{wrong}");
        }
    }
}
