//! The content as markdown, as a person would have written it.

use ego_tree::NodeRef;
use scraper::{ElementRef, Node};
use serde_json::{Value, json};
use url::Url;

use crate::extract::dom::{self, Frames};

/// About how many tokens a chunk of `rag` holds, at four bytes a token.
const CHUNK_BYTES: usize = 2_000;
/// Blocks in blocks. Each indents all that is inside it once more, so deeper ones are laid flat.
const MAX_INDENT: usize = 24;

/// The markdown of everything below `root`.
pub(super) fn render(root: ElementRef<'_>, base: Option<&Url>, frames: &Frames) -> String {
    let mut out = Writer { base, frames, blocks: Vec::new(), line: String::new(), depth: 0 };
    out.children(*root);
    out.flush();
    out.blocks.join("\n\n")
}

struct Writer<'a> {
    base: Option<&'a Url>,
    frames: &'a Frames,
    blocks: Vec<String>,
    line: String,
    /// Lists and quotes around this.
    depth: usize,
}

impl Writer<'_> {
    fn flush(&mut self) {
        let line = std::mem::take(&mut self.line);
        let lines: Vec<String> = line.split('\n').map(dom::folded).collect();
        let text = lines.join("  \n");
        let text = text.trim_matches([' ', '\n']);
        if !text.is_empty() {
            self.blocks.push(at_line_start(text));
        }
    }

    /// What is below `node`, as blocks of its own.
    fn inner(&self, node: NodeRef<'_, Node>) -> Vec<String> {
        let depth = self.depth + 1;
        let mut inner = Writer {
            base: self.base,
            frames: self.frames,
            blocks: Vec::new(),
            line: String::new(),
            depth,
        };
        inner.children(node);
        inner.flush();
        inner.blocks
    }

    fn children(&mut self, node: NodeRef<'_, Node>) {
        for child in node.children() {
            match child.value() {
                Node::Text(text) => self.text(text),
                Node::Element(_) => {
                    if let Some(element) = ElementRef::wrap(child) {
                        self.element(element);
                    }
                }
                _ => {}
            }
        }
    }

    fn text(&mut self, text: &str) {
        for symbol in text.chars() {
            match symbol {
                '\n' | '\t' | '\r' => self.line.push(' '),
                '\\' | '`' | '*' | '_' | '[' | ']' | '<' => {
                    self.line.push('\\');
                    self.line.push(symbol);
                }
                _ => self.line.push(symbol),
            }
        }
    }

    fn block(&mut self, text: String) {
        self.flush();
        if !text.trim().is_empty() {
            self.blocks.push(text);
        }
    }

    fn element(&mut self, element: ElementRef<'_>) {
        if dom::is_hidden(element) || self.frames.holds(element) {
            return;
        }
        let name = element.value().name();
        match name {
            "ul" | "ol" | "dd" | "blockquote" | "table" if self.depth > MAX_INDENT => {
                self.flush();
                self.children(*element);
                self.flush();
            }
            "br" => self.line.push('\n'),
            "hr" => self.block("---".to_owned()),
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => self.heading(element, name),
            "b" | "strong" => self.around(element, "**"),
            "i" | "em" => self.around(element, "*"),
            "del" | "s" | "strike" => self.around(element, "~~"),
            "code" | "kbd" | "samp" | "tt" => self.code(element),
            "pre" => self.block(fenced(element)),
            "a" => self.link(element),
            "img" => self.image(element),
            "ul" | "ol" => self.list(element),
            "dt" => {
                let term = self.inner(*element).join(" ");
                self.block(format!("**{term}**"));
            }
            "dd" => {
                let text = self.inner(*element).join("\n\n");
                self.block(format!(": {}", indented(&text, "  ")));
            }
            "blockquote" => {
                let text = self.inner(*element).join("\n\n");
                let quoted: Vec<String> =
                    text.lines().map(|it| format!("> {it}").trim_end().to_owned()).collect();
                self.block(quoted.join("\n"));
            }
            "table" => self.table(element),
            _ if dom::is_block(name) => {
                self.flush();
                self.children(*element);
                self.flush();
            }
            _ => self.children(*element),
        }
    }

    fn heading(&mut self, element: ElementRef<'_>, name: &str) {
        let level = name.as_bytes().get(1).map_or(1, |it| usize::from(it.saturating_sub(b'0')));
        let text = self.inner(*element).join(" ").replace("  \n", " ");
        if !text.is_empty() {
            self.block(format!("{} {text}", "#".repeat(level)));
        }
    }

    /// The inline content of an element in its own string.
    fn inline(&self, element: ElementRef<'_>) -> String {
        self.inner(*element).join(" ").replace('\n', " ")
    }

    fn around(&mut self, element: ElementRef<'_>, mark: &str) {
        let has_blocks = dom::all(element).skip(1).any(|it| dom::is_block(it.value().name()));
        if has_blocks {
            return self.children(*element);
        }
        let text = self.inline(element);
        if text.is_empty() {
            self.line.push(' ');
            return;
        }
        let raw: String = element.text().collect();
        let (before, after) =
            (raw.starts_with(char::is_whitespace), raw.ends_with(char::is_whitespace));
        self.line.extend(before.then_some(' '));
        self.line.push_str(mark);
        self.line.push_str(&text);
        self.line.push_str(mark);
        self.line.extend(after.then_some(' '));
    }

    fn code(&mut self, element: ElementRef<'_>) {
        let text = dom::folded(&element.text().collect::<String>());
        if text.is_empty() {
            return;
        }
        let fence = "`".repeat(longest_run(&text, '`') + 1);
        let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
        self.line.push_str(&format!("{fence}{pad}{text}{pad}{fence}"));
    }

    fn link(&mut self, element: ElementRef<'_>) {
        let has_blocks = dom::all(element).skip(1).any(|it| dom::is_block(it.value().name()));
        let href = element.value().attr("href").and_then(|it| absolute(self.base, it));
        match href {
            Some(href) if !has_blocks => {
                let text = self.inline(element);
                if !text.is_empty() {
                    self.line.push_str(&format!("[{text}]({href})"));
                }
            }
            _ => self.children(*element),
        }
    }

    fn image(&mut self, element: ElementRef<'_>) {
        let value = element.value();
        let Some(src) = value.attr("src").and_then(|it| absolute(self.base, it)) else { return };
        let alt = dom::folded(value.attr("alt").unwrap_or_default()).replace(['[', ']'], "");
        self.line.push_str(&format!("![{alt}]({src})"));
    }

    fn list(&mut self, element: ElementRef<'_>) {
        let ordered = element.value().name() == "ol";
        let start = element.value().attr("start").and_then(|it| it.parse().ok()).unwrap_or(1_u64);
        let mut items = Vec::new();
        for child in element.children().filter_map(ElementRef::wrap) {
            if dom::is_hidden(child) {
                continue;
            }
            let blocks = self.inner(*child);
            if blocks.is_empty() {
                continue;
            }
            let number = start.saturating_add(items.len() as u64);
            let mark = if ordered { format!("{number}. ") } else { "- ".to_owned() };
            // A list inside an item stands close; other blocks need their blank line.
            let mut text = String::new();
            for block in blocks {
                let close = block.starts_with("- ") || block.starts_with("1. ");
                if !text.is_empty() {
                    text.push_str(if close { "\n" } else { "\n\n" });
                }
                text.push_str(&block);
            }
            items.push(format!("{mark}{}", indented(&text, &" ".repeat(mark.len()))));
        }
        self.block(items.join("\n"));
    }

    fn table(&mut self, element: ElementRef<'_>) {
        // Asked before any cell is read: reading the cells of tables in tables first doubles the work
        // at every level.
        if dom::all(element).skip(1).any(|it| it.value().name() == "table") {
            self.flush();
            self.children(*element);
            return self.flush();
        }
        let rows: Vec<Vec<String>> = dom::all(element)
            .filter(|it| it.value().name() == "tr")
            .map(|row| {
                let cells = row.children().filter_map(ElementRef::wrap);
                cells.map(|it| self.inline(it).replace('|', "\\|")).collect()
            })
            .filter(|row: &Vec<String>| !row.is_empty())
            .collect();
        let width = rows.iter().map(Vec::len).max().unwrap_or_default();
        if width < 2 {
            // Not a table but a page laid out by one.
            self.flush();
            self.children(*element);
            return self.flush();
        }
        let line = |row: &[String]| {
            let cells = (0..width).map(|it| row.get(it).map_or("", String::as_str));
            format!("| {} |", cells.collect::<Vec<_>>().join(" | "))
        };
        let mut lines: Vec<String> = rows.iter().map(|it| line(it)).collect();
        lines.insert(1.min(lines.len()), format!("|{}", " --- |".repeat(width)));
        self.block(lines.join("\n"));
    }
}

