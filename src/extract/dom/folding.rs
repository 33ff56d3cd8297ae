//! Folds white space: any run of it is one blank.

use std::ops::Range;

/// White space of ASCII.
const BLANK: u8 = 1;
/// White space and controls that are no single blank.
const ODD: u8 = 2;
/// The first bytes of all white space beyond ASCII.
const WIDE: u8 = 4;
/// Bytes that Markdown may read as markup.
const MARK: u8 = 8;

/// A length of white space that is not counted.
const UNCOUNTED: u16 = u16::MAX;

/// The classes of each byte: a text is read once for all of them.
static CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut found = [0; 256];
    let mut byte = 0_u8;
    loop {
        let at = byte as usize;
        if byte.is_ascii_whitespace() {
            found[at] |= BLANK;
        }
        if byte < b' ' {
            found[at] |= ODD;
        }
        if matches!(byte, 0xc2 | 0xe1..=0xe3) {
            found[at] |= WIDE;
        }
        if is_mark(byte) {
            found[at] |= MARK;
        }
        if byte == u8::MAX {
            return found;
        }
        byte += 1;
    }
}

/// Returns `true` for a byte that Markdown may read as markup inside a line.
pub(crate) const fn is_mark(byte: u8) -> bool {
    matches!(byte, b'\\' | b'`' | b'*' | b'_' | b'[' | b']' | b'<' | b'&' | b'~')
}

/// A text, and the shape of its white space, which every format asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FlowText<'a> {
    pub(crate) source: &'a str,
    /// Bytes of white space at both ends, or [`UNCOUNTED`].
    lead: u16,
    tail: u16,
    is_measured: bool,
    has_words: bool,
    /// `true` if all white space between the words is single blanks.
    is_folded: bool,
    /// `true` if no byte may be markup.
    is_plain: bool,
}

impl<'a> FlowText<'a> {
    /// Returns a text whose white space is read when it is asked for.
    pub(crate) fn new(source: &'a str) -> Self {
        Self {
            source,
            lead: 0,
            tail: 0,
            is_measured: false,
            has_words: false,
            is_folded: false,
            is_plain: false,
        }
    }

    /// Reads the white space. Returns the bytes of the words, each with a blank behind it.
    pub(crate) fn measure(&mut self) -> usize {
        let inside = words_in(self.source);
        let words = self.source.get(inside.clone()).unwrap_or_default();
        let (mut seen, mut before, mut doubled) = (0, 0, 0);
        for byte in words.bytes() {
            let class = CLASSES[usize::from(byte)];
            seen |= class;
            doubled += usize::from(class & before & BLANK);
            before = class;
        }
        let has_wide = || words.chars().any(|it| !it.is_ascii() && it.is_whitespace());
        self.lead = u16::try_from(inside.start).unwrap_or(UNCOUNTED);
        self.tail = u16::try_from(self.source.len() - inside.end).unwrap_or(UNCOUNTED);
        self.is_measured = true;
        self.has_words = !words.is_empty();
        self.is_folded = seen & ODD == 0 && doubled == 0 && (seen & WIDE == 0 || !has_wide());
        self.is_plain = seen & MARK == 0;
        // White space beyond ASCII counts like the letters of a word.
        if self.source.trim_ascii().len() > words.len() {
            return folded_length(self.source);
        }
        words.len() - doubled + usize::from(self.has_words)
    }

    /// Returns the text with its white space read.
    pub(crate) fn measured(mut self) -> Self {
        if !self.is_measured {
            self.measure();
        }
        self
    }

    /// Returns `true` if the text is more than white space.
    pub(crate) fn has_words(self) -> bool {
        self.measured().has_words
    }

    /// Returns the text without the white space at its ends.
    pub(crate) fn words(self) -> &'a str {
        let text = self.measured();
        if text.lead == UNCOUNTED || text.tail == UNCOUNTED {
            return trimmed(text.source);
        }
        let end = text.source.len() - usize::from(text.tail);
        text.source.get(usize::from(text.lead)..end).unwrap_or_default()
    }

    /// Returns `true` if the words can be written as they stand, in Markdown too.
    pub(crate) fn is_plain(self) -> bool {
        let text = self.measured();
        text.is_folded && text.is_plain
    }

    /// Returns `true` if a blank follows the words.
    pub(crate) fn ends_apart(self) -> bool {
        let text = self.measured();
        text.has_words && text.tail > 0
    }

    /// Appends the blank that the text begins with, unless it begins the line.
    pub(crate) fn begin(self, line: &mut String) {
        if self.measured().lead > 0 {
            break_words(line);
        }
    }

    /// Appends the text to a line as a browser shows it: any white space is one blank, and none begins a line.
    pub(crate) fn flow_into(self, line: &mut String) {
        let text = self.measured();
        text.begin(line);
        if text.is_folded {
            line.push_str(text.words());
        } else {
            for (at, word) in text.words().split_whitespace().enumerate() {
                if at > 0 {
                    line.push(' ');
                }
                line.push_str(word);
            }
        }
        if text.ends_apart() {
            line.push(' ');
        }
    }
}

