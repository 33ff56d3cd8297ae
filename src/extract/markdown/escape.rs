//! Text that must not be read as marks.

/// Adds a text of the page to a line: white space folded, and marks inside a line escaped.
pub(super) fn flow_into(line: &mut String, text: &str) {
    let begins = line.is_empty() || line.ends_with([' ', '\n']);
    if !begins && text.starts_with(char::is_whitespace) {
        line.push(' ');
    }
    let mut first = true;
    for word in text.split_whitespace() {
        if !first {
            line.push(' ');
        }
        escaped_into(line, word);
        first = false;
    }
    if !first && text.ends_with(char::is_whitespace) {
        line.push(' ');
    }
}

fn is_mark(byte: u8) -> bool {
    matches!(byte, b'\\' | b'`' | b'*' | b'_' | b'[' | b']' | b'<' | b'&' | b'~')
}

/// Adds a word with its marks escaped.
pub(super) fn escaped_into(line: &mut String, word: &str) {
    if !word.bytes().any(is_mark) {
        return line.push_str(word);
    }
    let bytes = word.as_bytes();
    for (at, symbol) in word.char_indices() {
        let next = bytes.get(at + 1);
        let escape = match symbol {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' => true,
            // Only what could be a reference to a character.
            '&' => next.is_some_and(|it| it.is_ascii_alphanumeric() || *it == b'#'),
            '~' => next == Some(&b'~') || (at > 0 && bytes.get(at - 1) == Some(&b'~')),
            _ => false,
        };
        if escape {
            line.push('\\');
        }
        line.push(symbol);
    }
}

/// Adds a line of a paragraph; what would be read as a mark at its start is escaped there.
pub(super) fn line_start(out: &mut String, line: &str) {
    let ends = |it: &str| it.is_empty() || it.starts_with(' ');
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let after = line.get(digits..).unwrap_or_default();
    let numbered = (1..10).contains(&digits) && after.strip_prefix(['.', ')']).is_some_and(ends);
    if numbered {
        out.push_str(line.get(..digits).unwrap_or_default());
        out.push('\\');
        return out.push_str(after);
    }
    let heading = line.trim_start_matches('#');
    let marked = (heading.len() < line.len() && line.len() - heading.len() <= 6 && ends(heading))
        || line.starts_with('>')
        || line.strip_prefix(['-', '+']).is_some_and(ends)
        || is_rule(line)
        || line.starts_with("~~~");
    if marked {
        out.push('\\');
    }
    out.push_str(line);
}

/// Whether a line is a rule, or the line under a heading.
fn is_rule(line: &str) -> bool {
    let only = |sign: char| line.chars().all(|it| it == sign || it == ' ');
    line.starts_with('-') && only('-') || line.starts_with('=') && only('=')
}

/// The longest run of a sign.
pub(super) fn longest_run(text: &str, sign: char) -> usize {
    text.split(|it| it != sign).map(str::len).max().unwrap_or_default()
}
