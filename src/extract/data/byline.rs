//! Finds the author that a page shows, for pages whose data names none.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::extract::data::page_kind::PageKind;
use crate::extract::dom::doc::{Doc, Id};
use crate::extract::dom::tag::Tag;
use crate::extract::vocabulary::{
    AUTHOR_DETAIL_CLASSES, AUTHOR_LABELS, BYLINE_SEPARATORS, FIRM_WORDS, NAME_STOP_WORDS,
    READER_CLASSES, TOP_LEVEL_DOMAINS,
};

/// Bytes of a name.
const LONGEST: usize = 60;
/// Parts of the addresses of authors' pages.
const AUTHOR_PATHS: [&str; 8] = [
    "/author/",
    "/authors/",
    "/autor/",
    "/autoren/",
    "/autores/",
    "/auteur/",
    "/autore/",
    "/skribent/",
];
/// Bytes of a label that is a part of names too.
const PREFIX: usize = 4;
/// Bytes of a byline; a longer text is prose.
const BYLINE: usize = 240;
/// Marked elements that are counted by class.
const MAX_MARKED: usize = 200;
/// Elements of one class that make a list.
const LISTED: usize = 4;
/// Letters of the last part of an address that names a country (`de`).
const COUNTRY: usize = 2;
/// Elements around an author that are checked for being a comment or a review.
const AROUND: usize = 12;

/// Returns the author by the marks that most pages use. In a discussion that is the author of the first
/// post.
pub(super) fn author(doc: &Doc<'_>, kind: PageKind) -> Option<String> {
    let elements = (0..doc.len()).filter(|it| {
        let node = doc.node(*it);
        node.tag != Tag::Text && !node.hidden && (1..=BYLINE).contains(&node.text)
    });
    let marked: Vec<Id> =
        elements.filter(|it| is_marked(doc, *it, kind)).take(MAX_MARKED).collect();
    let repeats = Repeats::of(doc, &marked);
    // More stories by the author repeat one name.
    let one_name = is_one_name(doc, &marked);
    let own = |it: &Id| {
        let is_listed = || !one_name && repeats.lists(doc, *it);
        kind == PageKind::Discussion || !(is_listed() || is_said_back(doc, *it))
    };
    let in_form = |it: &Id| kind != PageKind::Discussion && is_asked(doc, *it);
    // The name in a heading of the first level is that of the site, or the page's own.
    let is_heading = |it: &Id| doc.around(*it).take(AROUND).any(|it| doc.tag(it) == Tag::H1);
    let candidates = marked.into_iter().filter(|it| !in_form(it) && !is_heading(it)).filter(own);
    candidates.take(40).find_map(|it| name_in(doc, it, kind)).or_else(|| written_by(doc))
}

/// Finds the text that is a full name and begins with a first name: a page may show `Ada Lovelace` where its
/// data names `Ada`.
pub(super) fn full_name(doc: &Doc<'_>, first: &str) -> Option<String> {
    let is_capital = |it: &str| it.chars().next().is_some_and(char::is_uppercase);
    let texts = (0..doc.len()).filter(|it| {
        let node = doc.node(*it);
        (first.len() + 2..=LONGEST).contains(&node.text) && !doc.node(node.parent).hidden
    });
    let mut rest = texts.filter_map(|it| {
        let text = doc.text(it)?.trim();
        text.strip_prefix(first).filter(|it| it.starts_with(' ')).map(str::trim)
    });
    let last = rest.find(|it| {
        let words = it.split_whitespace().count();
        (1..=2).contains(&words)
            && it.split_whitespace().all(is_capital)
            && it.chars().all(|it| it.is_alphabetic() || matches!(it, ' ' | '-' | '\'' | '’'))
    })?;
    Some(format!("{first} {last}"))
}

/// Returns `true` if an attribute marks an element as the author.
fn is_marked(doc: &Doc<'_>, id: Id, kind: PageKind) -> bool {
    let is_link = doc.tag(id) == Tag::A;
    doc.attrs(id).any(|(name, value)| match name {
        "rel" | "itemprop" => value == "author",
        "class" => {
            let classes = Classes::of(value);
            (classes.has(&["author", "authors", "byline"]) && !classes.has(AUTHOR_DETAIL_CLASSES))
                || (kind == PageKind::Discussion
                    && classes.has(&["username", "bigusername", "poster"]))
        }
        "href" => is_link && leads_to_author(value),
        _ => false,
    })
}

