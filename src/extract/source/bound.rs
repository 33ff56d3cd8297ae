//! Bounds the input of the parser by one pass over the source.
//!
//! html5ever's time grows with the square of the depth, and it opens unclosed formatting elements again
//! in every block. So the tags beyond a depth are dropped while their content stays, and so are
//! formatting elements beyond a number.

use std::borrow::Cow;

use crate::extract::reader::{comment_end, ends_name};
use crate::extract::source::element_kinds::Kinds;
use crate::extract::source::formula;

/// Elements open at once. Real pages stay below 100.
const MAX_DEPTH: usize = 256;
/// Formatting elements that are open.
const MAX_FORMATTING: usize = 24;
/// Tags of a page.
const MAX_TAGS: usize = 200_000;
/// Bytes and attributes of one tag; further attributes are dropped. The parser compares each with all
/// before it.
const MAX_TAG: usize = 65_536;
const MAX_ATTRIBUTES: usize = 1_000;
/// Formulas that are read up to one end tag.
const MAX_FORMULAS: usize = 4;

/// Drops everything over a limit from a source.
pub(crate) fn bounded<'a>(source: &'a str, warnings: &mut Vec<String>) -> Cow<'a, str> {
    let mut pass = BoundingPass {
        source,
        out: String::new(),
        kept: 0,
        open: Vec::new(),
        dropped: Vec::new(),
        formatting: Vec::new(),
        tags: 0,
        deep: false,
        drawings_end: false,
        formula_end: 0,
        formulas: 0,
    };
    let mut at = 0;
    while let Some(found) = memchr::memchr(b'<', source.as_bytes().get(at..).unwrap_or_default()) {
        at += found;
        at = pass.markup(at);
        if pass.tags > MAX_TAGS {
            warnings.push(format!("the page has over {MAX_TAGS} tags; the rest was dropped"));
            pass.cut(at, source.len());
            break;
        }
    }
    if pass.kept == 0 && pass.out.is_empty() {
        return Cow::Borrowed(source);
    }
    if pass.deep {
        let note = "the page nests too deep; some tags were dropped and their content was kept";
        warnings.push(note.to_owned());
    }
    pass.out.push_str(source.get(pass.kept..).unwrap_or_default());
    Cow::Owned(pass.out)
}

struct BoundingPass<'a> {
    source: &'a str,
    out: String,
    /// Up to here the source is in `out` or was cut.
    kept: usize,
    open: Vec<OpenElement<'a>>,
    /// Tags that were dropped, whose end tags must be dropped too.
    dropped: Vec<&'a str>,
    formatting: Vec<&'a str>,
    tags: usize,
    /// `true` once a limit on nesting was met.
    deep: bool,
    /// `true` once no end tag of a drawing is left in the source.
    drawings_end: bool,
    /// The place of the next end tag of a formula.
    formula_end: usize,
    /// The number of formulas read up to there.
    formulas: usize,
}

/// An element that is open.
#[derive(Clone, Copy)]
struct OpenElement<'a> {
    name: &'a str,
    kinds: Kinds,
}

impl<'a> BoundingPass<'a> {
    /// Drops `from..to`.
    fn cut(&mut self, from: usize, to: usize) {
        self.out.push_str(self.source.get(self.kept..from).unwrap_or_default());
        self.kept = to;
    }

    /// Reads the markup that begins with `<` at `at` and returns the place behind it.
    fn markup(&mut self, at: usize) -> usize {
        let rest = self.source.get(at..).unwrap_or_default();
        let (closing, begin) = match rest.as_bytes().get(1) {
            Some(b'!') if rest.starts_with("<!--") => return at + comment_end(rest),
            Some(b'!' | b'?') => {
                let end = memchr::memchr(b'>', rest.as_bytes());
                return at + end.map_or(rest.len(), |it| it + 1);
            }
            Some(b'/') => (true, 2),
            _ => (false, 1),
        };
        let name = name(rest.get(begin..).unwrap_or_default());
        if name.is_empty() {
            return at + begin;
        }
        self.tags += 1;
        let bare = begin + name.len();
        let is_bare = rest.as_bytes().get(bare) == Some(&b'>');
        let (length, attributes) = if is_bare { (bare + 1, 0) } else { tag(rest) };
        let end = at + length;
        let kinds = Kinds::of(name);
        let void = kinds.has(Kinds::VOID);
        // An image may stand in its own tag.
        let long = attributes > MAX_ATTRIBUTES || (length > MAX_TAG && !void);
        if closing {
            self.close(OpenElement { name, kinds }, at, end);
            if long && self.kept <= at {
                self.cut(at + 2 + name.len(), end - 1);
            }
            return end;
        }
        if kinds.has(Kinds::FOREIGN) {
            return self.foreign(name, at, end);
        }
        let is_raw = kinds.has(Kinds::RAW);
        let is_script = is_raw && name.eq_ignore_ascii_case("script");
        if is_script && let Some(to) = self.formula_in_script(at, end) {
            return to;
        }
        let stays = is_script || is_raw && name.eq_ignore_ascii_case("textarea");
        if is_raw && !stays && self.in_select() {
            // The parser ignores the tag there, so its content is not raw text.
            self.dropped.push(name);
            self.cut(at, end);
            return end;
        }
        if !void {
            self.start(OpenElement { name, kinds }, at, end);
        }
        if long && self.kept <= at {
            self.cut(at + 1 + name.len(), end - 1);
        }
        if is_raw { self.raw(name, end) } else { end }
    }

