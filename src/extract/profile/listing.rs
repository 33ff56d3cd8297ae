//! A page that lists other things: a shop's front page, a directory.

use serde_json::{Map, Value};

use crate::extract::address::Base;
use crate::extract::data::{Facts, has_type};
use crate::extract::doc::Doc;
use crate::extract::layout::Layout;
use crate::extract::profile::common::{first, place, text};
use crate::extract::profile::listed::lists;
use crate::extract::profile::money::decimal;
use crate::extract::profile::{Fields, Source};
use crate::extract::schema::number;

/// Things kept of a page.
const MAX_THINGS: usize = 200;
/// What is listed where there is no list of it.
const THINGS: [&str; 8] =
    ["Product", "LocalBusiness", "Organization", "Place", "Restaurant", "Hotel", "Store", "Person"];

pub(super) fn fields((doc, layout): (&Doc<'_>, &Layout), facts: &Facts, base: &Base) -> Fields {
    let mut fields = Fields::default();
    for (source, list) in facts.items().filter(|it| has_type(it.1, "ItemList")) {
        let Some(all) = list.get("itemListElement").and_then(Value::as_array) else { continue };
        let all = all.iter().filter_map(|it| thing(facts, base, it)).take(MAX_THINGS);
        fields.offer("items", source, "itemListElement", Some(all.collect()));
    }
    let things = facts.items().filter(|it| THINGS.iter().any(|kind| has_type(it.1, kind)));
    let things: Vec<(Source, Value)> =
        things.filter_map(|it| Some((it.0, thing(facts, base, it.1)?))).take(MAX_THINGS).collect();
    if let Some(source) = things.first().map(|it| it.0).filter(|_| things.len() > 1) {
        let all: Vec<Value> = things.into_iter().map(|it| it.1).collect();
        fields.offer("items", source, "items", Some(all.into()));
    }
    if !fields.has("items") {
        let shown = lists(doc, layout, base).into_iter().next();
        fields.offer("items", Source::Dom, "list", shown.map(Value::from));
    }
    for (field, value) in [("title", &facts.title), ("description", &facts.description)] {
        fields.offer(field, Source::Meta, field, value.clone().map(Value::from));
    }
    fields
}

/// What a list says of one of its things; nothing of one without a name.
fn thing(facts: &Facts, base: &Base, listed: &Value) -> Option<Value> {
    let listed = facts.graph.resolve(listed);
    let item = listed.get("item").map_or(listed, |it| facts.graph.resolve(it));
    let of = |name: &str| item.get(name).or_else(|| listed.get(name));
    let mut thing = Map::new();
    thing.insert("name".to_owned(), of("name").and_then(text)?.into());
    let address =
        of("url").or_else(|| of("@id")).and_then(text).or_else(|| item.as_str().map(str::to_owned));
    let offer = item.get("offers").and_then(first).map(|it| facts.graph.resolve(it));
    let price = offer.and_then(|it| it.get("price").or_else(|| it.get("lowPrice")));
    for (field, value) in [
        ("url", address.and_then(|it| base.absolute(&it)).map(Value::from)),
        ("price", price.and_then(number).map(decimal)),
        ("currency", offer.and_then(|it| text(it.get("priceCurrency")?)).map(Value::from)),
        ("address", item.get("address").and_then(|it| place(facts, it)).map(Value::from)),
        ("telephone", item.get("telephone").and_then(text).map(Value::from)),
    ] {
        if let Some(value) = value {
            thing.insert(field.to_owned(), value);
        }
    }
    Some(Value::Object(thing))
}
