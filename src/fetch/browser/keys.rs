//! Named keys for the `press` action.

/// A key that has a name, with the values that a key event needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct NamedKey {
    /// The name that an action uses, such as `Enter`.
    pub(super) name: &'static str,
    /// `KeyboardEvent.key`.
    pub(super) key: &'static str,
    /// `KeyboardEvent.code`.
    pub(super) code: &'static str,
    /// The Windows virtual key code.
    pub(super) key_code: u32,
    /// The text that the key types; empty if none.
    pub(super) text: &'static str,
}

const fn key(name: &'static str, key_code: u32, text: &'static str) -> NamedKey {
    NamedKey { name, key: name, code: name, key_code, text }
}

/// The keys, named as in the UI Events specification.
const KEYS: [NamedKey; 15] = [
    key("Enter", 13, "\r"),
    key("Tab", 9, ""),
    key("Escape", 27, ""),
    key("Backspace", 8, ""),
    key("Delete", 46, ""),
    key("ArrowUp", 38, ""),
    key("ArrowDown", 40, ""),
    key("ArrowLeft", 37, ""),
    key("ArrowRight", 39, ""),
    key("Home", 36, ""),
    key("End", 35, ""),
    key("PageUp", 33, ""),
    key("PageDown", 34, ""),
    NamedKey { name: " ", key: " ", code: "Space", key_code: 32, text: " " },
    NamedKey { name: "Space", key: " ", code: "Space", key_code: 32, text: " " },
];

/// Returns the key with this name, ignoring ASCII case.
pub(super) fn named(name: &str) -> Option<NamedKey> {
    KEYS.into_iter().find(|key| key.name.eq_ignore_ascii_case(name))
}
