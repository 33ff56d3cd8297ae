//! Finds the objects in the state of scripts that are about the page.

use std::collections::HashSet;

use memchr::memmem::Finder;
use serde_json::{Map, Value};

use crate::extract::dom::doc::Doc;
use crate::extract::dom::tag::Tag;
use crate::extract::value::weight::weight;

use super::states::{States, sources};

/// Objects returned for one page, and their bytes.
const MAX_OBJECTS: usize = 8;
const MAX_BYTES: usize = 1_048_576;
/// Values that are looked through.
const MAX_VALUES: usize = 200_000;
/// Depth of the objects.
const MAX_DEPTH: usize = 12;

/// Returns the objects whose name is that of the page, or which have at least two and half of the named fields
/// themselves, in the order of the page. Names are in lower case, letters and digits only.
pub(crate) fn described(
    doc: &Doc<'_>,
    title: &str,
    names: &[String],
    missing: &[String],
) -> Vec<Value> {
    let missing: Vec<Mentioned> = missing.iter().map(|it| Mentioned::new(it)).collect();
    let mentions = |source: &str| source.contains('{') && missing.iter().any(|it| it.is_in(source));
    let mut scripts = (0..doc.len()).filter(|it| doc.tag(*it) == Tag::Script);
    if !scripts.any(|it| sources(doc, it).any(mentions)) {
        return Vec::new();
    }
    let states = States::of_scripts(doc, mentions);
    let title = words(title);
    let mut found: Vec<Value> = Vec::new();
    let mut bytes = 0;
    let mut left = MAX_VALUES;
    for (_, value) in states.values.iter().filter(|it| it.0 != "JSON-LD") {
        let mut waiting = vec![(value, 0)];
        while let Some((value, depth)) = waiting.pop() {
            left = left.saturating_sub(1);
            if left == 0 || found.len() >= MAX_OBJECTS {
                return found;
            }
            match value {
                Value::Object(fields) => {
                    if is_named(fields, &title) || has_most(fields, names) {
                        bytes += weight(value);
                        if bytes > MAX_BYTES {
                            return found;
                        }
                        found.push(value.clone());
                        continue;
                    }
                    if depth < MAX_DEPTH {
                        let all: Vec<&Value> = fields.values().collect();
                        waiting.extend(all.into_iter().rev().map(|it| (it, depth + 1)));
                    }
                }
                Value::Array(all) if depth < MAX_DEPTH => {
                    waiting.extend(all.iter().rev().map(|it| (it, depth + 1)));
                }
                _ => {}
            }
        }
    }
    found
}

/// The words of a field's name. A script that does not contain them is not read, because that takes long.
struct Mentioned {
    /// Each in lower case and with a capital.
    words: Vec<[Finder<'static>; 2]>,
}

impl Mentioned {
    fn new(path: &str) -> Self {
        let name = path.rsplit('.').next().unwrap_or(path);
        let words = split(name).into_iter().map(|word| {
            let mut letters = word.chars();
            let first = letters.next().into_iter().flat_map(char::to_uppercase);
            let capital: String = first.chain(letters).collect();
            [&word, &capital].map(|it| Finder::new(it).into_owned())
        });
        Self { words: words.collect() }
    }

    fn is_in(&self, source: &str) -> bool {
        let has = |it: &Finder<'_>| it.find(source.as_bytes()).is_some();
        !self.words.is_empty() && self.words.iter().all(|it| it.iter().any(has))
    }
}

/// Splits a name in camel case or with separators into words in lower case.
fn split(name: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut before = ' ';
    for letter in name.chars() {
        let begins = !before.is_alphanumeric() || (letter.is_uppercase() && before.is_lowercase());
        before = letter;
        if !letter.is_alphanumeric() {
            continue;
        }
        if begins {
            out.push(String::new());
        }
        if let Some(word) = out.last_mut() {
            word.extend(letter.to_lowercase());
        }
    }
    out
}

/// Returns `true` if half of the words of an object's name and of the page's title are the same.
fn is_named(fields: &Map<String, Value>, title: &HashSet<String>) -> bool {
    let name = ["name", "title", "headline", "productName"]
        .iter()
        .find_map(|it| fields.get(*it)?.as_str());
    let name = name.filter(|_| fields.len() > 2 && !title.is_empty());
    let Some(name) = name.map(words).filter(|it| !it.is_empty()) else { return false };
    name.intersection(title).count() * 2 >= name.len().max(title.len())
}

fn has_most(fields: &Map<String, Value>, names: &[String]) -> bool {
    let is_asked = |it: &str| {
        let letters = || it.chars().filter(|it| it.is_alphanumeric()).flat_map(char::to_lowercase);
        names.iter().any(|name| letters().eq(name.chars()))
    };
    let count = fields.iter().filter(|it| !it.1.is_null() && is_asked(it.0)).count();
    count >= 2 && count * 2 >= names.len()
}

fn words(text: &str) -> HashSet<String> {
    let all = text.split(|it: char| !it.is_alphanumeric()).filter(|it| !it.is_empty());
    all.map(str::to_lowercase).collect()
}
