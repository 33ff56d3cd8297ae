//! Questions that a page shows: headings, terms and parts that unfold, each with the text up to the next one.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

use serde_json::{Value, json};

use crate::extract::dom::doc::{Doc, Id};
use crate::extract::dom::tag::Tag;
use crate::extract::main_content::{Boilerplate, BoilerplateMap};
use crate::extract::page_index::{Line, lines};
use crate::extract::vocabulary::QUESTION_HEADINGS;

use super::MAX_QUESTIONS;

/// Bytes of a question.
const QUESTION: std::ops::RangeInclusive<usize> = 3..=250;
/// Bytes of a heading that announces questions.
const ANNOUNCEMENT: usize = 90;
/// Lines of an answer.
const MAX_ANSWER: usize = 120;
/// Percent of the lines of one shape that must ask, for headings and for other lines.
const ASKING_HEADINGS: usize = 20;
const ASKING_LINES: usize = 40;
/// Questions in lines of one shape that no tag marks.
const FEWEST_LINES: usize = 3;
/// Questions that make a list.
const FEWEST: usize = 2;

/// Returns the questions of a page with their answers, in order.
pub(crate) fn questions(doc: &Doc<'_>, boilerplate: &BoilerplateMap) -> Vec<Value> {
    let lines = lines(doc, &masked(doc, boilerplate));
    let shown: Vec<ShownLine> = (0..lines.len()).map(|it| ShownLine::of(doc, &lines, it)).collect();
    let asking = headed(&lines, &shown, asking(&lines, &shown));
    let mut found: Vec<Value> = Vec::new();
    let mut known: HashSet<String> = HashSet::new();
    for (at, line) in lines.iter().enumerate().filter(|it| asking[it.0]) {
        let answer = answer(doc, &lines, &shown, &asking, at);
        let question = without_label(&line.text);
        if answer.is_empty() || found.len() >= MAX_QUESTIONS {
            continue;
        }
        let answer = answer.join("\n");
        let answer = answer
            .strip_prefix("A:")
            .or_else(|| answer.strip_prefix("A."))
            .unwrap_or(&answer)
            .trim();
        if known.insert(question.to_lowercase()) {
            found.push(json!({ "question": question, "answer": answer }));
        }
    }
    if found.len() >= FEWEST { found } else { Vec::new() }
}

/// Marks what is no content. What a page folds away is, and so is a button with a question on it.
fn masked(doc: &Doc<'_>, boilerplate: &BoilerplateMap) -> Vec<bool> {
    let mut masked = vec![true; doc.len()];
    let mut at = doc.body();
    while at < doc.end(doc.body()) {
        let never = doc.tag(at).is_never_content() && doc.tag(at) != Tag::Button;
        if never || boilerplate.of_node(at) == Boilerplate::Certain {
            at = doc.end(at);
            continue;
        }
        masked[at] = false;
        at += 1;
    }
    masked
}

/// The role of a line on the page.
struct ShownLine {
    /// The outermost element that holds only this line.
    top: Id,
    /// The level of a heading; 7 for a bold line, a term and a part that unfolds.
    level: Option<usize>,
    /// `true` for a term, a summary or a button.
    unfolds: bool,
    /// Hashes the elements that hold only this line.
    shape: u64,
}

impl ShownLine {
    fn of(doc: &Doc<'_>, lines: &[Line], at: usize) -> Self {
        let before = at.checked_sub(1).and_then(|it| lines.get(it)).map_or(0, |it| it.range.end);
        let after = lines.get(at + 1).map_or(doc.len(), |it| it.range.start);
        let start = lines.get(at).map_or(0, |it| it.range.start);
        let alone = |it: &Id| *it >= before && doc.end(*it) <= after && doc.tag(*it) != Tag::Body;
        let elements: Vec<Id> = doc.around(start).skip(1).take(8).take_while(alone).collect();
        let mut hasher = DefaultHasher::new();
        for id in elements.iter().take(3) {
            doc.name(*id).hash(&mut hasher);
            let class = doc.attr(*id, "class").unwrap_or_default();
            let class = class.split_ascii_whitespace().next().unwrap_or_default();
            class.trim_end_matches(|it: char| it.is_ascii_digit()).hash(&mut hasher);
        }
        let tags = || elements.iter().map(|it| doc.tag(*it));
        let unfolds = tags().any(|it| matches!(it, Tag::Summary | Tag::Dt | Tag::Button))
            || elements.iter().any(|it| {
                doc.attr(*it, "aria-expanded").is_some() || doc.attr(*it, "aria-controls").is_some()
            });
        let bold = tags().any(|it| matches!(it, Tag::B | Tag::Strong));
        let level = tags().find_map(Tag::level).or((unfolds || bold).then_some(7));
        Self {
            top: elements.last().copied().unwrap_or(start),
            level,
            unfolds,
            shape: hasher.finish(),
        }
    }
}