/// What would be read as a mark at the start of a line is escaped there.
fn at_line_start(text: &str) -> String {
    let numbered = text.trim_start_matches(|it: char| it.is_ascii_digit());
    if text.starts_with(['#', '+', '>']) || text.starts_with("- ") || text.starts_with("---") {
        return format!("\\{text}");
    }
    if numbered.len() < text.len() && (numbered.starts_with(". ") || numbered.starts_with(") ")) {
        let digits = text.len() - numbered.len();
        return format!("{}\\{numbered}", text.get(..digits).unwrap_or_default());
    }
    text.to_owned()
}

fn indented(text: &str, by: &str) -> String {
    let mut lines = text.lines();
    let mut out = lines.next().unwrap_or_default().to_owned();
    for line in lines {
        out.push('\n');
        if !line.is_empty() {
            out.push_str(by);
            out.push_str(line);
        }
    }
    out
}

fn longest_run(text: &str, symbol: char) -> usize {
    text.split(|it| it != symbol).map(str::len).max().unwrap_or_default()
}

fn fenced(element: ElementRef<'_>) -> String {
    let text: String = element.text().collect();
    let text = text.trim_matches('\n').trim_end();
    let classes = dom::all(element).filter_map(|it| it.value().attr("class"));
    let mut words = classes.flat_map(str::split_whitespace);
    let language = words.find_map(|it| it.strip_prefix("language-").or(it.strip_prefix("lang-")));
    let fence = "`".repeat(longest_run(text, '`').max(2) + 1);
    format!("{fence}{}\n{text}\n{fence}", language.unwrap_or_default())
}

/// An address as it works from anywhere; `None` for what is no address of a page.
pub(super) fn absolute(base: Option<&Url>, address: &str) -> Option<String> {
    let address = address.trim();
    let url = match base {
        Some(base) => base.join(address).ok()?,
        None => Url::parse(address).ok()?,
    };
    matches!(url.scheme(), "http" | "https" | "mailto" | "tel")
        .then(|| url.as_str().replace('(', "%28").replace(')', "%29"))
}

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
