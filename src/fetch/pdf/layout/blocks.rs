//! Groups the lines of one region to paragraphs, list items and tables.

use super::TextRun;
use super::columns::median;
use crate::fetch::pdf::protocol::TextBlock;

// Distances are in font heights unless noted otherwise. They follow usual typesetting; the result was compared with
// `pdftotext` on 142 documents (docs/CORRECTNESS.md).

/// Minimum number of rows in a table. Two aligned lines are often prose.
const MIN_ROWS: usize = 3;
/// Maximum distance between the lines of a paragraph, relative to the region's usual line distance.
const MAX_RELATIVE_LEADING: f64 = 1.25;
/// Distance up to which lines always count as one paragraph: the usual leading is 1.2.
const TIGHT_LEADING: f64 = 1.3;
/// Distance from which lines never count as one paragraph: almost double spacing.
const MAX_LEADING: f64 = 1.9;
/// Maximum difference in font size between the lines of a paragraph, relative to the size.
const SAME_SIZE: f64 = 0.12;
/// Maximum distance of baselines in one line, for raised and lowered text.
const BASELINE_TOLERANCE: f64 = 0.4;
/// Maximum distance between the rows of a table. Cells may have padding and several lines.
const MAX_ROW_DISTANCE: f64 = 3.5;
/// Maximum distance between the edges or centers of cells in one column.
const ALIGNMENT_TOLERANCE: f64 = 0.5;
/// Minimum number of cells that a row shares with the row before.
const MIN_ALIGNED_CELLS: usize = 2;
/// Minimum indent of the first line of a paragraph.
const MIN_INDENT: f64 = 0.8;
/// Maximum number of digits in the number of a list item; a year has more.
const MAX_NUMBER_DIGITS: usize = 3;
/// Minimum distance from the right edge at which a line counts as a paragraph's last.
const SHORT_LINE: f64 = 4.0;

/// Runs on one baseline, from left to right.
type Line = Vec<TextRun>;

/// Returns the blocks of a region.
pub(super) fn of_region(runs: Vec<TextRun>) -> Vec<TextBlock> {
    let lines = lines(runs);
    let distances = lines.windows(2).map(|pair| baseline(&pair[1]) - baseline(&pair[0]));
    let usual_leading = median(distances.filter(|distance| *distance > 0.0));
    let mut blocks = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let rows = table_rows(&lines[at..]);
        if rows >= MIN_ROWS {
            blocks.push(TextBlock::Table { rows: cells(&lines[at..at + rows]) });
            at += rows;
            continue;
        }
        let mut end = at + 1;
        while end < lines.len()
            && continues_paragraph(&lines[at..end], &lines[end], usual_leading)
            && table_rows(&lines[end..]) < MIN_ROWS
        {
            end += 1;
        }
        blocks.push(paragraph(&lines[at..end]));
        at = end;
    }
    blocks
}

fn baseline(line: &Line) -> f64 {
    line.first().map_or(0.0, |run| run.baseline)
}

fn size(line: &Line) -> f64 {
    line.iter().map(|run| run.size).fold(0.0, f64::max)
}

fn left(line: &Line) -> f64 {
    line.first().map_or(0.0, |run| run.left)
}

fn right(line: &Line) -> f64 {
    line.last().map_or(0.0, |run| run.right)
}

/// Groups runs that share a baseline.
fn lines(mut runs: Vec<TextRun>) -> Vec<Line> {
    runs.sort_by(|a, b| a.baseline.total_cmp(&b.baseline));
    let mut lines: Vec<Line> = Vec::new();
    for run in runs {
        match lines.last_mut() {
            Some(line) if is_on_line(line, &run) => line.push(run),
            _ => lines.push(vec![run]),
        }
    }
    for line in &mut lines {
        line.sort_by(|a, b| a.left.total_cmp(&b.left));
    }
    lines
}

fn is_on_line(line: &Line, run: &TextRun) -> bool {
    run.baseline - baseline(line) < size(line).min(run.size) * BASELINE_TOLERANCE
}

