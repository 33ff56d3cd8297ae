//! Chooses the title of a page: its heading, or its `title` without the name of the site.

use std::collections::HashSet;

use url::Url;

use crate::extract::dom::doc::{Doc, Id};
use crate::extract::dom::tag::Tag;

/// Bytes of a heading that is a title.
const LONGEST: usize = 250;
/// Bytes of a heading whose occurrence in a title is no coincidence.
const SHORTEST: usize = 8;
/// Headings of the first level that are read.
const MAX_HEADINGS: usize = 50;
/// Letters of a host label that may name the site.
const LABEL: usize = 4;
/// Words whose initials may name the site; fewer match a label by coincidence.
const INITIALS: usize = 4;
/// Letters of a short form of a site's name in capitals, and letters of a word in the long form at least.
const ACRONYM: std::ops::RangeInclusive<usize> = 3..=5;
const WORD: usize = 4;
/// Separators between a title and the name of its site.
const BETWEEN: [char; 8] = ['|', '-', '–', '—', '•', '·', ':', '»'];

/// Finds the heading that names the page: its only `h1`, or of several the one that occurs in the title,
/// or else the first in the content.
pub(super) fn heading(doc: &Doc<'_>, title: &str) -> Option<Id> {
    let fits = |it: &Id| doc.tag(*it) == Tag::H1 && (2..=LONGEST).contains(&doc.node(*it).text);
    let inside =
        |it: &Id| doc.around(*it).any(|it| matches!(doc.tag(it), Tag::Main | Tag::Article));
    let all: Vec<Id> = (0..doc.len()).filter(fits).take(MAX_HEADINGS).collect();
    let title = title.to_lowercase();
    let titled = |it: &Id| {
        let text = doc.lower_text(*it);
        let Some(at) = title.find(&text).filter(|_| text.len() >= SHORTEST) else { return false };
        // One word inside a title is a coincidence, unless it is a part of its own.
        let begins = at == 0 || title[..at].trim_end().ends_with(BETWEEN);
        begins || text.contains(' ') || !text.is_ascii()
    };
    let several = (all.len() > 1 && !title.is_empty()).then_some(&all);
    let titled = several.and_then(|all| all.iter().copied().find(titled));
    titled.or_else(|| all.iter().copied().find(inside)).or_else(|| all.first().copied())
}

/// Returns the words of a heading, without the readings above them.
pub(super) fn text(doc: &Doc<'_>, heading: Id) -> String {
    doc.line(heading, |it| {
        doc.node(it).hidden || doc.tag(it) == Tag::Button || matches!(doc.name(it), "rt" | "rp")
    })
}

/// Finds the heading of the first level that is the headline of the page's data, or ends with it.
pub(super) fn heading_of(doc: &Doc<'_>, headline: &str) -> Option<Id> {
    let wanted = letters(headline);
    let is = |it: &Id| {
        let found = letters(&text(doc, *it));
        found == wanted || found.ends_with(&wanted)
    };
    let fits = |it: &Id| doc.tag(*it) == Tag::H1 && (2..=LONGEST).contains(&doc.node(*it).text);
    (wanted.len() >= SHORTEST).then(|| (0..doc.len()).filter(fits).take(MAX_HEADINGS).find(is))?
}

/// Finds the heading of a lower level that the title of the page begins with, where the heading of the first
/// level is only the name of the site behind it.
pub(super) fn lead_of(doc: &Doc<'_>, title: &str) -> Option<Id> {
    let is_first = |it: &Id| doc.tag(*it) == Tag::H1 && doc.node(*it).text > 0;
    let mut first = (0..doc.len()).filter(is_first);
    let (site, None) = (first.next()?, first.next()) else { return None };
    let title = title.trim();
    let at = title.find(&doc.folded_text(site)).filter(|it| *it > 0)?;
    let lower = |it: &Id| doc.tag(*it).level().is_some_and(|it| (2..=4).contains(&it));
    let leads = |it: &Id| {
        let text = doc.folded_text(*it);
        let rest = title.strip_prefix(&text);
        text.len() >= SHORTEST
            && text.len() <= at
            && rest.is_some_and(|it| it.trim_start().starts_with(BETWEEN))
    };
    (0..doc.len()).filter(lower).take(MAX_HEADINGS).find(leads)
}

