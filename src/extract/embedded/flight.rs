//! Reads the stream of Next's app router: rows of a tree of elements, written as markup again.
//!
//! A row is `id:JSON`, or `id:Tlength,text`. An element is `["$", type, key, properties]`, and a
//! string that begins with `$` stands for another row.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::extract::dom::escape::{escaped, quoted};

/// Elements inside elements that are written.
const MAX_DEPTH: usize = 200;
/// Rows that are read.
const MAX_ROWS: usize = 20_000;
/// Digits of an id and of the length of a text.
const MAX_DIGITS: usize = 8;

/// The rows of a stream.
#[derive(Debug, Default)]
pub(super) struct Flight {
    rows: BTreeMap<String, Value>,
    order: Vec<String>,
}

impl Flight {
    /// Reads the rows of the joined texts that the page's scripts push.
    pub(super) fn read(stream: &str) -> Self {
        let mut flight = Self::default();
        let mut rest = stream;
        while flight.rows.len() < MAX_ROWS && !rest.is_empty() {
            rest = rest.trim_start();
            let Some((id, row)) = begun(rest) else {
                // A hint to the browser has no id, and a row without an id cannot be referred to.
                rest = rest.split_once('\n').map_or("", |it| it.1);
                continue;
            };
            let (value, behind) = value_of(row);
            if let Some(value) = value {
                let id = id.to_owned();
                if flight.rows.insert(id.clone(), value).is_none() {
                    flight.order.push(id);
                }
            }
            rest = behind;
        }
        flight
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &Value> {
        self.order.iter().filter_map(|it| self.rows.get(it))
    }

    /// Writes the markup of the tree in the first row and of the rows that it names, each once.
    pub(super) fn markup(&self) -> String {
        let mut writer =
            FlightWriter { rows: &self.rows, seen: BTreeSet::new(), out: String::new() };
        if let Some(root) = self.rows.get("0") {
            writer.node(root, 0);
        }
        writer.out
    }
}

/// Splits a row into its id and the rest.
fn begun(rest: &str) -> Option<(&str, &str)> {
    let end = rest.bytes().take(MAX_DIGITS + 1).position(|it| it == b':')?;
    let (id, row) = (rest.get(..end)?, rest.get(end + 1..)?);
    is_id(id).then_some((id, row))
}

fn is_id(text: &str) -> bool {
    (1..=MAX_DIGITS).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_hexdigit())
}

/// Splits the rest of a row into its value and the next rows.
fn value_of(row: &str) -> (Option<Value>, &str) {
    if let Some((length, text)) = row.strip_prefix('T').and_then(length_before) {
        let length = length.min(text.len());
        let end = (0..=length).rev().find(|it| text.is_char_boundary(*it)).unwrap_or(0);
        let (text, behind) = text.split_at(end);
        return (Some(text.into()), behind);
    }
    let (line, behind) = row.split_once('\n').unwrap_or((row, ""));
    (serde_json::from_str(line).ok(), behind)
}

/// Splits the length of a text from the text behind the comma.
fn length_before(row: &str) -> Option<(usize, &str)> {
    let end = row.bytes().take(MAX_DIGITS + 1).position(|it| it == b',')?;
    let length = usize::from_str_radix(row.get(..end)?, 16).ok()?;
    Some((length, row.get(end + 1..)?))
}

struct FlightWriter<'a> {
    rows: &'a BTreeMap<String, Value>,
    /// Rows that were written, so that none is written twice and no cycle is followed.
    seen: BTreeSet<&'a str>,
    out: String,
}

impl<'a> FlightWriter<'a> {
    fn node(&mut self, value: &'a Value, depth: usize) {
        if depth > MAX_DEPTH {
            return;
        }
        match value {
            Value::String(text) => self.text(text, depth),
            Value::Number(number) => self.out.push_str(&number.to_string()),
            Value::Array(parts) => match parts.as_slice() {
                [Value::String(mark), Value::String(name), _, properties, ..] if mark == "$" => {
                    self.element(name, properties, depth);
                }
                _ => parts.iter().for_each(|it| self.node(it, depth + 1)),
            },
            // Other objects are records of the router, with trees among their fields.
            Value::Object(fields) => {
                let nested = fields.values().filter(|it| it.is_array());
                nested.for_each(|it| self.trees(it, depth + 1));
            }
            _ => {}
        }
    }

    /// Writes the elements somewhere in a record; its strings are not text.
    fn trees(&mut self, value: &'a Value, depth: usize) {
        let Value::Array(parts) = value else {
            if value.is_object() {
                self.node(value, depth);
            } else if let Some(row) = value.as_str().and_then(|it| self.row(it)) {
                self.node(row, depth);
            }
            return;
        };
        if depth > MAX_DEPTH {
            return;
        }
        if parts.first().and_then(Value::as_str) == Some("$") && parts.len() >= 4 {
            self.node(value, depth);
        } else {
            for part in parts {
                self.trees(part, depth + 1);
            }
        }
    }

