//! JSON as people write it into pages.

use serde_json::Value;

/// Reads JSON that may stand in a comment or a CDATA section, hold comments or a comma too many, have
/// line ends inside strings, or be written with character references; null if it is nothing of that.
pub(crate) fn parse(source: &str) -> Value {
    if let Ok(value) = serde_json::from_str(source) {
        return value;
    }
    if let Some(value) = first(&repaired(source)) {
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
        return first(&repaired(&plain)).unwrap_or_default();
    }
    Value::Null
}

/// Parses the first value of a text and ignores the rest.
fn first(source: &str) -> Option<Value> {
    serde_json::Deserializer::from_str(source).into_iter().next()?.ok()
}

/// Removes comments, marks and commas that JSON does not allow.
fn repaired(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source.trim_start_matches('\u{feff}');
    while let Some(symbol) = rest.chars().next() {
        let skipped = comment(rest);
        if skipped > 0 {
            rest = rest.get(skipped..).unwrap_or_default();
            continue;
        }
        if symbol == '"' {
            let length = string(rest, &mut out);
            rest = rest.get(length..).unwrap_or_default();
            continue;
        }
        if matches!(symbol, '}' | ']') {
            let kept = out.trim_end().trim_end_matches(',').len();
            out.truncate(kept);
        }
        // Anything may precede the value.
        if !out.is_empty() || matches!(symbol, '{' | '[') {
            out.push(symbol);
        }
        rest = rest.get(symbol.len_utf8()..).unwrap_or_default();
    }
    out
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
    let mut escaped = false;
    for (at, symbol) in rest.char_indices().skip(1) {
        match symbol {
            '\'' if escaped => {
                // JavaScript lets a quote be escaped that JSON does not.
                out.pop();
                out.push('\'');
            }
            '\n' => out.push_str(if escaped { "n" } else { "\\n" }),
            it if it.is_control() => out.push(' '),
            it => out.push(it),
        }
        if symbol == '"' && !escaped {
            return at + 1;
        }
        escaped = symbol == '\\' && !escaped;
    }
    rest.len()
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
    fn what_is_no_json_is_nothing() {
        for source in ["", "{", "var a = 1;", "{\"a\": }", "\"", "{\"a"] {
            assert_eq!(parse(source), Value::Null, "{source}");
        }
    }
}
