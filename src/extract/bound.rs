//! Keeps what reaches the parser bounded, by one pass over the source.
//!
//! html5ever's time grows with the square of the depth, and unclosed formatting elements are opened
//! again in every block. So tags beyond a depth are left out, with their content kept, and so are
//! formatting elements beyond a number.

use std::borrow::Cow;

/// Elements open at once. Real pages stay below 100.
const MAX_DEPTH: usize = 256;
/// Formatting elements that were opened and not closed.
const MAX_FORMATTING: usize = 24;
/// Tags of a page.
const MAX_TAGS: usize = 200_000;
/// Bytes of one tag; beyond that its attributes are dropped.
const MAX_TAG: usize = 65_536;

const VOID: [&str; 14] = [
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source",
    "track", "wbr",
];
const RAW: [&str; 9] =
    ["iframe", "noembed", "noframes", "noscript", "script", "style", "textarea", "title", "xmp"];
/// Those that the parser opens again in the next block. `a` is not among them: a second one closes
/// the first.
const FORMATTING: [&str; 12] =
    ["b", "big", "code", "em", "font", "i", "s", "small", "strike", "strong", "tt", "u"];
/// An end tag does not reach through these.
const WALLS: [&str; 8] = ["applet", "button", "caption", "marquee", "object", "table", "td", "th"];

/// The source with everything over a limit left out.
pub(super) fn bounded<'a>(source: &'a str, warnings: &mut Vec<String>) -> Cow<'a, str> {
    let mut pass = Pass {
        source,
        out: String::new(),
        kept: 0,
        open: Vec::new(),
        dropped: Vec::new(),
        formatting: Vec::new(),
        tags: 0,
    };
    let mut at = 0;
    while let Some(found) = source.get(at..).and_then(|it| it.find('<')) {
        at += found;
        at = pass.markup(at);
        if pass.tags > MAX_TAGS {
            warnings.push(format!("the page has over {MAX_TAGS} tags; the rest was left out"));
            pass.cut(at, source.len());
            break;
        }
    }
    if pass.kept == 0 && pass.out.is_empty() {
        return Cow::Borrowed(source);
    }
    warnings
        .push("the page nests deeper than any reader needs; some tags were left out".to_owned());
    pass.out.push_str(source.get(pass.kept..).unwrap_or_default());
    Cow::Owned(pass.out)
}

struct Pass<'a> {
    source: &'a str,
    out: String,
    /// Up to here the source is in `out` or was cut.
    kept: usize,
    open: Vec<&'a str>,
    /// Tags that were left out and whose end tags must be, too.
    dropped: Vec<&'a str>,
    formatting: Vec<&'a str>,
    tags: usize,
}

fn is(list: &[&str], name: &str) -> bool {
    list.iter().any(|it| it.eq_ignore_ascii_case(name))
}

impl<'a> Pass<'a> {
    /// Leaves `from..to` out.
    fn cut(&mut self, from: usize, to: usize) {
        self.out.push_str(self.source.get(self.kept..from).unwrap_or_default());
        self.kept = to;
    }

    /// Reads what begins with `<` at `at`; returns where to go on.
    fn markup(&mut self, at: usize) -> usize {
        let rest = self.source.get(at..).unwrap_or_default();
        let until = |end: &str, skip: usize| {
            rest.get(skip..)
                .and_then(|it| it.find(end))
                .map_or(rest.len(), |it| it + skip + end.len())
        };
        if rest.starts_with("<!--") {
            return at + until("-->", 2).max(4).min(rest.len());
        }
        if rest.starts_with("<!") || rest.starts_with("<?") {
            return at + until(">", 2);
        }
        let closing = rest.starts_with("</");
        let begin = if closing { 2 } else { 1 };
        let name = name(rest.get(begin..).unwrap_or_default());
        if name.is_empty() {
            return at + begin;
        }
        self.tags += 1;
        let end = at + tag_end(rest);
        if closing {
            self.close(name, at, end);
            return end;
        }
        self.start(name, at, end);
        if is(&RAW, name) { self.raw_end(name, end) } else { end }
    }

