//! Documents that are data or plain text: every format holds them as they are.

use serde_json::{Value, json};

use crate::core::request::Format;
use crate::extract::dom::escape::escaped;
use crate::extract::fill::Layers;
use crate::extract::format::chunks;
use crate::extract::format::markdown::Markdown;
use crate::extract::nesting::as_object;
use crate::ports::extract::{Document, Extracted};

/// Extracts a JSON document.
pub(super) fn json(document: Document<'_>, text: &str) -> (Extracted, Layers) {
    let mut extracted = Extracted::default();
    let data: Value = serde_json::from_str(text).unwrap_or_else(|error| {
        extracted
            .warnings
            .push(format!("the document is declared as JSON but does not parse: {error}"));
        Value::Null
    });
    let data = as_object(data);
    fill(document, &mut extracted, text, &data);
    (extracted, Layers::of_data("json", data))
}

/// Extracts a plain text.
pub(super) fn plain(document: Document<'_>, text: &str) -> (Extracted, Layers) {
    let mut extracted = Extracted::default();
    let text = &text.replace('\0', "\u{fffd}");
    let data = json!({ "text": text });
    fill(document, &mut extracted, text, &data);
    (extracted, Layers::of_data("text", data))
}

/// Adds the requested formats.
fn fill(document: Document<'_>, extracted: &mut Extracted, text: &str, data: &Value) {
    for &format in document.options.formats() {
        let value = match format {
            Format::Text | Format::Markdown => text.into(),
            Format::Json | Format::JsonV2 => data.clone(),
            Format::Html => format!("<pre>{}</pre>", escaped(text)).into(),
            Format::Rag => chunks::rag(&Markdown::of_plain_text(text)),
            Format::Content => chunks::content(text, &[], &[]),
            Format::Raw => continue,
        };
        extracted.content.insert(format, value);
    }
    text.clone_into(&mut extracted.text);
}
