//! Reads formulas without their source, for formats that cannot draw them.

use crate::extract::dom::doc::{Doc, Id};
use crate::extract::dom::superscript::{LONGEST, Shift};
use crate::extract::dom::tag::Tag;

/// Returns `true` if an element is the drawing of the formula behind it, as `MathJax` makes it.
pub(crate) fn is_drawing(doc: &Doc<'_>, id: Id) -> bool {
    matches!(doc.tag(id), Tag::Span | Tag::Div)
        && doc.end(id) < doc.len()
        && doc.tag(doc.end(id)) == Tag::Formula
        && doc.attr(id, "class").is_some_and(|it| it.starts_with("MathJax"))
}

/// A piece of a formula without source, in reading order.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Piece {
    /// An element like any other.
    Part(Id),
    /// An element above or below the line.
    Beside(Id, Shift),
    Sign(&'static str),
}

/// Splits an element of a formula whose layout carries meaning: without it a half would read as 12.
pub(crate) fn pieces(doc: &Doc<'_>, id: Id) -> Option<Vec<Piece>> {
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
    let (high, low) = (Shift::Superscript, Shift::Subscript);
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
