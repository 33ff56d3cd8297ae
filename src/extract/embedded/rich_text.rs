//! Converts text as content systems keep it (HTML, paragraphs, trees of blocks) to HTML.
//!
//! In the trees of Portable Text, Contentful, Editor.js, `ProseMirror`, Lexical, Slate and Draft a block
//! names its kind and holds a text or more blocks; the kinds differ only in spelling. A list is written
//! by its items, with or without a list around them.

use serde_json::{Map, Value};

use crate::extract::dom::escape::escaped;

/// Blocks inside blocks that are read.
const MAX_DEPTH: usize = 40;
/// Blocks that are read of one text.
const MAX_BLOCKS: usize = 20_000;

/// Fields in which a block holds more blocks, and fields in which it holds words.
const NESTED: [&str; 9] =
    ["children", "content", "blocks", "items", "data", "json", "root", "document", "nodes"];
const WORDS: [&str; 8] =
    ["text", "html", "rendered", "value", "raw", "markdown", "content", "plaintext"];
/// Fields that name the kind of a block.
const KINDS: [&str; 6] = ["type", "_type", "nodeType", "tag", "style", "__typename"];

/// Counts the bytes of words in a text; 0 if the value is not a text.
pub(super) fn length(value: &Value) -> usize {
    let mut left = MAX_BLOCKS;
    measured(value, 0, &mut left)
}

fn measured(value: &Value, depth: usize, left: &mut usize) -> usize {
    if *left == 0 || depth > MAX_DEPTH {
        return 0;
    }
    *left -= 1;
    match value {
        Value::String(text) => plain_length(text),
        Value::Array(all) => {
            let parts = all.iter().filter(|it| is_part(it));
            parts.map(|it| measured(it, depth + 1, left)).sum()
        }
        Value::Object(block) if is_block(block) => {
            parts(block).map(|it| measured(it, depth + 1, left)).sum()
        }
        _ => 0,
    }
}

/// Counts the bytes of a text outside of markup.
fn plain_length(text: &str) -> usize {
    let mut in_tag = false;
    let outside = text.bytes().filter(|it| {
        let was = in_tag;
        in_tag = *it == b'<' || (in_tag && *it != b'>');
        !was && !in_tag
    });
    // A single word is a setting.
    if text.contains(' ') { outside.count() } else { 0 }
}

fn is_part(value: &Value) -> bool {
    value.as_str().is_some_and(|it| it.contains(' ')) || value.as_object().is_some_and(is_block)
}

/// Returns `true` if an object is a block of a text and not a record.
fn is_block(object: &Map<String, Value>) -> bool {
    let says_kind = KINDS.iter().any(|it| object.get(*it).is_some_and(Value::is_string));
    let holds = NESTED.iter().any(|it| object.get(*it).is_some_and(Value::is_array));
    let words = WORDS.iter().any(|it| object.get(*it).is_some_and(Value::is_string));
    let wraps = ["root", "document", "json", "data"]
        .iter()
        .any(|it| object.get(*it).and_then(Value::as_object).is_some_and(|it| it.len() <= 12));
    (says_kind || object.len() <= 4) && (holds || words || wraps)
}

/// Returns the content of a block: more blocks, or its words.
fn parts(block: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    let nested = NESTED.iter().filter_map(|it| block.get(*it)).filter(|it| !it.is_string());
    let nested: Vec<_> = nested.filter(|it| !is_empty(it)).collect();
    let words = WORDS.iter().find_map(|it| block.get(*it).filter(|it| it.is_string()));
    let words = if nested.is_empty() { words } else { None };
    nested.into_iter().chain(words)
}

fn is_empty(value: &Value) -> bool {
    value.as_array().is_none_or(Vec::is_empty) && value.as_object().is_none_or(Map::is_empty)
}

/// Converts a text to HTML.
pub(super) fn html(value: &Value) -> String {
    let mut out = String::new();
    let mut left = MAX_BLOCKS;
    write(value, 0, &mut left, &mut out);
    out
}

