//! s

use serde_json::{Value, json};

const CHUNK_BYTES: usize = 2_000;

/// The sections of a markdown text, by its headings.
pub(super) fn sections(markdown: &str) -> Vec<Value> {
    let mut sections: Vec<(String, usize, Vec<Value>)> = vec![(String::new(), 0, Vec::new())];
    for block in markdown.split("\n\n") {
        let level = block.bytes().take_while(|it| *it == b'#').count();
        if (1..=6).contains(&level) {
            let heading = block.get(level..).unwrap_or_default().trim().to_owned();
            sections.push((heading, level, Vec::new()));
        } else if let Some((_, _, blocks)) = sections.last_mut() {
            blocks.push(json!({ "type": "paragraph", "text": block }));
        }
    }
    let real = sections.into_iter().filter(|it| it.1 > 0 || !it.2.is_empty());
    real.map(|(heading, level, blocks)| {
        json!({ "heading": heading, "level": level, "blocks": blocks, "children": [] })
    })
    .collect()
}

/// A markdown text in chunks, with about how many tokens each has.
pub(super) fn chunks(markdown: &str) -> Value {
    let mut chunks: Vec<String> = Vec::new();
    for block in markdown.split("\n\n") {
        match chunks.last_mut() {
            Some(last) if last.len() + block.len() < CHUNK_BYTES => {
                last.push_str("\n\n");
                last.push_str(block);
            }
            _ => chunks.push(block.to_owned()),
        }
    }
    let tokens = |it: &str| it.len().div_ceil(4);
    let total: usize = chunks.iter().map(|it| tokens(it)).sum();
    let chunks = chunks.iter().enumerate().map(|(index, text)| {
        json!({ "index": index, "heading_path": [], "text": text, "token_count": tokens(text) })
    });
    json!({ "chunks": chunks.collect::<Vec<_>>(), "total_tokens": total })
}
