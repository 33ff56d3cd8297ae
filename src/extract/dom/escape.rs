//! Text as it may stand in HTML.

/// The position of a text in HTML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Position {
    /// Between tags.
    Text,
    /// In an attribute between double quotes.
    Attribute,
}

/// Appends a text with its reserved characters escaped.
pub(crate) fn escape_into(out: &mut String, text: &str, position: Position) {
    let mut kept = 0;
    for (at, byte) in text.bytes().enumerate() {
        let name = match byte {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'"' if position == Position::Attribute => "&quot;",
            _ => continue,
        };
        out.push_str(text.get(kept..at).unwrap_or_default());
        out.push_str(name);
        kept = at + 1;
    }
    out.push_str(text.get(kept..).unwrap_or_default());
}

/// Escapes a text for an attribute between double quotes.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    escape_into(&mut out, text, Position::Attribute);
    out
}

/// Escapes a text between tags.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    escape_into(&mut out, text, Position::Text);
    out
}