/// Returns `true` for each line that is a question to which an answer follows.
fn asking(lines: &[Line], shown: &[ShownLine]) -> Vec<bool> {
    let mut counts: HashMap<u64, (usize, usize)> = HashMap::new();
    for (line, shown) in lines.iter().zip(shown) {
        let count = counts.entry(shown.shape).or_default();
        count.0 += usize::from(asks(&line.text));
        count.1 += 1;
    }
    let judge = |(line, shown): (&Line, &ShownLine)| {
        let (asking, all) = counts.get(&shown.shape).copied().unwrap_or_default();
        let percent = asking * 100 / all.max(1);
        let fits = QUESTION.contains(&line.text.len());
        match shown.level {
            // Nearly all that unfold ask, so the others do, too.
            Some(_) if shown.unfolds && percent >= 60 && all >= FEWEST_LINES => fits,
            Some(_) => fits && asks(&line.text) && (percent >= ASKING_HEADINGS || shown.unfolds),
            None => fits && asks(&line.text) && percent >= ASKING_LINES && asking >= FEWEST_LINES,
        }
    };
    lines.iter().zip(shown).map(judge).collect()
}

/// Keeps only the questions below a heading that announces them, if there is one with several.
fn headed(lines: &[Line], shown: &[ShownLine], asking: Vec<bool>) -> Vec<bool> {
    let announces = |line: &Line| {
        let lower = line.text.to_lowercase();
        lower.len() <= ANNOUNCEMENT && QUESTION_HEADINGS.iter().any(|it| lower.contains(it))
    };
    let mut kept = vec![false; asking.len()];
    let mut count = 0;
    for (at, _) in lines.iter().enumerate().filter(|it| announces(it.1)) {
        let Some(level) = shown.get(at).and_then(|it| it.level) else { continue };
        for next in at + 1..lines.len() {
            let heads =
                shown.get(next).and_then(|it| it.level).is_some_and(|it| it < 7 && it <= level);
            if heads && !asking[next] {
                break;
            }
            count += usize::from(asking[next] && !kept[next]);
            kept[next] |= asking[next];
        }
    }
    if count >= FEWEST { kept } else { asking }
}

fn asks(text: &str) -> bool {
    let text = text.trim_end_matches(|it: char| {
        it.is_whitespace()
            || matches!(it, '"' | '”' | '»' | ')' | '*' | '+' | '-' | '−' | '▼' | '›')
    });
    text.ends_with(['?', '？', '؟'])
}

/// Returns a question without its number and without the sign that unfolds it.
fn without_label(text: &str) -> &str {
    let text = text.trim();
    let letter = ["Q", "F", "P"].iter().find_map(|it| text.strip_prefix(it)).unwrap_or(text);
    let count = letter.bytes().take_while(u8::is_ascii_digit).count();
    let behind = letter.get(count..).filter(|_| count <= 2 && letter.len() < text.len());
    let bare = behind.and_then(|it| it.strip_prefix(['.', ':', ')'])).unwrap_or(text).trim_start();
    let digits = bare.bytes().take_while(u8::is_ascii_digit).count();
    let numbered = (1..=2).contains(&digits).then(|| bare.get(digits..)).flatten();
    let bare =
        numbered.and_then(|it| it.strip_prefix(['.', ')', ':'])).map_or(bare, str::trim_start);
    bare.trim_end_matches(|it: char| it.is_whitespace() || matches!(it, '+' | '−' | '▼' | '›'))
}

/// Returns the lines that answer a question.
fn answer(
    doc: &Doc<'_>,
    lines: &[Line],
    shown: &[ShownLine],
    asking: &[bool],
    at: usize,
) -> Vec<String> {
    let end = end(doc, lines, shown, asking, at);
    let level = shown.get(at).and_then(|it| it.level).unwrap_or(7);
    let mut out = Vec::new();
    for (next, line) in lines.iter().enumerate().skip(at + 1).take(MAX_ANSWER) {
        let heads = shown.get(next).and_then(|it| it.level).is_some_and(|it| it < 7 && it <= level);
        if asking[next] || line.range.start >= end || heads {
            break;
        }
        out.push(line.text.clone());
    }
    out
}

/// Returns the end of the part that answers a question: that of the element around both, if it holds no other
/// question, and else that of the element around the questions.
fn end(doc: &Doc<'_>, lines: &[Line], shown: &[ShownLine], asking: &[bool], at: usize) -> Id {
    let top = shown.get(at).map_or(0, |it| it.top);
    let is_alone = |range: Range<Id>| {
        let from = lines.partition_point(|it| it.range.start < range.start);
        let to = lines.partition_point(|it| it.range.start < range.end);
        let count = asking.get(from..to).unwrap_or_default().iter().filter(|it| **it).count();
        (count, to - from)
    };
    let mut item = None;
    for id in doc.around(top).skip(1) {
        let (questions, all) = is_alone(id..doc.end(id));
        if doc.tag(id) == Tag::Body || questions > 1 {
            let around = doc.end(id);
            return item.map_or(around, |item: Id| doc.end(item));
        }
        if all > 1 {
            item = Some(id);
        }
    }
    doc.len()
}
