//! Rewrites the head of a response into one that a strict parser accepts.
//!
//! The rules are those that browsers and curl share:
//!
//! * Lines end in CR LF or LF. A bare CR counts as a blank.
//! * A line that begins with a blank continues the line before.
//! * A line without a colon or with an invalid name is dropped; blanks before the colon are ignored.
//! * Control characters in a value count as blanks. A `Set-Cookie` that has one is dropped, as RFC 6265bis requires.
//! * Any version above 1.0 is 1.1, in any case; the reason may follow the status without a blank; up to four bytes may
//!   precede the status line.
//! * Equal `Content-Length` values count as one, unequal ones are an error, and one that is not a number counts as
//!   none: the body then ends with the connection.
//! * A `Transfer-Encoding` that includes `chunked` is `chunked`; any other is dropped.

/// The most bytes by which a rewritten head is longer than the original, apart from two bytes per line.
pub(super) const MAX_GROWTH: usize = 64;
/// The most bytes before the status line that are skipped, as in Chromium.
const MAX_SLOP: usize = 4;

/// Delimitation of a response's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// The response is an interim one: another head follows.
    Interim,
    Nothing,
    Length(u64),
    Chunked,
    /// The rest of the connection belongs to it.
    ToTheEnd,
}

/// The head contradicts itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum HeadError {
    #[error("the response has two different Content-Length headers")]
    ContentLengths,
}

/// Returns the position behind the empty line that ends a head. `searched` bytes were searched before.
pub(super) fn end(bytes: &[u8], searched: usize) -> Option<usize> {
    let start = bytes.iter().position(|it| !matches!(it, b'\r' | b'\n'))?;
    let mut from = start.max(searched.saturating_sub(2));
    while let Some(at) = bytes[from..].iter().position(|it| *it == b'\n') {
        let after = from + at + 1;
        match &bytes[after..] {
            [b'\n', ..] => return Some(after + 1),
            [b'\r', b'\n', ..] => return Some(after + 2),
            _ => from = after,
        }
    }
    None
}

/// Returns `false` if no bytes that follow can make `bytes` the beginning of a response.
pub(super) fn may_be_http(bytes: &[u8]) -> bool {
    let bytes = bytes.trim_ascii_start();
    let begins = |bytes: &[u8], mark: &[u8]| {
        let count = bytes.len().min(mark.len());
        bytes[..count].eq_ignore_ascii_case(&mark[..count])
    };
    begins(bytes, b"ICY ")
        || (0..=MAX_SLOP).any(|slop| bytes.get(slop..).is_none_or(|it| begins(it, b"HTTP")))
}

/// Appends the head of the response to `request` to `out`, unchanged if it is strict. Bytes that are not HTTP are
/// appended as they are.
pub(super) fn normalize(
    head: &[u8],
    request: &[u8],
    out: &mut Vec<u8>,
) -> Result<Framing, HeadError> {
    out.reserve(head.len() + MAX_GROWTH);
    if let Some(facts) = strict_facts(head) {
        out.extend_from_slice(head);
        return Ok(facts.framing(request));
    }
    let mut lines = head.trim_ascii_start().split(|it| *it == b'\n');
    let Some(start) = lines.next().and_then(StatusLine::parse) else {
        out.extend_from_slice(head);
        return Ok(Framing::ToTheEnd);
    };
    let fields = Fields::parse(lines);
    let chunked = fields.is_chunked();
    let length = if chunked { None } else { fields.content_length()? };
    write(&start, &fields, length, chunked, out);
    Ok(Facts { status: start.status, length, chunked }.framing(request))
}

/// Returns the status of a head; `None` if it is not HTTP.
pub(super) fn status(head: &[u8]) -> Option<u16> {
    let line = head.trim_ascii_start().split(|it| *it == b'\n').next()?;
    StatusLine::parse(line).map(|it| it.status)
}

/// The facts that decide where a body ends.
#[derive(Clone, Copy, Debug, Default)]
struct Facts {
    status: u16,
    length: Option<u64>,
    chunked: bool,
}

impl Facts {
    fn framing(self, request: &[u8]) -> Framing {
        match self.status {
            101 => Framing::ToTheEnd,
            100..=199 => Framing::Interim,
            204 | 304 => Framing::Nothing,
            _ if request.starts_with(b"HEAD ") => Framing::Nothing,
            200..=299 if request.starts_with(b"CONNECT ") => Framing::ToTheEnd,
            _ if self.chunked => Framing::Chunked,
            _ => self.length.map_or(Framing::ToTheEnd, Framing::Length),
        }
    }
}

