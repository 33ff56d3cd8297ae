//! The content hash that an item names as known.

use crate::core::request::check::ValidationError;
use crate::core::request::item::Item;

/// The number of hexadecimal digits of a content hash.
const DIGITS: usize = 64;

/// Checks that the known hash is one, or empty.
pub(super) fn check(item: &Item) -> Result<(), ValidationError> {
    let hash = item.advanced.if_changed_since_hash.as_deref().unwrap_or_default();
    if hash.is_empty() || hash.len() == DIGITS && hash.bytes().all(|it| it.is_ascii_hexdigit()) {
        return Ok(());
    }
    Err(ValidationError::new(
        "advanced.if_changed_since_hash",
        "must be the `content_hash` of an earlier result (64 hexadecimal digits), or empty if there is none",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_hash_is_empty_or_whole() {
        let check = |hash: &str| check(&Item::get("https://example.com/").unless(hash)).is_ok();

        assert!(check("") && check(&"0a".repeat(32)) && check(&"0A".repeat(32)));
        assert!(!check("0a") && !check(&"0g".repeat(32)) && !check(&"0a".repeat(33)));
    }
}