/// Appends the blank between two words, unless it would begin the line.
pub(crate) fn break_words(line: &mut String) {
    if !matches!(line.as_bytes().last(), None | Some(b' ' | b'\n')) {
        line.push(' ');
    }
}

/// Returns a text without the white space at its ends, like [`str::trim`], which is slower.
pub(crate) fn trimmed(text: &str) -> &str {
    text.get(words_in(text)).unwrap_or_default()
}

/// Returns the place of the words in a text, from the first to the last.
fn words_in(text: &str) -> Range<usize> {
    let bytes = text.as_bytes();
    let begin = bytes.iter().position(|it| !it.is_ascii_whitespace()).unwrap_or(bytes.len());
    let end = bytes.iter().rposition(|it| !it.is_ascii_whitespace()).map_or(begin, |it| it + 1);
    // All other white space is a control, or beyond ASCII.
    let is_plain = |it: Option<&u8>| it.is_some_and(|it| matches!(it, b'!'..=b'~'));
    if begin == end || is_plain(bytes.get(begin)) && is_plain(bytes.get(end - 1)) {
        return begin..end;
    }
    let words = text.trim();
    let begin = text.len() - text.trim_start().len();
    begin..begin + words.len()
}

/// Returns a text without the blanks and line feeds at its ends.
pub(crate) fn without_blanks(text: &str) -> &str {
    let is_blank = |it: &u8| matches!(it, b' ' | b'\n');
    let bytes = text.as_bytes();
    let begin = bytes.iter().position(|it| !is_blank(it)).unwrap_or(bytes.len());
    let end = bytes.iter().rposition(|it| !is_blank(it)).map_or(begin, |it| it + 1);
    text.get(begin..end).unwrap_or_default()
}

/// Counts the bytes of the words of a text, each with a blank behind it.
fn folded_length(text: &str) -> usize {
    let (mut length, mut inside) = (0, false);
    for byte in text.bytes() {
        let blank = byte.is_ascii_whitespace();
        length += usize::from(!blank) + usize::from(inside && blank);
        inside = !blank;
    }
    length + usize::from(inside)
}

/// Returns `true` if a trimmed text has no white space but single blanks. May return `false` for such a text.
fn is_folded(trimmed: &str) -> bool {
    let mut before = 0;
    let mut folded = true;
    let mut has_wide = false;
    for &byte in trimmed.as_bytes() {
        folded &= byte > b' ' || (byte == b' ' && before != b' ');
        // All white space beyond ASCII begins with one of these.
        has_wide |= matches!(byte, 0xc2 | 0xe1..=0xe3);
        before = byte;
    }
    folded && !(has_wide && trimmed.chars().any(|it| !it.is_ascii() && it.is_whitespace()))
}

/// Appends the words of a text.
pub(crate) fn fold_into(out: &mut String, text: &str) {
    let trimmed = text.trim();
    if !trimmed.is_empty() && is_folded(trimmed) {
        if !out.is_empty() {
            out.push(' ');
        }
        return out.push_str(trimmed);
    }
    for word in trimmed.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
}

/// Folds white space to single blanks.
pub(crate) fn folded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    fold_into(&mut out, text);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_white_space_is_one_blank() {
        for text in [
            "",
            " ",
            "a",
            "a b",
            " a  b ",
            "a\tb\nc",
            "a\u{a0}b",
            "\u{3000}a \u{2003} b",
            "a\u{1}b",
            "\u{201c}a\u{201d} b",
            "a\u{85}b",
            "é à",
        ] {
            let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert_eq!(folded(text), words, "{text:?}");
            let mut line = String::new();
            let mut flow = FlowText::new(text);
            flow.flow_into(&mut line);
            assert_eq!(line.trim_end(), words, "{text:?}");
            assert_eq!(flow.measure(), folded_length(text), "{text:?}");
            assert_eq!(flow.words(), text.trim(), "{text:?}");
            assert!(!is_folded(text.trim()) || text.trim() == words, "{text:?}");
        }
        assert!(is_folded("\u{201c}a\u{201d} b"));
    }

    #[test]
    fn texts_that_touch_stay_together_and_others_are_one_blank_apart() {
        let mut line = String::new();
        for text in ["one", " ", " two ", "\n", "th", "ree"] {
            FlowText::new(text).flow_into(&mut line);
        }

        assert_eq!(line, "one two three");
    }
}
