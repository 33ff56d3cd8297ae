//! Folds white space: any run of it is one blank.

/// Returns `true` if a trimmed text has no white space but single blanks. May return `false` for such a text.
pub(crate) fn is_folded(trimmed: &str) -> bool {
    let mut before = 0;
    let mut folded = true;
    let mut has_wide = false;
    for &byte in trimmed.as_bytes() {
        folded &= byte > b' ' || (byte == b' ' && before != b' ');
        // All white space beyond ASCII begins with one of these.
        has_wide |= matches!(byte, 0xc2 | 0xe1..=0xe3);
        before = byte;
    }
    folded && !(has_wide && trimmed.chars().any(|it| !it.is_ascii() && it.is_whitespace()))
}

/// Appends a text to a line as a browser shows it: any white space is one blank, and none begins a line.
pub(crate) fn flow_into(line: &mut String, text: &str) {
    let trimmed = begin_flow(line, text);
    if is_folded(trimmed) {
        line.push_str(trimmed);
    } else {
        for (at, word) in trimmed.split_whitespace().enumerate() {
            if at > 0 {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    if !trimmed.is_empty() && text.ends_with(char::is_whitespace) {
        line.push(' ');
    }
}

/// Appends the blank that a text begins with, unless it begins the line, and returns the text trimmed.
pub(crate) fn begin_flow<'t>(line: &mut String, text: &'t str) -> &'t str {
    let begins = line.is_empty() || line.ends_with([' ', '\n']);
    if !begins && text.starts_with(char::is_whitespace) {
        line.push(' ');
    }
    text.trim()
}

/// Appends the words of a text.
pub(crate) fn fold_into(out: &mut String, text: &str) {
    let trimmed = text.trim();
    if !trimmed.is_empty() && is_folded(trimmed) {
        if !out.is_empty() {
            out.push(' ');
        }
        return out.push_str(trimmed);
    }
    for word in trimmed.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
}

/// Folds white space to single blanks.
pub(crate) fn folded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    fold_into(&mut out, text);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_white_space_is_one_blank() {
        for text in [
            "",
            " ",
            "a",
            "a b",
            " a  b ",
            "a\tb\nc",
            "a\u{a0}b",
            "\u{3000}a \u{2003} b",
            "a\u{1}b",
            "\u{201c}a\u{201d} b",
            "a\u{85}b",
            "é à",
        ] {
            let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert_eq!(folded(text), words, "{text:?}");
            let mut line = String::new();
            flow_into(&mut line, text);
            assert_eq!(line.trim_end(), words, "{text:?}");
            assert!(!is_folded(text.trim()) || text.trim() == words, "{text:?}");
        }
        assert!(is_folded("\u{201c}a\u{201d} b"));
    }

    #[test]
    fn texts_that_touch_stay_together_and_others_are_one_blank_apart() {
        let mut line = String::new();
        for text in ["one", " ", " two ", "\n", "th", "ree"] {
            flow_into(&mut line, text);
        }

        assert_eq!(line, "one two three");
    }
}
