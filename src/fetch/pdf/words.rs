//! Letters to words, by where they stand.

use super::glyphs::Letter;

/// Letters of one word are closer than this, in heights of their font.
const WORD_GAP: f64 = 0.17;
/// How far a letter may reach back over the one before and still go on with its word: kerning.
const OVERLAP: f64 = 0.5;
/// A letter this close to the same letter is its shadow.
const SHADOW: f64 = 0.08;
/// How many letters back a shadow is looked for.
const SHADOWS: usize = 24;

/// A word on a straight line that runs to the right; the page is turned for others.
#[derive(Clone, Debug)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) left: f64,
    pub(super) right: f64,
    /// Its base line, growing downwards.
    pub(super) base: f64,
    pub(super) size: f64,
    pub(super) is_bold: bool,
}

/// The words of the letters that run in one direction, in quarters of a turn.
pub(super) fn words(letters: &[Letter], turn: u8) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut is_open = false;
    let mut recent: Vec<(&str, f64, f64)> = Vec::new();
    for letter in letters.iter().filter(|it| it.turn() == turn) {
        let (left, base) = turned(letter.from, turn);
        let (right, _) = turned(letter.to, turn);
        if letter.text.chars().all(char::is_whitespace) && !letter.text.is_empty() {
            is_open = false;
            continue;
        }
        let text = clean(&letter.text);
        // What is drawn and says nothing is white space of a kind, such as a space that was given no
        // letter; of a text that stands for several glyphs, the others have none to begin with.
        if text.is_empty() && !letter.text.is_empty() {
            is_open = false;
            continue;
        }
        let near = letter.size * SHADOW;
        let is_same = |it: &(&str, f64, f64)| {
            it.0 == letter.text && (it.1 - left).abs() < near && (it.2 - base).abs() < near
        };
        if recent.iter().rev().take(SHADOWS).any(is_same) {
            continue;
        }
        recent.push((&letter.text, left, base));
        if let Some(word) =
            words.last_mut().filter(|it| is_open && goes_on(it, left, base, letter.size))
        {
            word.text.push_str(&text);
            word.right = word.right.max(right);
            // A raised or lowered letter is none that the line stands on.
            if letter.size > word.size {
                (word.size, word.base) = (letter.size, base);
            }
            continue;
        }
        words.push(Word {
            text,
            left,
            right: right.max(left),
            base,
            size: letter.size,
            is_bold: letter.is_bold,
        });
        is_open = true;
    }
    words.retain(|it| !it.text.is_empty());
    words
}

fn goes_on(word: &Word, left: f64, base: f64, size: f64) -> bool {
    let size = word.size.max(size);
    let gap = left - word.right;
    (base - word.base).abs() < size * 0.45 && gap < size * WORD_GAP && gap > -size * OVERLAP
}

/// A place on the page as it would be if the text ran to the right.
fn turned(at: hayro_interpret::kurbo::Point, turn: u8) -> (f64, f64) {
    match turn {
        0 => (at.x, at.y),
        1 => (at.y, -at.x),
        2 => (-at.x, -at.y),
        _ => (-at.y, at.x),
    }
}

impl Letter {
    /// The quarter of a turn that is nearest to the direction it runs in: right, down, left, up.
    fn turn(&self) -> u8 {
        let along = self.to - self.from;
        match (along.x.abs() >= along.y.abs(), along.x >= 0.0, along.y >= 0.0) {
            (true, true, _) => 0,
            (false, _, true) => 1,
            (true, false, _) => 2,
            (false, _, false) => 3,
        }
    }
}

/// Text without what cannot be seen, and ligatures as the letters that they join.
fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\u{fb00}' => out.push_str("ff"),
            '\u{fb01}' => out.push_str("fi"),
            '\u{fb02}' => out.push_str("fl"),
            '\u{fb03}' => out.push_str("ffi"),
            '\u{fb04}' => out.push_str("ffl"),
            '\u{fb05}' | '\u{fb06}' => out.push_str("st"),
            '\u{ad}' => out.push('-'),
            '\u{fffd}' | '\u{feff}' | '\u{200b}' => {}
            it if it.is_control() => {}
            it => out.push(it),
        }
    }
    out
}

/// A text string of the document: UTF-16 or UTF-8 with its mark, else taken for Latin-1.
pub(super) fn text_string(bytes: &[u8]) -> String {
    let text = match bytes {
        [0xfe, 0xff, rest @ ..] => utf_16(rest, u16::from_be_bytes),
        [0xff, 0xfe, rest @ ..] => utf_16(rest, u16::from_le_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        // What PDF calls its own encoding is Latin-1 but for a few signs.
        _ => bytes.iter().map(|it| pdf_doc(*it)).collect(),
    };
    clean(&text)
}

fn utf_16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units: Vec<u16> = bytes.as_chunks().0.iter().map(|it| unit(*it)).collect();
    String::from_utf16_lossy(&units)
}

/// One byte of `PDFDocEncoding`.
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
