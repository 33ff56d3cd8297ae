//! The `rag` and `content` formats: markdown in chunks, and markdown with its hash, images and links.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::extract::format::markdown::{BlockStart, Markdown};

/// Tokens of a chunk at most, as [`tokens`] estimates them.
const CHUNK_TOKENS: usize = 500;
/// Characters of a heading that are kept in the paths of the chunks below it.
const MAX_HEADING: usize = 160;
/// Tokens below which a chunk continues past a deeper heading; otherwise each heading begins a chunk.
const SMALL_TOKENS: usize = 40;

/// Splits markdown into chunks, each with the headings above it and an estimate of its tokens.
pub(crate) fn rag(markdown: &Markdown) -> Value {
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
    for (block, text) in markdown.blocks() {
        let length = tokens(text);
        let deeper = path.last().is_none_or(|it| block.level > it.0);
        let ends = match block.level {
            0 => size > 0 && size + length > CHUNK_TOKENS,
            _ => size > 0 && !(only_headings && deeper) && !(size < SMALL_TOKENS && deeper),
        };
        if ends {
            add(&path, markdown.text.get(begin..block.at).unwrap_or_default());
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
            // A block that is too long is cut between words.
            let end = block.at + text.len();
            while let Some(cut) = cut(markdown.text.get(begin..end).unwrap_or_default()) {
                add(&path, markdown.text.get(begin..begin + cut).unwrap_or_default());
                begin += cut;
            }
            size = tokens(markdown.text.get(begin..end).unwrap_or_default());
        }
    }
    add(&path, markdown.text.get(begin..).unwrap_or_default());
    json!({ "chunks": chunks, "total_tokens": total })
}

/// Returns the place to cut a text that is too long; `None` if it fits.
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

/// Estimates the tokens of a text: one for four ASCII characters, one for any other character.
fn tokens(text: &str) -> usize {
    let quarters: usize = text.chars().map(|it| if it.is_ascii() { 1 } else { 4 }).sum();
    quarters.div_ceil(4)
}

/// Builds markdown with its hash, and the images and links of the page.
pub(crate) fn content(markdown: &str, images: &[Value], links: &[Value]) -> Value {
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

impl Markdown {
    /// Wraps a plain text, whose blocks are separated by blank lines.
    pub(crate) fn of_plain_text(text: &str) -> Self {
        let mut blocks = Vec::new();
        let mut at = 0;
        for part in text.split("\n\n") {
            blocks.push(BlockStart { at, level: 0 });
            at += part.len() + 2;
        }
        Self { text: text.to_owned(), marks: blocks }
    }

    /// Returns each block with its text.
    fn blocks(&self) -> impl Iterator<Item = (BlockStart, &str)> {
        self.marks.iter().enumerate().map(|(number, block)| {
            let end = self.marks.get(number + 1).map_or(self.text.len(), |it| it.at);
            (*block, self.text.get(block.at..end).unwrap_or_default())
        })
    }
}
