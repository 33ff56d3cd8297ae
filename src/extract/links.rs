//! The links and images of a page, each with what it is for.

use serde_json::{Value, json};

use crate::extract::address::Base;
use crate::extract::doc::{Doc, Id, folded};
use crate::extract::layout::Layout;
use crate::extract::markdown::image_source;
use crate::extract::tag::Tag;
use crate::extract::view::View;

/// Links kept of a page.
const MAX_LINKS: usize = 500;
/// Images kept of a page.
const MAX_IMAGES: usize = 200;
/// Symbols of a link's text.
const MAX_LINK_TEXT: usize = 500;

/// Hosts that are nothing but a place to follow or to share.
const SOCIAL: [&str; 14] = [
    "facebook.com",
    "twitter.com",
    "x.com",
    "instagram.com",
    "linkedin.com",
    "youtube.com",
    "pinterest.com",
    "tiktok.com",
    "reddit.com",
    "t.me",
    "wa.me",
    "api.whatsapp.com",
    "mastodon.social",
    "bsky.app",
];

/// Every link below the view's root, with its role: `content`, `cta`, `social`, `nav` or `unknown`.
pub(super) fn links(doc: &Doc<'_>, from: Id, layout: &Layout, base: &Base) -> Vec<Value> {
    let all = (from..doc.end(from)).filter(|it| doc.tag(*it) == Tag::A);
    let found = all.filter_map(|id| {
        let url = doc.attr(id, "href").and_then(|it| base.absolute(it))?;
        let text: String = doc.folded_text(id).chars().take(MAX_LINK_TEXT).collect();
        let role = role(doc, id, &url, layout);
        Some(json!({ "url": url, "text": text, "role": role }))
    });
    found.take(MAX_LINKS).collect()
}

fn role(doc: &Doc<'_>, id: Id, url: &str, layout: &Layout) -> &'static str {
    if is_social(url) {
        return "social";
    }
    if doc.around(id).any(|it| layout.frames(it)) {
        return "nav";
    }
    let button = doc.attr(id, "role") == Some("button")
        || doc.attr(id, "class").is_some_and(|it| {
            it.split(|it: char| !it.is_ascii_alphanumeric())
                .any(|it| matches!(it, "btn" | "button" | "cta"))
        });
    if button {
        return "cta";
    }
    if doc.node(id).text > 0 || image_in(doc, id) { "content" } else { "unknown" }
}

fn image_in(doc: &Doc<'_>, id: Id) -> bool {
    (id..doc.end(id)).any(|it| doc.tag(it) == Tag::Img)
}

fn is_social(url: &str) -> bool {
    let host = url.split("://").nth(1).unwrap_or_default();
    let host = host.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.strip_prefix("www.").unwrap_or(host);
    SOCIAL.iter().any(|it| host == *it || host.strip_suffix(it).is_some_and(|it| it.ends_with('.')))
}

/// Every image that is shown, with its role: `hero`, `content`, `logo` or `unknown`.
pub(super) fn images(view: &View<'_, '_>, hero: Option<&str>, base: &Base) -> Vec<Value> {
    let doc = view.doc;
    let all = view.shown().filter(|it| doc.tag(*it) == Tag::Img);
    let found = all.filter_map(|id| {
        let url = image_source(doc, id, base)?;
        let alt = doc.attr(id, "alt").map(folded).filter(|it| !it.is_empty());
        let logo = ["class", "id", "alt", "src"]
            .iter()
            .filter_map(|it| doc.attr(id, it))
            .any(|it| it.to_ascii_lowercase().contains("logo"));
        let role = match () {
            () if hero == Some(url.as_str()) => "hero",
            () if logo => "logo",
            () if is_tiny(doc, id) => "unknown",
            () => "content",
        };
        Some(json!({ "url": url, "alt": alt, "role": role }))
    });
    found.take(MAX_IMAGES).collect()
}

/// Whether an image is too small to show anything: spacers, icons, counters.
fn is_tiny(doc: &Doc<'_>, id: Id) -> bool {
    ["width", "height"]
        .iter()
        .filter_map(|it| doc.attr(id, it)?.trim().trim_end_matches("px").parse::<u32>().ok())
        .any(|it| it < 32)
}
