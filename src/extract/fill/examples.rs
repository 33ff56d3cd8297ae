//! The hints that the `examples` of a schema give: the format of a value, and its shape among several that fit.

use serde_json::{Map, Value};

use super::reading::clock;

/// Examples of one field that are read, and bytes of each.
const MAX_EXAMPLES: usize = 20;
const LONGEST: usize = 200;

/// Returns the texts in `examples` or `example`.
fn texts(of: &Map<String, Value>) -> impl Iterator<Item = &str> {
    let all = of.get("examples").and_then(Value::as_array).into_iter().flatten();
    all.chain(of.get("example")).filter_map(Value::as_str).take(MAX_EXAMPLES)
}

/// Returns the format that all examples have: a day, a time of day, an address.
pub(super) fn format(of: &Map<String, Value>) -> Option<&'static str> {
    let first = format_of(texts(of).next()?)?;
    texts(of).all(|it| format_of(it) == Some(first)).then_some(first)
}

fn format_of(example: &str) -> Option<&'static str> {
    let example = example.trim();
    if shape(example) == "9-9-9" && example.len() == 10 {
        return Some("date");
    }
    if example.len() == 5 && clock(example, 0).is_some() {
        return Some("time");
    }
    if example.contains(char::is_whitespace) {
        return None;
    }
    if example.starts_with("http://") || example.starts_with("https://") {
        return Some("uri");
    }
    let (user, host) = example.split_once('@')?;
    (!user.is_empty() && host.contains('.')).then_some("email")
}

/// Returns the shapes of the examples of a field.
pub(super) fn shapes(schema: &Value) -> Vec<String> {
    let of = schema.as_object().into_iter();
    let short = of.flat_map(texts).filter(|it| it.len() <= LONGEST);
    let mut shapes: Vec<String> = short.map(shape).collect();
    shapes.sort_unstable();
    shapes.dedup();
    shapes
}

/// Returns a text with one sign for each run of digits and of letters: `AB-200` and `X-7` have one shape.
pub(super) fn shape(text: &str) -> String {
    let mut out = String::new();
    for letter in text.trim().chars().take(LONGEST) {
        let sign = match letter {
            _ if letter.is_numeric() => '9',
            _ if letter.is_alphabetic() => 'a',
            _ if letter.is_whitespace() => ' ',
            other => other,
        };
        if !(matches!(sign, '9' | 'a' | ' ') && out.ends_with(sign)) {
            out.push(sign);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn examples_of_one_format_name_it() {
        let format = |examples: Value| format(json!({ "examples": examples }).as_object()?);

        assert_eq!(format(json!(["2027-03-01", "1999-12-31"])), Some("date"));
        assert_eq!(format(json!(["18:30"])), Some("time"));
        assert_eq!(format(json!(["a@b.example"])), Some("email"));
        assert_eq!(format(json!(["https://a.example/1"])), Some("uri"));
        assert_eq!(format(json!(["2027-03-01", "soon"])), None);
        assert_eq!(format(json!(["RB-200", 7])), None);
    }

    #[test]
    fn texts_of_one_build_have_one_shape() {
        assert_eq!(shape("AB-200"), shape("x-7"));
        assert_ne!(shape("AB-200"), shape("AB 200"));
    }
}
