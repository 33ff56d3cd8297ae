//! Pairs of a label and a value on a page: in a row, a list of terms, or one line.

use crate::extract::dom::doc::{Doc, Id};
use crate::extract::dom::tag::Tag;
use crate::extract::vocabulary::PICTURE_WORDS;

/// Bytes of a text that may be a label, with its value.
const LONGEST: usize = 120;
/// Texts behind a label among which its value is.
const NEAR: usize = 3;

/// The short texts of a page, in order.
#[derive(Debug)]
pub(crate) struct LabeledValues<'d, 'a> {
    doc: &'d Doc<'a>,
    texts: Vec<ShortText<'a>>,
}

#[derive(Debug)]
struct ShortText<'a> {
    at: Id,
    text: &'a str,
    lower: String,
}

impl<'d, 'a> LabeledValues<'d, 'a> {
    pub(crate) fn of(doc: &'d Doc<'a>) -> Self {
        let is_visible = |it: Id| {
            let parent = doc.tag(doc.node(it).parent);
            !matches!(
                parent,
                Tag::Script | Tag::Style | Tag::Noscript | Tag::Template | Tag::Option
            )
        };
        let texts = (0..doc.len()).filter_map(|it| Some((it, doc.text(it)?.trim())));
        let short = texts.filter(|it| (1..=LONGEST).contains(&it.1.len()) && is_visible(it.0));
        let parts = short.flat_map(|(at, text)| {
            let parts = text.split(['|', '•', '·']).map(str::trim).filter(|it| !it.is_empty());
            parts.map(move |text| ShortText { at, text, lower: text.to_lowercase() })
        });
        Self { doc, texts: parts.collect() }
    }

    /// Drops the texts inside elements of one tag.
    pub(crate) fn outside(mut self, tag: Tag) -> Self {
        let doc = self.doc;
        self.texts.retain(|it| !doc.around(it.at).any(|it| doc.tag(it) == tag));
        self
    }

    /// Returns the value behind the first label of a list, as `fits` reads it. The longest label that a
    /// text begins with counts.
    pub(crate) fn value(
        &self,
        labels: &[&str],
        fits: fn(&str) -> Option<String>,
    ) -> Option<String> {
        self.texts.iter().enumerate().find_map(|(at, ShortText { text, lower, .. })| {
            let fitting = labels.iter().filter(|it| lower.starts_with(**it));
            let label = fitting.max_by_key(|it| it.len())?;
            // Lower case may change the length of a text, but not within a label.
            let rest = text.get(label.len()..)?;
            if rest.starts_with(|it: char| it.is_alphanumeric() || matches!(it, '\'' | '’')) {
                return None;
            }
            let own = rest.trim_matches(|it: char| !it.is_alphanumeric());
            if !own.is_empty() {
                // Words without a separator are a sentence, unless they count something.
                let apart = rest.trim_start().starts_with([':', '-', '–', '#', '|', '.', '=']);
                let counts = own.bytes().any(|it| it.is_ascii_digit());
                return (apart || counts).then(|| fits(own)).flatten();
            }
            self.beside(at).and_then(fits)
        })
    }

    /// Returns the text beside a label: the next one, or the one before if only that is in the same
    /// element.
    fn beside(&self, at: usize) -> Option<&'a str> {
        let has_words = |it: &&ShortText<'_>| it.text.chars().any(char::is_alphanumeric);
        let label = self.texts.get(at)?;
        let next = self.texts.iter().skip(at + 1).take(NEAR).find(has_words);
        let before = self.texts.iter().take(at).rev().take(NEAR).find(has_words);
        let part =
            self.doc.around(label.at).find(|it| self.doc.node(*it).text > label.text.len() + 1);
        let inside = |it: &ShortText<'_>| {
            part.is_some_and(|part| (part..self.doc.end(part)).contains(&it.at))
        };
        match (next, before) {
            (Some(next), Some(before)) if !inside(next) && inside(before) => Some(before.text),
            (next, _) => next.map(|it| it.text),
        }
    }

    /// Returns the first text whose lower case fits.
    pub(crate) fn find(&self, fits: fn(&str) -> bool) -> Option<&'a str> {
        self.texts.iter().find(|it| fits(&it.lower)).map(|it| it.text)
    }

    /// Returns the value of the first text that is hardly more than one of some words. In a sentence a
    /// word may refer to something else.
    pub(crate) fn phrase_value<T: Copy>(&self, words: &[(&str, T)]) -> Option<T> {
        let leads = |lower: &str, word: &str| {
            lower.starts_with(word)
                || (lower.len() <= word.len() * 2
                    && lower.contains(word)
                    && !PICTURE_WORDS.iter().any(|it| lower.contains(it)))
        };
        let word = |it: &ShortText<'_>| words.iter().find(|word| leads(&it.lower, word.0));
        self.texts.iter().find_map(word).map(|it| it.1)
    }
}

#[cfg(test)]
mod tests {
    use scraper::Html;

    use super::*;

    #[test]
    fn the_longest_label_that_fits_counts() {
        let tree = Html::parse_document("<p>Merke: Zara</p>");
        let doc = Doc::of(&tree, 100).expect("a shallow page");

        let brand = LabeledValues::of(&doc).value(&["merk", "merke"], |it| Some(it.to_owned()));

        assert_eq!(brand.as_deref(), Some("Zara"));
    }
}
