//! The content as plain text.

use ego_tree::NodeRef;
use scraper::{ElementRef, Node};

use crate::extract::dom::{self, Frames};

/// The text, with a blank line between blocks.
pub(super) fn render(root: ElementRef<'_>, frames: &Frames) -> String {
    let mut out =
        Text { frames, blocks: Vec::new(), line: String::new(), mark: None, lists: Vec::new() };
    out.children(*root);
    out.flush();
    out.blocks.join("\n\n")
}

struct Text<'a> {
    frames: &'a Frames,
    blocks: Vec<String>,
    line: String,
    /// Goes before the next block: the item's mark, wherever in the item its text begins.
    mark: Option<String>,
    /// The number of the next item of each list that is open; `None` in one without numbers.
    lists: Vec<Option<i64>>,
}

impl Text<'_> {
    fn flush(&mut self) {
        let line = std::mem::take(&mut self.line);
        let folded: Vec<String> =
            line.lines().map(dom::folded).filter(|it| !it.is_empty()).collect();
        if !folded.is_empty() {
            let mark = self.mark.take().unwrap_or_default();
            self.blocks.push(format!("{mark}{}", folded.join("\n")));
        }
    }

    /// A dash, or the item's number.
    fn next_mark(&mut self) -> String {
        match self.lists.last_mut() {
            Some(Some(number)) => {
                let mark = format!("{number}. ");
                *number = number.saturating_add(1);
                mark
            }
            _ => "- ".to_owned(),
        }
    }

    fn children(&mut self, node: NodeRef<'_, Node>) {
        for child in node.children() {
            match child.value() {
                Node::Text(text) => {
                    // Line ends of the source are blanks; only `br` makes a line.
                    self.line.extend(text.chars().map(|it| if it == '\n' { ' ' } else { it }));
                }
                Node::Element(_) => {
                    if let Some(element) = ElementRef::wrap(child) {
                        self.element(element);
                    }
                }
                _ => {}
            }
        }
    }

    fn element(&mut self, element: ElementRef<'_>) {
        if dom::is_hidden(element) || self.frames.holds(element) {
            return;
        }
        match element.value().name() {
            "br" => self.line.push('\n'),
            "pre" => {
                self.flush();
                let text: String = element.text().collect();
                if !text.trim().is_empty() {
                    self.blocks.push(text.trim_matches('\n').to_owned());
                }
            }
            "tr" if !is_layout(element) => {
                self.flush();
                let cells = element.children().filter_map(ElementRef::wrap);
                let cells: Vec<String> = cells.map(dom::text).collect();
                self.line.push_str(&cells.join(" | "));
                self.flush();
            }
            name @ ("ol" | "ul") => {
                self.flush();
                let start = element.value().attr("start").and_then(|it| it.trim().parse().ok());
                self.lists.push((name == "ol").then(|| start.unwrap_or(1)));
                self.children(*element);
                self.flush();
                self.lists.pop();
            }
            "li" => {
                self.flush();
                self.mark = Some(self.next_mark());
                self.children(*element);
                self.flush();
                self.mark = None;
            }
            name if dom::is_block(name) => {
                self.flush();
                self.children(*element);
                self.flush();
            }
            _ => self.children(*element),
        }
    }
}

/// Whether a row's cells hold pages of their own and not values.
fn is_layout(row: ElementRef<'_>) -> bool {
    let inside = row.children().filter_map(ElementRef::wrap).flat_map(dom::all);
    inside.into_iter().any(|it| matches!(it.value().name(), "table" | "h1" | "h2" | "h3" | "ul"))
}
