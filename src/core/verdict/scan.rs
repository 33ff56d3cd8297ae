//! One pass over a page's bytes that gathers what the judge asks about.
//!
//! This is not an HTML parser: it builds no tree and does no error recovery. It separates tags,
//! scripts and visible text well enough to count them, in time linear in the bytes and without
//! recursion, so that judging a page costs far less than reading it. It stops where there is so much to read that
//! nothing behind it can change the verdict.

use std::string::FromUtf8Error;

use crate::core::verdict::blocks::{self, Markers};
use crate::core::verdict::frames::address;
use crate::core::verdict::refresh::{self, Refresh};

/// Bytes that are read at most. Some pages carry a mebibyte of styles before their first word.
const READ: usize = 4_194_304;
/// Visible bytes after which the pass stops: no mark decides over a page with so much to read.
const ENOUGH: usize = blocks::CONTENT + 1;
/// Bytes of title, visible text and noscript text that are kept for looking up phrases.
const KEPT: usize = 6_000;
/// The longest script that is looked through for a navigation: a stub's script is short, and an application's
/// navigates when its user does something.
const STUB_SCRIPT: usize = 2_048;
/// The longest quoted attribute value; a quote that is not closed within it counts as stray.
const QUOTED: usize = 65_536;

/// Frames whose addresses are kept.
const MAX_FRAMES: usize = 8;

/// Ids of the elements that app frameworks fill.
const MOUNTS: [&str; 11] = [
    "root",
    "app",
    "__next",
    "__nuxt",
    "___gatsby",
    "app-root",
    "react-root",
    "main-app",
    "q-app",
    "svelte",
    "mount",
];
/// Elements that identify the bytes as HTML and not as text with a `<` in it.
const KNOWN: [&[u8]; 20] = [
    b"html", b"head", b"body", b"title", b"meta", b"link", b"script", b"style", b"div", b"span",
    b"p", b"a", b"h1", b"h2", b"table", b"ul", b"form", b"img", b"iframe", b"article",
];

/// The result of one pass.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// `true` if the body has a known HTML element.
    pub(super) html: bool,
    /// The title, in lower case.
    pub(super) title: String,
    /// The first visible text, in lower case with runs of white space as one space.
    pub(super) text: String,
    /// Bytes of the visible text that was read, white space collapsed.
    pub(super) text_len: usize,
    /// `true` if there is more than was read.
    pub(super) has_more: bool,
    /// The text of `noscript`, in lower case.
    pub(super) noscript: String,
    /// The number of scripts, without data blocks such as JSON-LD.
    pub(super) scripts: usize,
    /// Bytes inside tags.
    pub(super) markup_len: usize,
    /// Form fields that a person fills in.
    pub(super) fields: usize,
    /// `true` if a form field is for a password.
    pub(super) password: bool,
    /// `true` if a form leads to a host or path for consent.
    pub(super) consent: bool,
    /// The id of an element that a framework fills.
    pub(super) mount: Option<&'static str>,
    /// A custom element, which is nothing without its script.
    pub(super) custom: bool,
    /// The meta refresh that leads to another page.
    pub(super) refresh: Option<Refresh>,
    /// `true` if a short script leads to another page or loads this one again.
    pub(super) navigates: bool,
    /// The address to which such a script leads without a condition.
    pub(super) leads_to: Option<String>,
    /// `true` if the page is a set of frames.
    pub(super) frameset: bool,
    /// The number of inline frames with an address.
    pub(super) iframes: usize,
    /// The addresses of the first frames of both kinds.
    pub(super) frames: Vec<String>,
    /// The address that relative ones refer to, if the page names one.
    pub(super) base: String,
    /// The known marks of protections, found in tags and scripts.
    pub(super) markers: Markers,
}

impl Scan {
    /// Reads at most the first `READ` bytes of `body`.
    pub(super) fn of(body: &[u8]) -> Self {
        Self::until(body, ENOUGH)
    }

    /// As [`Scan::of`], up to the first `enough` bytes of visible text.
    pub(super) fn until(body: &[u8], enough: usize) -> Self {
        let mut pass = Pass { enough, ..Pass::new(&body[..body.len().min(READ)]) };
        pass.run();
        pass.finish()
    }

    /// Reads a body that is no HTML as one text, in which marks stand as they do in scripts.
    pub(super) fn of_text(body: &[u8]) -> Self {
        let body = &body[..body.len().min(READ)];
        let mut pass = Pass::new(body);
        pass.text.extend(body);
        if pass.text.len < ENOUGH {
            pass.found.markers.look(body, blocks::MarkLocation::Script);
        }
        pass.finish()
    }
}