    fn start(&mut self, name: &'a str, at: usize, end: usize) {
        if is(&VOID, name) {
            return;
        }
        if is(&FORMATTING, name) {
            if self.formatting.len() >= MAX_FORMATTING {
                self.dropped.push(name);
                return self.cut(at, end);
            }
            self.formatting.push(name);
        }
        if self.open.len() >= MAX_DEPTH || name.eq_ignore_ascii_case("plaintext") {
            self.dropped.push(name);
            return self.cut(at, end);
        }
        if end - at > MAX_TAG {
            self.cut(at + 1 + name.len(), end - 1);
        }
        if !is(&RAW, name) {
            self.open.push(name);
        }
    }

    fn close(&mut self, name: &'a str, at: usize, end: usize) {
        // The innermost tags are the ones that were left out, so an end tag is first theirs.
        let near = self.dropped.len().saturating_sub(64);
        if let Some(found) = self
            .dropped
            .get(near..)
            .and_then(|it| it.iter().rposition(|it| it.eq_ignore_ascii_case(name)))
        {
            self.dropped.truncate(near + found);
            return self.cut(at, end);
        }
        if let Some(found) = self.formatting.iter().rposition(|it| it.eq_ignore_ascii_case(name)) {
            self.formatting.remove(found);
        }
        for (place, open) in self.open.iter().enumerate().rev() {
            if open.eq_ignore_ascii_case(name) {
                return self.open.truncate(place);
            }
            if is(&WALLS, open) {
                return;
            }
        }
    }

    /// Where the end tag of a raw text element begins.
    fn raw_end(&self, name: &str, from: usize) -> usize {
        let mut at = from;
        while let Some(found) = self.source.get(at..).and_then(|it| it.find("</")) {
            at += found;
            let after = self.source.get(at + 2..).unwrap_or_default();
            if after.get(..name.len()).is_some_and(|it| it.eq_ignore_ascii_case(name)) {
                return at;
            }
            at += 2;
        }
        self.source.len()
    }
}

fn name(rest: &str) -> &str {
    if !rest.starts_with(|it: char| it.is_ascii_alphabetic()) {
        return "";
    }
    let end = rest.find(|it: char| it.is_ascii_whitespace() || it == '>' || it == '/');
    rest.get(..end.unwrap_or(rest.len())).unwrap_or_default()
}

/// The length of a tag: up to the first `>` outside quotes.
fn tag_end(rest: &str) -> usize {
    let mut quote = None;
    let mut before = b' ';
    for (at, byte) in rest.bytes().enumerate() {
        match quote {
            Some(it) if it == byte => quote = None,
            // A quote opens a value only behind `=`; elsewhere it is a character like any other.
            None if (byte == b'"' || byte == b'\'') && before == b'=' => quote = Some(byte),
            None if byte == b'>' => return at + 1,
            _ => {}
        }
        if !byte.is_ascii_whitespace() {
            before = byte;
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_page_is_not_copied() {
        let page =
            "<!doctype html><title>a<b</title><p class='x>y'>hi <b>you</b><br><!-- <div> -->";

        assert!(matches!(bounded(page, &mut Vec::new()), Cow::Borrowed(_)));
    }

    #[test]
    fn deep_nesting_keeps_its_text_and_loses_its_tags() {
        let page = format!("{}deep{}", "<div>".repeat(20_000), "</div>".repeat(20_000));

        let flat = bounded(&page, &mut Vec::new());

        assert_eq!(flat.matches("<div>").count(), MAX_DEPTH);
        assert_eq!(flat.matches("</div>").count(), MAX_DEPTH);
        assert!(flat.contains("deep"));
    }

    #[test]
    fn end_tags_that_close_nothing_do_not_hide_the_depth() {
        let page = "<div></p><table><td></div>".repeat(5_000);

        let flat = bounded(&page, &mut Vec::new());

        let tree = scraper::Html::parse_document(&flat);
        let deepest = tree.tree.nodes().map(|it| it.ancestors().count()).max();
        // The parser adds `tbody` and `tr` of its own around each cell.
        assert!(deepest.is_some_and(|it| it <= 2 * MAX_DEPTH), "{deepest:?}");
    }
}
