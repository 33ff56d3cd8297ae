//! The text of a tool's result, within its tokens.
//!
//! Results have no `structuredContent`: clients that receive it show it to the model instead of the text, or both, so
//! it would have to repeat the text of every page.

use rmcp::model::{CallToolResult, ContentBlock};
use rungs::engine::SystemEntropy;
use rungs::ports::clock::Entropy;

use crate::mcp::tokens::{Weight, cut};

/// Tokens that are kept for the lines after the content: the continuation, the cost and the budget.
const RESERVED: Weight = Weight::tokens(400);
/// Tokens of the lines that fence content.
const FENCE: Weight = Weight::tokens(120);
/// Tokens below which no content is started.
const MIN_CONTENT: Weight = Weight::tokens(100);

/// The text of a result that grows line by line.
#[derive(Debug)]
pub(super) struct Output {
    text: String,
    left: Weight,
    /// The mark of fences, which content cannot know.
    mark: String,
    /// Number of notes that did not fit.
    omitted: usize,
}

/// The part of a content that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Written {
    /// Position of the next byte, if there is one.
    pub(super) next: Option<usize>,
}

impl Output {
    /// Creates an output of at most this many tokens.
    pub(super) fn new(max_tokens: u32) -> Self {
        let left = Weight::tokens(max_tokens).less(RESERVED);
        let mark = format!("{:016x}", SystemEntropy.random_u64());
        Self { text: String::new(), left, mark, omitted: 0 }
    }

    /// Adds a line that is short.
    pub(super) fn line(&mut self, line: &str) {
        self.left = self.left.less(Weight::of(line)).less(Weight::of("\n"));
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// Adds a line that may be left out. The end of the output counts those that were.
    pub(super) fn note(&mut self, line: &str) {
        if self.has_room_for(line) {
            self.line(line);
        } else {
            self.omitted += 1;
        }
    }

    /// Adds lines that may be left out.
    pub(super) fn notes(&mut self, lines: impl IntoIterator<Item = String>) {
        for line in lines {
            self.note(&line);
        }
    }

    /// Returns `true` if a line and the beginning of some content fit.
    pub(super) fn has_room_for(&self, line: &str) -> bool {
        let needed = self.left.less(Weight::of(line)).less(FENCE);
        needed >= MIN_CONTENT
    }

    /// Adds content of a site between fences, from `offset` on, in at most `limit` tokens.
    pub(super) fn content(
        &mut self,
        source: &str,
        content: &str,
        offset: usize,
        limit: Option<u32>,
    ) -> Written {
        let room = self.left.less(FENCE);
        let room = limit.map_or(room, |it| room.min(Weight::tokens(it)));
        let range = cut(content, offset, room);
        let (mark, total) = (self.mark.clone(), content.len());
        let shown = if range.is_empty() || range.len() == total {
            format!("{total} bytes")
        } else {
            format!("bytes {} to {} of {total}", range.start, range.end)
        };
        self.line(&format!("<<<{mark} begin untrusted {source}, {shown}>>>"));
        let part = &content[range.clone()];
        self.line(part.strip_suffix('\n').unwrap_or(part));
        self.line(&format!("<<<{mark} end>>>"));
        Written { next: (range.end < total).then_some(range.end) }
    }

    /// Ends the output with lines for which room was kept.
    pub(super) fn finish(mut self, last: &[String]) -> CallToolResult {
        if self.omitted > 0 {
            let lines = self.omitted;
            self.text
                .push_str(&format!("omitted: {lines} lines about the result: raise max_tokens\n"));
        }
        for line in last {
            self.text.push_str(line);
            self.text.push('\n');
        }
        self.text.truncate(self.text.trim_end().len());
        CallToolResult::success(vec![ContentBlock::text(self.text)])
    }

    /// Ends the output as that of a call that failed.
    pub(super) fn fail(self, last: &[String]) -> CallToolResult {
        let mut result = self.finish(last);
        result.is_error = Some(true);
        result
    }

    #[cfg(test)]
    fn text(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_stays_within_its_tokens() {
        let page = "Words of a page, 12 of them, and 日本語. ".repeat(5_000);
        for tokens in [1_000, 2_000, 8_000] {
            let mut output = Output::new(tokens);
            output.line("url: https://example.com/");
            let written = output.content("page", &page, 0, None);

            assert!(written.next.is_some_and(|it| it > 0));
            let used = Weight::of(output.text()).in_tokens();
            assert!(used <= u64::from(tokens) - 400, "{used} of {tokens}");
            assert!(used >= u64::from(tokens) / 3, "{used} of {tokens}");
        }
    }

    #[test]
    fn parts_of_a_content_join_to_the_whole() {
        let page = "Zeile über Zeile\n".repeat(600);
        let (mut joined, mut next) = (String::new(), Some(0));
        while let Some(offset) = next {
            let mut output = Output::new(1_000);
            next = output.content("page", &page, offset, None).next;
            let lines: Vec<&str> = output.text().lines().collect();
            for line in &lines[1..lines.len() - 1] {
                joined.push_str(line);
                joined.push('\n');
            }
        }

        assert_eq!(joined, page);
    }

    #[test]
    fn each_result_has_a_mark_of_its_own() {
        assert_ne!(Output::new(1_000).mark, Output::new(1_000).mark);
    }

    #[test]
    fn a_limit_below_the_room_applies() {
        let mut output = Output::new(8_000);

        let written = output.content("page", &"word ".repeat(1_000), 0, Some(10));

        assert_eq!(written.next, Some(40));
        assert!(output.has_room_for("another"));
    }
}
