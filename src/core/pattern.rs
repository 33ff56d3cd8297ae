//! Regular expressions that a schema gives for its values.
//!
//! A search takes time in proportion to the sizes of the pattern and of the text, and both have a limit.

use regex_lite::{Regex, RegexBuilder};
use serde_json::Value;

/// Bytes of a pattern.
const LONGEST: usize = 1_000;
/// Bytes of a compiled pattern.
const MAX_COMPILED: usize = 65_536;
/// Bytes of a text that is searched. A longer one does not match.
const LONGEST_TEXT: usize = 16_384;
/// Patterns of one schema.
const MAX_PATTERNS: usize = 100;

/// A compiled `pattern`.
#[derive(Clone, Debug)]
pub(crate) struct Pattern(Regex);

impl Pattern {
    /// Compiles a pattern. Look-around, back-references and classes such as `\p{L}` are not supported.
    ///
    /// # Errors
    ///
    /// The reason, if the pattern is not valid or too large.
    pub(crate) fn new(pattern: &str) -> Result<Self, String> {
        if pattern.len() > LONGEST {
            return Err(format!("has {} bytes: shorten it to {LONGEST}", pattern.len()));
        }
        let compiled = RegexBuilder::new(pattern).size_limit(MAX_COMPILED).build();
        compiled.map(Self).map_err(|why| {
            format!("is refused ({why}): use classes, groups, anchors and repetitions only")
        })
    }

    /// Returns `true` if a part of a text matches.
    #[cfg_attr(
        not(any(feature = "html", test)),
        expect(dead_code, reason = "only the extractor matches values")
    )]
    pub(crate) fn is_match(&self, text: &str) -> bool {
        text.len() <= LONGEST_TEXT && self.0.is_match(text)
    }
}

/// Checks the patterns of a schema.
///
/// # Errors
///
/// The field of the first pattern that cannot be used, and the reason.
pub(crate) fn check(schema: &Value) -> Result<(), String> {
    let mut left = MAX_PATTERNS;
    match invalid_in(schema, "", &mut left) {
        Some((path, reason)) => Err(format!("has an unusable pattern at `{path}`: it {reason}")),
        None => Ok(()),
    }
}

/// The recursion is bounded: an item's schema is checked for its depth.
fn invalid_in(schema: &Value, path: &str, left: &mut usize) -> Option<(String, String)> {
    match schema {
        Value::Object(of) => {
            if let Some(pattern) =
                of.get("pattern").and_then(Value::as_str).filter(|_| is_text(of.get("type")))
            {
                let Some(rest) = left.checked_sub(1) else {
                    let reason =
                        format!("is one of more than {MAX_PATTERNS} patterns: remove some");
                    return Some((path.to_owned(), reason));
                };
                *left = rest;
                if let Err(reason) = Pattern::new(pattern) {
                    return Some((path.to_owned(), reason));
                }
            }
            of.iter().find_map(|(name, inner)| {
                // The path is that of the fields: `offers.sku`.
                let is_keyword =
                    matches!(name.as_str(), "properties" | "items" | "anyOf" | "oneOf" | "allOf");
                let inner_path = match (is_keyword, path.is_empty()) {
                    (true, _) => path.to_owned(),
                    (false, true) => name.clone(),
                    (false, false) => format!("{path}.{name}"),
                };
                invalid_in(inner, &inner_path, left)
            })
        }
        Value::Array(all) => all.iter().find_map(|it| invalid_in(it, path, left)),
        _ => None,
    }
}

/// Returns `true` for the type of a text in JSON Schema. In the shorthand a field may be named `pattern`.
fn is_text(kind: Option<&Value>) -> bool {
    match kind {
        Some(Value::String(word)) => word == "string",
        Some(Value::Array(words)) => words.iter().any(|it| it == "string"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pattern_that_cannot_be_used_is_named_with_its_field() {
        let schema = |pattern: &str| {
            json!({ "properties": { "offers": { "type": "array", "items": { "properties": {
                "sku": { "type": ["string", "null"], "pattern": pattern } } } } } })
        };

        assert_eq!(check(&schema(r"^[A-Z]{2}-\d+\/\w*$")), Ok(()));
        for bad in ["[A-Z", "(?=a)b", "(a{500}){500}", &"a".repeat(LONGEST + 1)] {
            let reason = check(&schema(bad)).expect_err(bad);
            assert!(reason.starts_with("has an unusable pattern at `offers.sku`: it "), "{reason}");
        }
        assert_eq!(check(&json!({ "pattern": "string, of the knit (in words" })), Ok(()));
    }

    #[test]
    fn a_pattern_matches_any_part_of_a_text() {
        let pattern = Pattern::new("[A-Z]{2}-[0-9]+").expect("a pattern");

        assert!(pattern.is_match("No. RB-200"));
        assert!(!pattern.is_match("rb-200"));
        assert!(!pattern.is_match(&"RB-200 ".repeat(LONGEST_TEXT)));
    }
}