/// Reads a head that needs no change. Returns `None` for any other.
fn strict_facts(head: &[u8]) -> Option<Facts> {
    let rest = head.strip_prefix(b"HTTP/1.")?;
    let [minor @ (b'0' | b'1'), b' ', rest @ ..] = rest else { return None };
    let (digits, rest) = rest.split_at_checked(3)?;
    let status = number(digits).filter(|it| (100..=999).contains(it))?;
    let (reason, mut rest) = line(rest)?;
    if !(reason.is_empty() || reason.starts_with(b" ")) || !reason.iter().all(|it| is_text(*it)) {
        return None;
    }
    let mut facts = Facts { status: u16::try_from(status).ok()?, ..Facts::default() };
    loop {
        let (field, behind) = line(rest)?;
        rest = behind;
        if field.is_empty() {
            return rest.is_empty().then_some(facts);
        }
        let colon = field.iter().position(|it| !is_token(*it)).filter(|at| *at > 0)?;
        let [b':', value @ ..] = &field[colon..] else { return None };
        if !value.iter().all(|it| is_text(*it)) {
            return None;
        }
        let name = &field[..colon];
        if name.eq_ignore_ascii_case(b"content-length") {
            if facts.length.is_some() || facts.chunked {
                return None;
            }
            facts.length = Some(number(value.trim_ascii())?);
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            let is_plain = value.trim_ascii().eq_ignore_ascii_case(b"chunked");
            if !is_plain || facts.chunked || facts.length.is_some() || *minor == b'0' {
                return None;
            }
            facts.chunked = true;
        }
    }
}

/// Splits off a line that ends in CR LF.
fn line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|it| *it == b'\n')?;
    Some((bytes[..at].strip_suffix(b"\r")?, &bytes[at + 1..]))
}

/// Returns `true` for the characters of a header's name (RFC 9110, 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Returns `true` for the characters of a header's value.
fn is_text(byte: u8) -> bool {
    byte >= b' ' && byte != 0x7f || byte == b'\t'
}

/// Parses digits without a sign.
fn number(digits: &[u8]) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(digits).ok().filter(|_| is_number)?.parse().ok()
}

/// Replaces what a value cannot contain by blanks, and trims it.
fn cleaned(value: &[u8]) -> Vec<u8> {
    value.trim_ascii().iter().map(|it| if is_text(*it) { *it } else { b' ' }).collect()
}

struct StatusLine {
    is_1_0: bool,
    status: u16,
    reason: Vec<u8>,
}

impl StatusLine {
    /// Returns `None` if the line is not a status line.
    fn parse(line: &[u8]) -> Option<Self> {
        let line = line.trim_ascii();
        let (is_1_0, rest) = if let Some(rest) = line.strip_prefix(b"ICY ") {
            (true, rest)
        } else {
            let is_mark = |it: &[u8]| it.eq_ignore_ascii_case(b"HTTP");
            let at = (0..=MAX_SLOP).find(|&at| line.get(at..at + 4).is_some_and(is_mark))?;
            version(&line[at + 4..])?
        };
        let rest = rest.trim_ascii_start();
        let digits = rest.iter().take_while(|it| it.is_ascii_digit()).count();
        // Browsers take a missing status for 200. It more often means that this is not HTTP.
        let status =
            u16::try_from(number(&rest[..digits])?).ok().filter(|it| (100..=999).contains(it))?;
        Some(Self { is_1_0, status, reason: cleaned(&rest[digits..]) })
    }
}

/// Reads what follows `HTTP` up to the status: `true` for version 1.0 and older ones, and the rest.
fn version(bytes: &[u8]) -> Option<(bool, &[u8])> {
    let Some(bytes) = bytes.strip_prefix(b"/") else {
        // As in Chromium, whatever stands in place of the version counts as 1.0.
        let is_version = |it: &u8| it.is_ascii_digit() || b".,".contains(it);
        let length = bytes.iter().take_while(|it| is_version(it)).count();
        return bytes[length..].starts_with(b" ").then_some((true, &bytes[length..]));
    };
    let length = bytes.iter().take_while(|it| it.is_ascii_digit() || b".,".contains(it)).count();
    let (version, rest) = bytes.split_at(length);
    let is_1_0 = match version {
        [b'1', b'.', minor @ ..] => minor.iter().all(|it| *it == b'0'),
        [major, ..] => matches!(major, b'0' | b'1'),
        [] => true,
    };
    Some((is_1_0, rest))
}

/// The headers of a response: the name as it was written and the cleaned value.
#[derive(Default)]
struct Fields<'a>(Vec<(&'a [u8], Vec<u8>)>);

impl<'a> Fields<'a> {
    fn parse(lines: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut fields = Self::default();
        let mut dropped = 0;
        // A line that continues a dropped one is dropped, too.
        let mut is_open = false;
        for line in lines {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if matches!(line.first(), Some(b' ' | b'\t')) {
                if let Some((_, value)) = fields.0.last_mut().filter(|_| is_open) {
                    value.push(b' ');
                    value.extend_from_slice(&cleaned(line));
                }
                continue;
            }
            let field = read_field(line);
            is_open = field.is_some();
            dropped += usize::from(field.is_none() && !line.is_empty());
            fields.0.extend(field);
        }
        if dropped > 0 {
            tracing::debug!(dropped, "a response had invalid header lines");
        }
        fields
    }

