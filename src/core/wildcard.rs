//! Compares texts with patterns in which `*` stands for any characters.
//!
//! A customer or a site writes the pattern and a site the text, so no pair of them may take long. All ways to match are
//! followed at once, one bit each: a pattern of `p` bytes and a text of `t` bytes take at most `t * (p / 64 + 1)` steps.

/// The part of a text that a pattern has to match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// The whole text.
    Whole,
    /// The beginning of the text.
    Beginning,
}

/// Returns `true` if the pattern matches this part of the text. In the pattern, `*` stands for any bytes, and `one`, if
/// there is one, for any single byte.
pub(super) fn matches(pattern: &[u8], text: &[u8], one: Option<u8>, extent: Extent) -> bool {
    let is_wild = |it: &u8| *it == b'*' || Some(*it) == one;
    let plain = pattern.iter().position(is_wild).unwrap_or(pattern.len());
    let (plain, pattern) = pattern.split_at(plain);
    let Some(text) = text.strip_prefix(plain) else { return false };
    if pattern.is_empty() {
        return extent == Extent::Beginning || text.is_empty();
    }
    let states = pattern.iter().filter(|it| **it != b'*').count();
    if states > text.len() {
        return false;
    }
    Automaton::new(pattern, states, one, extent).accepts(text)
}

/// The states of a pattern: state `n` means that its first `n` bytes other than stars were matched. A set of states is
/// a list of words with a bit for each.
struct Automaton {
    words: usize,
    states: usize,
    /// For each byte, the states that it leads from to the next one.
    steps: Vec<u64>,
    /// The states from which every byte leads to the next one.
    free_steps: Vec<u64>,
    /// The states with a star behind them, in which every byte may be skipped.
    stars: Vec<u64>,
}

impl Automaton {
    fn new(pattern: &[u8], states: usize, one: Option<u8>, extent: Extent) -> Self {
        let words = states / 64 + 1;
        let mut automaton = Self {
            words,
            states,
            steps: vec![0; 256 * words],
            free_steps: vec![0; words],
            stars: vec![0; words],
        };
        let mut state = 0;
        for byte in pattern {
            let (word, bit) = (state / 64, 1 << (state % 64));
            match byte {
                b'*' => automaton.stars[word] |= bit,
                it if Some(*it) == one => automaton.free_steps[word] |= bit,
                it => automaton.steps[usize::from(*it) * words + word] |= bit,
            }
            state += usize::from(*byte != b'*');
        }
        if extent == Extent::Beginning {
            automaton.stars[states / 64] |= 1 << (states % 64);
        }
        automaton
    }

    fn accepts(&self, text: &[u8]) -> bool {
        let mut reached = vec![0_u64; self.words];
        reached[0] = 1;
        for byte in text {
            let steps = &self.steps[usize::from(*byte) * self.words..][..self.words];
            let (mut carry, mut any) = (0, 0);
            let masks = steps.iter().zip(&self.free_steps).zip(&self.stars);
            for (state, ((step, free), star)) in reached.iter_mut().zip(masks) {
                let moved = *state & (step | free);
                *state = (moved << 1) | carry | (*state & star);
                carry = moved >> 63;
                any |= *state;
            }
            if any == 0 {
                return false;
            }
        }
        reached[self.states / 64] >> (self.states % 64) & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::*;

    /// Matches by trying everything.
    fn naive(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, _) => text.is_empty(),
            (Some((b'*', rest)), _) => (0..=text.len()).any(|it| naive(rest, &text[it..])),
            (Some((wanted, rest)), Some((found, text))) => {
                (wanted == found || *wanted == b'?') && naive(rest, text)
            }
            (Some(_), None) => false,
        }
    }

    proptest! {
        #[test]
        fn every_pattern_matches_what_its_definition_says(
            pattern in "[ab?*]{0,8}",
            text in "[ab]{0,8}",
            long in 0_usize..3,
        ) {
            // Beyond one word of states.
            let filler = "c".repeat(long * 63);
            let whole = format!("*{filler}{pattern}");
            let read = format!("a{filler}{text}");
            let expected = naive(pattern.as_bytes(), text.as_bytes());
            let found = |pattern: &str, text: &str, extent| {
                matches(pattern.as_bytes(), text.as_bytes(), Some(b'?'), extent)
            };
            prop_assert_eq!(found(&pattern, &text, Extent::Whole), expected);
            if long > 0 {
                prop_assert_eq!(found(&whole, &read, Extent::Whole), expected);
            }
            let begins = (0..=text.len()).any(|it| naive(pattern.as_bytes(), &text.as_bytes()[..it]));
            prop_assert_eq!(found(&pattern, &text, Extent::Beginning), begins);
        }
    }

    #[test]
    fn a_hostile_pattern_takes_little_time() {
        let (pattern, text) = (format!("*{}b*", "a".repeat(1_000)), "a".repeat(400_000));
        let began = Instant::now();

        let is_match = matches(pattern.as_bytes(), text.as_bytes(), None, Extent::Whole);

        // Every start for itself takes 400 million steps.
        assert!(!is_match && began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    }
}
