//! Formulas: what a page says of them for those that cannot draw them.

use crate::extract::doc::{Doc, Id};
use crate::extract::raised::{Height, LONGEST};
use crate::extract::tag::Tag;

/// The element that a formula becomes. The parser reads it by its ordinary rules, which it does not
/// inside `math`.
const ELEMENT: &str = "x-tex";
/// Bytes of a formula's markup, without its end tag.
pub(super) const MAX: usize = 16_384;

/// The source of a formula as an element of its own, from its markup up to its end tag.
pub(super) fn rewritten(math: &str) -> Option<String> {
    let begin = math.get(..math.find('>')?)?;
    let source = annotated(math).or_else(|| alternative(begin))?;
    let source = source.trim();
    if source.is_empty() {
        return None;
    }
    let display = begin.contains("display=\"block\"") || begin.contains("display='block'");
    let display = if display { " display=block" } else { "" };
    Some(format!("<{ELEMENT}{display}>{}</{ELEMENT}>", source.replace('<', "&lt;")))
}

/// The same of a script that holds a formula for others to draw, by its tag and what is in it.
pub(super) fn of_script(tag: &str, source: &str) -> Option<String> {
    let source = source.trim();
    if !tag.contains("math/tex") || source.is_empty() || source.len() > MAX {
        return None;
    }
    let display = if tag.contains("mode=display") { " display=block" } else { "" };
    let source = source.replace('&', "&amp;").replace('<', "&lt;");
    Some(format!("<{ELEMENT}{display}>{source}</{ELEMENT}>"))
}

/// Whether an element is what a script has drawn of the formula that follows it.
pub(super) fn is_drawing(doc: &Doc<'_>, id: Id) -> bool {
    matches!(doc.tag(id), Tag::Span | Tag::Div)
        && doc.end(id) < doc.len()
        && doc.tag(doc.end(id)) == Tag::Formula
        && doc.attr(id, "class").is_some_and(|it| it.starts_with("MathJax"))
}

/// A piece of a formula whose source is not said, in the order that it is read in.
#[derive(Clone, Copy, Debug)]
pub(super) enum Piece {
    /// An element like any other.
    Part(Id),
    /// One that stands high or low.
    Beside(Id, Height),
    Sign(&'static str),
}

/// What an element of a formula is made of, where more is said by place than by words: without it a half
/// is 12.
pub(super) fn pieces(doc: &Doc<'_>, id: Id) -> Option<Vec<Piece>> {
    if doc.tag(id) != Tag::Other || !doc.name(id).starts_with('m') {
        return None;
    }
    let parts: Vec<Id> = doc.children(id).filter(|it| doc.text(*it).is_none()).collect();
    let is_one = |it: &Id| {
        let is_short = doc.node(*it).text <= LONGEST;
        is_short && doc.folded_text(*it).chars().all(char::is_alphanumeric)
    };
    let bracketed = |it: Id| {
        let one = is_one(&it);
        let sign = |sign| (!one).then_some(Piece::Sign(sign));
        [sign("("), Some(Piece::Part(it)), sign(")")].into_iter().flatten()
    };
    let (high, low) = (Height::Raised, Height::Lowered);
    Some(match (doc.name(id), parts.as_slice()) {
        ("msup" | "mover", &[base, sup]) => vec![Piece::Part(base), Piece::Beside(sup, high)],
        ("msub" | "munder", &[base, sub]) => vec![Piece::Part(base), Piece::Beside(sub, low)],
        ("msubsup" | "munderover", &[base, sub, sup]) => {
            vec![Piece::Part(base), Piece::Beside(sub, low), Piece::Beside(sup, high)]
        }
        ("mfrac", &[above, below]) => {
            bracketed(above).chain([Piece::Sign("/")]).chain(bracketed(below)).collect()
        }
        ("msqrt", parts) => {
            let parts = parts.iter().map(|it| Piece::Part(*it));
            [Piece::Sign("√(")].into_iter().chain(parts).chain([Piece::Sign(")")]).collect()
        }
        _ => return None,
    })
}

/// The annotation in TeX.
fn annotated(math: &str) -> Option<&str> {
    let rest = math.get(math.find("application/x-tex")?..)?;
    let rest = rest.get(rest.find('>')? + 1..)?;
    // Anything but text in it is none of TeX.
    let text = rest.get(..rest.find('<')?)?;
    rest.get(text.len()..)?.starts_with("</annotation").then_some(text)
}

/// The alternative text.
fn alternative(begin: &str) -> Option<&str> {
    let rest = begin.get(begin.find("alttext=")? + "alttext=".len()..)?;
    let quote = rest.chars().next().filter(|it| matches!(it, '"' | '\''))?;
    rest.get(1..)?.split(quote).next()
}
