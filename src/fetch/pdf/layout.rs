//! Joins words to lines, and lines to blocks in reading order.
//!
//! Words close together on one baseline form a run. Vertical white space with prose on both sides separates
//! columns, which are read one after the other. Between short cells it belongs to a table, which is read by rows.

use super::glyphs::TextGlyph;
use super::protocol::TextBlock;
use super::words::{PositionedWord, words};

mod blocks;
mod columns;

pub(super) use blocks::list_marker;

/// Maximum gap between the words of a run, in font heights: above the widest space of justified text, below the
/// gutter between columns.
const RUN_GAP: f64 = 1.2;
/// Maximum distance of baselines in one line, in font heights, for raised and lowered words.
const BASELINE_TOLERANCE: f64 = 0.35;

/// Words on one baseline that belong together.
#[derive(Clone, Debug)]
pub(super) struct TextRun {
    text: String,
    left: f64,
    right: f64,
    baseline: f64,
    size: f64,
    is_bold: bool,
}

/// Returns a page's text as blocks: first the text that runs to the right, then the other directions.
pub(super) fn blocks(glyphs: &[TextGlyph]) -> Vec<TextBlock> {
    let directions = (0..4).flat_map(|quarter_turns| {
        let runs = runs(words(glyphs, quarter_turns));
        columns::regions(runs).into_iter().flat_map(blocks::of_region)
    });
    directions.collect()
}

/// Joins words to runs. They are sorted by line first, because some programs draw the words of a line in any
/// order.
fn runs(mut words: Vec<PositionedWord>) -> Vec<TextRun> {
    words.sort_by(|a, b| a.baseline.total_cmp(&b.baseline));
    let mut runs = Vec::new();
    let mut rest = words.into_iter().peekable();
    while let Some(first) = rest.next() {
        let mut line = vec![first];
        while let Some(word) = rest.next_if(|word| is_on_line(&line, word)) {
            line.push(word);
        }
        line.sort_by(|a, b| a.left.total_cmp(&b.left));
        join(line, &mut runs);
    }
    runs
}

/// Returns `true` if a word is on the line of the words sorted before it.
fn is_on_line(line: &[PositionedWord], word: &PositionedWord) -> bool {
    let tallest = line.iter().max_by(|a, b| a.size.total_cmp(&b.size));
    tallest.is_some_and(|tallest| {
        let distance = word.baseline - tallest.baseline;
        distance < tallest.size.min(word.size) * BASELINE_TOLERANCE
    })
}

fn join(line: Vec<PositionedWord>, runs: &mut Vec<TextRun>) {
    let first = runs.len();
    for word in line {
        let size = word.size;
        match runs[first..].last_mut() {
            Some(run) if word.left - run.right < size.max(run.size) * RUN_GAP => {
                run.text.push(' ');
                run.text.push_str(&word.text);
                run.right = run.right.max(word.right);
                run.is_bold &= word.is_bold;
                if size > run.size {
                    run.size = size;
                    run.baseline = word.baseline;
                }
            }
            _ => runs.push(TextRun {
                text: word.text,
                left: word.left,
                right: word.right,
                baseline: word.baseline,
                size,
                is_bold: word.is_bold,
            }),
        }
    }
}
