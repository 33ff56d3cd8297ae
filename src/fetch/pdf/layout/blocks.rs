//! The lines of one region as paragraphs, items and tables.

use super::Run;
use super::columns::median;
use crate::fetch::pdf::frame::Block;

/// Rows of a table at least.
const MIN_ROWS: usize = 3;
/// Lines of a paragraph are no further apart than this, in the region's usual distance.
const LEADING: f64 = 1.25;
/// And no further than this, in heights of their font.
const MAX_LEADING: f64 = 1.9;
/// How much the sizes of one paragraph's lines may differ.
const SAME_SIZE: f64 = 0.12;

/// Runs on one base line, from left to right.
type Line = Vec<Run>;

/// The blocks of a region.
pub(super) fn of_region(runs: Vec<Run>) -> Vec<Block> {
    let lines = lines(runs);
    let usual =
        median(lines.windows(2).map(|it| base(&it[1]) - base(&it[0])).filter(|it| *it > 0.0));
    let mut blocks = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let rows = table(&lines[at..]);
        if rows >= MIN_ROWS {
            blocks.push(Block::Table { rows: cells(&lines[at..at + rows]) });
            at += rows;
            continue;
        }
        let mut end = at + 1;
        while end < lines.len()
            && goes_on(&lines[at..end], &lines[end], usual)
            && table(&lines[end..]) < MIN_ROWS
        {
            end += 1;
        }
        blocks.push(paragraph(&lines[at..end]));
        at = end;
    }
    blocks
}

fn base(line: &Line) -> f64 {
    line.first().map_or(0.0, |it| it.base)
}

fn size(line: &Line) -> f64 {
    line.iter().map(|it| it.size).fold(0.0, f64::max)
}

fn left(line: &Line) -> f64 {
    line.first().map_or(0.0, |it| it.left)
}

fn right(line: &Line) -> f64 {
    line.last().map_or(0.0, |it| it.right)
}

/// Puts runs that share a base line beside each other.
fn lines(mut runs: Vec<Run>) -> Vec<Line> {
    runs.sort_by(|a, b| a.base.total_cmp(&b.base));
    let mut lines: Vec<Line> = Vec::new();
    for run in runs {
        match lines.last_mut() {
            Some(line) if run.base - base(line) < size(line).min(run.size) * 0.4 => line.push(run),
            _ => lines.push(vec![run]),
        }
    }
    for line in &mut lines {
        line.sort_by(|a, b| a.left.total_cmp(&b.left));
    }
    lines
}

/// How many of the lines, from the first on, are rows of one table: two cells or more each, and each
/// row shares the begin, the end or the middle of most of its cells with the row before.
fn table(lines: &[Line]) -> usize {
    let Some(first) = lines.first().filter(|it| it.len() >= 2) else { return 0 };
    let mut before = first;
    let mut rows = 1;
    for line in &lines[1..] {
        let is_near = base(line) - base(before) < size(line).max(size(before)) * 3.5;
        let places =
            line.iter().filter(|it| before.iter().any(|other| are_aligned(it, other))).count();
        if line.len() < 2 || !is_near || places < 2 || places * 2 < line.len() {
            break;
        }
        before = line;
        rows += 1;
    }
    rows
}

fn are_aligned(a: &Run, b: &Run) -> bool {
    let near = a.size.min(b.size) * 0.5;
    let middle = |it: &Run| f64::midpoint(it.left, it.right);
    (a.left - b.left).abs() < near
        || (a.right - b.right).abs() < near
        || (middle(a) - middle(b)).abs() < near
}

/// The cells of a table, each under the column that it overlaps.
fn cells(lines: &[Line]) -> Vec<Vec<String>> {
    // Columns are stretches across the page that cells cover; cells that overlap share one.
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
            let column = columns.iter().position(|it| run.left <= it.1).unwrap_or_default();
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

/// Whether a line goes on with the paragraph above it.
fn goes_on(above: &[Line], line: &Line, usual: f64) -> bool {
    let (Some(first), Some(last)) = (above.first(), above.last()) else { return false };
    let height = size(last);
    let step = base(line) - base(last);
    let is_near = step <= (usual * LEADING).max(height * 1.3) && step <= height * MAX_LEADING;
    let is_alike = (size(line) - height).abs() <= height * SAME_SIZE
        && line.iter().all(|it| it.is_bold) == last.iter().all(|it| it.is_bold);
    if !is_near || !is_alike || marker(&text(line)).is_some() {
        return false;
    }
    // An item's further lines stand under its text or under its mark.
    if marker(&text(first)).is_some() {
        return left(line) > left(first) - height;
    }
    // A first line that is indented begins a paragraph, after one that was not.
    let is_indented = left(line) > left(last) + height * 0.8;
    let was_short =
        right(last) < above.iter().map(right).fold(right(line), f64::max) - height * 4.0;
    !(is_indented && (above.len() > 1 || was_short))
}

fn text(line: &Line) -> String {
    let runs: Vec<&str> = line.iter().map(|it| it.text.as_str()).collect();
    runs.join(" ")
}

fn paragraph(lines: &[Line]) -> Block {
    Block::Lines {
        size: lines.iter().map(size).fold(0.0, f64::max),
        is_bold: lines.iter().flatten().all(|it| it.is_bold),
        lines: lines.iter().map(text).collect(),
    }
}

/// The mark of a list's item at the start of a line, with the space behind it.
pub(in crate::fetch::pdf) fn marker(line: &str) -> Option<&str> {
    let (mark, _) = line.split_once(' ')?;
    let is_bullet =
        matches!(mark, "•" | "◦" | "▪" | "‣" | "●" | "○" | "■" | "–" | "-" | "*" | "·" | "∙");
    let number = mark.strip_suffix(['.', ')']);
    let is_number = number.is_some_and(|it| {
        (1..=3).contains(&it.len()) && it.bytes().all(|byte| byte.is_ascii_digit())
    });
    (is_bullet || is_number).then_some(&line[..=mark.len()])
}
