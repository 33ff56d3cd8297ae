//! Finds the collections of a page that its data does not list: the goods of a shop, the entries of a
//! directory, the rows of a table.

mod card;
mod cards;
mod tables;

use serde_json::{Map, Value};

use crate::extract::dom::address::Base;
use crate::extract::dom::doc::Doc;
use crate::extract::main_content::BoilerplateMap;

/// Things kept of a collection.
const MAX_THINGS: usize = 500;
/// Collections kept of a page.
const MAX_LISTS: usize = 10;

/// Returns the collections of a page as lists of objects. Repeated elements come first, then tables.
pub(crate) fn find(doc: &Doc<'_>, boilerplate: &BoilerplateMap, base: &Base) -> Vec<Vec<Value>> {
    let mut lists = cards(doc, boilerplate, base);
    lists.extend(tables(doc, boilerplate, base));
    lists.truncate(2 * MAX_LISTS);
    lists
}

/// Names of the fields that a thing of repeated elements may have.
pub(crate) const CARD_FIELDS: [&str; 7] =
    ["name", "url", "image", "price", "currency", "date", "description"];

/// Returns the collections of repeated elements of a page as lists of objects, the one with the most values first.
pub(crate) fn cards(doc: &Doc<'_>, boilerplate: &BoilerplateMap, base: &Base) -> Vec<Vec<Value>> {
    let mut lists = cards::find(doc, boilerplate, base);
    lists.truncate(MAX_LISTS);
    lists
}

/// Returns the tables of a page whose columns have names as lists of objects.
pub(crate) fn tables(doc: &Doc<'_>, boilerplate: &BoilerplateMap, base: &Base) -> Vec<Vec<Value>> {
    let mut lists = tables::find(doc, boilerplate, base);
    lists.truncate(2 * MAX_LISTS);
    lists
}

/// Builds an object of the fields that have a value.
fn present<const N: usize>(fields: [(&str, Option<Value>); N]) -> Value {
    let present = fields.into_iter().filter_map(|(name, it)| Some((name.to_owned(), it?)));
    Value::Object(present.collect::<Map<_, _>>())
}
