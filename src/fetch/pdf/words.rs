//! Letters to words, by where they stand.

use super::glyphs::Letter;

/// Letters of one word are closer than this, in heights of their font.
const WORD_GAP: f64 = 0.15;
/// Ideographs may be set wider: no space parts their words.
const IDEOGRAPH_GAP: f64 = 0.3;
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
            words.last_mut().filter(|it| is_open && goes_on(it, &text, left, base, letter.size))
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

fn goes_on(word: &Word, text: &str, left: f64, base: f64, size: f64) -> bool {
    let size = word.size.max(size);
    let gap = left - word.right;
    let are_ideographs = word.text.chars().next_back().is_some_and(is_ideograph)
        && text.chars().next().is_some_and(is_ideograph);
    let most = if are_ideographs { IDEOGRAPH_GAP } else { WORD_GAP };
    (base - word.base).abs() < size * 0.45 && gap < size * most && gap > -size * OVERLAP
}

fn is_ideograph(letter: char) -> bool {
    matches!(letter, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}')
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

#[cfg(test)]
mod tests {
    use hayro_interpret::kurbo::Point;

    use super::*;

    /// Letters of ten points in height and width, each so far behind the one before.
    fn set(letters: &[(&str, f64)]) -> Vec<Letter> {
        let mut x = 0.0;
        let letters = letters.iter().map(|(text, gap)| {
            let from = Point::new(x + gap, 0.0);
            x = from.x + 10.0;
            let to = Point::new(x, 0.0);
            Letter { text: (*text).to_owned(), from, to, size: 10.0, is_bold: false }
        });
        letters.collect()
    }

    fn read(letters: &[(&str, f64)]) -> Vec<String> {
        words(&set(letters), 0).into_iter().map(|it| it.text).collect()
    }

    #[test]
    fn a_gap_parts_words_and_ideographs_only_if_it_is_wide() {
        assert_eq!(read(&[("a", 0.0), ("b", 1.4), ("c", 1.6)]), ["ab", "c"]);
        assert_eq!(read(&[("中", 0.0), ("文", 2.5), ("名", 3.5)]), ["中文", "名"]);
        assert_eq!(read(&[("中", 0.0), ("a", 2.5)]), ["中", "a"]);
    }

    #[test]
    fn what_is_drawn_and_says_nothing_is_a_space() {
        assert_eq!(read(&[("a", 0.0), ("\u{0}", -10.0), ("b", 0.0)]), ["a", "b"]);
        assert_eq!(read(&[("fi", 0.0), ("", 0.0), ("g", 0.0)]), ["fig"]);
    }

    #[test]
    fn ligatures_are_the_letters_that_they_join() {
        assert_eq!(clean("o\u{fb03}ce\u{200b}"), "office");
        assert_eq!(text_string(b"\xfe\xff\0a\x20\x13"), "a–");
        assert_eq!(text_string(b"\xef\xbb\xbf\xc3\xa9"), "é");
        assert_eq!(text_string(b"\x93ve \xa0"), "five €");
    }
}
