//! Something for sale: what it is, what it costs, and whether it can be had.

use serde_json::{Value, json};

use crate::core::request::Profile;
use crate::extract::data::{Facts, has_type};
use crate::extract::doc::Doc;
use crate::extract::profile::common::{first, name, text};
use crate::extract::profile::{Fields, Source};
use crate::extract::schema::number;

/// Names of an article number, by what it is called in structured data.
const GTINS: [&str; 8] =
    ["gtin13", "gtin", "gtin14", "gtin12", "gtin8", "isbn", "productGTIN", "ean"];

pub(super) fn fields(doc: &Doc<'_>, facts: &Facts) -> Fields {
    let mut fields = Fields::default();
    for (source, item) in best(facts) {
        from_item(&mut fields, facts, source, item);
    }
    from_meta(&mut fields, facts);
    crate::extract::profile::page::fill(&mut fields, doc, facts);
    fields
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
    let kinds = ["Product", "ProductGroup", "IndividualProduct", "ProductModel", "Car", "Vehicle"];
    let all = facts.items().filter(|it| kinds.iter().any(|kind| has_type(it.1, kind)));
    let mut found: Vec<(Source, &Value)> = all.filter(|it| same(it.1)).collect();
    found.insert(0, main);
    // One with an offer says what a shop's own page says.
    found.sort_by_key(|it| it.1.get("offers").is_none_or(Value::is_null));
    found.truncate(8);
    found
}

fn from_item(fields: &mut Fields, facts: &Facts, source: Source, item: &Value) {
    let get = |name: &str| item.get(name).filter(|it| !it.is_null());
    let mut offer = |name, key: &str, value: Option<Value>| fields.offer(name, source, key, value);
    offer("name", "name", get("name").and_then(text).map(Value::from));
    offer("description", "description", get("description").and_then(text).map(Value::from));
    for key in ["brand", "manufacturer"] {
        let brand = get(key).and_then(|it| name(facts, it)).filter(|it| is_name(it));
        offer("brand", key, brand.map(Value::from));
    }
    for key in GTINS {
        offer("gtin", key, get(key).and_then(text).map(Value::from));
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
    let images = get("image").map(|it| match it {
        Value::Array(all) => all.iter().filter_map(image).collect(),
        one => image(one).into_iter().collect::<Vec<_>>(),
    });
    offer("images", "image", images.map(Value::from));
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
    let word = |it: &&Value| it.get("availability").and_then(text).and_then(|it| availability(&it));
    if all.iter().filter_map(word).any(|it| it == "InStock") {
        fields.offer("availability", source, "offers.availability", Some("InStock".into()));
    }
    for one in &all {
        from_offer(fields, source, one);
    }
    let mut offer = |name, key: &str, value: Option<Value>| fields.offer(name, source, key, value);
    for key in ["sku", "productID"] {
        offer("sku", key, get(key).and_then(text).and_then(|it| code(&it)).map(Value::from));
    }
    offer("mpn", "mpn", get("mpn").and_then(text).map(Value::from));
}

/// Whether a text is a name and not an address or a place that was left to be filled.
fn is_name(text: &str) -> bool {
    text.contains(char::is_alphanumeric)
        && !text.starts_with(['$', '{', '['])
        && !text.starts_with("http")
}

/// A shop's number of a thing: one word, without what names its kind.
fn code(text: &str) -> Option<String> {
    let text = text.trim().trim_start_matches("sku:").trim();
    let word = text.split_whitespace().next()?;
    let fits = word == text || word.bytes().any(|it| it.is_ascii_digit());
    fits.then(|| word.to_owned())
}

fn image(value: &Value) -> Option<Value> {
    match value {
        Value::String(_) => Some(value.clone()),
        Value::Object(of) => of.get("contentUrl").or_else(|| of.get("url")).cloned(),
        _ => None,
    }
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

fn from_offer(fields: &mut Fields, source: Source, of: &Value) {
    let get = |name: &str| of.get(name).filter(|it| !it.is_null());
    let specified = get("priceSpecification").and_then(first);
    let price = |it: &Value, key: &str| {
        let number = it.get(key).and_then(first).and_then(number)?;
        (number > 0.0).then(|| decimal(number))
    };
    let mut offer = |name, key: &str, value: Option<Value>| fields.offer(name, source, key, value);
    offer("price", "offers.price", price(of, "price"));
    if let Some(specified) = specified {
        offer("price", "offers.priceSpecification.price", price(specified, "price"));
        offer(
            "currency",
            "offers.priceSpecification.priceCurrency",
            specified.get("priceCurrency").and_then(text).map(Value::from),
        );
    }
    offer("price", "offers.lowPrice", price(of, "lowPrice"));
    offer("currency", "offers.priceCurrency", get("priceCurrency").and_then(text).map(Value::from));
    let word = get("availability").and_then(text).and_then(|it| availability(&it));
    offer("availability", "offers.availability", word.map(Value::from));
    offer("sku", "offers.sku", get("sku").and_then(text).and_then(|it| code(&it)).map(Value::from));
    for key in GTINS {
        offer("gtin", "offers.gtin", get(key).and_then(text).map(Value::from));
    }
}

/// A price without a fraction as a whole number.
pub(super) fn decimal(number: f64) -> Value {
    let whole = format!("{number:.0}").parse::<i64>().ok().filter(|_| number.fract() == 0.0);
    whole.map_or_else(|| json!(number), Value::from)
}

/// The word of schema.org for what a page says of its stock.
pub(super) fn availability(said: &str) -> Option<&'static str> {
    let word = said.rsplit(['/', '#']).next().unwrap_or_default();
    let word: String =
        word.chars().filter(|it| it.is_alphabetic()).flat_map(char::to_lowercase).collect();
    Some(match word.as_str() {
        "instock" | "available" | "availablefororder" | "true" | "yes" => "InStock",
        "outofstock" | "oos" | "unavailable" | "notavailable" | "false" | "no" => "OutOfStock",
        "soldout" => "SoldOut",
        "preorder" => "PreOrder",
        "presale" => "PreSale",
        "backorder" | "backordered" => "BackOrder",
        "discontinued" => "Discontinued",
        "limitedavailability" | "lowstock" => "LimitedAvailability",
        "onlineonly" => "OnlineOnly",
        "instoreonly" => "InStoreOnly",
        _ => return None,
    })
}

fn from_meta(fields: &mut Fields, facts: &Facts) {
    let price = |it: &str| number(&Value::from(it)).filter(|it| *it > 0.0).map(decimal);
    let mut take = |name, source, list: &std::collections::BTreeMap<String, String>, key: &str| {
        let Some(said) = list.get(key).filter(|it| !it.is_empty()) else { return };
        let value = match name {
            "price" => price(said),
            "availability" => availability(said).map(Value::from),
            "brand" if !is_name(said) => None,
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