fn write(value: &Value, depth: usize, left: &mut usize, out: &mut String) {
    if *left == 0 || depth > MAX_DEPTH {
        return;
    }
    *left -= 1;
    match value {
        Value::String(text) => paragraphs(text, out),
        Value::Array(all) => all.iter().filter(|it| !it.is_null()).for_each(|it| match it {
            Value::Object(_) => write(it, depth + 1, left, out),
            Value::String(text) => paragraphs(text, out),
            _ => {}
        }),
        Value::Object(block) if is_block(block) => {
            let kind = RichTextKind::of(block);
            let (open, close) = kind.tags();
            out.push_str(open);
            for part in parts(block) {
                match part {
                    Value::String(text) if kind != RichTextKind::Group => inline(text, block, out),
                    other => write(other, depth + 1, left, out),
                }
            }
            out.push_str(close);
        }
        _ => {}
    }
}

/// The kind of a block, whatever its system calls it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum RichTextKind {
    Heading(u64),
    Paragraph,
    Item,
    Bullets,
    Numbers,
    Quote,
    Code,
    Span,
    Row,
    Cell,
    Table,
    Group,
}

impl RichTextKind {
    fn of(block: &Map<String, Value>) -> Self {
        let names = KINDS.iter().filter_map(|it| block.get(*it)?.as_str());
        let names = names.map(|it| it.to_ascii_lowercase().replace(['-', '_', ' '], ""));
        let kinds: Vec<String> = names.collect();
        let is = |names: &[&str]| kinds.iter().any(|it| names.contains(&it.as_str()));
        if block.get("listItem").is_some_and(Value::is_string) {
            return Self::Item;
        }
        if let Some(level) = kinds.iter().find_map(|it| level(it, block)) {
            return Self::Heading(level);
        }
        if is(&["listitem", "li", "listitemblock", "unorderedlistitem", "orderedlistitem"]) {
            Self::Item
        } else if is(&["orderedlist", "ol", "numberedlist"]) {
            Self::Numbers
        } else if is(&["bulletlist", "unorderedlist", "ul", "list", "bulletedlist"]) {
            Self::Bullets
        } else if is(&["blockquote", "quote", "pullquote"]) {
            Self::Quote
        } else if is(&["code", "codeblock", "pre"]) {
            Self::Code
        } else if is(&["table"]) {
            Self::Table
        } else if is(&["tablerow", "tr", "row"]) {
            Self::Row
        } else if is(&["tablecell", "tableheader", "td", "th", "cell"]) {
            Self::Cell
        } else if is(&["text", "span", "link", "hyperlink", "a", "strong", "em", "bold", "inline"])
        {
            Self::Span
        } else if is(&["paragraph", "p", "block", "unstyled", "normal", "textblock"]) {
            Self::Paragraph
        } else {
            Self::Group
        }
    }

    fn tags(self) -> (&'static str, &'static str) {
        match self {
            Self::Heading(..=2) => ("<h2>", "</h2>"),
            Self::Heading(3) => ("<h3>", "</h3>"),
            Self::Heading(_) => ("<h4>", "</h4>"),
            Self::Paragraph => ("<p>", "</p>"),
            Self::Item => ("<li>", "</li>"),
            Self::Bullets => ("<ul>", "</ul>"),
            Self::Numbers => ("<ol>", "</ol>"),
            Self::Quote => ("<blockquote>", "</blockquote>"),
            Self::Code => ("<pre><code>", "</code></pre>"),
            Self::Table => ("<table>", "</table>"),
            Self::Row => ("<tr>", "</tr>"),
            Self::Cell => ("<td>", "</td>"),
            Self::Span => ("", ""),
            Self::Group => ("<div>", "</div>"),
        }
    }
}

/// Reads the level of a heading: `h2`, `heading-2`, `header-two`, or a field beside the kind.
fn level(kind: &str, block: &Map<String, Value>) -> Option<u64> {
    let rest = kind.strip_prefix("heading").or_else(|| kind.strip_prefix("header"));
    let rest = rest.or_else(|| kind.strip_prefix('h').filter(|it| it.len() == 1))?;
    let beside = || {
        let places = [
            Some(block),
            block.get("attrs").and_then(Value::as_object),
            block.get("data").and_then(Value::as_object),
        ];
        places.into_iter().flatten().find_map(|it| it.get("level")?.as_u64())
    };
    match rest {
        "" => Some(beside().unwrap_or(2)),
        "one" => Some(1),
        "two" => Some(2),
        "three" => Some(3),
        "four" | "five" | "six" => Some(4),
        digit => digit.parse().ok().filter(|it| (1..=6).contains(it)),
    }
}