/// Returns `true` if a heading and a title name one page: half of the words of the shorter are in the
/// other. Otherwise the heading belongs to the site or to a box.
pub(super) fn name_one_page(heading: &str, title: &str) -> bool {
    let (left, right) = (words(heading), words(title));
    title.contains(heading) || left.intersection(&right).count() * 2 >= left.len().min(right.len())
}

/// Returns `true` if they share half of the words of the longer.
pub(super) fn share_words(heading: &str, title: &str) -> bool {
    let (left, right) = (words(heading), words(title));
    left.intersection(&right).count() * 2 >= left.len().max(right.len())
}

/// Returns the words of a text that distinguish it, in order: numbers, and words of three letters or more.
fn words_in_order(text: &str) -> Vec<String> {
    let text = text.to_lowercase();
    let all = text.split(|it: char| !it.is_alphanumeric());
    let tells = |it: &&str| it.chars().count() > 2 || it.parse::<u32>().is_ok();
    all.filter(tells).map(str::to_owned).collect()
}

/// Returns the words of a text that distinguish it.
fn words(text: &str) -> HashSet<String> {
    words_in_order(text).into_iter().collect()
}

/// Returns `true` if a heading ends with the title, behind a kicker.
pub(super) fn is_last_part(heading: &str, title: &str) -> bool {
    let (all, last) = (letters(heading), letters(title));
    last.len() >= SHORTEST && last.len() < all.len() && all.ends_with(&last)
}

/// Returns `true` if a title holds every word of a heading.
pub(super) fn holds_words(title: &str, heading: &str) -> bool {
    words(heading).is_subset(&words(title))
}

/// Returns `true` if a title without parts holds every word of a heading of several words, and others before
/// or between them: the heading is a short form of it.
pub(super) fn says_more(title: &str, heading: &str) -> bool {
    let is_whole = !title.contains(" | ") && !title.contains([':', '–', '—']);
    let short = words_in_order(heading);
    is_whole
        && words(heading).len() >= 2
        && holds_words(title, heading)
        && !words_in_order(title).starts_with(&short)
}

/// Returns the part of a title in front of its first bar.
pub(super) fn first_segment(title: &str) -> String {
    let first = title.split(" | ").next().unwrap_or_default().trim();
    if first.len() >= SHORTEST { first.to_owned() } else { title.to_owned() }
}

/// Removes soft hyphens, which only break lines in narrow windows.
pub(super) fn unhyphenated(text: &str) -> String {
    text.replace('\u{ad}', "")
}

/// The name of a site, as declared and as in its address.
#[derive(Debug)]
pub(super) struct SiteName {
    name: Option<String>,
    host: String,
    /// Labels of the address but its last, and those of them that may be a name.
    parts: Vec<String>,
    labels: Vec<String>,
}

impl SiteName {
    /// Combines the declared name and the address of a page.
    pub(super) fn of(name: Option<String>, address: Option<&str>) -> Self {
        let url = address.and_then(|it| Url::parse(it).ok());
        let host = url.as_ref().and_then(Url::domain).unwrap_or_default();
        let mut parts: Vec<String> = host.split('.').map(letters).collect();
        parts.pop();
        let labels = parts.iter().filter(|it| it.len() >= LABEL).cloned().collect();
        Self { name, host: letters(host.trim_start_matches("www.")), parts, labels }
    }

    /// Returns `true` if a text is only the name of the site.
    pub(super) fn is(&self, text: &str) -> bool {
        let all = letters(text);
        self.name.as_deref() == Some(text) || self.host == all || self.labels.contains(&all)
    }