/// Returns `true` if every marked element is a link to one author's page with one name.
fn is_one_name(doc: &Doc<'_>, marked: &[Id]) -> bool {
    let mut links = marked.iter().map(|it| (doc.attr(*it, "href"), doc.folded_text(*it)));
    let Some(first) = links.next() else { return false };
    let is_author = first.0.is_some_and(leads_to_author) && first.1.contains(' ');
    is_author && first.1.len() <= LONGEST && links.all(|it| it == first)
}

/// Returns `true` if an address is that of an author's page.
fn leads_to_author(address: &str) -> bool {
    let address = address.as_bytes();
    memchr::memchr_iter(b'/', address).any(|at| {
        let rest = address.get(at..).unwrap_or_default();
        let leads = |path: &[u8]| {
            rest.get(1) == path.get(1) && rest.len() > path.len() && rest.starts_with(path)
        };
        AUTHOR_PATHS.iter().any(|it| leads(it.as_bytes()))
    })
}

/// Returns `true` if an element belongs to a form, which asks the reader for a name.
fn is_asked(doc: &Doc<'_>, id: Id) -> bool {
    doc.around(id).take(8).any(|it| matches!(doc.tag(it), Tag::Form | Tag::Label))
}

/// Returns `true` if an element is part of a comment or a review.
fn is_said_back(doc: &Doc<'_>, id: Id) -> bool {
    let whole = |it: &Id| !matches!(doc.tag(*it), Tag::Article | Tag::Body | Tag::Html | Tag::Main);
    doc.around(id).take(AROUND).filter(whole).any(|it| {
        doc.attrs(it).any(|(name, value)| match name {
            "class" | "id" => Classes::of(value).has(READER_CLASSES),
            "itemtype" => value.ends_with("Review"),
            _ => false,
        })
    })
}