/// The bytes that [`Text`] takes as they are: no white space, no capital, no first byte of a sign.
static IS_PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0_u8;
    loop {
        let is_sign = matches!(byte, b'&' | 0xe2 | 0xc2);
        plain[byte as usize] =
            !byte.is_ascii_whitespace() && !byte.is_ascii_uppercase() && !is_sign;
        if byte == u8::MAX {
            break plain;
        }
        byte += 1;
    }
};

/// Text gathered in lower case with white space collapsed.
#[derive(Debug, Default)]
struct Text {
    kept: Vec<u8>,
    len: usize,
    gap: bool,
}

impl Text {
    fn push(&mut self, byte: u8) {
        if byte.is_ascii_whitespace() {
            self.gap = true;
            return;
        }
        if self.gap && self.len > 0 {
            self.put(b' ');
        }
        self.gap = false;
        self.put(byte.to_ascii_lowercase());
    }

    fn put(&mut self, byte: u8) {
        self.len += 1;
        if self.kept.len() < KEPT {
            self.kept.push(byte);
        }
    }

    /// Takes bytes that stay as they are.
    fn extend_plain(&mut self, bytes: &[u8]) {
        if self.gap && self.len > 0 {
            self.put(b' ');
        }
        self.gap = false;
        self.len += bytes.len();
        let room = KEPT - self.kept.len();
        self.kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// Takes text with the few entities and signs decoded that stand inside known phrases.
    fn extend(&mut self, mut bytes: &[u8]) {
        const SIGNS: [(&[u8], u8); 10] = [
            (b"&amp;", b'&'),
            (b"&nbsp;", b' '),
            (b"&#160;", b' '),
            (b"&#39;", b'\''),
            (b"&#x27;", b'\''),
            (b"&apos;", b'\''),
            (b"&rsquo;", b'\''),
            (b"&#8217;", b'\''),
            ("\u{2019}".as_bytes(), b'\''),
            ("\u{a0}".as_bytes(), b' '),
        ];
        while let Some((&first, rest)) = bytes.split_first() {
            let plain = bytes.iter().position(|it| !IS_PLAIN[usize::from(*it)]);
            let (plain, behind) = bytes.split_at(plain.unwrap_or(bytes.len()));
            if !plain.is_empty() {
                self.extend_plain(plain);
                bytes = behind;
                continue;
            }
            let sign = matches!(first, b'&' | 0xe2 | 0xc2)
                .then(|| SIGNS.iter().find(|(sign, _)| bytes.starts_with(sign)))
                .flatten();
            if let Some((sign, plain)) = sign {
                self.push(*plain);
                bytes = &bytes[sign.len()..];
            } else {
                self.push(first);
                bytes = rest;
            }
        }
    }

    fn into_string(self) -> String {
        let lossy = |it: FromUtf8Error| String::from_utf8_lossy(it.as_bytes()).into_owned();
        String::from_utf8(self.kept).unwrap_or_else(lossy)
    }
}

struct Pass<'a> {
    body: &'a [u8],
    /// Visible bytes after which the pass stops.
    enough: usize,
    at: usize,
    found: Scan,
    text: Text,
    title: Text,
    noscript: Text,
    in_noscript: bool,
    /// Open elements whose content is not shown: `template` and `svg`.
    hidden: usize,
    /// The tags and scripts that marks are looked for in, once it is known that a mark can decide.
    marked: Vec<(&'a [u8], blocks::MarkLocation)>,
}

impl<'a> Pass<'a> {
    fn new(body: &'a [u8]) -> Self {
        Self {
            body,
            enough: ENOUGH,
            at: 0,
            found: Scan::default(),
            text: Text::default(),
            title: Text::default(),
            noscript: Text::default(),
            in_noscript: false,
            hidden: 0,
            marked: Vec::new(),
        }
    }

    fn run(&mut self) {
        while self.at < self.body.len() && self.text.len < self.enough {
            let rest = &self.body[self.at..];
            if rest[0] != b'<' {
                let end = position(rest, b'<').unwrap_or(rest.len());
                self.shown(&rest[..end]);
                self.at += end;
            } else if rest.get(1) == Some(&b'!') && rest.starts_with(b"<!--") {
                self.at += find(&rest[4..], b"-->").map_or(rest.len(), |it| it + 7);
            } else if rest.len() > 1 && (rest[1].is_ascii_alphabetic() || b"/!?".contains(&rest[1]))
            {
                self.tag(rest);
            } else {
                self.shown(b"<");
                self.at += 1;
            }
        }
    }

    fn finish(mut self) -> Scan {
        if self.text.len < self.enough {
            for (bytes, location) in self.marked {
                self.found.markers.look(bytes, location);
            }
        }
        Scan {
            has_more: self.at < self.body.len(),
            text_len: self.text.len,
            text: self.text.into_string(),
            title: self.title.into_string(),
            noscript: self.noscript.into_string(),
            ..self.found
        }
    }

