//! Reads tables of values: each row is a thing, whose fields are named by the columns.

use serde_json::{Map, Value};

use super::MAX_THINGS;
use crate::extract::dom::address::Base;
use crate::extract::dom::doc::{Doc, Id};
use crate::extract::dom::tag::Tag;
use crate::extract::main_content::{Boilerplate, BoilerplateMap};

/// Columns read of a table.
const MAX_COLUMNS: usize = 50;
/// Tables read of a page.
const MAX_TABLES: usize = 20;

/// Returns the rows of each table whose columns have names.
pub(super) fn find(doc: &Doc<'_>, boilerplate: &BoilerplateMap, base: &Base) -> Vec<Vec<Value>> {
    let mut lists = Vec::new();
    let mut id = doc.body();
    while id < doc.end(doc.body()) && lists.len() < MAX_TABLES {
        let node = doc.node(id);
        if node.hidden || boilerplate.of_node(id) == Boilerplate::Certain {
            id = node.end;
            continue;
        }
        if node.tag == Tag::Table && !node.has_table {
            lists.extend(rows(doc, base, id));
            id = node.end;
            continue;
        }
        id += 1;
    }
    lists
}

/// Reads the rows of a table. Returns `None` if its first row names no columns or has cells that span
/// several.
fn rows(doc: &Doc<'_>, base: &Base, table: Id) -> Option<Vec<Value>> {
    let is_row = |it: &Id| doc.tag(*it) == Tag::Tr && !doc.node(*it).hidden;
    let mut rows = (table..doc.end(table)).filter(is_row);
    let head = cells(doc, rows.next()?);
    if head.len() < 2 || head.iter().any(|it| doc.tag(*it) != Tag::Th || spans(doc, *it)) {
        return None;
    }
    let names: Vec<String> = head.iter().map(|it| doc.folded_text(*it)).collect();
    let mut things = Vec::new();
    for row in rows.take(MAX_THINGS) {
        let cells = cells(doc, row);
        if cells.len() != names.len() || cells.iter().any(|it| spans(doc, *it)) {
            continue;
        }
        let mut thing = Map::new();
        for (name, cell) in names.iter().zip(cells).filter(|it| !it.0.is_empty()) {
            let link = (cell..doc.end(cell)).find(|it| doc.tag(*it) == Tag::A);
            let address = link.and_then(|it| base.absolute(doc.attr(it, "href")?));
            if let Some(address) = address {
                thing.entry("url").or_insert(address.into());
            }
            thing.insert(name.clone(), doc.folded_text(cell).into());
        }
        things.push(Value::Object(thing));
    }
    (!things.is_empty()).then_some(things)
}

fn cells(doc: &Doc<'_>, row: Id) -> Vec<Id> {
    let cells = doc.children(row).filter(|it| matches!(doc.tag(*it), Tag::Td | Tag::Th));
    cells.take(MAX_COLUMNS).collect()
}

fn spans(doc: &Doc<'_>, cell: Id) -> bool {
    doc.attr(cell, "colspan").is_some_and(|it| it.trim() != "1")
}