/// Returns the number of first lines that are rows of one table. A row has two cells or more, and most of them share
/// an edge or the center with a cell of the row before.
fn table_rows(lines: &[Line]) -> usize {
    let Some(first) = lines.first().filter(|line| line.len() >= 2) else { return 0 };
    let mut previous = first;
    let mut rows = 1;
    for line in &lines[1..] {
        let height = size(line).max(size(previous));
        let is_near = baseline(line) - baseline(previous) < height * MAX_ROW_DISTANCE;
        let is_aligned = |cell: &&TextRun| previous.iter().any(|other| are_aligned(cell, other));
        let aligned = line.iter().filter(is_aligned).count();
        if line.len() < 2 || !is_near || aligned < MIN_ALIGNED_CELLS || aligned * 2 < line.len() {
            break;
        }
        previous = line;
        rows += 1;
    }
    rows
}

fn are_aligned(a: &TextRun, b: &TextRun) -> bool {
    let near = a.size.min(b.size) * ALIGNMENT_TOLERANCE;
    let center = |run: &TextRun| f64::midpoint(run.left, run.right);
    (a.left - b.left).abs() < near
        || (a.right - b.right).abs() < near
        || (center(a) - center(b)).abs() < near
}

/// Returns the cells of a table, each in the column that it overlaps.
fn cells(lines: &[Line]) -> Vec<Vec<String>> {
    // The horizontal intervals that cells cover. Cells that overlap share one.
    let mut columns: Vec<(f64, f64)> = Vec::new();
    for run in lines.iter().flatten() {
        let (mut from, mut to) = (run.left, run.right);
        columns.retain(|(left, right)| {
            let is_apart = *right < from || *left > to;
            if !is_apart {
                (from, to) = (from.min(*left), to.max(*right));
            }
            is_apart
        });
        columns.push((from, to));
    }
    columns.sort_by(|a, b| a.0.total_cmp(&b.0));
    let row = |line: &Line| {
        let mut row = vec![String::new(); columns.len()];
        for run in line {
            let column =
                columns.iter().position(|(_, right)| run.left <= *right).unwrap_or_default();
            let cell = &mut row[column];
            if !cell.is_empty() {
                cell.push(' ');
            }
            cell.push_str(&run.text);
        }
        row
    };
    lines.iter().map(row).collect()
}

/// Returns `true` if a line continues the paragraph above it.
fn continues_paragraph(above: &[Line], line: &Line, usual_leading: f64) -> bool {
    let (Some(first), Some(last)) = (above.first(), above.last()) else { return false };
    let height = size(last);
    let leading = baseline(line) - baseline(last);
    let max_leading = (usual_leading * MAX_RELATIVE_LEADING).max(height * TIGHT_LEADING);
    let is_near = leading <= max_leading && leading <= height * MAX_LEADING;
    let has_same_style =
        (size(line) - height).abs() <= height * SAME_SIZE && is_bold(line) == is_bold(last);
    if !is_near || !has_same_style || list_marker(&text(line)).is_some() {
        return false;
    }
    // The next lines of an item start below its text or below its marker.
    if list_marker(&text(first)).is_some() {
        return left(line) > left(first) - height;
    }
    // An indented line starts a paragraph if the lines above it are not indented.
    let is_indented = left(line) > left(last) + height * MIN_INDENT;
    let right_edge = above.iter().map(right).fold(right(line), f64::max);
    let is_last_short = right(last) < right_edge - height * SHORT_LINE;
    !(is_indented && (above.len() > 1 || is_last_short))
}

fn is_bold(line: &Line) -> bool {
    line.iter().all(|run| run.is_bold)
}

fn text(line: &Line) -> String {
    let runs: Vec<&str> = line.iter().map(|run| run.text.as_str()).collect();
    runs.join(" ")
}

fn paragraph(lines: &[Line]) -> TextBlock {
    TextBlock::Lines {
        size: lines.iter().map(size).fold(0.0, f64::max),
        is_bold: lines.iter().all(is_bold),
        lines: lines.iter().map(text).collect(),
    }
}

/// Returns the marker of a list item at the start of a line, with the space after it.
pub(in crate::fetch::pdf) fn list_marker(line: &str) -> Option<&str> {
    let (marker, _) = line.split_once(' ')?;
    let is_bullet =
        matches!(marker, "•" | "◦" | "▪" | "‣" | "●" | "○" | "■" | "–" | "-" | "*" | "·" | "∙");
    let number = marker.strip_suffix(['.', ')']);
    let is_number = number.is_some_and(|number| {
        (1..=MAX_NUMBER_DIGITS).contains(&number.len())
            && number.bytes().all(|byte| byte.is_ascii_digit())
    });
    (is_bullet || is_number).then_some(&line[..=marker.len()])
}
