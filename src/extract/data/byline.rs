//! Who wrote a page, as it shows it, for pages whose data does not say.

use std::collections::HashMap;

use crate::extract::doc::{Doc, Id};
use crate::extract::main_content::Kind;
use crate::extract::tag::Tag;

/// Bytes of a text that may be a name.
const LONGEST: usize = 60;
/// Bytes of what is still a byline and not what someone wrote.
const BYLINE: usize = 240;
/// Marked elements that are read.
const MAX_MARKED: usize = 200;
/// Of one class so many are those of a list.
const LISTED: usize = 4;
/// Elements around one in which comments or reviews are looked for.
const AROUND: usize = 12;

/// What stands before a name in a byline; the longest first.
const BEFORE: [&str; 12] = [
    "published by",
    "article by",
    "written by",
    "authored by",
    "posted by",
    "story by",
    "words by",
    "text by",
    "authors",
    "author",
    "post by",
    "by",
];
/// What ends a name in a byline.
const BEHIND: [&str; 12] = [",", "|", "•", "·", "»", "(", " – ", " — ", " - ", " on ", " at ", ";"];

/// Words of a class that is about an author and is not the name.
const ABOUT: [&str; 11] = [
    "avatar",
    "bio",
    "description",
    "image",
    "img",
    "photo",
    "position",
    "role",
    "sidebar",
    "social",
    "title",
];
/// Words of a class of what readers wrote.
const READERS: [&str; 8] =
    ["comment", "comments", "quote", "rev", "review", "reviews", "testimonial", "testimonials"];

/// Who wrote it, by what marks an author on most pages. Where people talk it is who began.
pub(super) fn author(doc: &Doc<'_>, kind: Kind) -> Option<String> {
    let elements = (0..doc.len()).filter(|it| {
        let node = doc.node(*it);
        node.tag != Tag::Text && !node.hidden && (1..=BYLINE).contains(&node.text)
    });
    let marked: Vec<Id> =
        elements.filter(|it| is_marked(doc, *it, kind)).take(MAX_MARKED).collect();
    let repeats = Repeats::of(doc, &marked);
    let own =
        |it: &Id| kind == Kind::Discussion || !(repeats.lists(doc, *it) || is_said_back(doc, *it));
    let asked = |it: &Id| kind != Kind::Discussion && is_asked(doc, *it);
    let shown = marked.into_iter().filter(|it| !asked(it)).filter(own);
    shown.take(40).find_map(|it| name_in(doc, it, kind)).or_else(|| written_by(doc))
}

/// Whether an element says that it holds the author.
fn is_marked(doc: &Doc<'_>, id: Id, kind: Kind) -> bool {
    let is_link = doc.tag(id) == Tag::A;
    doc.attrs(id).any(|(name, value)| match name {
        "rel" | "itemprop" => value == "author",
        "class" => {
            let classes = Classes::of(value);
            (classes.has(&["author", "authors", "byline"]) && !classes.has(&ABOUT))
                || (kind == Kind::Discussion && classes.has(&["username", "bigusername", "poster"]))
        }
        "href" => is_link && leads_to_author(value),
        _ => false,
    })
}

/// Whether an address is that of an author's page.
fn leads_to_author(address: &str) -> bool {
    let behind = address.split_once("/author/").or_else(|| address.split_once("/authors/"));
    behind.is_some_and(|it| !it.1.is_empty())
}

/// What a reader is asked for is no one's name.
fn is_asked(doc: &Doc<'_>, id: Id) -> bool {
    doc.around(id).take(8).any(|it| matches!(doc.tag(it), Tag::Form | Tag::Label))
}

/// Whether it is in what readers said of the page or of a thing.
fn is_said_back(doc: &Doc<'_>, id: Id) -> bool {
    let whole = |it: &Id| !matches!(doc.tag(*it), Tag::Article | Tag::Body | Tag::Html | Tag::Main);
    doc.around(id).take(AROUND).filter(whole).any(|it| {
        doc.attrs(it).any(|(name, value)| match name {
            "class" | "id" => Classes::of(value).has(&READERS),
            "itemtype" => value.ends_with("Review"),
            _ => false,
        })
    })
}

/// The name in a marked element: what is called a name in it, what is linked, or all of it.
fn name_in(doc: &Doc<'_>, id: Id, kind: Kind) -> Option<String> {
    let called = |it: &Id| {
        doc.attrs(*it).any(|(name, value)| match name {
            "class" => {
                let classes = Classes::of(value);
                classes.has(&["name", "username", "authorname"]) && !classes.has(&ABOUT)
            }
            "itemprop" => value == "name",
            _ => false,
        })
    };
    let inside = || (id..doc.end(id)).filter(|it| doc.tag(*it) != Tag::Text);
    let sure = inside().any(|it| called(&it));
    let read = |it: Id| name(&doc.folded_text(it), if sure { Sure::Name } else { Sure::No }, kind);
    inside()
        .filter(called)
        .find_map(read)
        .or_else(|| inside().filter(|it| doc.tag(*it) == Tag::A).find_map(read))
        .or_else(|| read(id))
}

