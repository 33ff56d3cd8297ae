//! Keys that have names, as a keyboard has them.

/// A key: its name, the code of its place, its number, and the text that it types.
pub(super) type Key = (&'static str, &'static str, u32, &'static str);

/// Names as browsers have them, without regard to case.
const KEYS: [Key; 15] = [
    ("Enter", "Enter", 13, "\r"),
    ("Tab", "Tab", 9, ""),
    ("Escape", "Escape", 27, ""),
    ("Backspace", "Backspace", 8, ""),
    ("Delete", "Delete", 46, ""),
    ("ArrowUp", "ArrowUp", 38, ""),
    ("ArrowDown", "ArrowDown", 40, ""),
    ("ArrowLeft", "ArrowLeft", 37, ""),
    ("ArrowRight", "ArrowRight", 39, ""),
    ("Home", "Home", 36, ""),
    ("End", "End", 35, ""),
    ("PageUp", "PageUp", 33, ""),
    ("PageDown", "PageDown", 34, ""),
    (" ", "Space", 32, " "),
    ("Space", "Space", 32, " "),
];

/// The key of that name.
pub(super) fn named(name: &str) -> Option<Key> {
    KEYS.into_iter().find(|(key, ..)| key.eq_ignore_ascii_case(name))
}
