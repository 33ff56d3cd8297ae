//! The fuzz targets without a fuzzer: every committed seed, and a fixed number of its mutations.
//!
//! The bodies are those of the `fuzz` package, compiled into this test from its very source, so they
//! keep compiling without building that package. Seeds hold what fuzzing once found, too.

#[path = "../../fuzz/src/lib.rs"]
#[allow(unreachable_pub, reason = "the fuzz package needs them public")]
#[allow(clippy::pedantic, reason = "they are linted as what they are: tests")]
mod targets;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Longer inputs are cut, as a fuzzer would.
const MAX_LENGTH: usize = 4_096;

/// A small generator of numbers (splitmix64): the same seed, the same mutations.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).expect("below a usize")
    }
}

/// Changes a few bytes, or moves, doubles or removes a stretch of them, or takes one of `other`.
fn mutate(input: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    for _ in 0..=random.below(4) {
        let at = random.below(input.len() + 1);
        let end = (at + 1 + random.below(16)).min(input.len());
        match random.below(6) {
            0 if at < input.len() => input[at] ^= 1 << random.below(8),
            1 if at < input.len() => input[at] = [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
            2 if at < end => drop(input.drain(at..end)),
            3 if at < end => {
                let stretch = input[at..end].to_vec();
                let to = random.below(input.len() + 1);
                input.splice(to..to, stretch);
            }
            4 if !other.is_empty() => {
                let from = random.below(other.len());
                let stretch = other[from..].iter().take(32).copied().collect::<Vec<_>>();
                input.splice(at..at, stretch);
            }
            _ => {
                let byte = random.next().to_le_bytes()[0];
                input.insert(at, byte);
            }
        }
    }
    input.truncate(MAX_LENGTH);
}

fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let mut seeds: Vec<_> = fs::read_dir(&dir)
        .expect("each target has seeds")
        .map(|entry| {
            let path = entry.expect("a readable entry").path();
            let name = path.file_name().expect("a file").to_string_lossy().into_owned();
            (name, fs::read(&path).expect("a readable seed"))
        })
        .collect();
    assert!(!seeds.is_empty(), "{} holds no seed", dir.display());
    seeds.sort();
    seeds
}

/// Runs `target` over its seeds and `mutations` inputs made of them.
fn smoke(name: &str, target: fn(&[u8]), mutations: usize) {
    let seeds = seeds(name);
    let run = |input: &[u8], what: &str| {
        let passed = catch_unwind(AssertUnwindSafe(|| target(input))).is_ok();
        assert!(passed, "{name}: {what} breaks a promise; the input is {}", input.escape_ascii());
    };
    for (seed, input) in &seeds {
        run(input, seed);
    }
    let mut random = Random(0x7275_6e67);
    for number in 0..mutations {
        let (seed, start) = &seeds[number % seeds.len()];
        let other = &seeds[random.below(seeds.len())].1;
        let mut input = start.clone();
        mutate(&mut input, other, &mut random);
        run(&input, &format!("mutation {number}, of {seed},"));
    }
}

#[test]
fn a_step_keeps_credits_balanced() {
    smoke("step", targets::step::run, 4_000);
}

#[test]
fn a_store_equals_its_model() {
    smoke("store", targets::store::run, 1_000);
}

#[test]
fn the_judge_has_a_reason_for_every_response() {
    smoke("verdict", targets::verdict::run, 4_000);
}

#[test]
fn any_document_is_read_or_refused() {
    smoke("extract", targets::extract::run, 1_000);
}

#[test]
fn any_bytes_decode_by_the_reported_encoding() {
    smoke("decode", targets::decode::run, 4_000);
}

#[test]
fn any_document_is_written_in_every_format() {
    smoke("convert", targets::convert::run, 400);
}

#[test]
fn any_schema_is_filled_within_its_bounds() {
    smoke("schema", targets::schema::run, 400);
}

#[test]
fn any_page_is_the_same_for_both_readers() {
    smoke("readers", targets::readers::run, 4_000);
}

#[test]
fn any_embedded_state_is_read_or_refused() {
    smoke("states", targets::states::run, 400);
}

#[test]
fn any_response_is_a_page_or_a_named_error() {
    smoke("response", targets::response::run, 400);
}

#[test]
fn any_refused_batch_names_its_field() {
    smoke("request", targets::request::run, 4_000);
}

#[test]
fn only_what_was_signed_verifies() {
    smoke("webhook", targets::webhook::run, 2_000);
}

#[test]
fn only_public_addresses_pass_the_guard() {
    smoke("guard", targets::guard::run, 4_000);
}
