//! The words of the style guide, as far as a program can tell them. Both counts may only fall: lower the
//! number when you have cleaned a file.

use super::source::{files, text};

/// Doc comments do not open with these: a verb or a noun phrase says more.
const OPENINGS: &[&str] = &[
    "How", "It", "Its", "One of", "That", "They", "What", "Where", "Whether", "Which", "Who",
    "Whose",
];
const MAX_OPENINGS: usize = 74;

/// Phrases of the former dialect, with plain words to use instead.
const PHRASES: &str = include_str!("banned_phrases.txt");
/// Those that are left in sources. Documents have none.
const MAX_PHRASES: usize = 23;

fn opens_badly(line: &str) -> bool {
    OPENINGS
        .iter()
        .any(|it| line.strip_prefix(it).is_some_and(|rest| rest.starts_with([' ', '\''])))
}

/// The first lines of a file's doc comments, with their numbers.
fn doc_openings(text: &str) -> Vec<(usize, &str)> {
    let mut openings = Vec::new();
    let mut was_doc = false;
    for (at, line) in text.lines().enumerate() {
        let line = line.trim_start();
        let doc = line.strip_prefix("///").or_else(|| line.strip_prefix("//!"));
        if let (Some(doc), false) = (doc, was_doc) {
            openings.push((at + 1, doc.trim_start()));
        }
        was_doc = doc.is_some();
    }
    openings
}

fn check(found: &[String], most: usize, what: &str) {
    let shown = found.join("\n");
    assert!(found.len() <= most, "{} {what}, at most {most} may be left:\n{shown}", found.len());
}

#[test]
fn doc_comments_open_with_a_verb_or_a_noun() {
    let mut found = Vec::new();
    for path in files("src") {
        let text = text(&path);
        let bad = doc_openings(&text).into_iter().filter(|it| opens_badly(it.1));
        found.extend(bad.map(|(at, line)| format!("{}:{at}: {line}", path.display())));
    }
    check(&found, MAX_OPENINGS, "doc comments open with a word that says nothing");
}

/// The phrases of these sections, each with what to write instead.
pub(super) fn banned_phrases(sections: &[&str]) -> Vec<(String, String)> {
    let mut phrases = Vec::new();
    let mut is_wanted = false;
    for line in PHRASES.lines().filter(|it| !it.is_empty() && !it.starts_with('#')) {
        if let Some(section) = line.strip_prefix('[').and_then(|it| it.strip_suffix(']')) {
            is_wanted = sections.contains(&section);
        } else if is_wanted {
            let (phrase, instead) = line.split_once(" | ").expect("a phrase and its replacement");
            phrases.push((phrase.to_owned(), instead.to_owned()));
        }
    }
    assert!(!phrases.is_empty(), "no phrases in {sections:?}");
    phrases
}

#[test]
fn sources_use_the_plain_words() {
    let phrases = banned_phrases(&["everywhere"]);
    let mut found = Vec::new();
    for path in files("src").into_iter().chain(files("examples")) {
        for (at, line) in text(&path).lines().enumerate() {
            let phrases = phrases.iter().filter(|it| line.contains(&it.0));
            found.extend(phrases.map(|it| format!("{}:{}: {}", path.display(), at + 1, it.0)));
        }
    }
    check(&found, MAX_PHRASES, "phrases of the former dialect");
}
