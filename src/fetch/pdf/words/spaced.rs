//! Joins the letters of words that are set with wide letter spacing, such as `H A R B O R   M U S E U M`.
//!
//! Each letter of such a text is a word of its own at first, because the gaps are as wide as spaces. The gaps between
//! words are wider still, and that difference tells them apart.

use super::{PositionedWord, is_ideograph};

// Distances are in font heights, shares of one. Both were chosen by hand: common letter spacing is 0.15 to 0.6, and
// the gap between two words is at least twice that, since it includes a space and the spacing on both its sides.

/// Minimum number of letters of a spaced text. Shorter ones are more often symbols of a formula or a table.
const MIN_LETTERS: usize = 6;
/// Minimum share of letters among the characters.
const MIN_SHARE: f64 = 0.7;
/// Maximum gap between two characters of one text.
const MAX_GAP: f64 = 2.0;
/// Maximum distance of two baselines, and of two sizes.
const TOLERANCE: f64 = 0.05;
/// The rank of the gap that counts as the spacing, as a share: most gaps are between letters.
const SPACING_RANK: f64 = 0.3;
/// A gap that is wider than the spacing by this factor separates words.
const WORD_FACTOR: f64 = 1.5;
/// A gap that is wider than the spacing by less than this does not.
const MIN_EXTRA: f64 = 0.08;

/// Joins the letters of spaced texts. Other words stay as they are.
pub(super) fn join(words: Vec<PositionedWord>) -> Vec<PositionedWord> {
    let mut joined = Vec::with_capacity(words.len());
    let mut stretch: Vec<PositionedWord> = Vec::new();
    for word in words {
        if stretch.last().is_some_and(|last| !follows(last, &word)) {
            joined.append(&mut join_stretch(std::mem::take(&mut stretch)));
        }
        if is_short(&word) {
            stretch.push(word);
        } else {
            joined.append(&mut join_stretch(std::mem::take(&mut stretch)));
            joined.push(word);
        }
    }
    joined.append(&mut join_stretch(stretch));
    joined
}

/// Returns `true` for a character, or two of a ligature.
fn is_short(word: &PositionedWord) -> bool {
    word.text.chars().count() <= 2 && !word.text.chars().any(is_ideograph)
}

fn follows(last: &PositionedWord, word: &PositionedWord) -> bool {
    let size = last.size.max(word.size);
    let gap = word.left - last.right;
    is_short(word)
        && (word.baseline - last.baseline).abs() < size * TOLERANCE
        && (word.size - last.size).abs() < size * TOLERANCE
        && gap > 0.0
        && gap < size * MAX_GAP
}

fn join_stretch(stretch: Vec<PositionedWord>) -> Vec<PositionedWord> {
    let letters: Vec<char> =
        stretch.iter().flat_map(|it| it.text.chars()).filter(|it| it.is_alphabetic()).collect();
    let all: usize = stretch.iter().map(|it| it.text.chars().count()).sum();
    let singles = stretch.iter().filter(|it| it.text.chars().count() == 1).count();
    #[expect(clippy::cast_precision_loss, reason = "a line has few characters")]
    let share = |part: usize| part as f64 / all.max(1) as f64;
    if letters.len() < MIN_LETTERS || share(letters.len()) < MIN_SHARE || share(singles) < MIN_SHARE
    {
        return stretch;
    }
    let size = stretch.iter().map(|it| it.size).fold(0.0, f64::max);
    let gap = |pair: &[PositionedWord]| pair[1].left - pair[0].right;
    let mut gaps: Vec<f64> = stretch.windows(2).map(gap).collect();
    gaps.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a small count"
    )]
    let rank = (gaps.len() as f64 * SPACING_RANK) as usize;
    let spacing = gaps.get(rank).copied().unwrap_or_default();
    let widest = (spacing * WORD_FACTOR).max(spacing + size * MIN_EXTRA);
    let is_one_word = gaps.last().is_none_or(|it| *it <= widest);
    // Letters in alphabetical order are an index, and each is a link of its own.
    if is_one_word && letters.is_sorted() {
        return stretch;
    }
    let mut words: Vec<PositionedWord> = Vec::new();
    for word in stretch {
        match words.last_mut().filter(|last| word.left - last.right <= widest) {
            Some(last) => last.append(&word),
            None => words.push(word),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words of one character each, ten points wide and high; a blank adds `space` to the gap.
    fn spaced(text: &str, spacing: f64, space: f64) -> Vec<PositionedWord> {
        let mut x = 0.0;
        let mut words = Vec::new();
        for character in text.chars() {
            if character == ' ' {
                x += space;
                continue;
            }
            words.push(PositionedWord {
                text: character.to_string(),
                left: x,
                right: x + 10.0,
                baseline: 0.0,
                size: 10.0,
                is_bold: false,
            });
            x += 10.0 + spacing;
        }
        words
    }

    fn read(text: &str, spacing: f64, space: f64) -> String {
        let words: Vec<String> =
            join(spaced(text, spacing, space)).into_iter().map(|it| it.text).collect();
        words.join(" ")
    }

    #[test]
    fn spaced_letters_are_joined_to_words() {
        for (spacing, space) in [(1.6, 4.4), (2.8, 2.8), (6.0, 8.8), (2.8, 5.6)] {
            let text = "spaced letters of a headline";
            assert_eq!(read(text, spacing, space), text, "{spacing} {space}");
        }
        assert_eq!(read("HARBOR", 5.0, 0.0), "HARBOR");
        assert_eq!(read("No. 5, the pier", 3.0, 6.0), "No. 5, the pier");
    }

    #[test]
    fn symbols_and_indexes_stay_apart() {
        assert_eq!(read("ABCDEFGH", 5.0, 0.0), "A B C D E F G H");
        assert_eq!(read("12345678", 5.0, 0.0), "1 2 3 4 5 6 7 8");
        assert_eq!(read("xyz", 5.0, 0.0), "x y z");
    }
}
