//! Pairs inside lines: `Label: value`, a bold label, and numbers beside a word.

use std::ops::Range;

use crate::extract::dom::doc::Id;
use crate::extract::dom::tag::Tag;
use crate::extract::value::date::day;

use super::super::Line;
use super::{LONGEST_LABEL, PairKind, PairReader};

/// Bytes of a line in which numbers beside words are read. A longer one is prose.
const PHRASES: usize = 170;
/// Words of a label that a colon ends, and of one in front of a number.
const LABEL_WORDS: usize = 7;
const PHRASE_WORDS: usize = 4;
/// Bytes of a segment that begins with a number.
const COUNT: usize = 45;
/// Signs between the parts of a line.
const BETWEEN: [char; 5] = ['·', '|', '•', '●', '‧'];

impl PairReader<'_, '_, '_> {
    /// Reads the pairs of one line.
    pub(super) fn line(&mut self, at: usize) {
        let index = self.index;
        let Some(line) = index.lines.get(at) else { return };
        if line.text.len() > super::LONGEST_VALUE {
            return;
        }
        self.bold(line);
        let mut from = 0;
        for segment in line.text.split(BETWEEN) {
            let begin = from;
            from += segment.len();
            from +=
                line.text.get(from..).and_then(|it| it.chars().next()).map_or(0, char::len_utf8);
            self.labeled(line, begin..begin + segment.len());
            if line.text.len() <= PHRASES {
                self.phrases(line, begin..begin + segment.len());
            }
        }
        if line.text.len() <= LONGEST_LABEL && line.text.ends_with([':', '：']) {
            self.below(line, at);
        }
    }

    /// Reads a line that begins with a bold label.
    fn bold(&mut self, line: &Line) {
        let doc = self.index.doc;
        let parent = doc.node(line.range.start).parent;
        let is_label = matches!(doc.tag(parent), Tag::B | Tag::Strong | Tag::Em | Tag::Dt);
        if !is_label || doc.node(parent).text > LONGEST_LABEL {
            return;
        }
        let label = doc.folded_text(parent);
        let Some(rest) = line.text.strip_prefix(label.as_str()) else { return };
        let value = rest.trim_start_matches([':', '：', ' ', '–', '-']);
        if value.is_empty() {
            return;
        }
        let begin = line.text.len() - value.len();
        self.add(&label, line.nodes(begin..line.text.len()), value, PairKind::Beside);
    }

    /// Reads the labels that a colon ends in a segment, each with the text up to the next label.
    fn labeled(&mut self, line: &Line, segment: Range<usize>) {
        let Some(text) = line.text.get(segment.clone()) else { return };
        // Where each label begins, where its colon is, and where its value begins.
        let mut labels: Vec<(usize, usize, usize)> = Vec::new();
        for (colon, sign) in text.char_indices().filter(|it| matches!(it.1, ':' | '：')) {
            let behind = colon + sign.len_utf8();
            let blank = text.get(behind..).is_some_and(|it| it.starts_with(char::is_whitespace));
            if sign == ':' && !blank {
                continue;
            }
            let from = labels.last().map_or(0, |it| it.2);
            let before = text.get(from..colon).unwrap_or_default();
            let cut = before.rmatch_indices(' ').map(|it| it.0).find(|it| {
                let sign = it.checked_sub(1).and_then(|it| before.as_bytes().get(it));
                sign.is_some_and(|it| b",;.)!?".contains(it))
            });
            let cut = cut.map(|it| it + 1);
            let begin = from + cut.unwrap_or(0);
            let label = text.get(begin..colon).unwrap_or_default().trim();
            let words = label.split_whitespace().count();
            if (1..=LABEL_WORDS).contains(&words) && label.len() <= LONGEST_LABEL {
                labels.push((begin, colon, behind));
            }
        }
        for (at, (begin, colon, behind)) in labels.iter().enumerate() {
            let end = labels.get(at + 1).map_or(text.len(), |it| it.0);
            let label = text.get(*begin..*colon).unwrap_or_default();
            let value = text.get(*behind..end).unwrap_or_default();
            let cut =
                if end < text.len() { value.trim_end_matches([',', ';', ' ', '.']) } else { value };
            let start = segment.start + behind + (value.len() - value.trim_start().len());
            let nodes = line.nodes(start..segment.start + behind + cut.len().max(1));
            self.add(label, nodes, cut, PairKind::Line);
        }
    }

    /// Reads a line that is only a label: its value is the next line, or the element below.
    fn below(&mut self, line: &Line, at: usize) {
        let index = self.index;
        let doc = index.doc;
        let block = doc.around(line.range.start).find(|it| doc.tag(*it).is_block());
        let whole = block.filter(|it| doc.node(*it).text <= line.text.len() + 2);
        let sibling = whole.and_then(|it| {
            doc.siblings_after(it).find(|it| doc.node(*it).text > 0 && !index.is_masked(*it))
        });
        let next: Option<Range<Id>> = match sibling {
            Some(id) if doc.tag(id).level().is_none() => Some(id..doc.end(id)),
            Some(_) => None,
            None => index.lines.get(at + 1).map(|it| it.range.clone()),
        };
        let Some(value) = next else { return };
        let text = index.text(&value);
        self.add(&line.text, value, &text, PairKind::Line);
    }

    /// Reads numbers and days beside a word, and the name behind `by`.
    fn phrases(&mut self, line: &Line, segment: Range<usize>) {
        let Some(text) = line.text.get(segment.clone()) else { return };
        let mut from = 0;
        for part in parts(text) {
            let begin = segment.start + from;
            from += part.len();
            let trimmed = part.trim_matches(|it: char| {
                it.is_whitespace() || matches!(it, ',' | ';' | '(' | ')' | '.')
            });
            let offset = begin + offset_in(part, trimmed);
            if trimmed.is_empty() {
                continue;
            }
            let rest = line.text.get(offset..segment.end).unwrap_or(trimmed);
            self.leading(line, offset, trimmed, rest);
            self.trailing(line, offset, trimmed);
            self.named_after(line, offset, trimmed);
        }
    }

    /// Reads `Starts 3 March 2027`: up to four words in front of a number or a day.
    fn leading(&mut self, line: &Line, offset: usize, part: &str, rest: &str) {
        let is_value = |it: char| it.is_ascii_digit() || matches!(it, '€' | '$' | '£');
        let Some(first) = part.find(is_value).filter(|it| *it > 0) else { return };
        let before = part.get(..first).unwrap_or_default();
        // `ISBN-13` is one word.
        if !before.ends_with(char::is_whitespace) {
            return;
        }
        let words: Vec<&str> = before.split_whitespace().collect();
        if words.is_empty() || words.len() > PHRASE_WORDS || before.contains(':') {
            return;
        }
        // A month or a day of the week belongs to the value.
        for count in (1..=words.len()).rev().take(3) {
            let label = words.iter().take(count).copied().collect::<Vec<_>>().join(" ");
            let behind = words.get(count - 1).and_then(|it| Some(part.find(it)? + it.len()));
            let Some(behind) = behind.filter(|it| *it <= first) else { continue };
            let value = rest.get(behind..).unwrap_or_default().trim_start();
            if count < words.len() && day(value).is_none() {
                continue;
            }
            let start =
                offset + rest.len() - rest.get(behind..).unwrap_or_default().trim_start().len();
            let nodes = line.nodes(start..start + value.len().max(1));
            self.add(&label, nodes, value.trim_end().trim_end_matches('.'), PairKind::Phrase);
        }
    }

    /// Reads `8 places`: a number in front of up to four words.
    fn trailing(&mut self, line: &Line, offset: usize, part: &str) {
        if part.len() > COUNT || !part.starts_with(|it: char| it.is_ascii_digit()) {
            return;
        }
        let Some((number, words)) = part.split_once(char::is_whitespace) else { return };
        let words = words.trim();
        let fits = (1..=PHRASE_WORDS).contains(&words.split_whitespace().count())
            && !words.contains(|it: char| it.is_ascii_digit());
        if fits {
            let nodes = line.nodes(offset..offset + number.len());
            self.add(words, nodes, number, PairKind::Phrase);
        }
    }

    /// Reads `by Ann Vale`.
    fn named_after(&mut self, line: &Line, offset: usize, part: &str) {
        for word in ["by ", "By ", "von ", "Von ", "par ", "Par ", "por ", "Por "] {
            let Some(name) = part.strip_prefix(word) else { continue };
            if name.len() <= LONGEST_LABEL && name.starts_with(char::is_uppercase) {
                let start = offset + word.len();
                self.add("by", line.nodes(start..start + name.len()), name, PairKind::Phrase);
            }
        }
    }
}

/// Returns where a part of a text begins in it.
fn offset_in(text: &str, part: &str) -> usize {
    let offset = part.as_ptr().addr().saturating_sub(text.as_ptr().addr());
    offset.min(text.len())
}

/// Splits a segment at commas and brackets that a blank follows or precedes; the parts keep their length.
fn parts(text: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut from = 0;
    for (at, sign) in text.char_indices() {
        let behind = at + sign.len_utf8();
        let blank = text.get(behind..).is_some_and(|it| it.starts_with(char::is_whitespace));
        if (matches!(sign, ',' | ';' | '.') && blank) || matches!(sign, '(' | ')') {
            out.extend(text.get(from..behind));
            from = behind;
        }
    }
    out.extend(text.get(from..));
    out
}