    fn shown(&mut self, bytes: &[u8]) {
        if self.in_noscript {
            self.noscript.extend(bytes);
        } else if self.hidden == 0 {
            self.text.extend(bytes);
        }
    }

    fn tag(&mut self, rest: &'a [u8]) {
        let end = tag_end(rest);
        let inner = &rest[1..end];
        self.at += (end + 1).min(rest.len());
        self.found.markup_len += end;
        let (closing, inner) = match inner.strip_prefix(b"/") {
            Some(inner) => (true, inner),
            None => (false, inner),
        };
        let mut buffer = [0; 16];
        let name = name(inner, &mut buffer);
        match (name, closing) {
            (b"noscript" | b"noframes", _) => self.in_noscript = !closing,
            (b"template" | b"svg", false) if !inner.ends_with(b"/") => self.hidden += 1,
            (b"template" | b"svg", true) => self.hidden = self.hidden.saturating_sub(1),
            _ if closing || self.in_noscript => {}
            _ => self.opened(name, inner),
        }
        // Words on both sides of a tag are apart, unless it is one that stands inside of words.
        if !matches!(name, b"b" | b"i" | b"em" | b"strong" | b"span" | b"a") {
            self.shown(b" ");
        }
    }

    fn opened(&mut self, name: &[u8], inner: &'a [u8]) {
        self.found.html = self.found.html || KNOWN.contains(&name);
        self.marked.push((inner, blocks::MarkLocation::Tag));
        match name {
            b"script" => {
                let content = self.raw(b"</script");
                if !attribute(inner, "type").is_some_and(|it| holds(it, b"json")) {
                    self.found.scripts += 1;
                    self.marked.push((content, blocks::MarkLocation::Script));
                    self.short_script(content);
                }
            }
            b"style" => drop(self.raw(b"</style")),
            b"textarea" => {
                self.found.fields += 1;
                self.raw(b"</textarea");
            }
            b"title" if self.hidden == 0 => {
                let content = self.raw(b"</title");
                if self.title.len == 0 {
                    self.title.extend(content);
                }
            }
            b"input" | b"select" => self.field(attribute(inner, "type").unwrap_or_default()),
            b"form" => {
                let action = attribute(inner, "action").unwrap_or_default();
                // A host `consent.` is behind a slash too.
                self.found.consent |= holds(action, b"/consent");
            }
            b"meta" => {
                let refresh = attribute(inner, "http-equiv")
                    .is_some_and(|it| it.eq_ignore_ascii_case(b"refresh"));
                let content = attribute(inner, "content").unwrap_or_default();
                if refresh && self.found.refresh.is_none() {
                    self.found.refresh = Refresh::parse(&String::from_utf8_lossy(content));
                }
            }
            b"frameset" => self.found.frameset = true,
            b"frame" => drop(self.frame(inner)),
            b"iframe" => self.found.iframes += usize::from(self.frame(inner)),
            b"base" if self.found.base.is_empty() => {
                let base = attribute(inner, "href").unwrap_or_default();
                self.found.base = address(base).unwrap_or_default();
            }
            _ => self.element(name, inner),
        }
    }

    /// Looks through a script for a navigation.
    fn short_script(&mut self, script: &[u8]) {
        if script.len() <= STUB_SCRIPT && navigates(script) {
            self.found.navigates = true;
            self.found.leads_to = refresh::script_target(script);
        }
    }

    /// Notes the address of a frame, if it has one.
    fn frame(&mut self, inner: &[u8]) -> bool {
        let source = attribute(inner, "src").and_then(address);
        let has_address = source.is_some();
        if self.found.frames.len() < MAX_FRAMES {
            self.found.frames.extend(source);
        }
        has_address
    }

    fn element(&mut self, name: &[u8], inner: &[u8]) {
        if name == b"body"
            && let Some(script) = attribute(inner, "onload")
        {
            self.found.scripts += 1;
            self.short_script(script);
        }
        if name.contains(&b'-') {
            self.found.custom = true;
            if name == b"app-root" {
                self.found.mount = Some("app-root");
            }
        }
        if matches!(name, b"div" | b"main" | b"section" | b"body")
            && let Some(id) = attribute(inner, "id")
            && let Some(mount) = MOUNTS.iter().find(|it| it.as_bytes() == id)
        {
            self.found.mount = Some(mount);
        }
    }

    fn field(&mut self, kind: &[u8]) {
        let kind = kind.to_ascii_lowercase();
        self.found.password |= kind == b"password";
        let silent: [&[u8]; 6] = [b"hidden", b"submit", b"button", b"image", b"checkbox", b"radio"];
        if !silent.contains(&kind.as_slice()) {
            self.found.fields += 1;
        }
    }

