//! Reads microdata and RDFa Lite, which differ only in their attributes.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use crate::extract::data::MAX_ITEMS;
use crate::extract::dom::address::Base;
use crate::extract::dom::doc::{Doc, Id};
use crate::extract::dom::tag::Tag;

/// Items in items.
const MAX_INNER: usize = 8;
/// Bytes of text kept in all items: properties in properties hold the same text again.
const MAX_TEXT: usize = 2_097_152;
/// Reads of a node on average, by itself and where items refer to it: references to references multiply.
const MAX_LOOKS: usize = 16;

/// The attributes that mark items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vocabulary {
    /// `itemscope`, `itemtype`, `itemprop`, `itemid`, `itemref`.
    Microdata,
    /// `typeof`, `property`, `resource`.
    Rdfa,
}

/// Returns every item of a page that is not part of another.
pub(crate) fn items(doc: &Doc<'_>, base: &Base, by: Vocabulary) -> Vec<Value> {
    let mut reader =
        ItemReader { doc, base, by, left: MAX_TEXT, looks: doc.len() * MAX_LOOKS, ids: None };
    let tops = (0..doc.len()).filter(|it| reader.is_scope(*it) && !reader.is_property(*it));
    let tops: Vec<Id> = tops.take(MAX_ITEMS).collect();
    tops.into_iter().map(|it| reader.item(it, &mut vec![it])).collect()
}

/// Converts an item to the flat shape of JSON-LD: the last word of its type, and its properties beside
/// it.
pub(crate) fn flat(item: &Value) -> Value {
    let Some(of) = item.as_object() else { return item.clone() };
    let mut object = Map::new();
    let word = |it: &Value| {
        let name = it.as_str().unwrap_or_default().trim_end_matches('/');
        json!(name.rsplit(['/', '#', ':']).next().unwrap_or_default())
    };
    match of.get("type") {
        Some(Value::Array(all)) => {
            object.insert("@type".to_owned(), all.iter().map(word).collect());
        }
        Some(one) => {
            object.insert("@type".to_owned(), word(one));
        }
        None => {}
    }
    if let Some(id) = of.get("id") {
        object.insert("@id".to_owned(), id.clone());
    }
    for (name, value) in of.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let value = match value {
            Value::Array(all) => all.iter().map(flat).collect(),
            one => flat(one),
        };
        object.insert(name.clone(), value);
    }
    Value::Object(object)
}

struct ItemReader<'d> {
    doc: &'d Doc<'d>,
    base: &'d Base,
    by: Vocabulary,
    /// Bytes of text that may still be kept.
    left: usize,
    /// Nodes that may still be read.
    looks: usize,
    /// Elements by id, found when the first `itemref` asks for one.
    ids: Option<HashMap<&'d str, Id>>,
}

