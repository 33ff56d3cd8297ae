//! Decodes character references such as `&amp;` and `&#233;`.

use encoding_rs::WINDOWS_1252;
use html5ever::data::NAMED_ENTITIES;

/// The surroundings of a reference: in an attribute, an address such as `?a=1&copy=2` is left alone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Text,
    Attribute,
}

/// Bytes of the longest name of the standard, with its semicolon.
const LONGEST: usize = 32;
/// The references that make up nearly all of those on real pages.
const COMMON: [(&str, char); 6] = [
    ("amp;", '&'),
    ("nbsp;", '\u{a0}'),
    ("quot;", '"'),
    ("lt;", '<'),
    ("gt;", '>'),
    ("apos;", '\''),
];

/// Appends a text with its references decoded.
pub(super) fn decode_into(out: &mut String, mut text: &str, place: Place) {
    while let Some(at) = memchr::memchr(b'&', text.as_bytes()) {
        let (before, rest) = text.split_at(at);
        out.push_str(before);
        let name = rest.get(1..).unwrap_or_default();
        let read = reference(out, name, place);
        if read == 0 {
            out.push('&');
        }
        text = name.get(read..).unwrap_or_default();
    }
    out.push_str(text);
}

/// Appends the characters of the reference at the start of `rest`, which is behind the `&`. Returns the bytes
/// read; 0 if there is no reference.
fn reference(out: &mut String, rest: &str, place: Place) -> usize {
    if let Some(number) = rest.strip_prefix('#') {
        return numeric(out, number).map_or(0, |it| it + 1);
    }
    if let Some((name, sign)) = COMMON.iter().find(|(name, _)| rest.starts_with(name)) {
        out.push(*sign);
        return name.len();
    }
    named(out, rest, place)
}

fn named(out: &mut String, rest: &str, place: Place) -> usize {
    let mut found = None;
    for end in 1..=rest.len().min(LONGEST) {
        let Some(name) = rest.get(..end) else { break };
        match NAMED_ENTITIES.get(name) {
            Some((0, _)) => {}
            Some(signs) => found = Some((end, *signs)),
            None => break,
        }
    }
    let Some((length, (first, second))) = found else { return 0 };
    let next = rest.as_bytes().get(length);
    let is_closed = rest.as_bytes().get(length - 1) == Some(&b';');
    let goes_on = next.is_some_and(|it| *it == b'=' || it.is_ascii_alphanumeric());
    if place == Place::Attribute && !is_closed && goes_on {
        return 0;
    }
    out.extend(char::from_u32(first));
    out.extend(char::from_u32(second).filter(|it| *it != '\0'));
    length
}

/// Reads a number behind `&#`. Returns the bytes read, or `None` if there are no digits.
fn numeric(out: &mut String, rest: &str) -> Option<usize> {
    let (base, begin) = if rest.starts_with(['x', 'X']) { (16, 1) } else { (10, 0) };
    let digits = rest.get(begin..)?;
    let length = digits.bytes().take_while(|it| char::from(*it).is_digit(base)).count();
    if length == 0 {
        return None;
    }
    let value = digits.bytes().take(length).filter_map(|it| char::from(it).to_digit(base));
    let value = value.fold(0_u32, |sum, digit| sum.saturating_mul(base).saturating_add(digit));
    match value {
        0x80..=0x9f => {
            // Numbers of control characters stand for those of Windows-1252.
            let byte = [u8::try_from(value).unwrap_or_default()];
            out.push_str(&WINDOWS_1252.decode_without_bom_handling(&byte).0);
        }
        0 => out.push('\u{fffd}'),
        _ => out.push(char::from_u32(value).unwrap_or('\u{fffd}')),
    }
    let end = begin + length;
    Some(end + usize::from(rest.as_bytes().get(end) == Some(&b';')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(text: &str, place: Place) -> String {
        let mut out = String::new();
        decode_into(&mut out, text, place);
        out
    }

    #[test]
    fn references_are_decoded_as_the_standard_says() {
        for (text, wanted) in [
            ("a &amp; b &lt;&gt;&quot;&apos;&nbsp;", "a & b <>\"'\u{a0}"),
            ("&notin; &notit; &not", "\u{2209} \u{ac}it; \u{ac}"),
            (
                "&#65;&#x42;&#X43 &#128; &#0; &#x110000; &#xd800;",
                "ABC € \u{fffd} \u{fffd} \u{fffd}",
            ),
            ("& &; &x; &# &#x &#x; &amp", "& &; &x; &# &#x &#x; &"),
            ("&NotEqualTilde;", "\u{2242}\u{338}"),
            ("&é", "&é"),
        ] {
            assert_eq!(decoded(text, Place::Text), wanted, "{text}");
        }
    }

    #[test]
    fn an_open_name_in_an_attribute_is_a_part_of_an_address() {
        assert_eq!(
            decoded("?a=1&copy=2&copyx&copy;&copy", Place::Attribute),
            "?a=1&copy=2&copyx©©"
        );
        assert_eq!(decoded("?a=1&copy=2", Place::Text), "?a=1©=2");
    }
}
