//! A product as an item of structured data describes it, with its offers and variants.

use serde_json::{Value, json};

use crate::extract::data::json_ld::Graph;
use crate::extract::data::property::{
    Property, PropertyContext, as_images, as_text, first, name, property, read_properties, several,
    text,
};
use crate::extract::value::availability::availability;
use crate::extract::value::money;
use crate::extract::value::number::{decimal, number, whole};
use crate::extract::value::provenance::{Fields, Source, Sourced};

use super::codes;

/// Offers inside offers that are read, and offers in all.
const MAX_DEPTH: usize = 4;
const MAX_OFFERS: usize = 50;

/// Properties that go before those of the offers.
const PROPERTIES: [Property; 15] = [
    property("name", "name", as_product_name),
    property("description", "description", as_text),
    property("brand", "brand", as_brand),
    property("brand", "manufacturer", as_brand),
    property("gtin", "gtin13", as_gtin),
    property("gtin", "gtin", as_gtin),
    property("gtin", "gtin14", as_gtin),
    property("gtin", "gtin12", as_gtin),
    property("gtin", "gtin8", as_gtin),
    property("gtin", "isbn", as_gtin),
    property("gtin", "productGTIN", as_gtin),
    property("gtin", "ean", as_gtin),
    property("rating", "aggregateRating", as_rating).at("aggregateRating.ratingValue"),
    property("review_count", "aggregateRating", as_review_count).at("aggregateRating.reviewCount"),
    property("images", "image", as_images),
];

/// Properties of each offer.
const OFFER: [Property; 11] = [
    property("currency", "priceCurrency", as_text).at("offers.priceCurrency"),
    property("availability", "availability", as_availability).at("offers.availability"),
    property("sku", "sku", as_sku).at("offers.sku"),
    property("gtin", "gtin13", as_gtin).at("offers.gtin"),
    property("gtin", "gtin", as_gtin).at("offers.gtin"),
    property("gtin", "gtin14", as_gtin).at("offers.gtin"),
    property("gtin", "gtin12", as_gtin).at("offers.gtin"),
    property("gtin", "gtin8", as_gtin).at("offers.gtin"),
    property("gtin", "isbn", as_gtin).at("offers.gtin"),
    property("gtin", "productGTIN", as_gtin).at("offers.gtin"),
    property("gtin", "ean", as_gtin).at("offers.gtin"),
];

/// Properties that an offer may know better, because a product has one for each of its variants.
const AFTER_OFFERS: [Property; 3] = [
    property("sku", "sku", as_sku),
    property("sku", "productID", as_sku),
    property("mpn", "mpn", as_text),
];

/// Fills fields from an item and collects its prices, in the order of the data.
pub(super) fn read(
    fields: &mut Fields,
    source: Source,
    item: &Value,
    context: PropertyContext<'_>,
    prices: &mut Vec<Sourced>,
) {
    read_properties(fields, source, item, &PROPERTIES, context);
    let offers = offers(item, context.graph);
    // A product is available if one of its offers is.
    if offers.iter().any(|it| is_in_stock(it)) {
        fields.put("availability", source, "offers.availability", "InStock".into());
    }
    for offer in offers {
        read_offer(fields, source, offer, context, prices);
    }
    read_properties(fields, source, item, &AFTER_OFFERS, context);
}

fn as_product_name(value: &Value, _: PropertyContext<'_>) -> Option<Value> {
    several(value).iter().filter_map(text).find(|it| codes::is_name(it)).map(Value::from)
}

fn as_brand(value: &Value, context: PropertyContext<'_>) -> Option<Value> {
    name(value, context.graph).and_then(|it| codes::brand(&it)).map(Value::from)
}

fn as_gtin(value: &Value, _: PropertyContext<'_>) -> Option<Value> {
    text(value).and_then(|it| codes::gtin(&it)).map(Value::from)
}

fn as_sku(value: &Value, _: PropertyContext<'_>) -> Option<Value> {
    text(value).and_then(|it| codes::sku(&it)).map(Value::from)
}

fn as_availability(value: &Value, _: PropertyContext<'_>) -> Option<Value> {
    text(value).and_then(|it| availability(&it)).map(Value::from)
}

fn as_rating(value: &Value, _: PropertyContext<'_>) -> Option<Value> {
    first(value)?.get("ratingValue").and_then(number).map(|it| json!(it))
}

fn as_review_count(value: &Value, _: PropertyContext<'_>) -> Option<Value> {
    let rating = first(value)?;
    rating.get("reviewCount").or_else(|| rating.get("ratingCount")).and_then(whole)
}

fn is_in_stock(offer: &Value) -> bool {
    offer.get("availability").and_then(text).and_then(|it| availability(&it)) == Some("InStock")
}

/// Returns the offers of an item and of its variants.
fn offers<'v>(item: &'v Value, graph: &'v Graph) -> Vec<&'v Value> {
    let mut all = Vec::new();
    if let Some(offers) = item.get("offers") {
        collect_offers(offers, graph, &mut all, 0);
    }
    let variants = item.get("hasVariant").filter(|it| it.is_array() || it.is_object());
    for variant in variants.map(several).unwrap_or_default() {
        if let Some(offers) = graph.resolve(variant).get("offers") {
            collect_offers(offers, graph, &mut all, 0);
        }
    }
    all
}

/// Adds an offer and those inside it.
fn collect_offers<'v>(value: &'v Value, graph: &'v Graph, into: &mut Vec<&'v Value>, depth: usize) {
    if depth > MAX_DEPTH || into.len() > MAX_OFFERS {
        return;
    }
    match graph.resolve(value) {
        Value::Array(all) => all.iter().for_each(|it| collect_offers(it, graph, into, depth + 1)),
        offer @ Value::Object(of) => {
            into.push(offer);
            if let Some(inner) = of.get("offers") {
                collect_offers(inner, graph, into, depth + 1);
            }
        }
        _ => {}
    }
}

fn read_offer(
    fields: &mut Fields,
    source: Source,
    offer: &Value,
    context: PropertyContext<'_>,
    prices: &mut Vec<Sourced>,
) {
    let specification = offer.get("priceSpecification").and_then(first);
    let mut add = |value: Option<&Value>, path: &str| {
        let amount = value.and_then(first).and_then(price_of).filter(|it| *it > 0.0);
        let price = |it| Sourced { value: decimal(it), source, path: path.to_owned() };
        prices.extend(amount.map(price));
    };
    add(offer.get("price"), "offers.price");
    add(specification.and_then(|it| it.get("price")), "offers.priceSpecification.price");
    add(offer.get("lowPrice"), "offers.lowPrice");
    let currency = specification.and_then(|it| it.get("priceCurrency")).and_then(text);
    let path = "offers.priceSpecification.priceCurrency";
    fields.offer("currency", source, path, currency.map(Value::from));
    read_properties(fields, source, offer, &OFFER, context);
}

/// Reads a price. Beside a currency it is written for people, otherwise for programs.
fn price_of(value: &Value) -> Option<f64> {
    let beside = value.as_str().and_then(money::priced).map(|it| it.amount);
    beside.or_else(|| number(value)).or_else(|| Some(money::money(value.as_str()?)?.amount))
}
