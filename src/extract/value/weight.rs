//! The size of a JSON value, for limits on what references and schemas may copy.

use serde_json::Value;

/// Bytes that a value takes beside its strings.
const VALUE: usize = 16;

/// Estimates the bytes that a value takes.
pub(crate) fn weight(value: &Value) -> usize {
    let (mut bytes, mut waiting) = (0, vec![value]);
    while let Some(value) = waiting.pop() {
        bytes += VALUE;
        match value {
            Value::String(text) => bytes += text.len(),
            Value::Array(all) => waiting.extend(all),
            Value::Object(fields) => {
                bytes += fields.keys().map(String::len).sum::<usize>();
                waiting.extend(fields.values());
            }
            _ => {}
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_weighs_its_strings_and_the_values_in_it() {
        for (value, bytes) in [
            (json!(null), VALUE),
            (json!(1.5), VALUE),
            (json!("three"), VALUE + 5),
            (json!([1, [2]]), VALUE * 4),
            (json!({ "ab": "c", "d": {} }), VALUE * 3 + 4),
        ] {
            assert_eq!(weight(&value), bytes, "{value}");
        }
    }
}
