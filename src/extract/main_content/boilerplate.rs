//! Classifies boilerplate: navigation, footers, sharing, consent.

use std::collections::HashMap;

use crate::extract::dom::doc::{Doc, Id};
use crate::extract::dom::tag::Tag;
use crate::extract::vocabulary::{
    BOILERPLATE_STEMS, BOILERPLATE_WORDS, COMMENT_SECTION_NAMES, CONTROL_WORDS, PAGE_DETAIL_WORDS,
    USER_CONTENT_WORDS,
};

/// The bytes with which a stem begins.
const STEM_STARTS: [bool; 256] = starts(BOILERPLATE_STEMS);

const fn starts(words: &[&str]) -> [bool; 256] {
    let mut found = [false; 256];
    let mut at = 0;
    while at < words.len() {
        found[words[at].as_bytes()[0] as usize] = true;
        at += 1;
    }
    found
}

/// Returns `true` if a text in lower case holds a stem of a word for boilerplate.
fn holds_stem(lower: &str) -> bool {
    let bytes = lower.as_bytes();
    let begins = |at: usize| {
        let rest = bytes.get(at..).unwrap_or_default();
        BOILERPLATE_STEMS.iter().any(|it| begins_with(rest, it))
    };
    bytes.iter().enumerate().any(|(at, it)| STEM_STARTS[usize::from(*it)] && begins(at))
}

/// Returns `true` if a text begins with a word. Most differ in their first byte, so comparing bytes here is cheaper
/// than a call.
#[inline]
fn begins_with(text: &[u8], word: &str) -> bool {
    text.first() == word.as_bytes().first() && text.starts_with(word.as_bytes())
}

/// Returns `true` if a word is in a list. Most differ in their first byte, so comparing bytes here is cheaper
/// than a call.
fn is_in(word: &str, list: &[&str]) -> bool {
    let first = word.bytes().next();
    list.iter().any(|it| it.bytes().next() == first && *it == word)
}

/// The kind of boilerplate that an element is, in rising order of certainty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Boilerplate {
    /// No mark of boilerplate.
    None,
    /// A control, or a hint for one.
    Control,
    /// Details of the page, such as its author.
    Details,
    /// Other offers: a banner, or a row that slides.
    Offers,
    /// Reviews by buyers.
    Reviews,
    /// A class names boilerplate.
    Likely,
    /// Comments by readers.
    Discussion,
    /// The element name or role is one for boilerplate.
    Certain,
}

/// The boilerplate of each node.
#[derive(Debug)]
pub(crate) struct BoilerplateMap(Vec<Boilerplate>);

impl BoilerplateMap {
    /// Classifies every node.
    pub(crate) fn of(doc: &Doc<'_>) -> Self {
        let mut known = HashMap::new();
        Self((0..doc.len()).map(|it| boilerplate(doc, it, &mut known)).collect())
    }

    /// Returns the class of a node.
    pub(crate) fn of_node(&self, id: Id) -> Boilerplate {
        self.0[id]
    }

    /// Returns `true` if a node leads elsewhere, as navigation and comments do.
    pub(crate) fn is_boilerplate(&self, id: Id) -> bool {
        matches!(
            self.of_node(id),
            Boilerplate::Likely | Boilerplate::Discussion | Boilerplate::Certain
        )
    }
}

/// Returns `true` if a class names the comments below an article.
fn is_discussion(value: &str) -> bool {
    value
        .split_ascii_whitespace()
        .any(|it| COMMENT_SECTION_NAMES.iter().any(|name| it.eq_ignore_ascii_case(name)))
}

/// Returns `true` if the words of a class name details of the page.
fn is_beside(words: &[&str]) -> bool {
    words.iter().enumerate().any(|(at, word)| {
        let next = words.get(at + 1).copied().unwrap_or_default();
        is_in(word, PAGE_DETAIL_WORDS) && !(*word == "user" && USER_CONTENT_WORDS.contains(&next))
    })
}

fn boilerplate<'a>(
    doc: &Doc<'a>,
    id: Id,
    known: &mut HashMap<&'a str, Boilerplate>,
) -> Boilerplate {
    let node = doc.node(id);
    match node.tag {
        Tag::Text | Tag::Body | Tag::Html | Tag::Main | Tag::Article => return Boilerplate::None,
        Tag::Aside | Tag::Footer | Tag::Menu | Tag::Nav => return Boilerplate::Certain,
        Tag::Header => {
            let inside = |it: Id| matches!(doc.tag(it), Tag::Article | Tag::Main);
            return match () {
                () if doc.around(id).any(inside) => Boilerplate::None,
                // A menu that holds most of the page's text is a menu all the same.
                () if node.linked * 2 > node.text => Boilerplate::Certain,
                () => Boilerplate::Likely,
            };
        }
        // A hidden element frames nothing.
        _ if node.hidden => return Boilerplate::None,
        _ => {}
    }
    let mut found = Boilerplate::None;
    for (name, value) in doc.attrs(id) {
        match name {
            "role" => {
                let frames = ["navigation", "banner", "contentinfo", "complementary", "dialog"];
                if frames.contains(&value) {
                    return Boilerplate::Certain;
                }
            }
            // The elements of a list share their classes.
            "class" => found = found.max(*known.entry(value).or_insert_with(|| said_by(value))),
            _ => {}
        }
    }
    found
}

/// Classifies the words of a class.
fn said_by(value: &str) -> Boilerplate {
    if is_discussion(value) {
        return Boilerplate::Discussion;
    }
    let lower = value.to_ascii_lowercase();
    let words: Vec<&str> = lower.split(|it: char| !it.is_ascii_alphanumeric()).collect();
    let begins = |stems: &[&str]| {
        words.iter().any(|word| stems.iter().any(|it| begins_with(word.as_bytes(), it)))
    };
    match () {
        () if words.iter().any(|it| is_in(it, BOILERPLATE_WORDS)) => Boilerplate::Likely,
        () if holds_stem(&lower) => Boilerplate::Likely,
        () if begins(&["rating", "review"]) => Boilerplate::Reviews,
        () if begins(&["banner", "carousel", "promo"]) => Boilerplate::Offers,
        () if is_beside(&words) => Boilerplate::Details,
        () if words.iter().any(|it| is_in(it, CONTROL_WORDS)) => Boilerplate::Control,
        () => Boilerplate::None,
    }
}
