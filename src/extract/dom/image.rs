//! The address of an image.

use crate::extract::dom::address::Base;
use crate::extract::dom::doc::{Doc, Id};
use crate::extract::dom::tag::Tag;
use crate::extract::vocabulary::{IMAGE_PLACEHOLDERS, LATE_IMAGE_ATTRIBUTES};

/// Nodes behind an image among which its `noscript` form is.
const NEAR: usize = 4;

/// Returns `true` if an element shows an image.
pub(crate) fn is_image(tag: Tag) -> bool {
    matches!(tag, Tag::Img | Tag::AmpImg)
}

/// Returns the absolute address of an image. Pages that load images late keep it in another attribute, in
/// the sources of the `picture` around it, or in the `noscript` element behind it.
pub(crate) fn image_source(doc: &Doc<'_>, id: Id, base: &Base) -> Option<String> {
    if !is_image(doc.tag(id)) {
        return None;
    }
    let source = doc.attr(id, "src").and_then(|it| base.absolute(it));
    if let Some(source) = source.as_deref().filter(|it| !is_placeholder(it)) {
        return Some(source.to_owned());
    }
    late(doc, id, base)
        .or_else(|| of_picture(doc, id, base))
        .or_else(|| without_scripts(doc, id, base))
        .or(source)
}

/// Returns the address in the attributes that a script reads.
fn late(doc: &Doc<'_>, id: Id, base: &Base) -> Option<String> {
    let known = LATE_IMAGE_ATTRIBUTES.iter().find_map(|it| base.absolute(doc.attr(id, it)?));
    let sets = || {
        let mut sets = doc.attrs(id).filter(|it| it.0.ends_with("srcset"));
        sets.find_map(|it| base.absolute(first_of_set(it.1)?))
    };
    let other = || {
        let mut others = doc.attrs(id).filter(|(name, value)| {
            name.starts_with("data-") && !name.ends_with("srcset") && is_image_file(value)
        });
        others.find_map(|it| base.absolute(it.1))
    };
    known.or_else(sets).or_else(other).filter(|it| !is_placeholder(it))
}

/// Returns the first address of a `srcset`. An address may have commas inside.
fn first_of_set(set: &str) -> Option<&str> {
    let words = set.split_ascii_whitespace().map(|it| it.trim_matches(','));
    // Without descriptors a comma may separate two addresses.
    words
        .filter(|it| !it.is_empty())
        .find(|it| it.contains(['/', '.']))
        .map(|it| it.split_once(",http").or_else(|| it.split_once(",/")).map_or(it, |it| it.0))
}

/// Returns `true` if a value is the address of an image file.
fn is_image_file(value: &str) -> bool {
    const KINDS: [&str; 7] = ["jpg", "jpeg", "png", "webp", "gif", "avif", "svg"];
    let file = value.split(['?', '#']).next().unwrap_or_default();
    let kind = file.rsplit('.').next().unwrap_or_default();
    value.contains('/')
        && !value.contains(char::is_whitespace)
        && KINDS.iter().any(|it| kind.eq_ignore_ascii_case(it))
}

fn of_picture(doc: &Doc<'_>, id: Id, base: &Base) -> Option<String> {
    let picture = doc.node(id).parent;
    if doc.tag(picture) != Tag::Picture {
        return None;
    }
    let sources = doc.children(picture).filter(|it| doc.tag(*it) == Tag::Source);
    sources.into_iter().find_map(|source| {
        let mut sets = doc.attrs(source).filter(|it| it.0.ends_with("srcset"));
        sets.find_map(|it| base.absolute(first_of_set(it.1)?))
    })
}

/// Returns the address in the markup for readers without scripts, which the parser keeps as text.
fn without_scripts(doc: &Doc<'_>, id: Id, base: &Base) -> Option<String> {
    let around = doc.end(doc.node(id).parent);
    let spare = (doc.end(id)..around).take(NEAR).find(|it| doc.tag(*it) == Tag::Noscript)?;
    let source = doc.source_text(spare);
    let image = source.get(source.find("<img")?..)?;
    let image = image.get(..image.find('>')?)?;
    let rest = image.get(image.find(" src=")? + " src=".len()..)?;
    let address = match rest.chars().next()? {
        quote @ ('"' | '\'') => rest.get(1..)?.split(quote).next()?,
        _ => rest.split_whitespace().next()?,
    };
    base.absolute(&address.replace("&amp;", "&")).filter(|it| !is_placeholder(it))
}

/// Returns `true` if an address is that of a stand-in for an image that loads late.
fn is_placeholder(address: &str) -> bool {
    let file = address.split(['?', '#']).next().unwrap_or_default().rsplit('/').next();
    let file = file.unwrap_or_default().to_ascii_lowercase();
    IMAGE_PLACEHOLDERS.iter().any(|it| file.contains(it))
}
