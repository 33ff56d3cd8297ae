//! JSON as people write it into pages.

use serde_json::Value;

/// Reads JSON that may stand in a comment or a CDATA section, hold comments, commas, numbers or escapes
/// that JSON does not allow, have line ends inside strings, be cut off, or be written with character
/// references. Returns null if it is nothing of that.
pub(crate) fn parse(source: &str) -> Value {
    if let Ok(value) = serde_json::from_str(source) {
        return value;
    }
    if let Some(value) = first(&repaired(source)).filter(is_filled) {
        return value;
    }
    // Only now, because a string may hold references that are meant.
    if source.contains("&quot;") || source.contains("&#34;") {
        let plain = source
            .replace("&quot;", "\"")
            .replace("&#34;", "\"")
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&#39;", "'")
            .replace("&amp;", "&");
        return first(&repaired(&plain)).filter(is_filled).unwrap_or_default();
    }
    Value::Null
}

/// Returns `true` if anything is left of a repaired value.
fn is_filled(value: &Value) -> bool {
    match value {
        Value::Array(all) => !all.is_empty(),
        Value::Object(of) => !of.is_empty(),
        _ => true,
    }
}

/// Parses the first value of a text and ignores the rest.
fn first(source: &str) -> Option<Value> {
    serde_json::Deserializer::from_str(source).into_iter().next()?.ok()
}

/// A source while it is made JSON.
#[derive(Default)]
struct Repair {
    out: String,
    /// The brackets that close what is open.
    open: Vec<char>,
    /// The length of `out` behind the last complete value, and the brackets that were open there.
    complete: Option<(usize, Vec<char>)>,
}

/// Removes comments, marks and commas that JSON does not allow, and replaces numbers and escapes that it
/// does not know. A source that was cut off ends behind its last complete value.
fn repaired(source: &str) -> String {
    let mut made = Repair::default();
    let mut rest = source.trim_start_matches('\u{feff}');
    while let Some(symbol) = rest.chars().next() {
        let skipped = comment(rest);
        if skipped > 0 {
            rest = rest.get(skipped..).unwrap_or_default();
            continue;
        }
        if symbol == '"' {
            let length = string(rest, &mut made.out);
            rest = rest.get(length..).unwrap_or_default();
            continue;
        }
        let word = word_length(rest);
        if word > 0 && !made.open.is_empty() {
            made.out.push_str(&plain_word(rest.get(..word).unwrap_or_default()));
            rest = rest.get(word..).unwrap_or_default();
            continue;
        }
        made.sign(symbol);
        rest = rest.get(symbol.len_utf8()..).unwrap_or_default();
        if made.open.is_empty() && made.complete.is_some() {
            // Whatever stands behind the value is ignored.
            return made.out;
        }
    }
    let Some((length, open)) = made.complete else { return made.out };
    made.out.truncate(length);
    made.out.extend(open.iter().rev());
    made.out
}

impl Repair {
    fn sign(&mut self, symbol: char) {
        match symbol {
            '{' => self.open.push('}'),
            '[' => self.open.push(']'),
            '}' | ']' => {
                let kept = self.out.trim_end().trim_end_matches(',').len();
                self.out.truncate(kept);
                self.open.pop();
            }
            ',' => self.complete = Some((self.out.len(), self.open.clone())),
            // Only some blanks separate values.
            it if it.is_whitespace() => {
                if !self.out.is_empty() {
                    self.out.push(' ');
                }
                return;
            }
            _ => {}
        }
        // Anything may precede the value.
        if !self.out.is_empty() || matches!(symbol, '{' | '[') {
            self.out.push(symbol);
        }
        if matches!(symbol, '}' | ']') {
            self.complete = Some((self.out.len(), self.open.clone()));
        }
    }
}

/// Returns the length of a number or a word that begins here.
fn word_length(rest: &str) -> usize {
    let inside = |it: u8| it.is_ascii_alphanumeric() || matches!(it, b'+' | b'-' | b'.' | b'_');
    rest.bytes().take_while(|it| inside(*it)).count()
}

/// Writes a number or a word outside strings as JSON knows it.
fn plain_word(word: &str) -> String {
    if matches!(word, "true" | "false" | "null") {
        return word.to_owned();
    }
    let known = matches!(word.trim_start_matches(['+', '-']), "NaN" | "Infinity" | "undefined");
    let sign = if word.starts_with('-') { "-" } else { "" };
    let digits = word.trim_start_matches(['+', '-']);
    let is_number = digits.starts_with(|it: char| it.is_ascii_digit() || it == '.');
    match digits.parse::<f64>() {
        _ if known => "null".to_owned(),
        Ok(value) if is_number && !value.is_finite() => "null".to_owned(),
        Ok(_) if is_number => {
            let bare = digits.trim_start_matches('0');
            let zero = if bare.starts_with(|it: char| it.is_ascii_digit()) { "" } else { "0" };
            let bare = bare.trim_end_matches('.').replace(".e", "e").replace(".E", "E");
            format!("{sign}{zero}{bare}")
        }
        _ => word.to_owned(),
    }
}

