//! Elements that a class or an attribute names.

use crate::extract::dom::doc::Id;
use crate::extract::dom::tag::Tag;

use super::super::{Words, tokens};
use super::{LONGEST_VALUE, Pair, PairKind, PairReader};

/// Classes read of one element.
const MAX_CLASSES: usize = 6;
/// Bytes of a class that may name something.
const LONGEST_CLASS: usize = 60;
/// Words of such a class.
const MAX_WORDS: usize = 4;

impl PairReader<'_, '_, '_> {
    /// Reads the names that the attributes of an element give it.
    pub(super) fn named(&mut self, id: Id) {
        let node = self.index.doc.node(id);
        if node.text > LONGEST_VALUE
            || node.end - id > 200
            || matches!(node.tag, Tag::Body | Tag::Main | Tag::Table)
        {
            return;
        }
        if node.text == 0 && node.tag != Tag::Img {
            return;
        }
        for (name, value) in self.index.doc.attrs(id) {
            let is_name = matches!(
                name,
                "class"
                    | "id"
                    | "itemprop"
                    | "property"
                    | "rel"
                    | "data-testid"
                    | "data-field"
                    | "data-label"
            );
            if !is_name {
                continue;
            }
            if !self.classes.contains_key(value) {
                let labels = names(value)
                    .into_iter()
                    .filter_map(|(label, words)| self.label(&label, words, true));
                let labels = labels.collect();
                self.classes.insert(value, labels);
            }
            for label in self.classes.get(value).into_iter().flatten() {
                let value = id..node.end;
                self.out.push(Pair {
                    label: *label,
                    unit: None,
                    value,
                    text: None,
                    kind: PairKind::Named,
                });
            }
        }
    }
}

/// Returns the names in an attribute: each of its words, and the last part of a word of BEM.
fn names(value: &str) -> Vec<(String, Words)> {
    let mut found: Vec<(String, Words)> = Vec::new();
    for class in value.split_ascii_whitespace().take(MAX_CLASSES) {
        // Utilities such as `md:w-1/2` name nothing.
        if class.len() > LONGEST_CLASS || class.contains([':', '/', '[']) {
            continue;
        }
        let last = class.rsplit("__").next().unwrap_or(class);
        let last = last.split("--").next().unwrap_or(last);
        let words = Words::of_name(last);
        let count = tokens(last).len();
        if !words.is_empty() && count <= MAX_WORDS && !last.contains(|it: char| it.is_ascii_digit())
        {
            found.push((last.to_owned(), words));
        }
    }
    found
}
