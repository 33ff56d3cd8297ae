//! Joins glyphs to words by their positions.

use super::glyphs::TextGlyph;

mod spaced;

// Distances are in font heights. A space is 0.2 to 0.33 wide in common fonts, and letter spacing stays below 0.1.
// The result was compared with `pdftotext` on 142 documents (docs/CORRECTNESS.md).

/// Maximum gap between the glyphs of one word.
const WORD_GAP: f64 = 0.15;
/// Maximum gap between ideographs of one word. They may be set wider, since no space separates their words.
const IDEOGRAPH_GAP: f64 = 0.3;
/// Maximum overlap of a glyph with the one before in the same word, for kerning.
const MAX_OVERLAP: f64 = 0.5;
/// Maximum distance of baselines in one word, for raised and lowered characters.
const BASELINE_TOLERANCE: f64 = 0.45;
/// Maximum distance of a glyph from an equal one that it repeats, as a shadow or for weight.
const SHADOW_DISTANCE: f64 = 0.08;
/// Number of previous glyphs that are compared to find a shadow.
const SHADOW_LOOKBACK: usize = 24;

/// A word on a baseline that runs to the right. Other directions are rotated to that.
#[derive(Clone, Debug)]
pub(super) struct PositionedWord {
    pub(super) text: String,
    pub(super) left: f64,
    pub(super) right: f64,
    /// The baseline's distance from the top.
    pub(super) baseline: f64,
    pub(super) size: f64,
    pub(super) is_bold: bool,
}

/// Joins the glyphs that run in one direction, in clockwise quarter turns from left to right.
pub(super) fn words(glyphs: &[TextGlyph], quarter_turns: u8) -> Vec<PositionedWord> {
    let mut words: Vec<PositionedWord> = Vec::new();
    let mut is_open = false;
    let mut recent: Vec<(&str, f64, f64)> = Vec::new();
    for glyph in glyphs.iter().filter(|glyph| glyph.quarter_turns() == quarter_turns) {
        let (left, baseline) = rotated(glyph.from, quarter_turns);
        let (right, _) = rotated(glyph.to, quarter_turns);
        let text = clean(&glyph.text);
        // A glyph without visible text separates words, such as a space or a control character. An empty one
        // does not: it is part of a sequence whose replacement text came with its first glyph.
        let is_blank = text.chars().all(char::is_whitespace);
        if is_blank && !glyph.text.is_empty() {
            is_open = false;
            continue;
        }
        let near = glyph.size * SHADOW_DISTANCE;
        let is_shadow_of = |(text, x, y): &(&str, f64, f64)| {
            *text == glyph.text && (x - left).abs() < near && (y - baseline).abs() < near
        };
        if recent.iter().rev().take(SHADOW_LOOKBACK).any(is_shadow_of) {
            continue;
        }
        recent.push((&glyph.text, left, baseline));
        let next = PositionedWord {
            text,
            left,
            right: right.max(left),
            baseline,
            size: glyph.size,
            is_bold: glyph.is_bold,
        };
        match words.last_mut().filter(|word| is_open && word.continues_with(&next)) {
            Some(word) => word.append(&next),
            None => words.push(next),
        }
        is_open = true;
    }
    words.retain(|word| !word.text.is_empty());
    spaced::join(words)
}

impl PositionedWord {
    /// Returns `true` if `next` is part of the same word.
    fn continues_with(&self, next: &Self) -> bool {
        let size = self.size.max(next.size);
        let gap = next.left - self.right;
        let are_ideographs = self.text.chars().next_back().is_some_and(is_ideograph)
            && next.text.chars().next().is_some_and(is_ideograph);
        let max_gap = if are_ideographs { IDEOGRAPH_GAP } else { WORD_GAP };
        (next.baseline - self.baseline).abs() < size * BASELINE_TOLERANCE
            && gap < size * max_gap
            && gap > -size * MAX_OVERLAP
    }

    fn append(&mut self, next: &Self) {
        self.text.push_str(&next.text);
        self.right = self.right.max(next.right);
        // The largest glyph gives the baseline: smaller ones may be raised or lowered.
        if next.size > self.size {
            self.size = next.size;
            self.baseline = next.baseline;
        }
    }
}

fn is_ideograph(character: char) -> bool {
    matches!(character, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}')
}

/// Rotates a position so that text in this direction runs to the right.
fn rotated(at: hayro_interpret::kurbo::Point, quarter_turns: u8) -> (f64, f64) {
    match quarter_turns {
        0 => (at.x, at.y),
        1 => (at.y, -at.x),
        2 => (-at.x, -at.y),
        _ => (-at.y, at.x),
    }
}