    fn in_select(&self) -> bool {
        self.open.iter().any(|it| it.name.eq_ignore_ascii_case("select"))
    }

    /// Drops drawings, and the tags of formulas except for their source: inside them the parser follows
    /// other rules than this pass, and no format shows them.
    fn foreign(&mut self, name: &'a str, at: usize, end: usize) -> usize {
        if name.eq_ignore_ascii_case("math")
            && let Some(to) = self.formula(at)
        {
            return to;
        }
        let closed = if name.eq_ignore_ascii_case("svg") && !self.drawings_end {
            let found = find_ignoring_case(self.source, end, "</svg");
            self.drawings_end = found.is_none();
            found
        } else {
            None
        };
        let to = closed.map_or(end, |it| it + tag_end(self.source.get(it..).unwrap_or_default()));
        self.cut(at, to);
        to
    }

    /// Replaces a formula by its source and returns the place behind it.
    fn formula(&mut self, at: usize) -> Option<usize> {
        if self.formula_end < at {
            let found = find_ignoring_case(self.source, at, "</math");
            self.formula_end = found.unwrap_or(usize::MAX);
            self.formulas = 0;
        }
        let end = self.formula_end;
        if end - at > formula::MAX || self.formulas >= MAX_FORMULAS {
            return None;
        }
        self.formulas += 1;
        let source = formula::rewritten(self.source.get(at..end)?)?;
        let to = end + tag_end(self.source.get(end..)?);
        self.cut(at, to);
        self.out.push_str(&source);
        Some(to)
    }

    /// Replaces a script with a formula by its source and returns the place behind it.
    fn formula_in_script(&mut self, at: usize, end: usize) -> Option<usize> {
        let tag = self.source.get(at..end).filter(|it| it.contains("math/tex"))?;
        let close = self.raw_end("script", end);
        let source = formula::of_script(tag, self.source.get(end..close)?)?;
        let to = close + tag_end(self.source.get(close..)?);
        self.cut(at, to);
        self.out.push_str(&source);
        Some(to)
    }

    fn start(&mut self, element: OpenElement<'a>, at: usize, end: usize) {
        let OpenElement { name, kinds } = element;
        // Many pages leave these end tags out, and the parser knows where they belong.
        let ended = kinds.ended_by();
        while self.open.last().is_some_and(|it| it.kinds.has(ended)) {
            self.open.pop();
        }
        if kinds.has(Kinds::FORMATTING) {
            if self.formatting.len() >= MAX_FORMATTING {
                self.dropped.push(name);
                self.deep = true;
                return self.cut(at, end);
            }
            self.formatting.push(name);
        }
        if self.open.len() >= MAX_DEPTH || kinds.has(Kinds::PLAINTEXT) {
            self.dropped.push(name);
            self.deep = true;
            return self.cut(at, end);
        }
        if !kinds.has(Kinds::RAW) {
            self.open.push(element);
        }
    }

    fn close(&mut self, element: OpenElement<'a>, at: usize, end: usize) {
        let OpenElement { name, kinds } = element;
        if kinds.has(Kinds::FOREIGN) {
            return self.cut(at, end);
        }
        // The innermost tags were dropped, so an end tag is first theirs.
        let near = self.dropped.len().saturating_sub(64);
        if let Some(found) = self
            .dropped
            .get(near..)
            .and_then(|it| it.iter().rposition(|it| it.eq_ignore_ascii_case(name)))
        {
            self.dropped.truncate(near + found);
            return self.cut(at, end);
        }
        if kinds.has(Kinds::FORMATTING)
            && let Some(found) =
                self.formatting.iter().rposition(|it| it.eq_ignore_ascii_case(name))
        {
            self.formatting.remove(found);
        }
        for (place, open) in self.open.iter().enumerate().rev() {
            if open.name.eq_ignore_ascii_case(name) {
                return self.open.truncate(place);
            }
            if open.kinds.has(Kinds::WALL) {
                return;
            }
        }
    }

