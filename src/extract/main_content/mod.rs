//! Where on the page the content is.
//!
//! First one part of the page is chosen ([`choose`]), then what frames the content in it is left out
//! ([`trim`]). What counts as a frame depends on what the page is for ([`Kind`]).

mod choose;
mod kind;
mod named;
mod trim;

use crate::extract::doc::Doc;
use crate::extract::layout::Layout;
use crate::extract::view::View;

pub(super) use self::kind::{Kind, Talk};

/// Below this many bytes, or this share of the page's text, a choice is not trusted.
const ENOUGH: usize = 250;
const SHARE: usize = 5;

/// The content: one part of the page less what frames it there; the whole where no part stands out.
pub(super) fn find<'d, 'a>(
    doc: &'d Doc<'a>,
    layout: &Layout,
    kind: Kind,
    warnings: &mut Vec<String>,
) -> View<'d, 'a> {
    let body = doc.body();
    let chosen = choose::choose(doc, body).unwrap_or(body);
    let (part, whole) = (doc.node(chosen).text, doc.node(body).text);
    let root = if chosen != body && (part < ENOUGH || part * SHARE < whole) {
        warnings
            .push("no part of the page stands out as its content; the whole is given".to_owned());
        body
    } else {
        chosen
    };
    let mut view = trim::without_frames(doc, layout, kind, root);
    if let Some(body) = choose::named_body(&view) {
        view.root = body;
    }
    view
}