/// The length of a comment, or of the marks around one, that begins here.
fn comment(rest: &str) -> usize {
    const MARKS: [&str; 4] = ["<!--", "-->", "<![CDATA[", "]]>"];
    if let Some(mark) = MARKS.iter().find(|it| rest.starts_with(**it)) {
        return mark.len();
    }
    if rest.starts_with("/*") {
        return rest.find("*/").map_or(rest.len(), |it| it + 2);
    }
    if let Some(line) = rest.strip_prefix("//") {
        // `//<![CDATA[` and `//-->` hide marks from browsers without scripts.
        let marked = MARKS.iter().any(|it| line.trim_start().starts_with(it));
        return if marked { 2 } else { rest.find('\n').unwrap_or(rest.len()) };
    }
    0
}

/// Copies a string that begins with its quote and returns its length in the source.
fn string(rest: &str, out: &mut String) -> usize {
    out.push('"');
    let mut at = 1;
    while let Some(symbol) = rest.get(at..).and_then(|it| it.chars().next()) {
        at += symbol.len_utf8();
        match symbol {
            '"' => {
                out.push('"');
                return at;
            }
            '\\' => at += escape(rest.get(at..).unwrap_or_default(), out),
            '\n' => out.push_str("\\n"),
            it if it.is_control() => out.push(' '),
            it => out.push(it),
        }
    }
    rest.len()
}

/// Copies what stands behind a backslash, and returns its length in the source. JavaScript knows escapes
/// that JSON does not, and half of a pair of surrogates is no character.
fn escape(rest: &str, out: &mut String) -> usize {
    let Some(symbol) = rest.chars().next() else { return 0 };
    let hex = |from: usize, digits: usize| {
        rest.get(from..from + digits).and_then(|it| u32::from_str_radix(it, 16).ok())
    };
    match symbol {
        '"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't' => {
            out.push('\\');
            out.push(symbol);
        }
        '\n' => out.push_str("\\n"),
        'u' => {
            let Some(unit) = hex(1, 4) else {
                out.push('u');
                return 1;
            };
            let low = rest.get(5..7).filter(|it| *it == "\\u").and_then(|_| hex(7, 4));
            return match (unit, low) {
                (0xd800..=0xdbff, Some(0xdc00..=0xdfff)) => {
                    out.push('\\');
                    out.push_str(rest.get(..11).unwrap_or_default());
                    11
                }
                (0xd800..=0xdfff, _) => {
                    out.push('\u{fffd}');
                    5
                }
                _ => {
                    out.push('\\');
                    out.push_str(rest.get(..5).unwrap_or_default());
                    5
                }
            };
        }
        'x' => {
            let Some(value) = hex(1, 2) else {
                out.push('x');
                return 1;
            };
            out.push_str(&format!("\\u{value:04x}"));
            return 3;
        }
        it if it.is_control() => out.push(' '),
        it => out.push(it),
    }
    symbol.len_utf8()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_is_read_as_people_write_it_into_pages() {
        for source in [
            r#"{"a": [1, "b"]}"#,
            r#"<!-- {"a": [1, "b"]} -->"#,
            "//<![CDATA[\n{\"a\": [1, \"b\"]}\n//]]>",
            r#"{"a": [1, "b",],};"#,
            "// said first\n{\"a\": /* one */ [1, \"b\"] // more\n}",
            "{&quot;a&quot;: [1, &quot;b&quot;]}",
            r#"{"a": [1, "b"]}{"a": 2}"#,
        ] {
            assert_eq!(parse(source), json!({ "a": [1, "b"] }), "{source}");
        }
    }

    #[test]
    fn what_stands_in_a_string_stays() {
        let source = "{\"a\": \"// no /* comment */ <!-- here -->,}\", \"b\": \"two\nlines\",}";

        let read = parse(source);

        assert_eq!(read["a"], "// no /* comment */ <!-- here -->,}");
        assert_eq!(read["b"], "two\nlines");
        assert_eq!(parse(r#"{"a": "it\'s",}"#)["a"], "it's");
    }

    #[test]
    fn one_bad_token_costs_no_more_than_itself() {
        for source in [
            r#"{"a": "x\ud83d", "b": 1}"#,
            r#"{"a": "x\udc00", "b": 1}"#,
            r#"{"a": "\x41\&\u00e9", "b": 1}"#,
            r#"{"a": NaN, "b": 1}"#,
            r#"{"a": -Infinity, "b": 1}"#,
            r#"{"a": 1e999, "b": 1}"#,
            r#"{"a": 007.50, "b": 01}"#,
            r#"{"a": .5, "b": +1}"#,
            "{\"a\":\u{a0}2,\u{a0}\"b\": 1}",
            r#"{"a": {"c": [1, 2, {"d": 3}]}, "b": 1, "e": {"f": "cut o"#,
            r#"{"a": "\u12", "b": 1, "c"#,
        ] {
            let read = parse(source);

            assert_eq!(read["b"], json!(1), "{source}");
            assert!(read.get("a").is_some(), "{source}");
        }
        assert_eq!(parse(r#"{"a": "\x41\&\u00e9",}"#)["a"], "A&é");
        assert_eq!(parse(r#"{"a": 007.50,}"#)["a"], json!(7.5));
        assert_eq!(parse(r#"{"a": [1, 2], "b": [1, 2"#), json!({ "a": [1, 2], "b": [1] }));
    }

    #[test]
    fn what_is_no_json_is_nothing() {
        for source in ["", "{", "var a = 1;", "{\"a\": }", "\"", "{\"a"] {
            assert_eq!(parse(source), Value::Null, "{source}");
        }
    }
}
