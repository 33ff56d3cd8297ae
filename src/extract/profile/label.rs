//! Pairs of a label and a value as a page shows them: in a row, a list of terms, or one line.

use crate::extract::doc::{Doc, Id};
use crate::extract::tag::Tag;

/// Bytes of a text that may be a label, with its value.
const LONGEST: usize = 120;
/// Texts behind a label that may be its value.
const NEAR: usize = 3;

/// The short texts of a page, in order.
#[derive(Debug)]
pub(super) struct Labels<'d, 'a> {
    doc: &'d Doc<'a>,
    texts: Vec<Short<'a>>,
}

#[derive(Debug)]
struct Short<'a> {
    at: Id,
    text: &'a str,
    lower: String,
}

impl<'d, 'a> Labels<'d, 'a> {
    pub(super) fn of(doc: &'d Doc<'a>) -> Self {
        let spoken = |it: Id| {
            let parent = doc.tag(doc.node(it).parent);
            !matches!(
                parent,
                Tag::Script | Tag::Style | Tag::Noscript | Tag::Template | Tag::Option
            )
        };
        let texts = (0..doc.len()).filter_map(|it| Some((it, doc.text(it)?.trim())));
        let short = texts.filter(|it| (1..=LONGEST).contains(&it.1.len()) && spoken(it.0));
        let parts = short.flat_map(|(at, text)| {
            let parts = text.split(['|', '•', '·']).map(str::trim).filter(|it| !it.is_empty());
            parts.map(move |text| Short { at, text, lower: text.to_lowercase() })
        });
        Self { doc, texts: parts.collect() }
    }

    /// What stands behind the first label that fits, if `fits` says that it is a value.
    pub(super) fn value(
        &self,
        labels: &[&str],
        fits: fn(&str) -> Option<String>,
    ) -> Option<String> {
        self.texts.iter().enumerate().find_map(|(at, Short { text, lower, .. })| {
            let label = labels.iter().find(|it| lower.starts_with(**it))?;
            // Lower case may have another length, but not before the end of what is a label.
            let rest = text.get(label.len()..)?;
            if rest.starts_with(|it: char| it.is_alphanumeric() || matches!(it, '\'' | '’')) {
                return None;
            }
            let own = rest.trim_matches(|it: char| !it.is_alphanumeric());
            if !own.is_empty() {
                // Words that go on without a sign between are a sentence, unless they count something.
                let apart = rest.trim_start().starts_with([':', '-', '–', '#', '|', '.', '=']);
                let counts = own.bytes().any(|it| it.is_ascii_digit());
                return (apart || counts).then(|| fits(own)).flatten();
            }
            self.beside(at).and_then(fits)
        })
    }

    /// The text that a label belongs to: the next one, or the one before where only that is in the same
    /// part of the page.
    fn beside(&self, at: usize) -> Option<&'a str> {
        let speaks = |it: &&Short<'_>| it.text.chars().any(char::is_alphanumeric);
        let label = self.texts.get(at)?;
        let next = self.texts.iter().skip(at + 1).take(NEAR).find(speaks);
        let before = self.texts.iter().take(at).rev().take(NEAR).find(speaks);
        let part =
            self.doc.around(label.at).find(|it| self.doc.node(*it).text > label.text.len() + 1);
        let inside =
            |it: &Short<'_>| part.is_some_and(|part| (part..self.doc.end(part)).contains(&it.at));
        match (next, before) {
            (Some(next), Some(before)) if !inside(next) && inside(before) => Some(before.text),
            (next, _) => next.map(|it| it.text),
        }
    }

    /// The first text whose lower case fits.
    pub(super) fn find(&self, fits: fn(&str) -> bool) -> Option<&'a str> {
        self.texts.iter().find(|it| fits(&it.lower)).map(|it| it.text)
    }

    /// The first of these words that a text says and little else: one in a sentence may be of another
    /// thing.
    pub(super) fn says<T: Copy>(&self, words: &[(&str, T)]) -> Option<T> {
        const PICTURES: [&str; 5] = ["image", "photo", "foto", "bild", "immagine"];
        let leads = |lower: &str, word: &str| {
            lower.starts_with(word)
                || (lower.len() <= word.len() * 2
                    && lower.contains(word)
                    && !PICTURES.iter().any(|it| lower.contains(it)))
        };
        let word = |it: &Short<'_>| words.iter().find(|word| leads(&it.lower, word.0));
        self.texts.iter().find_map(word).map(|it| it.1)
    }
}
