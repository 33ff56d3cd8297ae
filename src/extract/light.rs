//! The data that a page ships for its own scripts, read without running them.

use scraper::Html;
use serde_json::Value;

use crate::extract::doc::{Doc, folded};
use crate::extract::tag::Tag;
use crate::extract::{MAX_DEPTH, bound, data};

/// Below this many bytes a text is a label and no content.
const SENTENCE: usize = 60;
/// Below this many bytes in all there is nothing to read.
const ENOUGH: usize = 200;
/// Texts kept of a page.
const MAX_TEXTS: usize = 500;

/// What was found.
#[derive(Debug)]
pub(super) struct Shipped {
    pub(super) title: Option<String>,
    pub(super) text: String,
}

/// The texts in the page's embedded state, if there is enough of them.
pub(super) fn shipped(doc: &Doc<'_>) -> Option<Shipped> {
    let mut found = Shipped { title: None, text: String::new() };
    let mut texts: Vec<String> = Vec::new();
    for id in (0..doc.len()).filter(|it| doc.tag(*it) == Tag::Script) {
        let source = doc.source_text(id);
        let media = doc.attr(id, "type").unwrap_or_default().to_ascii_lowercase();
        let state = if media.ends_with("json") {
            data::parse_loosely(&source)
        } else {
            assigned(&source).unwrap_or(Value::Null)
        };
        gather(&state, &mut found.title, &mut texts);
    }
    for id in (0..doc.len()).filter(|it| doc.tag(*it) == Tag::Noscript) {
        // The parser keeps what is in it as text.
        let text = text_of(&doc.source_text(id));
        if text.len() >= ENOUGH {
            texts.push(text);
        }
    }
    found.text = texts.join("\n\n");
    (found.text.len() >= ENOUGH).then_some(found)
}

/// The markup that a page has for readers without scripts; the parser keeps it as text.
pub(super) fn without_scripts(doc: &Doc<'_>) -> String {
    let all = (0..doc.len()).filter(|it| doc.tag(*it) == Tag::Noscript);
    all.map(|it| doc.source_text(it)).collect()
}

/// The words of a piece of HTML.
pub(super) fn text_of(source: &str) -> String {
    let bounded = bound::bounded(source, &mut Vec::new());
    let tree = Html::parse_fragment(&bounded);
    Doc::of(&tree, MAX_DEPTH).map(|it| it.folded_text(0)).unwrap_or_default()
}

/// The JSON that a script assigns to a global, as in `window.__STATE__ = {...};`.
fn assigned(source: &str) -> Option<Value> {
    let at = source.find("={").or_else(|| source.find("= {"))?;
    let begin = at + source.get(at..)?.find('{')?;
    let mut values = serde_json::Deserializer::from_str(source.get(begin..)?).into_iter();
    values.next()?.ok()
}

/// Collects sentences, in the order of the data; markup inside them is taken off.
fn gather(value: &Value, title: &mut Option<String>, texts: &mut Vec<String>) {
    let mut waiting = vec![value];
    while let Some(value) = waiting.pop() {
        match value {
            Value::String(_) if texts.len() >= MAX_TEXTS => return,
            Value::String(text) if text.len() >= SENTENCE && text.contains(' ') => {
                let plain = if text.contains('<') { text_of(text) } else { folded(text) };
                if !texts.contains(&plain) {
                    texts.push(plain);
                }
            }
            Value::Array(all) => waiting.extend(all.iter().rev()),
            Value::Object(object) => {
                let named =
                    ["title", "headline", "name"].iter().find_map(|it| object.get(*it)?.as_str());
                if title.is_none() {
                    *title = named.map(folded).filter(|it| !it.is_empty());
                }
                waiting.extend(object.values().rev());
            }
            _ => {}
        }
    }
}
