//! Finds the place at which a text that exceeds a limit is cut.

/// Returns the length of the longest start of `bytes` that ends neither within a character nor, in HTML, within a tag. Another
/// text ends with a whole line, such as a record of a CSV file, if its last line is not very long.
///
/// `bytes` is the text up to its limit. Characters are those of UTF-8, and of UTF-16 if the text begins with its mark. In other
/// encodings the last character may be damaged. A `>` within an attribute counts as the end of its tag.
///
/// ```
/// use rungs::core::cut::cut_length;
///
/// assert_eq!(cut_length(b"<p>Salt</p><a href=", true), "<p>Salt</p>".len());
/// assert_eq!(cut_length(b"sal\xc3", false), 3);
/// ```
pub fn cut_length(bytes: &[u8], is_html: bool) -> usize {
    let encoding = Encoding::of(bytes);
    let whole = encoding.whole_characters(bytes);
    let text = &bytes[..whole];
    if !is_html {
        return last_line(encoding, text).unwrap_or(whole);
    }
    match (encoding.last(text, b'<'), encoding.last(text, b'>')) {
        (Some(open), close) if close.is_none_or(|it| it < open) => open,
        _ => whole,
    }
}

/// The longest line at the end of a text that is dropped because it is incomplete. A longer one is cut.
const MAX_LINE_BYTES: usize = 65_536;

/// Returns the end of the last whole line, `None` if what follows it is too long to be dropped.
fn last_line(encoding: Encoding, text: &[u8]) -> Option<usize> {
    let feed = encoding.last(text, b'\n')?;
    let end = feed + if encoding == Encoding::Bytes { 1 } else { 2 };
    (text.len() - end <= MAX_LINE_BYTES).then_some(end)
}

/// The encodings that are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    /// UTF-8, or another one of which ASCII is a part.
    Bytes,
    Utf16Le,
    Utf16Be,
}

impl Encoding {
    fn of(bytes: &[u8]) -> Self {
        match bytes {
            [0xff, 0xfe, ..] => Self::Utf16Le,
            [0xfe, 0xff, ..] => Self::Utf16Be,
            _ => Self::Bytes,
        }
    }

    fn unit(self, bytes: [u8; 2]) -> u16 {
        match self {
            Self::Utf16Be => u16::from_be_bytes(bytes),
            Self::Bytes | Self::Utf16Le => u16::from_le_bytes(bytes),
        }
    }

    /// Returns the length of the text without a character that is incomplete.
    fn whole_characters(self, bytes: &[u8]) -> usize {
        if self == Self::Bytes {
            return bytes.len() - incomplete_utf8(bytes);
        }
        let even = bytes.len() / 2 * 2;
        match bytes[..even].last_chunk::<2>() {
            // The first half of a pair.
            Some(last) if (0xd800..0xdc00).contains(&self.unit(*last)) => even - 2,
            _ => even,
        }
    }

    /// Returns the place of the last `wanted` character.
    fn last(self, text: &[u8], wanted: u8) -> Option<usize> {
        if self == Self::Bytes {
            return text.iter().rposition(|it| *it == wanted);
        }
        let is_wanted = |unit: &[u8]| self.unit([unit[0], unit[1]]) == u16::from(wanted);
        text.chunks_exact(2).rposition(is_wanted).map(|at| at * 2)
    }
}

/// Returns the length of an incomplete character of UTF-8 at the end; 0 if there is none.
fn incomplete_utf8(bytes: &[u8]) -> usize {
    let tail = &bytes[bytes.len().saturating_sub(3)..];
    let Some(lead) = tail.iter().rposition(|it| *it >= 0xc0) else { return 0 };
    let given = tail.len() - lead;
    let needed = match tail[lead] {
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        _ => 4,
    };
    let is_continued = tail[lead + 1..].iter().all(|it| (0x80..0xc0).contains(it));
    if is_continued && given < needed { given } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_never_cut_within_a_character() {
        let text = "aé€🦀";
        for length in 0..=text.len() {
            let kept = cut_length(&text.as_bytes()[..length], false);

            assert!(text.is_char_boundary(kept), "{length}: {kept}");
            assert_eq!(kept, text.floor_char_boundary(length));
        }
    }

    #[test]
    fn a_page_is_never_cut_within_a_tag() {
        let page = "<p>Salt</p><a href=\"/x\">y</a>";
        let kept: Vec<_> =
            (0..=page.len()).map(|it| &page[..cut_length(&page.as_bytes()[..it], true)]).collect();

        for start in &kept {
            assert_eq!(start.matches('<').count(), start.matches('>').count(), "{start}");
        }
        assert_eq!(kept[5], "<p>Sa");
        assert_eq!(kept[20], "<p>Salt</p>");
        assert_eq!(cut_length(b"a < b", false), 5, "a text has no tags");
        assert_eq!(cut_length(b"a,b\nc,d\ne", false), 8, "but lines");
        assert_eq!(cut_length(b"plain", true), 5);
    }

    #[test]
    fn utf_16_is_cut_between_its_characters() {
        let page = "<p>🦀é</p><b";
        for (mark, bytes) in [
            ([0xff, 0xfe], page.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>()),
            ([0xfe, 0xff], page.encode_utf16().flat_map(u16::to_be_bytes).collect()),
        ] {
            let text: Vec<u8> = mark.into_iter().chain(bytes).collect();

            assert_eq!(cut_length(&text, true), text.len() - 4, "before the last tag");
            // Behind the mark and `<p>`, within the pair of the crab.
            assert_eq!(cut_length(&text[..10], true), 8);
            assert_eq!(cut_length(&text[..11], true), 8);
            assert_eq!(cut_length(&text[..12], true), 12);
        }
    }
}
