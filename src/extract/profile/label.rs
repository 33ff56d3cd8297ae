//! Pairs of a label and a value as a page shows them: in a row, a list of terms, or one line.

use crate::extract::doc::{Doc, Id};
use crate::extract::tag::Tag;

/// Bytes of a text that may be a label, with its value.
const LONGEST: usize = 120;
/// Texts behind a label that may be its value.
const NEAR: usize = 3;

/// The short texts of a page, in order.
#[derive(Debug)]
pub(super) struct Labels<'a>(Vec<(&'a str, String)>);

impl<'a> Labels<'a> {
    pub(super) fn of(doc: &Doc<'a>) -> Self {
        let spoken = |it: Id| {
            let parent = doc.tag(doc.node(it).parent);
            !matches!(
                parent,
                Tag::Script | Tag::Style | Tag::Noscript | Tag::Template | Tag::Option
            )
        };
        let texts = (0..doc.len()).filter_map(|it| Some((it, doc.text(it)?.trim())));
        let short = texts.filter(|it| (1..=LONGEST).contains(&it.1.len()) && spoken(it.0));
        Self(short.map(|it| (it.1, it.1.to_lowercase())).collect())
    }

    /// What stands behind the first label that fits, if `fits` says that it is a value.
    pub(super) fn value(
        &self,
        labels: &[&str],
        fits: fn(&str) -> Option<String>,
    ) -> Option<String> {
        self.0.iter().enumerate().find_map(|(at, (text, lower))| {
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
            let near = self.0.iter().skip(at + 1).take(NEAR);
            near.map(|it| it.0).find(|it| it.chars().any(char::is_alphanumeric)).and_then(fits)
        })
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
        self.0
            .iter()
            .find_map(|(_, lower)| words.iter().find(|it| leads(lower, it.0)))
            .map(|it| it.1)
    }
}
