//! Formats blocks as text and as Markdown.

use super::layout::list_marker;
use super::protocol::TextBlock;

/// Minimum size of a heading's font, relative to the body's: one step of common type scales (12 to 14 points).
const HEADING_RATIO: f64 = 1.15;
/// Minimum size of a bold line that is a heading, relative to the body's.
const BOLD_HEADING_RATIO: f64 = 0.95;
/// Maximum number of levels that are distinguished by font size.
const SIZE_LEVELS: usize = 4;
/// Maximum number of bytes of a heading: two long lines.
const MAX_HEADING_BYTES: usize = 200;
/// Maximum number of lines of a heading.
const MAX_HEADING_LINES: usize = 3;
/// Points by which fonts of one size differ at most, after rounding to a tenth.
const SAME_SIZE: f64 = 0.05;
/// Points by which headings of one level differ at most.
const SAME_LEVEL: f64 = 0.5;

/// Returns the page's lines as printed.
pub(super) fn text(blocks: &[TextBlock]) -> String {
    let blocks = blocks.iter().map(|block| match block {
        TextBlock::Lines { lines, .. } => lines.join("\n"),
        TextBlock::Table { rows } => {
            let rows = rows.iter().map(|row| {
                let cells: Vec<&str> =
                    row.iter().map(String::as_str).filter(|cell| !cell.is_empty()).collect();
                cells.join("  ")
            });
            rows.collect::<Vec<_>>().join("\n")
        }
    });
    blocks.collect::<Vec<_>>().join("\n\n")
}

/// The font sizes of a document, in points.
#[derive(Debug, Default)]
pub(super) struct FontSizes {
    /// The size of most of its text.
    body: f64,
    /// The sizes of its headings, largest first.
    headings: Vec<f64>,
}

impl FontSizes {
    /// Measures the blocks of a document.
    pub(super) fn of<'a>(blocks: impl Iterator<Item = &'a TextBlock> + Clone) -> Self {
        // Bytes of text in each size.
        let mut usage: Vec<(f64, usize)> = Vec::new();
        for (size, bytes) in blocks.clone().filter_map(size_and_length) {
            match usage.iter_mut().find(|(known, _)| (known - size).abs() < SAME_SIZE) {
                Some((_, total)) => *total += bytes,
                None => usage.push((size, bytes)),
            }
        }
        let body = usage.iter().max_by_key(|(_, bytes)| bytes).map_or(0.0, |(size, _)| *size);
        let short = blocks.filter(|block| is_short(block));
        let mut headings: Vec<f64> =
            short.filter_map(size_and_length).map(|(size, _)| size).collect();
        headings.retain(|size| *size >= body * HEADING_RATIO);
        headings.sort_by(|a, b| b.total_cmp(a));
        headings.dedup_by(|a, b| (*a - *b).abs() < SAME_LEVEL);
        Self { body, headings }
    }

    /// Returns the level of a heading, or `None` if the block is not one.
    fn heading_level(&self, block: &TextBlock) -> Option<usize> {
        let TextBlock::Lines { lines, size, is_bold } = block else { return None };
        let text = lines.join(" ");
        if !is_short(block) || !text.chars().any(char::is_alphabetic) {
            return None;
        }
        if *size >= self.body * HEADING_RATIO {
            let larger = self.headings.iter().filter(|other| **other > size + SAME_LEVEL).count();
            return Some(larger.min(SIZE_LEVELS - 1) + 1);
        }
        let is_heading = *is_bold
            && lines.len() == 1
            && *size >= self.body * BOLD_HEADING_RATIO
            && list_marker(&text).is_none()
            && !text.ends_with(['.', ',', ':', ';']);
        is_heading.then_some((self.headings.len() + 1).min(SIZE_LEVELS + 1))
    }
}

/// Returns a block's font size, rounded to a tenth of a point, and the number of its bytes.
fn size_and_length(block: &TextBlock) -> Option<(f64, usize)> {
    match block {
        TextBlock::Lines { lines, size, .. } => {
            Some(((size * 10.0).round() / 10.0, lines.iter().map(String::len).sum()))
        }
        TextBlock::Table { .. } => None,
    }
}

fn is_short(block: &TextBlock) -> bool {
    match block {
        TextBlock::Lines { lines, .. } => {
            let bytes: usize = lines.iter().map(String::len).sum();
            lines.len() <= MAX_HEADING_LINES && bytes <= MAX_HEADING_BYTES
        }
        TextBlock::Table { .. } => false,
    }
}

/// Returns the page as Markdown.
pub(super) fn markdown(blocks: &[TextBlock], sizes: &FontSizes) -> String {
    let mut out = String::new();
    let mut was_item = false;
    for block in blocks {
        let (is_item, formatted) = match block {
            TextBlock::Table { rows } => (false, table(rows)),
            TextBlock::Lines { lines, .. } => {
                match (sizes.heading_level(block), list_item(lines)) {
                    (Some(level), _) => {
                        (false, format!("{} {}", "#".repeat(level), escape(&join(lines))))
                    }
                    (None, Some(item)) => (true, item),
                    (None, None) => (false, escape_start(&escape(&join(lines)))),
                }
            }
        };
        if !out.is_empty() {
            out.push_str(if was_item && is_item { "\n" } else { "\n\n" });
        }
        out.push_str(&formatted);
        was_item = is_item;
    }
    out
}

/// Joins lines, and the words that were hyphenated at the end of a line.
fn join(lines: &[String]) -> String {
    let mut out = String::new();
    for line in lines {
        let continues = line.chars().next().is_some_and(char::is_lowercase);
        let stem = out.strip_suffix('-').and_then(|stem| stem.chars().next_back());
        if continues && stem.is_some_and(char::is_lowercase) {
            out.pop();
        } else if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(line);
    }
    out
}

/// Formats a list item; returns `None` if the lines are not one.
fn list_item(lines: &[String]) -> Option<String> {
    let text = join(lines);
    let marker = list_marker(&text)?;
    let rest = escape(text[marker.len()..].trim());
    let number = marker.trim().trim_end_matches(['.', ')']);
    match number.parse::<u16>() {
        Ok(number) => Some(format!("{number}. {rest}")),
        Err(_) => Some(format!("- {rest}")),
    }
}

fn table(rows: &[Vec<String>]) -> String {
    let row = |cells: &Vec<String>| {
        let cells: Vec<String> =
            cells.iter().map(|cell| escape(cell).replace('|', "\\|")).collect();
        format!("| {} |", cells.join(" | "))
    };
    let Some((first, rest)) = rows.split_first() else { return String::new() };
    let mut lines = vec![row(first), format!("|{}", " --- |".repeat(first.len()))];
    lines.extend(rest.iter().map(row));
    lines.join("\n")
}

/// Escapes characters that have a meaning in Markdown.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '\\' | '*' | '_' | '`' | '[' | ']' | '<') {
            out.push('\\');
        }
        out.push(character);
    }
    out
}

/// Escapes a character that has a meaning at the start of a line.
fn escape_start(text: &str) -> String {
    if text.starts_with(['#', '>', '+', '-', '=', '~', '|']) {
        return format!("\\{text}");
    }
    text.to_owned()
}
