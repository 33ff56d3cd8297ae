//! Escapes text that would be read as markup.

use crate::extract::dom::folding::{FlowText, is_mark};

/// Letters of a named character reference.
const LONGEST_REFERENCE: usize = 32;

/// Appends a text of the page to a line, white space folded and inline markup escaped.
pub(crate) fn flow_into(line: &mut String, text: FlowText<'_>) {
    if text.is_plain() {
        return text.flow_into(line);
    }
    text.begin(line);
    let mut words = text.words().split_whitespace().peekable();
    while let Some(word) = words.next() {
        let continues = words.peek().is_some() || text.ends_apart();
        escaped_into(line, word, continues.then_some(' '));
        if continues {
            line.push(' ');
        }
    }
}

/// Appends a word with its markup escaped. For some marks the character `behind` the word decides; if it
/// is unknown they are escaped.
pub(crate) fn escaped_into(line: &mut String, word: &str, behind: Option<char>) {
    if !word.bytes().any(is_mark) {
        return line.push_str(word);
    }
    let address = is_address(word);
    let mut before = None;
    for (at, symbol) in word.char_indices() {
        let rest = word.get(at + symbol.len_utf8()..).unwrap_or_default();
        let next = rest.chars().next().or(behind);
        let escape = match symbol {
            '_' | '*' | '~' if address => false,
            '`' | '*' | '[' | ']' => true,
            // Inside a word an underscore is not a mark.
            '_' => {
                !(before.is_some_and(char::is_alphanumeric)
                    && next.is_some_and(char::is_alphanumeric))
            }
            // A backslash before a letter or a blank is plain text.
            '\\' => next.is_none_or(|it| it.is_ascii_punctuation()),
            '<' => next.is_none_or(|it| it.is_ascii_alphabetic() || matches!(it, '/' | '!' | '?')),
            '&' => is_reference(rest),
            '~' => next == Some('~') || before == Some('~'),
            _ => false,
        };
        if escape {
            line.push('\\');
        }
        line.push(symbol);
        before = Some(symbol);
    }
}

/// Returns `true` if the text behind `&` makes it a character reference.
fn is_reference(rest: &str) -> bool {
    let name = rest.strip_prefix('#').unwrap_or(rest);
    let length = name.bytes().take(LONGEST_REFERENCE).take_while(u8::is_ascii_alphanumeric).count();
    length > 0 && name.get(length..).is_some_and(|it| it.starts_with(';'))
}

/// Appends a line of a paragraph and escapes markup at its start.
pub(crate) fn line_start(out: &mut String, line: &str) {
    let first = line.bytes().next().unwrap_or_default();
    if !first.is_ascii_digit() && !b"#>-+=~:| ".contains(&first) {
        return out.push_str(line);
    }
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

/// Returns `true` if a line is a rule, or the line under a heading or under the head of a table.
fn is_rule(line: &str) -> bool {
    let only = |signs: &[char]| line.chars().all(|it| it == ' ' || signs.contains(&it));
    line.starts_with('=') && only(&['=']) || line.contains('-') && only(&['-', ':', '|'])
}

/// Appends a span of code with a fence that is longer than every run of fences in it.
pub(crate) fn code_into(line: &mut String, text: &str) {
    let fence = "`".repeat(longest_run(text, '`') + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    line.push_str(&format!("{fence}{pad}{text}{pad}{fence}"));
}

/// Returns `true` if a word is an address, which readers link as it is.
fn is_address(word: &str) -> bool {
    let rest = word.strip_prefix("https://").or_else(|| word.strip_prefix("http://"));
    rest.is_some_and(|it| it.starts_with(char::is_alphanumeric))
}

/// Returns the length of the longest run of a sign.
pub(crate) fn longest_run(text: &str, sign: char) -> usize {
    text.split(|it| it != sign).map(str::len).max().unwrap_or_default()
}
