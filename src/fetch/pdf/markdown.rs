//! Blocks to text and to markdown.

use super::frame::Block;
use super::layout::marker;

/// A heading's font is at least this much higher than the text's.
const HEADING: f64 = 1.15;
/// The sizes of headings that are told apart.
const LEVELS: usize = 4;
/// A heading has at most so many letters.
const MAX_HEADING: usize = 200;

/// The page's lines as they stand.
pub(super) fn text(blocks: &[Block]) -> String {
    let blocks = blocks.iter().map(|block| match block {
        Block::Lines { lines, .. } => lines.join("\n"),
        Block::Table { rows } => {
            let rows = rows.iter().map(|row| {
                let cells: Vec<&str> =
                    row.iter().map(String::as_str).filter(|it| !it.is_empty()).collect();
                cells.join("  ")
            });
            rows.collect::<Vec<_>>().join("\n")
        }
    });
    blocks.collect::<Vec<_>>().join("\n\n")
}

/// The sizes of a document's fonts: that of its text, and those above it, largest first.
#[derive(Debug, Default)]
pub(super) struct Sizes {
    body: f64,
    headings: Vec<f64>,
}

impl Sizes {
    pub(super) fn of<'a>(blocks: impl Iterator<Item = &'a Block> + Clone) -> Self {
        let mut weights: Vec<(f64, usize)> = Vec::new();
        for (size, letters) in blocks.clone().filter_map(weight) {
            match weights.iter_mut().find(|it| (it.0 - size).abs() < 0.05) {
                Some(it) => it.1 += letters,
                None => weights.push((size, letters)),
            }
        }
        let body = weights.iter().max_by_key(|it| it.1).map_or(0.0, |it| it.0);
        let mut headings: Vec<f64> =
            blocks.filter(|it| is_short(it)).filter_map(weight).map(|it| it.0).collect();
        headings.retain(|it| *it >= body * HEADING);
        headings.sort_by(|a, b| b.total_cmp(a));
        headings.dedup_by(|a, b| (*a - *b).abs() < 0.5);
        Self { body, headings }
    }

    /// The level of a heading; none for what is none.
    fn level(&self, block: &Block) -> Option<usize> {
        let Block::Lines { lines, size, is_bold } = block else { return None };
        let text = lines.join(" ");
        if !is_short(block) || !text.chars().any(char::is_alphabetic) {
            return None;
        }
        if *size >= self.body * HEADING {
            let above = self.headings.iter().filter(|it| **it > size + 0.5).count();
            return Some(above.min(LEVELS - 1) + 1);
        }
        let is_heading = *is_bold
            && lines.len() == 1
            && *size >= self.body * 0.95
            && marker(&text).is_none()
            && !text.ends_with(['.', ',', ':', ';']);
        is_heading.then_some((self.headings.len() + 1).min(LEVELS + 1))
    }
}

/// The size of a block's font, in tenths of a point, and how much is set in it.
fn weight(block: &Block) -> Option<(f64, usize)> {
    match block {
        Block::Lines { lines, size, .. } => {
            Some(((size * 10.0).round() / 10.0, lines.iter().map(String::len).sum()))
        }
        Block::Table { .. } => None,
    }
}

fn is_short(block: &Block) -> bool {
    match block {
        Block::Lines { lines, .. } => {
            lines.len() <= 3 && lines.iter().map(String::len).sum::<usize>() <= MAX_HEADING
        }
        Block::Table { .. } => false,
    }
}

/// The page as markdown.
pub(super) fn markdown(blocks: &[Block], sizes: &Sizes) -> String {
    let mut out = String::new();
    let mut was_item = false;
    for block in blocks {
        let (is_item, made) = match block {
            Block::Table { rows } => (false, table(rows)),
            Block::Lines { lines, .. } => match (sizes.level(block), item(lines)) {
                (Some(level), _) => {
                    (false, format!("{} {}", "#".repeat(level), escape(&join(lines))))
                }
                (None, Some(item)) => (true, item),
                (None, None) => (false, escape_start(&escape(&join(lines)))),
            },
        };
        if !out.is_empty() {
            out.push_str(if was_item && is_item { "\n" } else { "\n\n" });
        }
        out.push_str(&made);
        was_item = is_item;
    }
    out
}

/// Lines as one: a word that was broken at the end of a line is whole again.
fn join(lines: &[String]) -> String {
    let mut out = String::new();
    for line in lines {
        let begins_small = line.chars().next().is_some_and(char::is_lowercase);
        let stem = out.strip_suffix('-').and_then(|it| it.chars().next_back());
        if begins_small && stem.is_some_and(char::is_lowercase) {
            out.pop();
        } else if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(line);
    }
    out
}

/// The item of a list, if the lines are one.
fn item(lines: &[String]) -> Option<String> {
    let text = join(lines);
    let mark = marker(&text)?;
    let rest = escape(text[mark.len()..].trim());
    let number = mark.trim().trim_end_matches(['.', ')']);
    match number.parse::<u16>() {
        Ok(number) => Some(format!("{number}. {rest}")),
        Err(_) => Some(format!("- {rest}")),
    }
}

fn table(rows: &[Vec<String>]) -> String {
    let row = |cells: &Vec<String>| {
        let cells: Vec<String> = cells.iter().map(|it| escape(it).replace('|', "\\|")).collect();
        format!("| {} |", cells.join(" | "))
    };
    let Some((first, rest)) = rows.split_first() else { return String::new() };
    let mut lines = vec![row(first), format!("|{}", " --- |".repeat(first.len()))];
    lines.extend(rest.iter().map(row));
    lines.join("\n")
}

/// Text whose signs mean nothing in markdown.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if matches!(letter, '\\' | '*' | '_' | '`' | '[' | ']' | '<') {
            out.push('\\');
        }
        out.push(letter);
    }
    out
}

/// The same at the start of a line, where more signs mean something.
fn escape_start(text: &str) -> String {
    if text.starts_with(['#', '>', '+', '-', '=', '~', '|']) {
        return format!("\\{text}");
    }
    text.to_owned()
}
