//! What a page is called: its heading, or its title less the name of the site.

use std::collections::HashSet;

use url::Url;

use crate::extract::doc::{Doc, Id};
use crate::extract::tag::Tag;

/// Bytes of a heading that may be a title.
const LONGEST: usize = 250;
/// Bytes of a heading that a title holds for more than by chance.
const SHORTEST: usize = 8;
/// Headings of the first level that are looked at.
const MAX_HEADINGS: usize = 50;
/// Letters of a label of an address that names a site.
const LABEL: usize = 4;
/// Fewer words than this have first letters that are a label by chance.
const INITIALS: usize = 4;
/// What stands between a title and the name of its site.
const BETWEEN: [char; 8] = ['|', '-', '–', '—', '•', '·', ':', '»'];

/// The heading that names the page: its one `h1`; of several the one that its title says too, or else the
/// first in the content.
pub(super) fn heading(doc: &Doc<'_>, title: &str) -> Option<Id> {
    let fits = |it: &Id| doc.tag(*it) == Tag::H1 && (2..=LONGEST).contains(&doc.node(*it).text);
    let inside =
        |it: &Id| doc.around(*it).any(|it| matches!(doc.tag(it), Tag::Main | Tag::Article));
    let all: Vec<Id> = (0..doc.len()).filter(fits).take(MAX_HEADINGS).collect();
    let title = title.to_lowercase();
    let titled = |it: &Id| {
        let said = doc.folded_text(*it).to_lowercase();
        said.len() >= SHORTEST && title.contains(&said)
    };
    let several = (all.len() > 1 && !title.is_empty()).then_some(&all);
    let titled = several.and_then(|all| all.iter().copied().find(titled));
    titled.or_else(|| all.iter().copied().find(inside)).or_else(|| all.first().copied())
}

/// Whether a heading and a title are of one page: half of the words of the shorter are in the other.
/// Else the heading is the site's, or that of a box.
pub(super) fn are_of_one(heading: &str, title: &str) -> bool {
    let (left, right) = (words(heading), words(title));
    title.contains(heading) || left.intersection(&right).count() * 2 >= left.len().min(right.len())
}

/// Whether they share half of the words of the longer.
pub(super) fn say_the_same(heading: &str, title: &str) -> bool {
    let (left, right) = (words(heading), words(title));
    left.intersection(&right).count() * 2 >= left.len().max(right.len())
}

/// The words of a text that tell it from another.
fn words(text: &str) -> HashSet<String> {
    let text = text.to_lowercase();
    let all = text.split(|it: char| !it.is_alphanumeric());
    let tells = |it: &&str| it.chars().count() > 2 || it.parse::<u32>().is_ok();
    all.filter(tells).map(str::to_owned).collect()
}

/// A text without the soft hyphens that are in it for narrow windows.
pub(super) fn unhyphenated(text: &str) -> String {
    text.replace('\u{ad}', "")
}

/// What a site is called, as far as a page says.
#[derive(Debug)]
pub(super) struct Site {
    name: Option<String>,
    host: String,
    /// Labels of the address that may be a name.
    labels: Vec<String>,
}

impl Site {
    /// Reads it off the name that a page gives and its address.
    pub(super) fn of(name: Option<String>, address: Option<&str>) -> Self {
        let url = address.and_then(|it| Url::parse(it).ok());
        let host = url.as_ref().and_then(Url::domain).unwrap_or_default();
        let mut labels: Vec<String> = host.split('.').map(letters).collect();
        labels.pop();
        labels.retain(|it| it.len() >= LABEL);
        Self { name, host: letters(host.trim_start_matches("www.")), labels }
    }

    /// Whether a text is the site's name and no more.
    pub(super) fn is(&self, text: &str) -> bool {
        let all = letters(text);
        self.name.as_deref() == Some(text) || self.host == all || self.labels.contains(&all)
    }

    /// Whether a name, or its first words, or the first letters of its words are what the site's address
    /// is made of.
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
        begun || self.is(name) || (capitals.len() >= INITIALS && self.labels.contains(&initials))
    }

    /// A title without the name of the site behind it.
    pub(super) fn left_out_of(&self, title: &str) -> String {
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
        let bare = named.or_else(called).map(str::trim_end).filter(|it| !it.is_empty());
        bare.unwrap_or(title).to_owned()
    }
}

/// The letters and digits of a text, in lower case.
fn letters(text: &str) -> String {
    text.chars().filter(|it| it.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}
