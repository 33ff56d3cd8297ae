//! The profiles of pages that list things: a shop's front page, a directory.

use serde_json::{Map, Value};

use crate::extract::collections;
use crate::extract::data::facts::Facts;
use crate::extract::data::property::{PropertyContext, first, place, text};
use crate::extract::data::schema_org::has_type;
use crate::extract::dom::doc::Doc;
use crate::extract::main_content::BoilerplateMap;
use crate::extract::value::number::{decimal, number};
use crate::extract::value::provenance::{Fields, Source};

/// Things kept of a page.
const MAX_THINGS: usize = 200;
/// Types of things that make a list where the data has no `ItemList`.
const LISTED_TYPES: [&str; 8] =
    ["Product", "LocalBusiness", "Organization", "Place", "Restaurant", "Hotel", "Store", "Person"];

/// Fills the fields of a catalog. `visible` is the page as its reader sees it.
pub(super) fn fields(
    (visible, boilerplate): (&Doc<'_>, &BoilerplateMap),
    facts: &Facts,
    context: PropertyContext<'_>,
) -> Fields {
    let mut fields = Fields::default();
    let declared = &facts.declared;
    for (source, list) in declared.items().filter(|it| has_type(it.1, "ItemList")) {
        let Some(all) = list.get("itemListElement").and_then(Value::as_array) else { continue };
        let all = all.iter().filter_map(|it| thing(it, context)).take(MAX_THINGS);
        fields.offer("items", source, "itemListElement", Some(all.collect()));
    }
    let is_listed = |item: &Value| LISTED_TYPES.iter().any(|it| has_type(item, it));
    let things = declared.items().filter(|it| is_listed(it.1));
    let things = things.filter_map(|(source, item)| Some((source, thing(item, context)?)));
    let things: Vec<(Source, Value)> = things.take(MAX_THINGS).collect();
    if let Some(source) = things.first().map(|it| it.0).filter(|_| things.len() > 1) {
        let all: Vec<Value> = things.into_iter().map(|it| it.1).collect();
        fields.offer("items", source, "items", Some(all.into()));
    }
    if !fields.has("items") {
        let all = collections::find(visible, boilerplate, context.base);
        let first = all.into_iter().next();
        fields.offer("items", Source::Dom, "list", first.map(Value::from));
    }
    fields.offer_text("title", Source::Meta, facts.title.as_deref());
    fields.offer_text("description", Source::Meta, facts.description.as_deref());
    fields
}

/// Reads one thing of a list. A thing without a name is ignored.
fn thing(entry: &Value, context: PropertyContext<'_>) -> Option<Value> {
    let graph = context.graph;
    let entry = graph.resolve(entry);
    let item = entry.get("item").map_or(entry, |it| graph.resolve(it));
    let of = |name: &str| item.get(name).or_else(|| entry.get(name));
    let name = of("name").and_then(text)?;
    let address = of("url").or_else(|| of("@id")).and_then(text);
    let address = address.or_else(|| item.as_str().map(str::to_owned));
    let offer = item.get("offers").and_then(first).map(|it| graph.resolve(it));
    let price = offer.and_then(|it| it.get("price").or_else(|| it.get("lowPrice")));
    let values = [
        ("name", Some(name.into())),
        ("url", address.and_then(|it| context.base.absolute(&it)).map(Value::from)),
        ("price", price.and_then(number).map(decimal)),
        ("currency", offer.and_then(|it| text(it.get("priceCurrency")?)).map(Value::from)),
        ("address", item.get("address").and_then(|it| place(it, graph)).map(Value::from)),
        ("telephone", item.get("telephone").and_then(text).map(Value::from)),
    ];
    let present = values.into_iter().filter_map(|(field, it)| Some((field.to_owned(), it?)));
    Some(Value::Object(present.collect::<Map<_, _>>()))
}
