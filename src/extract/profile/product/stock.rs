//! Reads the availability that a page shows in its texts and controls.

use crate::extract::dom::doc::{Doc, Id};
use crate::extract::dom::folding::folded;
use crate::extract::dom::labeled::LabeledValues;
use crate::extract::dom::tag::Tag;
use crate::extract::vocabulary::{BUY_PHRASES, CART_NAMES, STOCK_PHRASES};

/// Bytes of the label of a control.
const CONTROL: usize = 40;

/// The first two letters of the names of [`CART_NAMES`].
const CART_BEGINNINGS: [[u8; 2]; 3] = [*b"ad", *b"bt", *b"bu"];

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
    let letters = |at: usize| {
        let rest = bytes.get(at..).unwrap_or_default().iter();
        rest.filter(|it| it.is_ascii_alphanumeric() || **it == b' ').map(u8::to_ascii_lowercase)
    };
    let may_begin = |at: usize| {
        let second = letters(at + 1).next();
        CART_BEGINNINGS.iter().any(|it| Some(it[1]) == second)
    };
    let is_first = |it: u8| CART_BEGINNINGS.iter().any(|begin| begin[0] == it.to_ascii_lowercase());
    let named = |at: usize| CART_NAMES.iter().any(|it| letters(at).take(it.len()).eq(it.bytes()));
    bytes.iter().enumerate().any(|(at, it)| is_first(*it) && may_begin(at) && named(at))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_carts_are_found_whatever_their_punctuation() {
        for name in CART_NAMES {
            assert!(holds_cart_name(&format!("btn js-{}_2", name.to_uppercase())), "{name}");
        }
        assert!(holds_cart_name("form add-to-cart"));
        assert!(!holds_cart_name("add to a cart"));
        assert!(!holds_cart_name("badge button"));
    }
}