impl TextGlyph {
    /// Returns the direction of the baseline in clockwise quarter turns: right, down, left, up.
    fn quarter_turns(&self) -> u8 {
        let along = self.to - self.from;
        match (along.x.abs() >= along.y.abs(), along.x >= 0.0, along.y >= 0.0) {
            (true, true, _) => 0,
            (false, _, true) => 1,
            (true, false, _) => 2,
            (false, _, false) => 3,
        }
    }
}

/// Removes invisible characters and expands ligatures.
fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\u{fb00}' => out.push_str("ff"),
            '\u{fb01}' => out.push_str("fi"),
            '\u{fb02}' => out.push_str("fl"),
            '\u{fb03}' => out.push_str("ffi"),
            '\u{fb04}' => out.push_str("ffl"),
            '\u{fb05}' | '\u{fb06}' => out.push_str("st"),
            '\u{ad}' => out.push('-'),
            '\u{fffd}' | '\u{feff}' | '\u{200b}' => {}
            character if character.is_control() => {}
            character => out.push(character),
        }
    }
    out
}

/// Decodes a text string: UTF-16 or UTF-8 with a byte order mark, or else `PDFDocEncoding`.
pub(super) fn text_string(bytes: &[u8]) -> String {
    let text = match bytes {
        [0xfe, 0xff, rest @ ..] => utf_16(rest, u16::from_be_bytes),
        [0xff, 0xfe, rest @ ..] => utf_16(rest, u16::from_le_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        _ => bytes.iter().map(|byte| pdf_doc(*byte)).collect(),
    };
    clean(&text)
}

fn utf_16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units: Vec<u16> = bytes.as_chunks().0.iter().map(|bytes| unit(*bytes)).collect();
    String::from_utf16_lossy(&units)
}

/// Decodes one byte of `PDFDocEncoding`, which is Latin-1 except for these characters.
fn pdf_doc(byte: u8) -> char {
    const HIGH: [char; 31] = [
        '•', '†', '‡', '…', '—', '–', 'ƒ', '⁄', '‹', '›', '−', '‰', '„', '“', '”', '‘', '’', '‚',
        '™', 'ﬁ', 'ﬂ', 'Ł', 'Œ', 'Š', 'Ÿ', 'Ž', 'ı', 'ł', 'œ', 'š', 'ž',
    ];
    match byte {
        0x80..=0x9e => HIGH[usize::from(byte - 0x80)],
        0xa0 => '€',
        other => char::from(other),
    }
}

#[cfg(test)]
mod tests {
    use hayro_interpret::kurbo::Point;

    use super::*;

    /// Glyphs of ten points in height and width, each with its gap from the one before.
    fn glyphs(texts: &[(&str, f64)]) -> Vec<TextGlyph> {
        let mut x = 0.0;
        let glyphs = texts.iter().map(|(text, gap)| {
            let from = Point::new(x + gap, 0.0);
            x = from.x + 10.0;
            let to = Point::new(x, 0.0);
            TextGlyph { text: (*text).to_owned(), from, to, size: 10.0, is_bold: false }
        });
        glyphs.collect()
    }

    fn read(texts: &[(&str, f64)]) -> Vec<String> {
        words(&glyphs(texts), 0).into_iter().map(|word| word.text).collect()
    }

    #[test]
    fn only_a_wide_gap_separates_words() {
        assert_eq!(read(&[("a", 0.0), ("b", 1.4), ("c", 1.6)]), ["ab", "c"]);
        assert_eq!(read(&[("中", 0.0), ("文", 2.5), ("名", 3.5)]), ["中文", "名"]);
        assert_eq!(read(&[("中", 0.0), ("a", 2.5)]), ["中", "a"]);
    }

    #[test]
    fn a_glyph_without_text_separates_words() {
        assert_eq!(read(&[("a", 0.0), ("\u{0}", -10.0), ("b", 0.0)]), ["a", "b"]);
        assert_eq!(read(&[("fi", 0.0), ("", 0.0), ("g", 0.0)]), ["fig"]);
    }

    #[test]
    fn ligatures_are_expanded() {
        assert_eq!(clean("o\u{fb03}ce\u{200b}"), "office");
        assert_eq!(text_string(b"\xfe\xff\0a\x20\x13"), "a–");
        assert_eq!(text_string(b"\xef\xbb\xbf\xc3\xa9"), "é");
        assert_eq!(text_string(b"\x93ve \xa0"), "five €");
    }
}
