//! The relevance of a URL for a search: the share of the searched words that it contains.

/// The weight of a word in the title.
const TITLE: f64 = 1.0;
/// The weight of a word in the path.
const PATH: f64 = 0.9;
/// The weight of a word in the description.
const DESCRIPTION: f64 = 0.6;
/// The part of a weight that a word gets that is only a part of a longer one.
const PARTIAL: f64 = 0.7;
/// The most words of a search that count.
const MAX_WORDS: usize = 20;

/// Returns the words of a text in lower case.
pub(super) fn words(text: &str) -> Vec<String> {
    let words = text.split(|it: char| !it.is_alphanumeric()).filter(|it| !it.is_empty());
    words.map(str::to_lowercase).collect()
}

/// Returns the relevance from 0 to 1: the mean over the searched words of the weight of the best place where each occurs.
pub(super) fn score(
    searched: &[String],
    path: &str,
    title: Option<&str>,
    description: Option<&str>,
) -> f64 {
    let searched = &searched[..searched.len().min(MAX_WORDS)];
    if searched.is_empty() {
        return 1.0;
    }
    let places = [
        (TITLE, words(title.unwrap_or_default())),
        (PATH, words(path)),
        (DESCRIPTION, words(description.unwrap_or_default())),
    ];
    let best = |word: &String| {
        let in_place = |(weight, found): &(f64, Vec<String>)| {
            if found.contains(word) {
                *weight
            } else if word.chars().count() > 2 && found.iter().any(|it| it.contains(word.as_str()))
            {
                weight * PARTIAL
            } else {
                0.0
            }
        };
        places.iter().map(in_place).fold(0.0, f64::max)
    };
    let sum: f64 = searched.iter().map(best).sum();
    let count = u32::try_from(searched.len()).unwrap_or(u32::MAX);
    (sum / f64::from(count) * 1_000.0).round() / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_as_relevant_as_the_words_that_it_contains() {
        let score = |search: &str, path, title| score(&words(search), path, title, None);

        assert!((score("Pricing", "/docs/pricing", None) - 0.9).abs() < 1e-9);
        assert!((score("pricing plans", "/pricing", None) - 0.45).abs() < 1e-9);
        assert!((score("price", "/prices", Some("Our price list")) - 1.0).abs() < 1e-9);
        assert!((score("price", "/prices", None) - 0.63).abs() < 1e-9);
        assert!(score("price", "/about", None) < 1e-9);
        assert!((score("  ", "/about", None) - 1.0).abs() < 1e-9);
    }
}
