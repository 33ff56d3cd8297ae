//! The words of the style guide, as far as a program can tell them. Both counts may only fall: lower the
//! number when you have cleaned a file.

use std::path::PathBuf;

use super::source::{files, text};

/// Doc comments do not open with these: a verb or a noun phrase says more.
const OPENINGS: &[&str] = &[
    "How", "It", "Its", "One of", "That", "They", "What", "Where", "Whether", "Which", "Who",
    "Whose",
];
const MAX_OPENINGS: usize = 74;

/// Phrases of the project's former dialect. The style guide gives the plain ones.
const PHRASES: &[&str] = &[
    "a host may",
    "a host that",
    "a host's",
    "are got",
    "are said",
    "comes into being",
    "got by",
    "if not said",
    "is got",
    "is said",
    "is told",
    "next to nothing",
    "says so",
    "so many",
    "the host's own",
    "was told",
];
const MAX_PHRASES: usize = 58;

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

#[test]
fn prose_uses_the_plain_words() {
    let docs =
        ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(PathBuf::from);
    let manuals = std::fs::read_dir("docs").expect("docs").map(|it| it.expect("an entry").path());
    let manuals = manuals.filter(|it| it.extension().is_some_and(|it| it == "md"));
    let all = files("src").into_iter().chain(files("examples")).chain(docs).chain(manuals);
    let mut found = Vec::new();
    for path in all {
        for (at, line) in text(&path).lines().enumerate() {
            let phrases = PHRASES.iter().filter(|it| line.contains(*it));
            found.extend(phrases.map(|it| format!("{}:{}: {it}", path.display(), at + 1)));
        }
    }
    check(&found, MAX_PHRASES, "phrases of the former dialect");
}
