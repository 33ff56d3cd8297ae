//! Renders the content as HTML that is safe to show: only tags and attributes that are listed here.

use crate::extract::dom::address::Base;
use crate::extract::dom::doc::Id;
use crate::extract::dom::escape::{Position, escape_into};
use crate::extract::dom::image;
use crate::extract::dom::selection::Selection;
use crate::extract::dom::tag::Tag;

const ATTRIBUTES: [&str; 8] =
    ["alt", "colspan", "datetime", "dir", "lang", "rowspan", "start", "title"];

/// Returns `true` if an attribute is kept on an element.
fn is_attribute(tag: Tag, name: &str, value: &str) -> bool {
    match (tag, name) {
        (Tag::Ol, "reversed" | "type") | (Tag::Li, "value") => true,
        // The language of code.
        (Tag::Code | Tag::Pre, "class") => value.starts_with("language-"),
        _ => ATTRIBUTES.contains(&name),
    }
}

/// Returns `true` if an element is kept. Of others only the content is.
fn is_kept(tag: Tag) -> bool {
    matches!(
        tag,
        Tag::A
            | Tag::Abbr
            | Tag::AmpImg
            | Tag::Article
            | Tag::B
            | Tag::Blockquote
            | Tag::Br
            | Tag::Caption
            | Tag::Cite
            | Tag::Code
            | Tag::Dd
            | Tag::Del
            | Tag::Details
            | Tag::Div
            | Tag::Dl
            | Tag::Dt
            | Tag::Em
            | Tag::Figcaption
            | Tag::Figure
            | Tag::Hr
            | Tag::I
            | Tag::Img
            | Tag::Ins
            | Tag::Kbd
            | Tag::Li
            | Tag::Main
            | Tag::Mark
            | Tag::Ol
            | Tag::P
            | Tag::Pre
            | Tag::Q
            | Tag::S
            | Tag::Samp
            | Tag::Section
            | Tag::Strong
            | Tag::Sub
            | Tag::Summary
            | Tag::Sup
            | Tag::Table
            | Tag::Tbody
            | Tag::Td
            | Tag::Tfoot
            | Tag::Th
            | Tag::Thead
            | Tag::Time
            | Tag::Tr
            | Tag::Ul
    ) || tag.level().is_some()
}

/// Renders a selection.
pub(crate) fn render(selection: &Selection<'_, '_>, base: &Base) -> String {
    let mut out = String::with_capacity(selection.doc.node(selection.root).text * 2);
    children(&mut out, selection, selection.root, base);
    let kept = out.trim_end().len();
    out.truncate(kept);
    let begin = out.len() - out.trim_start().len();
    out.drain(..begin);
    out
}

fn children(out: &mut String, selection: &Selection<'_, '_>, id: Id, base: &Base) {
    for child in selection.doc.children(id) {
        match selection.doc.text(child) {
            Some(text) => escape_into(out, text, Position::Text),
            None if selection.is_dropped(child) => {}
            None => write(out, selection, child, base),
        }
    }
}

fn write(out: &mut String, selection: &Selection<'_, '_>, id: Id, base: &Base) {
    let tag = selection.doc.tag(id);
    if !is_kept(tag) {
        return children(out, selection, id, base);
    }
    let name = if image::is_image(tag) { "img" } else { selection.doc.name(id) };
    out.push('<');
    out.push_str(name);
    for (key, text) in selection.doc.attrs(id) {
        let address;
        let kept = match key {
            "href" => {
                address = base.absolute(text);
                address.as_deref()
            }
            _ => is_attribute(tag, key, text).then_some(text),
        };
        if let Some(text) = kept {
            attribute(out, key, text);
        }
    }
    if let Some(source) = image::image_source(selection.doc, id, base) {
        attribute(out, "src", &source);
    }
    out.push('>');
    if !matches!(tag, Tag::AmpImg | Tag::Br | Tag::Hr | Tag::Img) {
        children(out, selection, id, base);
        out.push_str("</");
        out.push_str(name);
        out.push('>');
    }
}

fn attribute(out: &mut String, name: &str, value: &str) {
    out.push(' ');
    out.push_str(name);
    out.push_str("=\"");
    escape_into(out, value, Position::Attribute);
    out.push('"');
}
