//! Reads formulas without their source, for formats that cannot draw them.

use crate::extract::dom::doc::{Doc, Id};
use crate::extract::dom::superscript::{LONGEST, Shift};
use crate::extract::dom::tag::Tag;

/// Nodes around the picture of a formula among which the formula is.
const NEAR: usize = 16;

/// Returns `true` if an element is the drawing of the formula behind it, as `MathJax` makes it.
pub(crate) fn is_drawing(doc: &Doc<'_>, id: Id) -> bool {
    matches!(doc.tag(id), Tag::Span | Tag::Div)
        && doc.end(id) < doc.len()
        && doc.tag(doc.end(id)) == Tag::Formula
        && doc.attr(id, "class").is_some_and(|it| it.starts_with("MathJax"))
}

/// Returns `true` if an image shows the formula beside it, for browsers that cannot draw that.
pub(crate) fn is_picture(doc: &Doc<'_>, id: Id) -> bool {
    let parent = doc.node(id).parent;
    let alt = doc.attr(id, "alt").unwrap_or_default().trim();
    let is_same = |it: Id| doc.tag(it) == Tag::Formula && doc.source_text(it).trim() == alt;
    !alt.is_empty() && (parent..doc.end(parent)).take(NEAR).any(is_same)
}

/// A piece of a formula without source, in reading order.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Piece<'a> {
    /// An element like any other.
    Part(Id),
    /// An element above or below the line.
    Beside(Id, Shift),
    /// A sign between them.
    Sign(&'a str),
}

/// Splits an element of a formula whose layout carries meaning: without it a half would read as 12.
pub(crate) fn pieces<'a>(doc: &Doc<'a>, id: Id) -> Option<Vec<Piece<'a>>> {
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
        ("mroot", &[base, index]) => {
            let root = match doc.folded_text(index).as_str() {
                "3" => vec![Piece::Sign("∛(")],
                "4" => vec![Piece::Sign("∜(")],
                _ => vec![Piece::Sign("root("), Piece::Part(index), Piece::Sign(", ")],
            };
            root.into_iter().chain([Piece::Part(base), Piece::Sign(")")]).collect()
        }
        ("mfenced", parts) => {
            let sign = |name, default| Piece::Sign(doc.attr(id, name).unwrap_or(default));
            separated(parts, ", ", sign("open", "("), sign("close", ")"))
        }
        ("mtable", rows) => separated(rows, "; ", Piece::Sign(""), Piece::Sign("")),
        ("mtr", cells) => separated(cells, ", ", Piece::Sign(""), Piece::Sign("")),
        ("msqrt", parts) => {
            let parts = parts.iter().map(|it| Piece::Part(*it));
            [Piece::Sign("√(")].into_iter().chain(parts).chain([Piece::Sign(")")]).collect()
        }
        _ => return None,
    })
}

/// Returns parts between two signs, with a separator between them.
fn separated<'a>(
    parts: &[Id],
    separator: &'a str,
    open: Piece<'a>,
    close: Piece<'a>,
) -> Vec<Piece<'a>> {
    let mut pieces = vec![open];
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            pieces.push(Piece::Sign(separator));
        }
        pieces.push(Piece::Part(*part));
    }
    pieces.push(close);
    pieces
}
