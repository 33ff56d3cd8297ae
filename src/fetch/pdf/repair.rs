//! Repairs a document whose file was cut off or whose streams do not end.
//!
//! The library searches a file without a valid table for its objects, but it drops a stream without `endstream` and
//! needs a catalog. This module writes both, and leaves the rest to the library. It returns other bytes only if
//! something is missing.

/// The number of the catalog that is added: the largest that PDF readers accept.
const CATALOG_NUMBER: u32 = 8_388_607;
/// The number of a page tree that no document has.
const TREE_NUMBER: u32 = CATALOG_NUMBER - 1;
/// The most bytes of an object's number and generation before the word `obj`.
const MAX_HEAD_BYTES: usize = 20;

/// Ends every stream that has no end. Returns `None` if each has one.
pub(super) fn ended(bytes: &[u8]) -> Option<Vec<u8>> {
    // Each `endstream` contains the word, too.
    if count(bytes, b"stream") <= 2 * count(bytes, b"endstream") {
        return None;
    }
    let heads = heads(bytes);
    let mut out = Vec::with_capacity(bytes.len() + 64);
    let mut copied = 0;
    for (index, &start) in heads.iter().enumerate() {
        let end = heads.get(index + 1).copied().unwrap_or(bytes.len());
        let Some(at) = missing_end(&bytes[start..end]) else { continue };
        out.extend_from_slice(&bytes[copied..start + at]);
        out.extend_from_slice(b"\nendstream\n");
        copied = start + at;
    }
    if copied == 0 {
        return None;
    }
    out.extend_from_slice(&bytes[copied..]);
    Some(without_table(out))
}

/// Adds a catalog whose page tree does not exist, so that the library searches for pages by itself.
pub(super) fn with_catalog(bytes: &[u8]) -> Vec<u8> {
    let catalog = format!(
        "\nendobj\n{CATALOG_NUMBER} 0 obj\n<< /Type /Catalog /Pages {TREE_NUMBER} 0 R >>\nendobj\n\
         trailer\n<< /Root {CATALOG_NUMBER} 0 R >>\n"
    );
    without_table([bytes, catalog.as_bytes()].concat())
}

/// Hides the position of the table of objects, which is wrong now.
fn without_table(mut bytes: Vec<u8>) -> Vec<u8> {
    const MARK: &[u8] = b"startxref";
    let mut from = 0;
    while let Some(at) = find(&bytes[from..], MARK) {
        bytes[from + at..from + at + MARK.len()].fill(b' ');
        from += at + MARK.len();
    }
    bytes
}

/// Returns the position in an object at which its stream should end; `None` if it ends or there is none.
fn missing_end(object: &[u8]) -> Option<usize> {
    let stream = stream_start(object)?;
    let data = &object[stream..];
    if find(data, b"endstream").is_some() {
        return None;
    }
    let end = find_last(data, b"endobj").unwrap_or(data.len());
    Some(stream + end)
}

/// Returns the position behind the word that begins an object's stream.
fn stream_start(object: &[u8]) -> Option<usize> {
    const WORD: &[u8] = b"stream";
    let mut from = 0;
    while let Some(at) = find(&object[from..], WORD) {
        let (start, end) = (from + at, from + at + WORD.len());
        let follows_dictionary = object[..start].trim_ascii_end().ends_with(b">>");
        if follows_dictionary && matches!(object.get(end), Some(b'\r' | b'\n')) {
            return Some(end);
        }
        from = end;
    }
    None
}

/// Returns the positions at which objects begin.
fn heads(bytes: &[u8]) -> Vec<usize> {
    const WORD: &[u8] = b" obj";
    let (mut heads, mut from) = (Vec::new(), 0);
    while let Some(at) = find(&bytes[from..], WORD) {
        let word = from + at;
        heads.extend(head_start(bytes, word));
        from = word + WORD.len();
    }
    heads
}

/// Returns where the two numbers before `word` begin, if they begin a line.
fn head_start(bytes: &[u8], word: usize) -> Option<usize> {
    let least = word.saturating_sub(MAX_HEAD_BYTES);
    let digits = |end: usize| {
        let count = bytes[least..end].iter().rev().take_while(|it| it.is_ascii_digit()).count();
        (count > 0).then(|| end - count)
    };
    let generation = digits(word)?;
    let blank = generation.checked_sub(1).filter(|at| *at >= least && bytes[*at] == b' ')?;
    let number = digits(blank)?;
    let is_line = number == 0 || matches!(bytes[number - 1], b'\r' | b'\n' | b' ');
    is_line.then_some(number)
}

fn count(bytes: &[u8], wanted: &[u8]) -> usize {
    let (mut count, mut from) = (0, 0);
    while let Some(at) = find(&bytes[from..], wanted) {
        count += 1;
        from += at + wanted.len();
    }
    count
}

/// Returns the first position of `wanted`.
pub(super) fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    let first = *wanted.first()?;
    let mut from = 0;
    loop {
        let at = from + bytes.get(from..)?.iter().position(|it| *it == first)?;
        if bytes[at..].starts_with(wanted) {
            return Some(at);
        }
        from = at + 1;
    }
}

fn find_last(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    (0..=bytes.len().checked_sub(wanted.len())?).rev().find(|&at| bytes[at..].starts_with(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &[u8] = b"%PDF-1.4\n1 0 obj\n<< /Length 3 >>\nstream\nabc\nendstream\nendobj\n";

    #[test]
    fn a_stream_with_an_end_is_left_alone() {
        assert_eq!(ended(WHOLE), None);
        assert_eq!(ended(b"%PDF-1.4\n1 0 obj\n(a stream of words)\nendobj\n"), None);
    }

    #[test]
    fn a_stream_ends_before_the_next_object() {
        let open = [&WHOLE[..WHOLE.len() - 17], b"endobj\n2 0 obj\n3\nendobj\nstartxref\n9\n"];

        let repaired = ended(&open.concat()).expect("the stream has no end");

        let text = String::from_utf8_lossy(&repaired).into_owned();
        assert!(text.contains("abc\n\nendstream\nendobj\n2 0 obj\n3\nendobj\n"), "{text}");
        assert!(!text.contains("startxref"), "{text}");
    }

    #[test]
    fn any_cut_of_a_document_is_repaired_without_a_panic() {
        for cut in 0..WHOLE.len() {
            for part in [&WHOLE[..cut], &WHOLE[cut..]] {
                let ended = ended(part).unwrap_or_else(|| part.to_vec());
                assert!(with_catalog(&ended).len() > ended.len());
            }
        }
    }
}