    /// Returns `true` if the name of an author is that of the site: a part of the address in capitals, or a name
    /// made of more than the words of a person's that begins like the address.
    pub(super) fn names(&self, author: &str) -> bool {
        let is_name = |it: &str| it.chars().next().is_some_and(char::is_uppercase);
        let words = author.split_whitespace();
        let is_person = words.clone().count() <= 4 && words.clone().all(is_name);
        let capitals = author.len() > 1 && author.bytes().all(|it| it.is_ascii_uppercase());
        let is_label = || self.parts.contains(&letters(author));
        let is_phrase = words.count() > 1 && !is_person;
        is_phrase && self.is_in_address(author) || capitals && is_label()
    }

    /// Returns `true` if a name, its first words or its initials form the site's address.
    fn is_in_address(&self, name: &str) -> bool {
        let mut begins = String::new();
        let begun = name.split_whitespace().any(|it| {
            let bare = it.trim_end_matches("'s").trim_end_matches("’s");
            let owned = format!("{begins}{}", letters(bare));
            begins.push_str(&letters(it));
            self.labels.iter().any(|label| *label == begins || *label == owned)
        });
        let capitals = name.split_whitespace().filter_map(|it| it.chars().next());
        let capitals: Vec<char> = capitals.filter(|it| it.is_uppercase()).collect();
        let initials = letters(&String::from_iter(&capitals));
        begun
            || self.is(name)
            || self.is_acronym(name)
            || (capitals.len() >= INITIALS && self.labels.contains(&initials))
    }

    /// Returns `true` if a name is made from the first letters of words in a label of the address: `PBT` in
    /// `potters-and-bakers-times` and in `pottersbakerstimes`.
    fn is_acronym(&self, name: &str) -> bool {
        let name = name.trim();
        let fits = ACRONYM.contains(&name.len()) && name.bytes().all(|it| it.is_ascii_uppercase());
        let name = name.to_ascii_lowercase();
        let holds = |label: &String| {
            let mut rest = label.chars();
            label.starts_with(name.get(..1).unwrap_or_default())
                && label.len() >= name.len() * WORD
                && name.chars().all(|it| rest.any(|letter| letter == it))
        };
        fits && self.labels.iter().any(holds)
    }

    /// Strips the name of the site from the end of a title.
    pub(super) fn strip_from(&self, title: &str) -> String {
        let named = self.name.as_deref().and_then(|it| title.strip_suffix(it)).map(str::trim_end);
        let named = named.and_then(|it| it.strip_suffix(BETWEEN));
        let called = || {
            // A hyphen without blanks around it is a part of a word.
            let at = title.rfind(|it| BETWEEN.contains(&it))?;
            let (before, behind) = title.split_at(at);
            let name = behind.trim_start_matches(BETWEEN);
            let apart = before.ends_with(' ') && name.starts_with(' ');
            (apart && self.is_in_address(name)).then_some(before)
        };
        // Some sites write their name in front.
        let leading = || {
            let at = title.find(['|', '-', '–', '»'])?;
            let (name, rest) = title.split_at(at);
            let apart = name.ends_with(' ');
            let rest = rest.trim_start_matches(BETWEEN).trim_start();
            let is_title = rest.len() >= SHORTEST && !is_home(rest);
            (apart && is_title && self.is_in_address(name.trim())).then_some(rest)
        };
        let bare = named.or_else(called).or_else(leading).map(str::trim_end);
        let bare = bare.filter(|it| !it.is_empty());
        bare.unwrap_or(title).to_owned()
    }
}

/// Returns `true` if a part of a title only says that the page is the first of its site.
fn is_home(text: &str) -> bool {
    matches!(letters(text).as_str(), "home" | "homepage" | "startseite" | "index" | "welcome")
}

/// Returns the letters and digits of a text in lower case.
pub(super) fn letters(text: &str) -> String {
    text.chars().filter(|it| it.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}
