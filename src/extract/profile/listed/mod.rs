//! What a page lists in one form again and again where no data says so: the goods of a shop, the entries
//! of a directory, the rows of a table.

mod card;
mod groups;
mod rows;

use serde_json::{Map, Value};

use crate::extract::address::Base;
use crate::extract::doc::Doc;
use crate::extract::layout::Layout;

/// Things kept of a list.
const MAX_THINGS: usize = 500;
/// Lists kept of a page.
const MAX_LISTS: usize = 10;

/// The lists on a page, each of objects with fields by name. Things in one form stand first, the list
/// that says the most of them at its head, then tables.
pub(in crate::extract) fn lists(doc: &Doc<'_>, layout: &Layout, base: &Base) -> Vec<Vec<Value>> {
    let mut lists = groups::lists(doc, layout, base);
    lists.truncate(MAX_LISTS);
    lists.extend(rows::lists(doc, layout, base));
    lists.truncate(2 * MAX_LISTS);
    lists
}

/// Fields without those that are not said.
fn said<const N: usize>(fields: [(&str, Option<Value>); N]) -> Value {
    let said = fields.into_iter().filter_map(|(name, it)| Some((name.to_owned(), it?)));
    Value::Object(said.collect::<Map<_, _>>())
}
