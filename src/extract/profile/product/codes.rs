//! The names and numbers that identify a product.

use crate::extract::vocabulary::BRAND_LABELS;

/// Lengths of a GTIN.
const GTIN_LENGTHS: [usize; 4] = [8, 12, 13, 14];
/// Characters and words of a brand that is read from the page, where prose may stand behind its label.
const BRAND_CHARACTERS: std::ops::RangeInclusive<usize> = 2..=40;
const BRAND_WORDS: usize = 4;

/// Returns `true` if a text is a name, and neither an address nor a placeholder of a template.
pub(super) fn is_name(text: &str) -> bool {
    text.contains(char::is_alphanumeric)
        && !text.starts_with(['$', '{', '['])
        && !text.starts_with("http")
}

/// Reads a brand: a name without the label in front of it. The title of a page is not one.
pub(super) fn brand(text: &str) -> Option<String> {
    let is_label = |it: &str| {
        let it = it.trim_end().to_lowercase();
        BRAND_LABELS.iter().any(|label| it.ends_with(label))
    };
    let text = match text.rsplit_once(':') {
        Some((label, name)) if is_label(label) => name.trim(),
        _ => text.trim(),
    };
    (is_name(text) && !text.contains(" | ")).then(|| text.to_owned())
}

/// Reads a brand of a few words.
pub(super) fn short_brand(text: &str) -> Option<String> {
    let fits = |it: &String| {
        BRAND_CHARACTERS.contains(&it.chars().count())
            && it.split_whitespace().count() <= BRAND_WORDS
    };
    brand(text).filter(fits)
}

/// Reads a shop's number for a product: one word, without a label.
pub(super) fn sku(text: &str) -> Option<String> {
    let text = text.trim().trim_start_matches("sku:").trim();
    let word = text.split_whitespace().next()?;
    let fits = word == text || word.bytes().any(|it| it.is_ascii_digit());
    fits.then(|| word.to_owned())
}

/// Reads a GTIN of the right length whose check digit is right.
pub(super) fn gtin(text: &str) -> Option<String> {
    let plain: String = text.chars().filter(|it| !matches!(it, '-' | ' ')).collect();
    let digits: Option<Vec<u32>> = plain.chars().map(|it| it.to_digit(10)).collect();
    let digits = digits.filter(|it| GTIN_LENGTHS.contains(&it.len()))?;
    // From the right, every second digit counts three times.
    let sum: u32 = digits.iter().rev().zip([1, 3].iter().cycle()).map(|it| it.0 * it.1).sum();
    (sum.is_multiple_of(10) && sum > 0).then_some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_article_number_has_a_length_and_a_check_digit() {
        for right in ["4006381333931", "4 006381 333931", "73513537", "036000291452"] {
            assert!(gtin(right).is_some(), "{right}");
        }
        for wrong in ["4006381333932", "123", "40063813339310", "0000000000000", "n/a", ""] {
            assert_eq!(gtin(wrong), None, "{wrong}");
        }
    }
}