impl ItemReader<'_> {
    fn is_scope(&self, id: Id) -> bool {
        let marks = self.doc.node(id).marks;
        if self.by == Vocabulary::Microdata { marks.scope } else { marks.rdfa_scope }
    }

    fn is_property(&self, id: Id) -> bool {
        let marks = self.doc.node(id).marks;
        if self.by == Vocabulary::Microdata { marks.property } else { marks.rdfa_property }
    }

    /// One item. `open` holds it and the items around it, so that no reference leads back into one.
    fn item(&mut self, scope: Id, open: &mut Vec<Id>) -> Value {
        let (kind, name) = match self.by {
            Vocabulary::Microdata => ("itemtype", "itemid"),
            Vocabulary::Rdfa => ("typeof", "resource"),
        };
        let mut object = Map::new();
        let kinds: Vec<&str> =
            self.doc.attr(scope, kind).unwrap_or_default().split_whitespace().collect();
        match kinds[..] {
            [] => {}
            [one] => {
                object.insert("type".to_owned(), json!(one));
            }
            _ => {
                object.insert("type".to_owned(), json!(kinds));
            }
        }
        if let Some(id) = self.doc.attr(scope, name) {
            let id = self.base.absolute(id).unwrap_or_else(|| id.to_owned());
            object.insert("id".to_owned(), json!(id));
        }
        let mut properties = Map::new();
        self.properties(scope + 1, self.doc.end(scope), &mut properties, open);
        let refs = (self.by == Vocabulary::Microdata)
            .then(|| self.doc.attr(scope, "itemref"))
            .flatten()
            .unwrap_or_default();
        let mut taken: Vec<&str> = Vec::new();
        for name in refs.split_whitespace().take(MAX_ITEMS) {
            if taken.contains(&name) {
                continue;
            }
            taken.push(name);
            let Some(id) = self.by_id(name) else { continue };
            // A reference to an independent item means its properties.
            let own = self.is_scope(id) && !self.is_property(id) && !open.contains(&id);
            let from = if own { id + 1 } else { id };
            self.properties(from, self.doc.end(id), &mut properties, open);
        }
        if properties.is_empty() {
            let text = self.text(scope);
            if !text.is_empty() {
                object.insert("value".to_owned(), text.into());
            }
        } else {
            object.insert("properties".to_owned(), Value::Object(properties));
        }
        Value::Object(object)
    }

    fn by_id(&mut self, name: &str) -> Option<Id> {
        let doc = self.doc;
        let ids = self.ids.get_or_insert_with(|| {
            let mut ids = HashMap::new();
            for id in 0..doc.len() {
                if let Some(name) = doc.attr(id, "id") {
                    ids.entry(name).or_insert(id);
                }
            }
            ids
        });
        ids.get(name).copied()
    }

    /// Reads the properties in a range of nodes, except those of inner items.
    fn properties(&mut self, from: Id, to: Id, into: &mut Map<String, Value>, open: &mut Vec<Id>) {
        let mut at = from;
        while at < to && self.looks > 0 {
            self.looks -= 1;
            let id = at;
            let inner = self.is_scope(id);
            at = if inner { self.doc.end(id) } else { id + 1 };
            if !self.is_property(id) || self.left == 0 {
                continue;
            }
            let value = if inner {
                if open.len() > MAX_INNER || open.contains(&id) {
                    continue;
                }
                open.push(id);
                let value = self.item(id, open);
                open.pop();
                value
            } else {
                self.property(id)
            };
            self.left = self.left.saturating_sub(value.as_str().map_or(0, str::len) + 1);
            let attribute = if self.by == Vocabulary::Microdata { "itemprop" } else { "property" };
            let names = self.doc.attr(id, attribute).unwrap_or_default();
            // Every name holds the value once more, so an item in items must not have many.
            for name in names.split_whitespace().take(if inner { 2 } else { 8 }) {
                let name = match self.by {
                    Vocabulary::Microdata => name,
                    Vocabulary::Rdfa => name.rsplit(['/', '#', ':']).next().unwrap_or(name),
                };
                match into.get_mut(name) {
                    None => {
                        into.insert(name.to_owned(), value.clone());
                    }
                    Some(Value::Array(all)) => all.push(value.clone()),
                    Some(one) => *one = json!([one.clone(), value.clone()]),
                }
            }
        }
    }

    fn property(&self, id: Id) -> Value {
        let doc = self.doc;
        if doc.tag(id) == Tag::Input && doc.attr(id, "content").is_none() {
            // The input of a site's search action.
            let required = doc.attr(id, "required").is_some();
            return json!({ "valueRequired": required, "valueName": doc.attr(id, "name") });
        }
        let plain = |name| doc.attr(id, name).map(str::to_owned);
        let address = |name| {
            let value = doc.attr(id, name)?;
            Some(self.base.absolute(value).unwrap_or_else(|| value.to_owned()))
        };
        let found = match doc.tag(id) {
            _ if self.by == Vocabulary::Rdfa && doc.attr(id, "content").is_some() => {
                plain("content")
            }
            Tag::A | Tag::Area | Tag::Link => address("href"),
            Tag::Audio
            | Tag::Embed
            | Tag::Iframe
            | Tag::Img
            | Tag::Source
            | Tag::Track
            | Tag::Video => address("src"),
            Tag::Object => address("data"),
            Tag::Data | Tag::Meter => plain("value"),
            Tag::Time => plain("datetime"),
            _ => None,
        };
        let found = found.or_else(|| plain("content"));
        found.map_or_else(|| self.text(id), |it| it.trim().to_owned()).into()
    }

    /// Returns the text of a property, hidden or not, without scripts.
    fn text(&self, id: Id) -> String {
        let silent = [Tag::Script, Tag::Style, Tag::Template, Tag::Noscript];
        self.doc.line(id, |it| silent.contains(&self.doc.tag(it)))
    }
}
