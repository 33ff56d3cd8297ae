//! The address of an image.

use crate::extract::dom::address::Base;
use crate::extract::dom::doc::{Doc, Id};
use crate::extract::dom::tag::Tag;
use crate::extract::vocabulary::IMAGE_PLACEHOLDERS;

/// Returns the absolute address of an image. Pages that load images late keep it in another attribute.
pub(crate) fn image_source(doc: &Doc<'_>, id: Id, base: &Base) -> Option<String> {
    if doc.tag(id) != Tag::Img {
        return None;
    }
    let of = |names: &[&str]| names.iter().find_map(|it| base.absolute(doc.attr(id, it)?));
    let late = || of(&["data-src", "data-original", "data-lazy-src"]);
    let listed = |name: &str| {
        let first = doc.attr(id, name)?.trim().split([',', ' ']).next()?;
        base.absolute(first)
    };
    let source = of(&["src"]);
    if source.as_deref().is_some_and(is_placeholder)
        && let Some(late) = late()
    {
        return Some(late);
    }
    source.or_else(late).or_else(|| listed("srcset")).or_else(|| listed("data-srcset"))
}

/// Returns `true` if an address is that of a stand-in for an image that loads late.
fn is_placeholder(address: &str) -> bool {
    let file = address.split(['?', '#']).next().unwrap_or_default().rsplit('/').next();
    let file = file.unwrap_or_default().to_ascii_lowercase();
    IMAGE_PLACEHOLDERS.iter().any(|it| file.contains(it))
}
