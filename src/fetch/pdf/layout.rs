//! Words to lines, lines to blocks in the order in which a reader takes them.
//!
//! Words that stand close on one base line make a run. Where white space runs down through the page
//! and what stands beside it is prose, it separates columns, which are read one after the other;
//! where the cells are short it is a table, which is read by rows.

use super::frame::Block;
use super::glyphs::Letter;
use super::words::{Word, words};

mod blocks;
mod columns;

pub(super) use blocks::marker;

/// Words of a run are closer than this, in heights of their font: the space of justified text, and
/// not that between columns.
const RUN_GAP: f64 = 1.2;

/// Words on one base line that belong together.
#[derive(Clone, Debug)]
pub(super) struct Run {
    text: String,
    left: f64,
    right: f64,
    base: f64,
    size: f64,
    is_bold: bool,
}

/// A page's letters as blocks: those that run to the right, then those that run otherwise.
pub(super) fn blocks(letters: &[Letter]) -> Vec<Block> {
    let turns = (0..4).flat_map(|turn| {
        let runs = runs(words(letters, turn));
        columns::regions(runs).into_iter().flat_map(blocks::of_region)
    });
    turns.collect()
}

/// Joins words to runs. They are sorted by line first: some programs draw a line's words in any
/// order.
fn runs(mut words: Vec<Word>) -> Vec<Run> {
    words.sort_by(|a, b| a.base.total_cmp(&b.base));
    let mut runs = Vec::new();
    let mut rest = words.into_iter().peekable();
    while let Some(first) = rest.next() {
        let mut line = vec![first];
        while let Some(word) = rest.next_if(|it| stands_on(&line, it)) {
            line.push(word);
        }
        line.sort_by(|a, b| a.left.total_cmp(&b.left));
        join(line, &mut runs);
    }
    runs
}

/// Whether a word stands on the line of words that were sorted before it.
fn stands_on(line: &[Word], word: &Word) -> bool {
    let tallest = line.iter().max_by(|a, b| a.size.total_cmp(&b.size));
    tallest.is_some_and(|it| word.base - it.base < it.size.min(word.size) * 0.35)
}

fn join(line: Vec<Word>, runs: &mut Vec<Run>) {
    let first = runs.len();
    for word in line {
        let size = word.size;
        match runs[first..].last_mut() {
            Some(run) if word.left - run.right < size.max(run.size) * RUN_GAP => {
                // A sign of a smaller font may belong to the word before it.
                run.text.push(' ');
                run.text.push_str(&word.text);
                run.right = run.right.max(word.right);
                run.is_bold &= word.is_bold;
                if size > run.size {
                    (run.size, run.base) = (size, word.base);
                }
            }
            _ => runs.push(Run {
                text: word.text,
                left: word.left,
                right: word.right,
                base: word.base,
                size,
                is_bold: word.is_bold,
            }),
        }
    }
}