    /// Skips the content of a raw text element.
    fn raw(&mut self, name: &str, from: usize) -> usize {
        let end = self.raw_end(name, from);
        let inside = self.source.get(from..end).unwrap_or_default();
        // A script that opens a comment and a script in it ends later for the parser than here.
        if name.eq_ignore_ascii_case("script")
            && let Some(at) = memchr::memmem::find(inside.as_bytes(), b"<!--")
            && find_ignoring_case(inside, at, "<script").is_some()
        {
            self.cut(from, end);
        }
        end
    }

    /// Returns the place of the end tag of a raw text element.
    fn raw_end(&self, name: &str, from: usize) -> usize {
        let mut at = from;
        let source = self.source.as_bytes();
        while let Some(found) = memchr::memchr(b'<', source.get(at..).unwrap_or_default()) {
            at += found;
            if source.get(at + 1) != Some(&b'/') {
                at += 1;
                continue;
            }
            let after = self.source.get(at + 2..).unwrap_or_default();
            if after.get(..name.len()).is_some_and(|it| it.eq_ignore_ascii_case(name))
                && after.as_bytes().get(name.len()).is_some_and(|it| ends_name(*it))
            {
                return at;
            }
            at += 2;
        }
        self.source.len()
    }
}

fn name(rest: &str) -> &str {
    if !rest.as_bytes().first().is_some_and(u8::is_ascii_alphabetic) {
        return "";
    }
    let end = rest.bytes().position(ends_name);
    rest.get(..end.unwrap_or(rest.len())).unwrap_or_default()
}

/// Finds `wanted` at or behind `from`.
fn find_ignoring_case(source: &str, from: usize, wanted: &str) -> Option<usize> {
    let mut at = from;
    loop {
        at += memchr::memchr(b'<', source.as_bytes().get(at..)?)?;
        if source.get(at..at + wanted.len()).is_some_and(|it| it.eq_ignore_ascii_case(wanted)) {
            return Some(at);
        }
        at += 1;
    }
}

/// Returns the length of a tag, see [`tag`].
fn tag_end(rest: &str) -> usize {
    tag(rest).0
}

/// Returns the length of a tag, up to the first `>` outside quotes, and the number of its attributes. A
/// quote opens a value only as the first character behind the `=` of a name; elsewhere it is a character
/// like any other.
fn tag(rest: &str) -> (usize, usize) {
    #[derive(Clone, Copy)]
    enum TagState {
        BeforeName,
        Name,
        AfterName,
        BeforeValue,
        Bare,
    }
    let mut state = TagState::BeforeName;
    let mut attributes = 0;
    // Past `<` or `</`; the tag's own name ends like an attribute's, but takes no `=`.
    let bytes = rest.as_bytes();
    let mut at = 2;
    while bytes.get(at).is_some_and(|it| !ends_name(*it)) {
        at += 1;
    }
    while let Some(&byte) = bytes.get(at) {
        let blank = byte.is_ascii_whitespace();
        state = match (state, byte) {
            (_, b'>') => return (at + 1, attributes),
            (TagState::BeforeValue, _) if blank => state,
            (TagState::BeforeValue, b'"' | b'\'') => {
                let value = bytes.get(at + 1..).unwrap_or_default();
                let Some(length) = memchr::memchr(byte, value) else { break };
                at += length + 1;
                TagState::BeforeName
            }
            (TagState::BeforeValue, _) => TagState::Bare,
            (TagState::Bare, _) => {
                if blank {
                    TagState::BeforeName
                } else {
                    state
                }
            }
            (_, b'/') => TagState::BeforeName,
            (TagState::Name | TagState::AfterName, b'=') => TagState::BeforeValue,
            (TagState::BeforeName, _) if blank => state,
            (_, _) if blank => TagState::AfterName,
            (TagState::Name, _) => state,
            _ => {
                attributes += 1;
                TagState::Name
            }
        };
        at += 1;
    }
    (rest.len(), attributes)
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
    fn end_tags_that_a_page_leaves_out_are_no_depth() {
        let pages = [
            "<p>one".repeat(2_000),
            format!("<ul>{}</ul>", "<li>one<p>two".repeat(2_000)),
            format!("<table>{}</table>", "<tr><td>one<td>two".repeat(2_000)),
            format!("<dl>{}</dl>", "<dt>one<dd>two".repeat(2_000)),
        ];

        for page in pages {
            assert!(matches!(bounded(&page, &mut Vec::new()), Cow::Borrowed(_)));
        }
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
    fn very_many_attributes_are_left_out_whatever_the_element() {
        let many = " a=b".repeat(5_000);

        for name in ["p", "meta", "title", "/p"] {
            let page = format!("<{name}{many}>x<i b=c>");
            assert_eq!(bounded(&page, &mut Vec::new()), format!("<{name}>x<i b=c>"));
        }
        let image = format!("<img alt=a src=\"data:,{}\">", "x".repeat(100_000));
        assert!(matches!(bounded(&image, &mut Vec::new()), Cow::Borrowed(_)));
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
