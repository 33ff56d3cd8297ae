//! Reads the availability that a page shows in its texts and controls.

use crate::extract::dom::doc::{Doc, Id};
use crate::extract::dom::folding::folded;
use crate::extract::dom::labeled::LabeledValues;
use crate::extract::dom::tag::Tag;
use crate::extract::vocabulary::{BUY_PHRASES, CART_NAMES, STOCK_PHRASES};

/// Bytes of the label of a control.
const CONTROL: usize = 40;

/// Returns the availability in the page's own texts.
pub(super) fn in_texts(labeled: &LabeledValues<'_, '_>) -> Option<&'static str> {
    labeled.phrase_value(STOCK_PHRASES)
}

/// Returns `true` if a control on the page puts the product into a cart.
pub(crate) fn has_cart(doc: &Doc<'_>) -> bool {
    (0..doc.len()).any(|id| {
        doc.tag(id) != Tag::Text
            && (is_called_cart(doc, id) || (is_control(doc, id) && says_buy(doc, id)))
            && doc.attr(id, "disabled").is_none()
    })
}

fn is_called_cart(doc: &Doc<'_>, id: Id) -> bool {
    doc.attrs(id).any(|(name, value)| {
        matches!(name, "class" | "id" | "name" | "data-testid" | "data-action" | "data-type")
            && holds_cart_name(value)
    })
}

/// Returns `true` if an attribute contains a name of [`CART_NAMES`], whatever punctuation is between its letters.
fn holds_cart_name(value: &str) -> bool {
    let bytes = value.as_bytes();
    let is_part = |it: &u8| it.is_ascii_alphanumeric() || *it == b' ';
    let matches = |at: usize, name: &str| {
        let rest = bytes.get(at..).unwrap_or_default();
        let letters = rest.iter().filter(|it| is_part(it)).map(u8::to_ascii_lowercase);
        letters.take(name.len()).eq(name.bytes())
    };
    // All of the names begin with one of these letters.
    let mut places =
        memchr::memchr3_iter(b'a', b'b', b'A', bytes).chain(memchr::memchr_iter(b'B', bytes));
    places.any(|at| CART_NAMES.iter().any(|it| matches(at, it)))
}

fn is_control(doc: &Doc<'_>, id: Id) -> bool {
    match doc.tag(id) {
        Tag::Button => true,
        Tag::Input => matches!(doc.attr(id, "type"), Some("submit" | "button" | "image")),
        // A class makes a link look like a button.
        Tag::A => {
            let named = |it: &str| {
                let it = it.to_ascii_lowercase();
                it.contains("btn") || it.contains("button") || it.contains("buy")
            };
            doc.attrs(id).any(|(name, value)| matches!(name, "class" | "id") && named(value))
        }
        _ => false,
    }
}

fn says_buy(doc: &Doc<'_>, id: Id) -> bool {
    let label = match doc.tag(id) {
        Tag::Input => ["value", "alt"].iter().find_map(|it| doc.attr(id, it)).map(str::to_owned),
        _ if doc.end(id) - id > 40 => None,
        _ => Some(doc.source_text(id)),
    };
    let label = label.map(|it| folded(&it).to_lowercase()).unwrap_or_default();
    (2..=CONTROL).contains(&label.len()) && BUY_PHRASES.iter().any(|it| label.contains(it))
}
