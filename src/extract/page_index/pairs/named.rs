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

impl<'a> PairReader<'_, '_, 'a> {
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
            let place = match self.classes.get(value) {
                Some(place) => *place,
                None => self.read_classes(value),
            };
            let Some(labels) = self.class_labels.get(place) else { continue };
            for label in labels {
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

    /// Reads the names in an attribute: each of its words, and the last part of a word of BEM. Returns their place.
    fn read_classes(&mut self, value: &'a str) -> usize {
        let mut labels = Vec::new();
        for class in value.split_ascii_whitespace().take(MAX_CLASSES) {
            let label = if let Some(label) = self.class_names.get(class) {
                *label
            } else {
                let label = self.read_class(class);
                self.class_names.insert(class, label);
                label
            };
            labels.extend(label);
        }
        let place = self.class_labels.len();
        self.class_labels.push(labels);
        self.classes.insert(value, place);
        place
    }

    fn read_class(&mut self, class: &str) -> Option<usize> {
        // Utilities such as `md:w-1/2` name nothing.
        if class.len() > LONGEST_CLASS || class.contains([':', '/', '[']) {
            return None;
        }
        let last = class.rsplit("__").next().unwrap_or(class);
        let last = last.split("--").next().unwrap_or(last);
        if last.bytes().any(|it| it.is_ascii_digit()) {
            return None;
        }
        let words = Words::of_name(last);
        let is_long = words.count() > MAX_WORDS && tokens(last).len() > MAX_WORDS;
        if is_long { None } else { self.label(last, words, true) }
    }
}