    fn values<'s>(&'s self, name: &'s [u8]) -> impl Iterator<Item = &'s [u8]> {
        let named = self.0.iter().filter(move |(it, _)| it.eq_ignore_ascii_case(name));
        named.flat_map(|(_, value)| value.split(|it| *it == b',')).map(<[u8]>::trim_ascii)
    }

    fn is_chunked(&self) -> bool {
        self.values(b"transfer-encoding").any(|it| it.eq_ignore_ascii_case(b"chunked"))
    }

    /// Returns the length of the body, or `None` if there is none that is a number.
    fn content_length(&self) -> Result<Option<u64>, HeadError> {
        let lengths: Vec<Option<u64>> = self.values(b"content-length").map(number).collect();
        let mut numbers = lengths.iter().flatten();
        let first = numbers.next();
        if numbers.any(|it| Some(it) != first) {
            return Err(HeadError::ContentLengths);
        }
        Ok(first.copied().filter(|_| lengths.iter().all(Option::is_some)))
    }
}

/// Returns `None` for a line that is not a header.
fn read_field(line: &[u8]) -> Option<(&[u8], Vec<u8>)> {
    let colon = line.iter().position(|it| *it == b':')?;
    let name = line[..colon].trim_ascii_end();
    let value = line[colon + 1..].trim_ascii();
    let is_name = !name.is_empty() && name.iter().all(|it| is_token(*it));
    let is_damaged =
        name.eq_ignore_ascii_case(b"set-cookie") && !value.iter().all(|it| is_text(*it));
    (is_name && !is_damaged).then(|| (name, cleaned(value)))
}

