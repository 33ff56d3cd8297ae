//! The words of the style guide, as far as a program can check them.

use super::source::{files, text};

/// Banned words and phrases, with plain words to use instead.
const PHRASES: &str = include_str!("banned_phrases.txt");

/// Returns the replacement for the first words of a doc comment if they are banned.
fn bad_opening<'a>(line: &str, openings: &'a [(String, String)]) -> Option<&'a str> {
    let is_opening = |word: &str| {
        line.strip_prefix(word).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\'']))
    };
    openings.iter().find(|(word, _)| is_opening(word)).map(|(_, instead)| instead.as_str())
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

#[test]
fn doc_comments_open_with_a_verb_or_a_noun() {
    let openings = banned_phrases(&["openings"]);
    let mut found = Vec::new();
    for path in ["src", "examples", "benches", "fuzz/src", "tests"].into_iter().flat_map(files) {
        for (at, line) in doc_openings(&text(&path)) {
            if let Some(instead) = bad_opening(line, &openings) {
                found.push(format!("{}:{at}: {line}\n    instead: {instead}", path.display()));
            }
        }
    }
    assert!(found.is_empty(), "doc comments open with banned words:\n{}", found.join("\n"));
}

#[test]
fn a_banned_opening_is_found() {
    let openings = banned_phrases(&["openings"]);
    let text = "//! Its id.\n\n/// Whether it runs.\n/// It does not.\nfn a() {}\n/// Whatever works.\nfn b() {}\n";

    let bad: Vec<_> = doc_openings(text)
        .into_iter()
        .filter(|it| bad_opening(it.1, &openings).is_some())
        .collect();

    assert_eq!(bad, [(1, "Its id."), (3, "Whether it runs.")]);
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
            for (phrase, instead) in phrases.iter().filter(|it| line.contains(&it.0)) {
                found.push(format!("{}:{}: `{phrase}`: {instead}", path.display(), at + 1));
            }
        }
    }
    assert!(found.is_empty(), "phrases of the former dialect:\n{}", found.join("\n"));
}