/// Reads the name in a marked element: the part with a class for names, a link, or the whole text.
fn name_in(doc: &Doc<'_>, id: Id, kind: PageKind) -> Option<String> {
    let called = |it: &Id| {
        doc.attrs(*it).any(|(name, value)| match name {
            "class" => {
                let classes = Classes::of(value);
                classes.has(&["authorname", "fn", "name", "username"])
                    && !classes.has(AUTHOR_DETAIL_CLASSES)
            }
            "itemprop" => value == "name",
            "rel" => value == "author",
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
        .or_else(|| account_in(doc, id, kind))
        .or_else(|| read(id))
}

/// Reads the name of an account: the link behind a label in a marked element.
fn account_in(doc: &Doc<'_>, id: Id, kind: PageKind) -> Option<String> {
    let text = doc.folded_text(id);
    let labeled = after_label(&text)?;
    let link = (id..doc.end(id)).find(|it| doc.tag(*it) == Tag::A && doc.node(*it).text > 0)?;
    let account = doc.folded_text(link);
    labeled.starts_with(&account).then(|| name(&account, Sure::Account, kind)).flatten()
}

/// Finds a line that is only a byline, such as `By Ada Lovelace`, and returns its name.
fn written_by(doc: &Doc<'_>) -> Option<String> {
    let mut label = false;
    let shown = (0..doc.len()).filter(|it| doc.node(*it).text > 0);
    for (id, text) in shown.filter_map(|it| Some((it, doc.flow(it)?))) {
        let text = text.words();
        if !label && !may_begin_byline(text) {
            continue;
        }
        let text = text.trim_start_matches(['-', '–', '—', '|', '/', ' ']);
        let rest = after_label(text);
        let is_labeled = label;
        let whole = if label { Some(text) } else { rest.filter(|it| !it.is_empty()) };
        label = rest.is_some_and(str::is_empty);
        let Some(whole) = whole else { continue };
        let listed = doc.around(id).any(|it| matches!(doc.tag(it), Tag::Li | Tag::Select));
        // A box with the label "Author" is about this page wherever it stands.
        let framed = if is_labeled { leads_elsewhere(doc, id) } else { in_frame(doc, id) };
        if listed || framed || is_asked(doc, id) || is_said_back(doc, id) {
            continue;
        }
        let words = || whole.split_whitespace();
        let capital = |it: &str| it.chars().next().is_some_and(char::is_uppercase);
        let full = (2..=4).contains(&words().count()) && words().all(capital);
        if let Some(found) = name(whole, Sure::No, PageKind::Other).filter(|it| full && it == whole)
        {
            return Some(found);
        }
    }
    None
}

/// The labels of authors by their first byte in lower case: every text of a page is compared with them.
static LABELS_BY_BYTE: LazyLock<Vec<Vec<&'static str>>> = LazyLock::new(|| {
    let mut labels = vec![Vec::new(); 256];
    for label in AUTHOR_LABELS {
        let first = label.as_bytes().first().map(u8::to_ascii_lowercase).unwrap_or_default();
        labels[usize::from(first)].push(*label);
    }
    labels
});

/// Returns `false` for most texts that neither begin with the label of an author nor with a sign in front of one.
fn may_begin_byline(text: &str) -> bool {
    let first = text.as_bytes().first().map(u8::to_ascii_lowercase).unwrap_or_default();
    !first.is_ascii_alphanumeric() || !LABELS_BY_BYTE[usize::from(first)].is_empty()
}

/// Returns the text behind the longest label of an author that a text begins with.
fn after_label(text: &str) -> Option<&str> {
    let first = text.as_bytes().first()?.to_ascii_lowercase();
    let rests = LABELS_BY_BYTE[usize::from(first)].iter().filter_map(|label| {
        let head = text.get(..label.len()).filter(|it| it.eq_ignore_ascii_case(label))?;
        let rest = text.get(head.len()..)?;
        // The label may run into the name where its element ends.
        // In capitals nothing tells "PAR" and "PARIS" apart.
        let runs_on = head.ends_with(char::is_lowercase) && rest.starts_with(char::is_uppercase);
        let apart = runs_on || rest.starts_with(|it: char| it == ':' || it.is_whitespace());
        // "Von" and "Di" begin names too: Von Trapp.
        let sure = label.len() > PREFIX
            || *label == "by"
            || head.starts_with(char::is_lowercase)
            || rest.starts_with(':')
            || rest.split_whitespace().nth(1).is_some();
        ((rest.is_empty() || apart) && sure).then_some(rest)
    });
    rests.min_by_key(|it| it.len()).map(|it| it.trim_start_matches([':', ' ', '\u{a0}']))
}

/// The certainty that a text is a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sure {
    /// The element is marked as the one with the name.
    Name,
    /// The text behind a label is a link: it may be the name of an account.
    Account,
    No,
}

/// Reads a text as a name. Returns `None` for a sentence, a number or an address.
fn name(text: &str, sure: Sure, kind: PageKind) -> Option<String> {
    let text = bare_name(text);
    let words = text.split_whitespace().count();
    let fits = (1..=5).contains(&words) && text.len() <= LONGEST;
    let lower = text.to_lowercase();
    if !fits
        || is_control(&lower)
        || lower.split_whitespace().any(|it| matches!(it, "author" | "authors" | "by"))
    {
        return None;
    }
    let begins = |it: char| it.is_alphabetic() && (sure != Sure::No || !it.is_lowercase());
    let has_digits = text.bytes().any(|it| it.is_ascii_digit());
    let named = !text.contains('@')
        && (!has_digits || sure == Sure::Account && words == 1)
        && text.chars().next().is_some_and(begins);
    // In a discussion people use names of their own choice.
    (named || (kind == PageKind::Discussion && words <= 3)).then(|| text.to_owned())
}

/// Returns `true` if a text is what a page writes beside a name: "Posted on", "All articles".
fn is_control(lower: &str) -> bool {
    lower.split_whitespace().any(|it| NAME_STOP_WORDS.contains(&it))
}

/// Returns `true` if a name is that of a firm, a program or a site.
pub(super) fn is_firm(name: &str) -> bool {
    let lower = name.to_lowercase();
    let marked = lower.split([' ', ',', '.']).any(|it| FIRM_WORDS.contains(&it));
    let ending = lower.rsplit_once('.').map_or("", |it| it.1);
    let is_ending = ending.len() == COUNTRY || TOP_LEVEL_DOMAINS.contains(&ending);
    let is_host = !lower.contains(' ') && is_ending;
    marked || is_host
}