/// Writes the words of a block with its marks.
fn inline(text: &str, block: &Map<String, Value>, out: &mut String) {
    let marked = |name: &str| {
        let marks = block.get("marks").and_then(Value::as_array).into_iter().flatten();
        let mut names = marks.filter_map(|it| it.as_str().or_else(|| it.get("type")?.as_str()));
        names.any(|it| it == name) || block.get(name) == Some(&Value::Bool(true))
    };
    let marks = [
        ("strong", "strong"),
        ("bold", "strong"),
        ("em", "em"),
        ("italic", "em"),
        ("code", "code"),
    ];
    let tags: Vec<_> = marks.iter().filter(|(name, _)| marked(name)).map(|(_, tag)| *tag).collect();
    for tag in &tags {
        out.extend(["<", tag, ">"]);
    }
    if text.contains("</") || text.contains("<br") {
        out.push_str(text);
    } else {
        out.push_str(&escaped(text));
    }
    for tag in tags.iter().rev() {
        out.extend(["</", tag, ">"]);
    }
}

/// Writes a text outside of a block: HTML as it is, plain text by its empty lines.
fn paragraphs(text: &str, out: &mut String) {
    if text.contains("</") || text.contains("<p>") || text.contains("<br") {
        out.push_str(text);
        return;
    }
    for part in text.split("\n\n").map(str::trim).filter(|it| !it.is_empty()) {
        out.extend(["<p>", &escaped(part), "</p>"]);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_text_is_html_whichever_system_keeps_it() {
        let portable = json!([
            { "_type": "block", "style": "h2", "children": [{ "_type": "span", "text": "Tea" }] },
            { "_type": "block", "style": "normal", "children": [
                { "_type": "span", "text": "Black or " },
                { "_type": "span", "text": "green", "marks": ["strong"] },
            ] },
        ]);
        let prose = json!({ "type": "doc", "content": [
            { "type": "heading", "attrs": { "level": 2 }, "content": [{ "type": "text", "text": "Tea" }] },
            { "type": "paragraph", "content": [
                { "type": "text", "text": "Black or " },
                { "type": "text", "text": "green", "marks": [{ "type": "bold" }] },
            ] },
        ] });
        let contentful = json!({ "json": { "nodeType": "document", "content": [
            { "nodeType": "heading-2", "content": [{ "nodeType": "text", "value": "Tea" }] },
            { "nodeType": "paragraph", "content": [
                { "nodeType": "text", "value": "Black or " },
                { "nodeType": "text", "value": "green", "marks": [{ "type": "bold" }] },
            ] },
        ] } });
        for text in [&portable, &prose, &contentful] {
            let html = html(text).replace("<div>", "").replace("</div>", "");
            assert_eq!(html, "<h2>Tea</h2><p>Black or <strong>green</strong></p>");
            assert!(length(text) >= "Black or ".len(), "{text}");
        }
    }

    #[test]
    fn lists_keep_their_items_and_plain_text_its_paragraphs() {
        let editor = json!({ "blocks": [
            { "type": "paragraph", "data": { "text": "Two <b>cups</b>" } },
            { "type": "list", "data": { "items": ["one spoon", "two spoons"] } },
        ] });
        let items = html(&editor);
        assert!(items.contains("Two <b>cups</b>"), "{items}");
        assert!(items.contains("one spoon") && items.contains("two spoons"), "{items}");

        assert_eq!(html(&json!("One < two\n\nThree")), "<p>One &lt; two</p><p>Three</p>");
        assert_eq!(html(&json!("<p>As it is</p>")), "<p>As it is</p>");
    }

    #[test]
    fn a_record_is_no_text() {
        let records =
            json!([{ "title": "A road", "author": "x", "price": 1, "stock": 2, "id": 3 }]);

        assert_eq!(length(&records), 0);
        assert_eq!(length(&json!("identifier")), 0);
        assert_eq!(length(&json!({ "width": 3 })), 0);
    }
}
