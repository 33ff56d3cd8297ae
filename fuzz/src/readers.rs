//! Pages read by the one-pass reader and by html5ever: the same nodes, or refused.
//!
//! With an even first byte the rest is a document. With an odd one each further byte adds a piece of markup: most random
//! bytes are text, and the rules are in the tags.

use rungs::extract::{ReaderComparison, compare_readers};

use super::bytes::Bytes;

/// Pieces longer than this are of no use: the faults are in the order of a few tags.
const MOST_PIECES: usize = 64;
/// Elements with rules of their own in tree construction, and some without.
const NAMES: [&str; 88] = [
    "a",
    "address",
    "applet",
    "article",
    "b",
    "base",
    "body",
    "br",
    "button",
    "caption",
    "center",
    "code",
    "col",
    "colgroup",
    "dd",
    "details",
    "dialog",
    "div",
    "dl",
    "dt",
    "em",
    "embed",
    "fieldset",
    "figure",
    "font",
    "footer",
    "form",
    "frameset",
    "h1",
    "h2",
    "head",
    "header",
    "hr",
    "html",
    "i",
    "iframe",
    "image",
    "img",
    "input",
    "keygen",
    "li",
    "link",
    "listing",
    "main",
    "marquee",
    "math",
    "menu",
    "meta",
    "nav",
    "nobr",
    "noembed",
    "noframes",
    "noscript",
    "object",
    "ol",
    "optgroup",
    "option",
    "p",
    "param",
    "plaintext",
    "pre",
    "rb",
    "rp",
    "rt",
    "rtc",
    "ruby",
    "s",
    "script",
    "search",
    "section",
    "select",
    "small",
    "span",
    "strong",
    "style",
    "summary",
    "svg",
    "table",
    "tbody",
    "td",
    "template",
    "textarea",
    "tfoot",
    "th",
    "thead",
    "title",
    "tr",
    "ul",
];
const OTHERS: [&str; 40] = [
    " ",
    "\n",
    "\r\n",
    "x",
    "a b ",
    "\u{e9}",
    "&amp;",
    "&nbsp;",
    "&notit;",
    "&#65",
    "&#x80;",
    "&",
    "&#10;",
    "&lt",
    "<",
    "</",
    "</>",
    "<!-- c -->",
    "<!-->",
    "<!--a--!>",
    "<?x>",
    "<![CDATA[x]]>",
    "<!doctype html>",
    "<!DOCTYPE html PUBLIC \"-//W3C//DTD HTML 4.01//EN\">",
    "<x-y>",
    "</x-y>",
    "<P CLASS=A>",
    "<a href='?a=1&copy=2'>",
    "<b c=d c=e>",
    "<b e=d c=e>",
    "<input type=hidden>",
    "<td rowspan=2>",
    "<p style='font-size:0'>",
    "<div hidden>",
    "<i =x ==y>",
    "<br/>",
    "<p/>",
    "<q x=\"<p>\">",
    "<u",
    "-->",
];

pub fn run(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let html = if bytes.byte().is_multiple_of(2) {
        String::from_utf8_lossy(bytes.rest()).into_owned()
    } else {
        bytes.rest().iter().take(MOST_PIECES).map(|it| piece(*it)).collect()
    };
    if let ReaderComparison::Different { read, parsed } = compare_readers(&html) {
        panic!("{html:?} is read as\n{read}\nand not as\n{parsed}");
    }
}

fn piece(byte: u8) -> String {
    let at = usize::from(byte);
    match at.checked_sub(2 * NAMES.len()) {
        Some(other) => OTHERS[other % OTHERS.len()].to_owned(),
        None if at % 2 == 0 => format!("<{}>", NAMES[at / 2]),
        None => format!("</{}>", NAMES[at / 2]),
    }
}