/// Returns a name that a program made from an account in the form in which people write it:
/// `ada.lovelace` becomes `Ada Lovelace`.
pub(super) fn written_out(name: &str) -> String {
    let parts: Vec<&str> = name.split('.').collect();
    let is_part = |it: &&str| it.len() > 1 && it.chars().all(char::is_lowercase);
    if parts.len() < 2 || !parts.iter().all(is_part) {
        return name.to_owned();
    }
    let capital = |part: &str| {
        let mut letters = part.chars();
        letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect::<String>()
    };
    parts.into_iter().map(capital).collect::<Vec<_>>().join(" ")
}

/// Strips the label in front of a name.
pub(super) fn without_label(text: &str) -> &str {
    after_label(text.trim()).filter(|it| !it.is_empty()).unwrap_or(text)
}

/// Strips the label in front of a name and everything behind its first separator.
fn bare_name(text: &str) -> &str {
    let text = after_label(text.trim()).unwrap_or(text);
    // "Posted on May 5 by Ada".
    let text = [" by ", " von "].iter().find_map(|it| text.rsplit_once(it)).map_or(text, |it| it.1);
    let end = BYLINE_SEPARATORS.iter().filter_map(|it| text.find(it)).min().unwrap_or(text.len());
    text[..end].trim_matches(|it: char| !it.is_alphanumeric() && it != '.')
}

/// Returns `true` if an element is part of navigation, an aside or a footer.
pub(super) fn in_frame(doc: &Doc<'_>, id: Id) -> bool {
    doc.around(id).any(|it| matches!(doc.tag(it), Tag::Nav | Tag::Aside | Tag::Footer))
}

/// Returns `true` if an element is part of navigation or of the page's footer.
fn leads_elsewhere(doc: &Doc<'_>, id: Id) -> bool {
    doc.around(id).any(|it| matches!(doc.tag(it), Tag::Nav | Tag::Footer))
}

/// Returns `true` if a class contains one of some words.
pub(super) fn named(class: &str, words: &[&str]) -> bool {
    Classes::of(class).has(words)
}

/// The words of a class, however they are joined and in any case.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Classes<'a>(&'a str);

impl<'a> Classes<'a> {
    /// Splits `postAuthor` and `post-author` alike.
    pub(crate) fn of(class: &'a str) -> Self {
        Self(class)
    }

    /// Returns `true` if one of some words in lower case is among them.
    pub(crate) fn has(self, words: &[&str]) -> bool {
        let is = |word: &[u8], it: &str| {
            it.len() == word.len() && it.as_bytes().eq_ignore_ascii_case(word)
        };
        ClassWords { rest: self.0.as_bytes() }.any(|word| words.iter().any(|it| is(word, it)))
    }
}

/// The words of a class: letters and digits up to a capital behind a small letter.
struct ClassWords<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for ClassWords<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let begin = self.rest.iter().position(u8::is_ascii_alphanumeric)?;
        let rest = self.rest.get(begin..)?;
        let ends = |pair: &[u8]| {
            let [before, it] = pair else { return true };
            !it.is_ascii_alphanumeric() || it.is_ascii_uppercase() && before.is_ascii_lowercase()
        };
        let end = rest.windows(2).position(ends).map_or(rest.len(), |it| it + 1);
        let (word, rest) = rest.split_at(end);
        self.rest = rest;
        Some(word)
    }
}

/// The number of elements by class.
#[derive(Debug)]
pub(super) struct Repeats<'a>(HashMap<&'a str, usize>);

impl<'a> Repeats<'a> {
    /// Counts the classes of some elements.
    pub(super) fn of(doc: &Doc<'a>, all: &[Id]) -> Self {
        let mut counts = HashMap::new();
        for id in all {
            *counts.entry(class(doc, *id)).or_default() += 1;
        }
        Self(counts)
    }

    /// Returns `true` if enough elements share the class to be entries of a list.
    pub(super) fn lists(&self, doc: &Doc<'a>, id: Id) -> bool {
        self.0.get(class(doc, id)).is_some_and(|it| *it >= LISTED)
    }
}

/// Returns the class of an element or of the nearest element around it that has one.
fn class<'a>(doc: &Doc<'a>, id: Id) -> &'a str {
    doc.around(id).find_map(|it| doc.attr(it, "class")).unwrap_or_default()
}
