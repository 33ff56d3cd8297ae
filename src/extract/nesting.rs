//! Limits the nesting of a result's data, so that it can be stored.

use serde_json::{Value, json};

use crate::ports::extract::Extracted;

/// Values inside values. A result is kept as JSON, which is read back with a bounded stack: one that
/// nested as deep as a page can would be written and then lost.
const MAX_NESTING: usize = 64;

/// Wraps the data of a document in an object: a list under `items`, any other value under `value`.
pub(super) fn as_object(data: Value) -> Value {
    match data {
        Value::Object(_) => data,
        Value::Array(items) => json!({ "items": items }),
        value => json!({ "value": value }),
    }
}

/// Replaces values that nest too deep by their JSON text.
pub(super) fn flatten(made: &mut Extracted) {
    let (content, metadata) = (made.content.values_mut(), made.metadata.values_mut());
    let mut flattened = false;
    let fields =
        made.filtered_content.iter_mut().chain(&mut made.evidence).chain(&mut made.profile);
    for value in content.chain(metadata).chain(fields) {
        flattened |= cut(value, MAX_NESTING);
    }
    if flattened {
        made.warnings.push(format!("data nested over {MAX_NESTING} levels deep was kept as text"));
    }
}

/// Cuts a value and returns `true` if anything was cut.
fn cut(value: &mut Value, most: usize) -> bool {
    if most == 0 && (value.is_array() || value.is_object()) {
        *value = value.to_string().into();
        return true;
    }
    let mut any = false;
    match value {
        Value::Array(all) => all.iter_mut().for_each(|it| any |= cut(it, most - 1)),
        Value::Object(all) => all.values_mut().for_each(|it| any |= cut(it, most - 1)),
        _ => {}
    }
    any
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::request::Format;

    fn nested(levels: usize) -> Value {
        (0..levels).fold(Value::Null, |inner, _| json!([inner]))
    }

    #[test]
    fn only_what_nests_too_deep_becomes_text() {
        let mut made = Extracted::default();
        made.content.insert(Format::Json, json!({ "deep": nested(100), "flat": nested(63) }));

        flatten(&mut made);

        let kept = &made.content[&Format::Json];
        assert_eq!(kept["flat"], nested(63));
        let text = kept["deep"].pointer(&"/0".repeat(63)).and_then(Value::as_str).expect("text");
        assert_eq!(serde_json::from_str::<Value>(text).expect("JSON"), nested(37));
        assert_eq!(made.warnings.len(), 1);
    }

    #[test]
    fn data_is_an_object_whatever_the_document_is() {
        assert_eq!(as_object(json!({ "a": 1 })), json!({ "a": 1 }));
        assert_eq!(as_object(json!([1, 2])), json!({ "items": [1, 2] }));
        assert_eq!(as_object(json!("x")), json!({ "value": "x" }));
    }
}
