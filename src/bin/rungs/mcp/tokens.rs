//! An estimate of tokens, and cuts of text that respect it.
//!
//! No tokenizer is exact for every model, so the estimate is high rather than low: a letter or a space of ASCII is a
//! quarter of a token, another character of ASCII half a token, and any other character a whole one. English prose has
//! fewer tokens than that, and so do most pages in other scripts.

use std::ops::Range;

/// Units of a token, so that weights are integers.
const UNITS: u64 = 4;
/// The part of a cut in which a line's end is preferred, as a divisor of its length.
const LAST_PART: usize = 4;

/// A size of text in quarters of a token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Weight(u64);

impl Weight {
    /// Returns the weight of this many tokens.
    pub(super) const fn tokens(tokens: u32) -> Self {
        Self(tokens as u64 * UNITS)
    }

    /// Estimates the weight of a text.
    pub(super) fn of(text: &str) -> Self {
        Self(text.chars().map(of_char).sum())
    }

    /// Returns the weight without another one, and zero if that is larger.
    pub(super) const fn less(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// Returns the tokens, rounded up.
    #[cfg(test)]
    pub(super) const fn in_tokens(self) -> u64 {
        self.0.div_ceil(UNITS)
    }
}

const fn of_char(character: char) -> u64 {
    match character {
        'a'..='z' | 'A'..='Z' | ' ' => 1,
        '\0'..='\x7f' => 2,
        _ => UNITS,
    }
}

/// Returns the bytes of `text` from `offset` on that fit in `weight`.
///
/// The cut is between characters, and after a line if one ends in its last quarter. An offset inside a character is
/// moved to its start. At least one character is returned unless the text is at its end.
pub(super) fn cut(text: &str, offset: usize, weight: Weight) -> Range<usize> {
    let start = text.floor_char_boundary(offset.min(text.len()));
    let rest = &text[start..];
    let mut used = 0;
    let mut end = rest.len();
    for (at, character) in rest.char_indices() {
        used += of_char(character);
        if used > weight.0 && at > 0 {
            end = at;
            break;
        }
    }
    if end < rest.len() {
        let earliest = rest.floor_char_boundary(end - end / LAST_PART);
        if let Some(line_end) = rest[earliest..end].rfind('\n') {
            end = earliest + line_end + 1;
        }
    }
    start..start + end
}

/// Returns `true` for a character that ends a line, reverses the order of others, or is invisible and can spell out
/// text: line and paragraph separators, bidirectional controls and tags.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{e0000}'..='\u{e007f}'
        )
}

/// Returns the text in one line without control characters, shortened to about this many tokens.
pub(super) fn one_line(text: &str, max_tokens: u32) -> String {
    let text = text.trim();
    let kept = &text[cut(text, 0, Weight::tokens(max_tokens))];
    let mut line: String = kept.chars().map(|it| if is_hidden(it) { ' ' } else { it }).collect();
    if kept.len() < text.len() {
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_scripts_weigh_more_than_english() {
        assert_eq!(Weight::of("four").in_tokens(), 1);
        assert_eq!(Weight::of("1234").in_tokens(), 2);
        assert_eq!(Weight::of("日本").in_tokens(), 2);
        assert_eq!(Weight::of("").in_tokens(), 0);
    }

    #[test]
    fn cuts_cover_a_text_without_gaps() {
        for text in ["", "a", "plain text of some words", "日本語のテキスト", "a\nbé\n\n🦀🦀🦀 c"]
        {
            for tokens in 0..4 {
                let mut joined = String::new();
                while joined.len() < text.len() {
                    let range = cut(text, joined.len(), Weight::tokens(tokens));
                    assert_eq!(range.start, joined.len(), "{text:?}");
                    assert!(!range.is_empty(), "{text:?} at {}", range.start);
                    joined.push_str(&text[range]);
                }
                assert_eq!(joined, text);
            }
        }
    }

    #[test]
    fn a_cut_stays_within_its_weight() {
        let text = "Zeile für Zeile, 日本語 and 12,345.67 in a row. ".repeat(50);

        for tokens in 1..200 {
            let weight = Weight::tokens(tokens);
            assert!(Weight::of(&text[cut(&text, 0, weight)]) <= weight, "{tokens}");
        }
    }

    #[test]
    fn a_cut_prefers_the_end_of_a_line() {
        let text = format!("abcdefghijkl\n{}", "x".repeat(40));

        assert_eq!(cut(&text, 0, Weight::tokens(4)), 0..13);
        assert_eq!(cut(&text, 0, Weight::tokens(8)), 0..31, "the line ends too early");
    }

    #[test]
    fn an_offset_inside_a_character_is_moved_to_its_start() {
        assert_eq!(cut("日本", 1, Weight::tokens(9)), 0..6);
        assert_eq!(cut("日本", 99, Weight::tokens(9)), 6..6);
    }

    #[test]
    fn a_line_has_no_control_characters() {
        assert_eq!(one_line("a\nb\u{1b}[0m", 99), "a b [0m");
        assert_eq!(one_line("a\u{2028}b\u{202e}c\u{e0041}d", 99), "a b c d");
        assert_eq!(one_line("日本語", 2), "日本…");
        assert_eq!(one_line("words and words", 2), "words an…");
    }
}