    /// The row that a string stands for, if it was not written before.
    fn row(&mut self, text: &str) -> Option<&'a Value> {
        let id = text.strip_prefix('$')?.trim_start_matches(['L', '@']);
        let (id, row) = self.rows.get_key_value(id)?;
        self.seen.insert(id).then_some(row)
    }

    fn text(&mut self, text: &str, depth: usize) {
        if let Some(row) = self.row(text) {
            return self.node(row, depth + 1);
        }
        let plain = if text.starts_with("$$") { text.get(1..).unwrap_or_default() } else { text };
        if plain == text && text.starts_with('$') && is_mark(text) {
            return;
        }
        self.out.push_str(&escaped(plain));
    }

    fn element(&mut self, name: &str, properties: &'a Value, depth: usize) {
        // The children of a component that runs in the browser are on the page.
        let is_tag = name.starts_with(|it: char| it.is_ascii_lowercase())
            && name.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-');
        if is_tag {
            self.open(name, properties);
        }
        let inner = properties.get("dangerouslySetInnerHTML").and_then(|it| it.get("__html"));
        match inner.and_then(Value::as_str) {
            Some(html) if is_tag && !matches!(name, "script" | "style") => {
                let html = self.row(html).and_then(Value::as_str).unwrap_or(html);
                self.out.push_str(html);
            }
            _ => {
                if let Some(children) = properties.get("children") {
                    self.node(children, depth + 1);
                }
            }
        }
        if is_tag && !matches!(name, "br" | "hr" | "img" | "input" | "meta" | "link" | "source") {
            self.out.extend(["</", name, ">"]);
        }
    }

    fn open(&mut self, name: &str, properties: &Value) {
        self.out.push('<');
        self.out.push_str(name);
        for (property, attribute) in [
            ("href", "href"),
            ("src", "src"),
            ("alt", "alt"),
            ("id", "id"),
            ("className", "class"),
            ("dateTime", "datetime"),
            ("colSpan", "colspan"),
            ("rowSpan", "rowspan"),
            ("hidden", "hidden"),
        ] {
            let value = match properties.get(property) {
                Some(Value::String(it)) => it.clone(),
                Some(Value::Number(it)) => it.to_string(),
                Some(Value::Bool(true)) => String::new(),
                _ => continue,
            };
            self.out.extend([" ", attribute, "=\"", &quoted(&value), "\""]);
        }
        self.out.push('>');
    }
}

/// Returns `true` if a string that begins with `$` is a mark of the stream: a row, a promise, a symbol.
fn is_mark(text: &str) -> bool {
    let rest = text.get(1..).unwrap_or_default();
    let is_name =
        !rest.is_empty() && rest.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'.');
    rest.starts_with(['L', '@', 'S', 'F', 'Q', 'W', 'D', 'n', 'u', 'N', 'I']) && is_name
        || is_id(rest) && rest.len() <= 3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_written_as_markup_with_the_rows_that_it_names() {
        let stream = concat!(
            "2:I[\"./client.js\"]\n",
            "3:[\"$\",\"p\",null,{\"children\":[\"Black & \",[\"$\",\"b\",null,{\"children\":\"green\"}]]}]\n",
            "4:T8,two cups0:{\"P\":null,\"f\":[[[\"\",{}],[\"$\",\"main\",null,{\"children\":[[\"$\",\"h1\",null,",
            "{\"children\":\"Tea\"}],[\"$\",\"$L2\",null,{\"children\":\"$L3\"}],\"$4\",\"$undefined\",",
            "[\"$\",\"div\",null,{\"dangerouslySetInnerHTML\":{\"__html\":\"<i>hot</i>\"}}]]}]]]}\n",
        );

        let markup = Flight::read(stream).markup();

        assert_eq!(
            markup,
            "<main><h1>Tea</h1><p>Black &amp; <b>green</b></p>two cups<div><i>hot</i></div></main>"
        );
    }

    #[test]
    fn rows_that_name_each_other_end() {
        let stream = "0:[\"$L1\",\"$L1\"]\n1:[\"$L0\",\"$L1\",\"x\"]\n";

        assert_eq!(Flight::read(stream).markup(), "x");
        assert_eq!(Flight::read("not a stream").markup(), "");
    }

    #[test]
    fn rows_between_hints_are_read() {
        let stream = ":HL[\"/style.css\",\"style\"]\n1:\"a\"\n:HL[\"/b.css\"]\n\nno row\n2:\"b\"\n";

        assert_eq!(Flight::read(stream).values().collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn a_row_that_comes_again_is_one_row() {
        let flight = Flight::read("1:0\n1:T\n1:T3,abc1:T-1,\n1:\"last\"\n");

        assert_eq!(flight.values().collect::<Vec<_>>(), ["last"]);
    }
}
