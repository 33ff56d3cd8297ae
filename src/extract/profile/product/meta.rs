//! A product as `meta` elements and Open Graph describe it.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::extract::data::facts::Facts;
use crate::extract::value::availability::availability;
use crate::extract::value::number::{decimal, number};
use crate::extract::value::provenance::{Fields, Source, Sourced};

use super::codes;

/// Fields by the names of `meta` elements that belong to Open Graph.
const PRODUCT_OPENGRAPH: [(&str, &str); 8] = [
    ("price", "product:price:amount"),
    ("price", "product:sale_price:amount"),
    ("currency", "product:price:currency"),
    ("availability", "product:availability"),
    ("brand", "product:brand"),
    ("sku", "product:retailer_item_id"),
    ("gtin", "product:gtin"),
    ("gtin", "product:ean"),
];
/// Fields by the names of Open Graph properties, without `og:`.
const OPENGRAPH: [(&str, &str); 7] = [
    ("price", "price:amount"),
    ("price", "price"),
    ("currency", "price:currency"),
    ("availability", "availability"),
    ("brand", "brand"),
    ("name", "title"),
    ("description", "description"),
];
/// Fields by the names of other `meta` elements.
const META: [(&str, &str); 6] = [
    ("price", "price"),
    ("currency", "pricecurrency"),
    ("availability", "availability"),
    ("sku", "sku"),
    ("brand", "brand"),
    ("gtin", "gtin13"),
];

/// Fills fields from the metadata of a page and collects its prices.
pub(super) fn read(fields: &mut Fields, facts: &Facts, prices: &mut Vec<Sourced>) {
    let declared = &facts.declared;
    let mut take = |source, list: &BTreeMap<String, String>, field, key: &str| {
        let Some(content) = list.get(key).filter(|it| !it.is_empty()) else { return };
        let value = match field {
            "price" => {
                let amount = number(&Value::from(content.as_str())).filter(|it| *it > 0.0);
                let price = |it| Sourced { value: decimal(it), source, path: key.to_owned() };
                return prices.extend(amount.map(price));
            }
            "availability" => availability(content).map(Value::from),
            "brand" => codes::brand(content).map(Value::from),
            "gtin" => codes::gtin(content).map(Value::from),
            _ => Some(content.as_str().into()),
        };
        fields.offer(field, source, key, value);
    };
    for (field, key) in PRODUCT_OPENGRAPH {
        take(Source::OpenGraph, &declared.meta, field, key);
    }
    for (field, key) in OPENGRAPH {
        take(Source::OpenGraph, &declared.opengraph, field, key);
    }
    for (field, key) in META {
        take(Source::Meta, &declared.meta, field, key);
    }
}
