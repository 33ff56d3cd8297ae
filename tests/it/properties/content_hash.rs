//! The content hash: equal for what differs between two fetches of a page, and different for what its readers would see.

use proptest::prelude::*;
use rungs::engine::content_hash;

/// A word of content: of a text, a number, a price or a size. None of them belongs to a relative time.
fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => "[b-zä-ü]{3,9}",
        2 => "[0-9]{1,6}",
        1 => "\\$[0-9]{1,4}\\.[0-9]{2}",
        1 => "[0-9]{1,3}(kg|cm|%)",
        1 => "https://[a-z]{3,8}\\.test/[a-z]{1,8}\\?id=[0-9]{1,4}",
        1 => "[\\p{L}\\p{N}]{1,5}",
    ]
}

/// The lines of a page's content. The first word of each says what the line is about.
fn content() -> impl Strategy<Value = Vec<Vec<String>>> {
    let line = ("[B-Z][b-z]{3,9}", prop::collection::vec(word(), 0..12));
    let line = line.prop_map(|(first, rest)| std::iter::once(first).chain(rest).collect());
    prop::collection::vec(line, 1..12)
}

/// Another fetch of the same content: what each fetch has of its own.
#[derive(Clone, Debug)]
struct Fetch {
    at: u32,
    tracking: String,
    gap: &'static str,
}

fn fetch() -> impl Strategy<Value = Fetch> {
    let gap = prop::sample::select(&[" ", "  ", "\t", " \u{200b}", "\u{a0}"][..]);
    (0..86_400_u32, "[a-zA-Z0-9]{1,20}", gap).prop_map(|(at, tracking, gap)| Fetch {
        at,
        tracking,
        gap,
    })
}

/// Returns the text of a page as a fetch gets it.
fn text(content: &[Vec<String>], fetch: &Fetch) -> String {
    let (hours, minutes, seconds) = (fetch.at / 3_600, fetch.at / 60 % 60, fetch.at % 60);
    let stamps = [
        format!("Page generated in 0.{seconds:03} seconds"),
        format!("Generated on 2026-11-29 {hours:02}:{minutes:02}:{seconds:02} UTC"),
        format!("Updated {minutes} minutes ago"),
    ];
    let mut lines: Vec<String> = content
        .iter()
        .map(|line| {
            let words = line.iter().map(|it| {
                if it.contains('?') {
                    format!("{it}&utm_source={}", fetch.tracking)
                } else {
                    it.clone()
                }
            });
            words.collect::<Vec<_>>().join(fetch.gap)
        })
        .collect();
    // The stamps are at the same places in every fetch; only their numbers differ.
    lines.insert(0, stamps[0].clone());
    lines.push(stamps[1].clone());
    lines.push(stamps[2].clone());
    lines.join("\n")
}

proptest! {
    #[test]
    fn two_fetches_of_the_same_content_have_one_hash(
        content in content(), one in fetch(), two in fetch(),
    ) {
        prop_assert_eq!(
            content_hash(&text(&content, &one), None),
            content_hash(&text(&content, &two), None)
        );
    }

    #[test]
    fn another_word_makes_another_hash(
        content in content(), other in word(), place in any::<prop::sample::Index>(), fetch in fetch(),
    ) {
        let mut changed = content.clone();
        let at = place.index(content.iter().map(Vec::len).sum());
        let word = changed.iter_mut().flatten().nth(at).expect("below the number of words");
        prop_assume!(*word != other);
        *word = other;

        prop_assert_ne!(
            content_hash(&text(&content, &fetch), None),
            content_hash(&text(&changed, &fetch), None),
            "{:?}", changed
        );
    }

    #[test]
    fn a_line_more_makes_another_hash(
        content in content(), place in any::<prop::sample::Index>(), fetch in fetch(),
    ) {
        let mut fewer = content.clone();
        let removed = fewer.remove(place.index(content.len()));

        prop_assert_ne!(
            content_hash(&text(&content, &fetch), None),
            content_hash(&text(&fewer, &fetch), None),
            "{:?}", removed
        );
    }
}
