//! The name of a product that no data describes.

use crate::extract::data::facts::Facts;
use crate::extract::page_index::{LazyIndex, tokens};
use crate::extract::value::money::priced;
use crate::extract::value::provenance::{Fields, Source};
use crate::extract::vocabulary::{BRAND_PATHS, OFFER_VERBS, OFFER_WORDS};

/// Bytes of a heading that is a name.
const NAME: std::ops::RangeInclusive<usize> = 3..=160;
/// Signs in a title between the name and what a shop adds to it.
const BETWEEN: [&str; 8] = [" | ", " » ", " – ", " — ", " - ", " : ", "｜", "|"];
/// Words behind a name that lead to a shop, a place or a price.
const PLACE_WORDS: [&str; 12] =
    ["at", "auf", "bei", "by", "chez", "en", "from", "in", "on", "sur", "von", "zum"];
/// Texts of a heading that are read one by one.
const HEADING_TEXTS: usize = 20;
/// Words of a variant behind the name, and of the rest of a name that the heading cuts short.
const VARIANT_WORDS: usize = 4;
const REST_WORDS: usize = 8;

/// Takes the heading for the name if the title holds its words: a shop adds its own name and offers to the title.
pub(super) fn read(fields: &mut Fields, page: &LazyIndex<'_, '_>, facts: &Facts) {
    let titles = [facts.declared.title.clone(), facts.declared.opengraph_text("title")];
    let titles: Vec<&String> = titles.iter().flatten().collect();
    let heading = facts.heading.as_ref().filter(|it| NAME.contains(&it.len()));
    let Some(heading) = heading else {
        let first = facts.title.as_deref().and_then(|it| title_parts(it).first().copied());
        let first = first.map(without_offer).filter(|it| NAME.contains(&it.len()));
        return fields.offer_text("name", Source::Meta, first);
    };
    let found = in_heading(page, heading, &titles);
    let name = tokens(&found);
    let holds = |title: &&&String| {
        let title = tokens(title);
        let shared = name.iter().filter(|it| title.contains(it)).count();
        shared * 2 > name.len()
    };
    if titles.is_empty() || titles.iter().any(|it| holds(&it)) {
        let whole = facts.declared.opengraph_text("title").and_then(|it| continued(&found, &it));
        let name = whole.unwrap_or(found);
        fields.offer_text("name", Source::Dom, Some(without_offer(&name)));
    }
    let shared = facts.declared.opengraph_text("title");
    fields.offer_text("name", Source::OpenGraph, shared.as_deref().map(without_offer));
}

/// Returns the name in a heading: the part in front of another element that a title has as a part of its own, or else
/// all of it, with words of different elements set apart.
fn in_heading(page: &LazyIndex<'_, '_>, heading: &str, titles: &[&String]) -> String {
    let index = page.get();
    let Some(at) = index.heading else { return heading.to_owned() };
    let nodes = at..index.doc.end(at);
    let whole = index.text(&nodes);
    if tokens(&whole).concat() != tokens(heading).concat() {
        return heading.to_owned();
    }
    let parts: Vec<Vec<String>> =
        titles.iter().flat_map(|it| title_parts(it)).map(tokens).collect();
    let ends = nodes.clone().filter(|it| index.doc.text(*it).is_some()).skip(1).take(HEADING_TEXTS);
    let begins = ends.map(|it| index.text(&(nodes.start..it)));
    let mut named = begins.filter(|it| NAME.contains(&it.len()) && parts.contains(&tokens(it)));
    named.next().unwrap_or(whole)
}

/// Returns a name as the title for sharing continues it: with more words, or with a variant such as a color.
fn continued(name: &str, title: &str) -> Option<String> {
    let at = title.to_lowercase().find(&name.to_lowercase())?;
    let rest = title.get(at..)?.get(name.len()..)?;
    let separator = |text: &str| {
        let places = BETWEEN.iter().filter_map(|it| Some((text.find(it)?, it.len())));
        places.min_by_key(|it| it.0)
    };
    let (end, length) = separator(rest).unwrap_or((rest.len(), 0));
    if end > 0 {
        let more = rest.get(..end)?;
        let fits = more.starts_with(' ') && is_plain(more, REST_WORDS);
        return fits.then(|| format!("{name}{}", more.trim_end()));
    }
    // A variant stands between two separators; what ends the title is the name of the shop.
    let behind = rest.get(length..)?;
    let variant = behind.get(..separator(behind)?.0)?.trim();
    let fits = variant.starts_with(char::is_lowercase) && is_plain(variant, VARIANT_WORDS);
    fits.then(|| format!("{name} - {variant}"))
}

/// Returns `true` for a few words that praise and offer nothing.
fn is_plain(text: &str, most: usize) -> bool {
    let words = tokens(text);
    (1..=most).contains(&words.len())
        && !text.contains([',', ':', '!', '?', '(', '"'])
        && !words.first().is_some_and(|it| PLACE_WORDS.contains(&it.as_str()))
        && priced(text).is_none()
        && !words
            .iter()
            .any(|it| OFFER_WORDS.contains(&it.as_str()) || BRAND_PATHS.contains(&it.as_str()))
}

/// Returns a name without the words in front of it that ask to buy the thing.
fn without_offer(name: &str) -> &str {
    let words = tokens(name);
    let verb = OFFER_VERBS.iter().find(|verb| {
        let verb: Vec<&str> = verb.split(' ').collect();
        words.len() > verb.len() && words.iter().zip(&verb).all(|it| it.0 == it.1)
    });
    let Some(verb) = verb else { return name };
    let begin = first_words(name, verb.split(' ').count()).len();
    let rest = name.get(begin..).unwrap_or_default();
    let rest = rest.trim_start_matches(|it: char| !it.is_alphanumeric());
    let is_name = rest.starts_with(|it: char| !it.is_lowercase()) && NAME.contains(&rest.len());
    if is_name { rest } else { name }
}

/// Returns the parts of a title between its separators.
pub(super) fn title_parts(title: &str) -> Vec<&str> {
    let mut parts = vec![title];
    for sign in BETWEEN {
        parts = parts.into_iter().flat_map(|it| it.split(sign)).collect();
    }
    parts.into_iter().map(str::trim).filter(|it| !it.is_empty()).collect()
}

/// Returns a text up to the end of its first words.
pub(super) fn first_words(text: &str, count: usize) -> &str {
    let (mut words, mut inside) = (0, false);
    for (at, letter) in text.char_indices() {
        let is_word = letter.is_alphanumeric();
        if is_word && !inside {
            words += 1;
        } else if !is_word && inside && words == count {
            return text.get(..at).unwrap_or(text);
        }
        inside = is_word;
    }
    text
}