    /// The content up to `end`, in which a `<` opens nothing.
    fn raw(&mut self, end: &[u8]) -> &'a [u8] {
        let rest = &self.body[self.at..];
        let length = find(rest, end).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }
}

/// Returns the position of the `>` that ends the tag at the start of `rest`.
fn tag_end(rest: &[u8]) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'>' => return at,
            quote @ (b'"' | b'\'') if rest[at - 1] == b'=' || rest[at - 1] == b' ' => {
                let window = &rest[at + 1..rest.len().min(at + 1 + QUOTED)];
                at += position(window, quote).map_or(1, |it| it + 2);
            }
            _ => at += 1,
        }
    }
    rest.len()
}

/// The tag's name in lower case, cut to the buffer.
fn name<'b>(inner: &[u8], buffer: &'b mut [u8; 16]) -> &'b [u8] {
    let length = inner
        .iter()
        .take(buffer.len())
        .take_while(|it| it.is_ascii_alphanumeric() || **it == b'-')
        .count();
    buffer[..length].copy_from_slice(&inner[..length]);
    buffer[..length].make_ascii_lowercase();
    &buffer[..length]
}

/// The value of an attribute of the tag `inner`.
fn attribute<'a>(inner: &'a [u8], wanted: &str) -> Option<&'a [u8]> {
    let name_end =
        inner.iter().position(|it| it.is_ascii_whitespace() || *it == b'/').unwrap_or(inner.len());
    let mut rest = &inner[name_end..];
    loop {
        let start = rest.iter().position(|it| !it.is_ascii_whitespace() && *it != b'/')?;
        rest = &rest[start..];
        let end = rest.iter().skip(1).position(|it| it.is_ascii_whitespace() || *it == b'=');
        let name = &rest[..end.map_or(rest.len(), |it| it + 1)];
        rest = rest[name.len()..].trim_ascii_start();
        let mut value: &[u8] = b"";
        if let Some(after) = rest.strip_prefix(b"=") {
            (value, rest) = split_value(after.trim_ascii_start());
        }
        if name.eq_ignore_ascii_case(wanted.as_bytes()) {
            return Some(value);
        }
    }
}

fn split_value(bytes: &[u8]) -> (&[u8], &[u8]) {
    if let Some((quote @ (b'"' | b'\''), rest)) = bytes.split_first() {
        let end = position(rest, *quote).unwrap_or(rest.len());
        return (&rest[..end], &rest[(end + 1).min(rest.len())..]);
    }
    bytes.split_at(bytes.iter().position(u8::is_ascii_whitespace).unwrap_or(bytes.len()))
}

/// Returns `true` if a script assigns the page's address or loads the page again.
fn navigates(script: &[u8]) -> bool {
    const NAME: &[u8] = b"location";
    let mut rest = script;
    while let Some(at) = find(rest, NAME) {
        let before = rest[..at].trim_ascii_end();
        rest = &rest[at + NAME.len()..];
        // The address of a frame's parent is set by pages that do not want to be framed.
        let framed = [&b"top."[..], b"parent."].iter().any(|it| before.ends_with(it));
        if !framed && is_navigation(rest) {
            return true;
        }
    }
    false
}

/// Returns `true` if what follows `location` in a script makes it a navigation.
fn is_navigation(rest: &[u8]) -> bool {
    let calls: [&[u8]; 3] = [b".replace(", b".assign(", b".reload("];
    if calls.iter().any(|it| rest.starts_with(it)) {
        return true;
    }
    let assigned = rest.strip_prefix(b".href").unwrap_or(rest).trim_ascii_start();
    assigned.first() == Some(&b'=') && assigned.get(1) != Some(&b'=')
}

fn position(bytes: &[u8], wanted: u8) -> Option<usize> {
    memchr::memchr(wanted, bytes)
}

/// Bytes from the most to the least frequent in pages; all others are rarer.
const FREQUENT: &[u8] = b" etaosinrcldphumf\"gb=yvw-/kx";

/// Returns the position of the lower-case `needle` in `bytes`, ignoring case.
///
/// Looks for the needle's rarest byte first.
pub(super) fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    let rank = |it: &u8| FREQUENT.iter().position(|known| known == it).unwrap_or(usize::MAX);
    let (offset, rare) = needle.iter().enumerate().rev().max_by_key(|(_, it)| rank(it))?;
    let last = bytes.len().checked_sub(needle.len())?;
    let candidates = bytes.get(offset..=last + offset)?;
    memchr::memchr2_iter(*rare, rare.to_ascii_uppercase(), candidates)
        .find(|&at| bytes[at..at + needle.len()].eq_ignore_ascii_case(needle))
}

fn holds(bytes: &[u8], needle: &[u8]) -> bool {
    find(bytes, needle).is_some()
}

#[cfg(test)]
mod tests;