/// The name in a line that says no more than who wrote it.
fn written_by(doc: &Doc<'_>) -> Option<String> {
    let mut label = false;
    let texts = (0..doc.len()).filter(|it| doc.node(*it).text > 0 && doc.text(*it).is_some());
    for id in texts {
        let text = doc.text(id).unwrap_or_default().trim();
        let said = after_label(text);
        let whole = if label { Some(text) } else { said.filter(|it| !it.is_empty()) };
        label = said.is_some_and(str::is_empty);
        let Some(whole) = whole else { continue };
        let listed = doc.around(id).any(|it| matches!(doc.tag(it), Tag::Li | Tag::Select));
        if listed || in_frame(doc, id) || is_asked(doc, id) || is_said_back(doc, id) {
            continue;
        }
        let words = || whole.split_whitespace();
        let capital = |it: &str| it.chars().next().is_some_and(char::is_uppercase);
        let full = (2..=4).contains(&words().count()) && words().all(capital);
        if let Some(found) = name(whole, Sure::No, Kind::Other).filter(|it| full && it == whole) {
            return Some(found);
        }
    }
    None
}

/// What follows a word that stands before a name.
fn after_label(text: &str) -> Option<&str> {
    BEFORE.iter().find_map(|it| {
        let head = text.get(..it.len()).filter(|head| head.eq_ignore_ascii_case(it))?;
        let rest = &text[head.len()..];
        // The label may run into the name where its element ends.
        let apart =
            rest.starts_with(|it: char| it == ':' || it.is_whitespace() || it.is_uppercase());
        (rest.is_empty() || apart).then(|| rest.trim_start_matches([':', ' ', '\u{a0}']))
    })
}

/// Whether an element is called a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sure {
    Name,
    No,
}

/// The name in a text, if that is what it holds.
fn name(text: &str, sure: Sure, kind: Kind) -> Option<String> {
    let text = bare_name(text);
    let words = text.split_whitespace().count();
    let fits = (1..=5).contains(&words) && text.len() <= LONGEST;
    let lower = text.to_lowercase();
    if !fits || lower.split_whitespace().any(|it| matches!(it, "author" | "authors" | "by")) {
        return None;
    }
    let begins = |it: char| it.is_alphabetic() && (sure == Sure::Name || !it.is_lowercase());
    let named = !text.contains('@')
        && !text.bytes().any(|it| it.is_ascii_digit())
        && text.chars().next().is_some_and(begins);
    // Where people talk they have the names that they gave themselves.
    (named || (kind == Kind::Discussion && words <= 3)).then(|| text.to_owned())
}

/// A name without what stands before it in a byline.
pub(super) fn without_label(text: &str) -> &str {
    after_label(text.trim()).filter(|it| !it.is_empty()).unwrap_or(text)
}

/// A name without what stands before and behind it in a byline.
fn bare_name(text: &str) -> &str {
    let text = after_label(text.trim()).unwrap_or(text);
    let end = BEHIND.iter().filter_map(|it| text.find(it)).min().unwrap_or(text.len());
    text[..end].trim_matches(|it: char| !it.is_alphanumeric() && it != '.')
}

/// Whether an element leads elsewhere.
pub(super) fn in_frame(doc: &Doc<'_>, id: Id) -> bool {
    doc.around(id).any(|it| matches!(doc.tag(it), Tag::Nav | Tag::Aside | Tag::Footer))
}

/// Whether the words of a class have one of some.
pub(super) fn named(class: &str, words: &[&str]) -> bool {
    Classes::of(class).has(words)
}

/// The words of a class, in lower case, however they are put together.
#[derive(Debug)]
pub(super) struct Classes(Vec<String>);

impl Classes {
    /// Splits `postAuthor` and `post-author` alike.
    pub(super) fn of(class: &str) -> Self {
        let mut words = vec![String::new()];
        let mut lower = false;
        for letter in class.chars() {
            let begins = letter.is_ascii_uppercase() && lower;
            if begins || !letter.is_ascii_alphanumeric() {
                words.push(String::new());
            }
            if let Some(word) = words.last_mut().filter(|_| letter.is_ascii_alphanumeric()) {
                word.push(letter.to_ascii_lowercase());
            }
            lower = letter.is_ascii_lowercase();
        }
        Self(words)
    }

    /// Whether one of some words is among them.
    pub(super) fn has(&self, words: &[&str]) -> bool {
        self.0.iter().any(|it| words.contains(&it.as_str()))
    }
}

/// How often each class is among some elements.
#[derive(Debug)]
pub(super) struct Repeats<'a>(HashMap<&'a str, usize>);

impl<'a> Repeats<'a> {
    /// Counts them.
    pub(super) fn of(doc: &Doc<'a>, all: &[Id]) -> Self {
        let mut counts = HashMap::new();
        for id in all {
            *counts.entry(class(doc, *id)).or_default() += 1;
        }
        Self(counts)
    }

    /// Whether an element is one of so many alike that they are those of a list.
    pub(super) fn lists(&self, doc: &Doc<'a>, id: Id) -> bool {
        self.0.get(class(doc, id)).is_some_and(|it| *it >= LISTED)
    }
}

/// An element's class, or that of the next around it that has one.
fn class<'a>(doc: &Doc<'a>, id: Id) -> &'a str {
    doc.around(id).find_map(|it| doc.attr(it, "class")).unwrap_or_default()
}
