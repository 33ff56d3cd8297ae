//! The `rag` and `content` formats: markdown in pieces of one size, and markdown with what goes with it.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::extract::markdown::{Block, Rendered};

/// About how many tokens a chunk holds at most.
const CHUNK_TOKENS: usize = 500;
/// Symbols of a heading that are kept in the path of each chunk below it.
const MAX_HEADING: usize = 160;
/// A chunk that is not full ends at a heading; below this it does not, if the heading is a deeper one.
const SMALL_TOKENS: usize = 40;

/// Markdown in chunks, each with the headings that it stands under and about how many tokens it has.
pub(super) fn rag(rendered: &Rendered) -> Value {
    let mut chunks: Vec<Value> = Vec::new();
    let mut total = 0;
    let mut add = |path: &[(usize, String)], text: &str| {
        let text = text.trim_matches('\n').trim_end();
        if text.is_empty() {
            return;
        }
        let count = tokens(text);
        total += count;
        let path: Vec<&str> = path.iter().map(|it| it.1.as_str()).collect();
        chunks.push(json!({
            "index": chunks.len(), "heading_path": path, "text": text, "token_count": count,
        }));
    };
    let mut path: Vec<(usize, String)> = Vec::new();
    let (mut begin, mut size, mut only_headings) = (0, 0, true);
    for (block, text) in rendered.blocks() {
        let length = tokens(text);
        let deeper = path.last().is_none_or(|it| block.level > it.0);
        let ends = match block.level {
            0 => size > 0 && size + length > CHUNK_TOKENS,
            _ => size > 0 && !(only_headings && deeper) && !(size < SMALL_TOKENS && deeper),
        };
        if ends {
            add(&path, rendered.text.get(begin..block.at).unwrap_or_default());
            (begin, size, only_headings) = (block.at, 0, true);
        }
        if block.level > 0 {
            path.retain(|it| it.0 < block.level);
            let heading = text.trim_start_matches('#').trim();
            path.push((block.level, heading.chars().take(MAX_HEADING).collect()));
        }
        only_headings &= block.level > 0;
        size += length;
        if length > CHUNK_TOKENS {
            // One block that is too long is cut between words.
            let end = block.at + text.len();
            while let Some(cut) = cut(rendered.text.get(begin..end).unwrap_or_default()) {
                add(&path, rendered.text.get(begin..begin + cut).unwrap_or_default());
                begin += cut;
            }
            size = tokens(rendered.text.get(begin..end).unwrap_or_default());
        }
    }
    add(&path, rendered.text.get(begin..).unwrap_or_default());
    json!({ "chunks": chunks, "total_tokens": total })
}

/// Where a text that is too long is cut; `None` if it is not.
fn cut(text: &str) -> Option<usize> {
    let (mut quarters, mut blank, mut line) = (0, None, None);
    for (at, symbol) in text.char_indices() {
        quarters += if symbol.is_ascii() { 1 } else { 4 };
        if quarters > CHUNK_TOKENS * 4 {
            return line.or(blank).or(Some(at)).filter(|it| *it > 0);
        }
        match symbol {
            '\n' => line = Some(at),
            ' ' => blank = Some(at),
            _ => {}
        }
    }
    None
}

/// About how many tokens a text has: a quarter of its ASCII, and each other symbol.
fn tokens(text: &str) -> usize {
    let quarters: usize = text.chars().map(|it| if it.is_ascii() { 1 } else { 4 }).sum();
    quarters.div_ceil(4)
}

/// Markdown with its hash, and the images and links of the page.
pub(super) fn content(markdown: &str, images: &[Value], links: &[Value]) -> Value {
    let hash = Sha256::digest(markdown.as_bytes());
    let digit = |it: u8| char::from_digit(u32::from(it), 16).unwrap_or_default();
    let hash: String = hash.iter().flat_map(|it| [digit(it >> 4), digit(it & 15)]).collect();
    json!({
        "body_markdown": markdown,
        "content_hash": hash,
        "word_count": markdown.split_whitespace().count(),
        "images": images,
        "links": links,
    })
}

impl Rendered {
    /// A text that is no page, in the blocks between its blank lines.
    pub(super) fn plain(text: &str) -> Self {
        let mut blocks = Vec::new();
        let mut at = 0;
        for part in text.split("\n\n") {
            blocks.push(Block { at, level: 0 });
            at += part.len() + 2;
        }
        Self { text: text.to_owned(), marks: blocks }
    }

    /// Each block with its text.
    fn blocks(&self) -> impl Iterator<Item = (Block, &str)> {
        self.marks.iter().enumerate().map(|(number, block)| {
            let end = self.marks.get(number + 1).map_or(self.text.len(), |it| it.at);
            (*block, self.text.get(block.at..end).unwrap_or_default())
        })
    }
}