fn write(
    start: &StatusLine,
    fields: &Fields<'_>,
    length: Option<u64>,
    chunked: bool,
    out: &mut Vec<u8>,
) {
    // hyper refuses chunks in a response of version 1.0, although servers send them.
    let is_upgraded = start.is_1_0 && chunked;
    let minor = u8::from(!start.is_1_0 || chunked);
    out.extend_from_slice(format!("HTTP/1.{minor} {} ", start.status).as_bytes());
    out.extend_from_slice(&start.reason);
    out.extend_from_slice(b"\r\n");
    for (name, value) in &fields.0 {
        let is = |other: &[u8]| name.eq_ignore_ascii_case(other);
        if is(b"content-length") || is(b"transfer-encoding") || is_upgraded && is(b"connection") {
            continue;
        }
        out.extend_from_slice(name);
        out.extend_from_slice(if value.is_empty() { b":" } else { b": " });
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    }
    if let Some(length) = length {
        out.extend_from_slice(format!("Content-Length: {length}\r\n").as_bytes());
    }
    if chunked {
        out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
    }
    if is_upgraded {
        out.extend_from_slice(b"Connection: close\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(head: &[u8]) -> (String, Framing) {
        let mut out = Vec::new();
        let framing = normalize(head, b"GET / HT", &mut out).expect("a head without contradiction");
        (String::from_utf8_lossy(&out).into_owned(), framing)
    }

    #[test]
    fn a_status_line_of_any_form_is_normalized() {
        for (given, expected) in [
            ("HTTP/1.2 200 OK", "HTTP/1.1 200 OK"),
            ("HTTP/2.0 200 OK", "HTTP/1.1 200 OK"),
            ("HTTP/2 200", "HTTP/1.1 200 "),
            ("http/1.1 200 ok", "HTTP/1.1 200 ok"),
            ("Http/1.0 404 Gone", "HTTP/1.0 404 Gone"),
            ("HTTP/1.1 200OK", "HTTP/1.1 200 OK"),
            ("HTTP/1.1  200   OK", "HTTP/1.1 200 OK"),
            ("HTTP/1.1\t200\tOK", "HTTP/1.1 200 OK"),
            ("HTTP 200 OK", "HTTP/1.0 200 OK"),
            ("HTTP1.1 200 OK", "HTTP/1.0 200 OK"),
            ("HTTP/1,1 200 OK", "HTTP/1.0 200 OK"),
            ("ICY 200 OK", "HTTP/1.0 200 OK"),
            ("\r\n\r\nHTTP/1.1 200 OK", "HTTP/1.1 200 OK"),
            ("xy HTTP/1.1 200 OK", "HTTP/1.1 200 OK"),
            ("HTTP/1.1 200 a\u{1}b", "HTTP/1.1 200 a b"),
        ] {
            let (head, framing) = normal(format!("{given}\r\nA: b\n\r\n").as_bytes());
            assert_eq!(head, format!("{expected}\r\nA: b\r\n\r\n"), "{given}");
            assert_eq!(framing, Framing::ToTheEnd, "{given}");
        }
    }

    #[test]
    fn bytes_that_are_not_http_pass() {
        for given in [
            "SSH-2.0-OpenSSH",
            "<html>",
            "HTTP/1.1 2000 OK",
            "HTTP/1.1 20 OK",
            "HTTP/1.1 OK",
            "HTTPS 200",
        ] {
            let given = format!("{given}\r\n\r\n");
            assert_eq!(normal(given.as_bytes()), (given, Framing::ToTheEnd));
        }
    }

    #[test]
    fn header_lines_are_kept_joined_or_dropped() {
        for (given, expected) in [
            (&b"A: b\nC:d\n"[..], "A: b\r\nC: d\r\n"),
            (b"A : b\r\n", "A: b\r\n"),
            (b"A: b\r\n c\r\n\td\r\n", "A: b c d\r\n"),
            (b"A: b\n\tc\n", "A: b c\r\n"),
            (b"A: x\x01y\x7f z\x00\r\n", "A: x y  z \r\n"),
            (b"A: b\rc\r\n", "A: b c\r\n"),
            (b"Bad name: x\r\nA: b\r\n", "A: b\r\n"),
            (b"\xc3\xbc: x\r\n[a]: x\r\nA: b\r\n", "A: b\r\n"),
            (b"no colon\r\n and its rest\r\nA: b\r\n", "A: b\r\n"),
            (b": x\r\nA:\r\n", "A:\r\n"),
            (b"Set-Cookie: a=\x01\r\nSet-Cookie: b=1\r\n", "Set-Cookie: b=1\r\n"),
            (b" folded onto nothing\r\nA: b\r\n", "A: b\r\n"),
        ] {
            let (head, _) = normal(&[b"HTTP/1.1 200 OK\r\n", given, b"\r\n"].concat());
            let shown = String::from_utf8_lossy(given);
            assert_eq!(head, format!("HTTP/1.1 200 OK\r\n{expected}\r\n"), "{shown}");
        }
    }

    #[test]
    fn the_length_of_a_body_is_read_as_browsers_read_it() {
        for (given, expected) in [
            ("Content-Length: 5", Framing::Length(5)),
            ("Content-Length: 5\nContent-Length: 5", Framing::Length(5)),
            ("Content-Length: 5, 5", Framing::Length(5)),
            ("Content-Length: 05", Framing::Length(5)),
            ("Content-Length:", Framing::ToTheEnd),
            ("Content-Length: abc", Framing::ToTheEnd),
            ("Content-Length: -1", Framing::ToTheEnd),
            ("Content-Length: +5", Framing::ToTheEnd),
            ("Content-Length: 99999999999999999999999", Framing::ToTheEnd),
            ("Content-Length: 5\nContent-Length: abc", Framing::ToTheEnd),
            ("Content-Length: 5\nTransfer-Encoding: chunked", Framing::Chunked),
            ("Transfer-Encoding: chunked, identity", Framing::Chunked),
            ("Transfer-Encoding: gzip\nTransfer-Encoding: Chunked", Framing::Chunked),
            ("Transfer-Encoding: identity\nContent-Length: 5", Framing::Length(5)),
            ("Transfer-Encoding: xchunked", Framing::ToTheEnd),
        ] {
            let (_, framing) = normal(format!("HTTP/1.1 200 OK\n{given}\n\n").as_bytes());
            assert_eq!(framing, expected, "{given}");
        }
        let mut out = Vec::new();
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n";
        assert_eq!(normalize(head, b"GET / HT", &mut out), Err(HeadError::ContentLengths));
    }

    #[test]
    fn chunks_in_a_response_of_version_1_0_are_read() {
        let (head, framing) = normal(
            b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n",
        );

        assert_eq!(framing, Framing::Chunked);
        assert_eq!(
            head,
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        );
    }

    #[test]
    fn some_responses_have_no_body() {
        let framing = |status: u16, request: &[u8]| {
            let head = format!("HTTP/1.1 {status} x\r\nContent-Length: 5\r\n\r\n");
            normalize(head.as_bytes(), request, &mut Vec::new())
        };

        assert_eq!(framing(204, b"GET / HT"), Ok(Framing::Nothing));
        assert_eq!(framing(304, b"GET / HT"), Ok(Framing::Nothing));
        assert_eq!(framing(200, b"HEAD / H"), Ok(Framing::Nothing));
        assert_eq!(framing(103, b"GET / HT"), Ok(Framing::Interim));
        assert_eq!(framing(101, b"GET / HT"), Ok(Framing::ToTheEnd));
        assert_eq!(framing(200, b"CONNECT "), Ok(Framing::ToTheEnd));
    }
}
