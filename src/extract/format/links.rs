//! Lists the links and images of a page, each with its role.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::extract::dom::address::Base;
use crate::extract::dom::doc::{Doc, Id};
use crate::extract::dom::folding::folded;
use crate::extract::dom::image::{image_source, is_image};
use crate::extract::dom::selection::Selection;
use crate::extract::dom::tag::Tag;
use crate::extract::main_content::BoilerplateMap;
use crate::extract::vocabulary::SOCIAL_HOSTS;

/// Links kept of a page.
const MAX_LINKS: usize = 500;
/// Addresses kept of a page that is crawled.
const MAX_ADDRESSES: usize = 5_000;
/// Images kept of a page.
const MAX_IMAGES: usize = 200;
/// Characters of the text of a link.
const MAX_LINK_TEXT: usize = 500;

/// Returns every link below a node, with its role: `content`, `cta`, `social`, `nav` or `unknown`.
pub(crate) fn links(
    doc: &Doc<'_>,
    from: Id,
    boilerplate: &BoilerplateMap,
    base: &Base,
) -> Vec<Value> {
    let all = (from..doc.end(from)).filter(|it| doc.tag(*it) == Tag::A);
    let found = all.filter_map(|id| {
        let url = doc.attr(id, "href").and_then(|it| base.absolute(it))?;
        let text: String = doc.folded_text(id).chars().take(MAX_LINK_TEXT).collect();
        let role = role(doc, id, &url, boilerplate);
        Some(json!({ "url": url, "text": text, "role": role }))
    });
    found.take(MAX_LINKS).collect()
}

/// Returns the addresses of all links of a page, each once, without their fragments.
pub(crate) fn addresses(doc: &Doc<'_>, base: &Base) -> Vec<String> {
    let mut seen = HashSet::new();
    let all = (0..doc.end(0)).filter(|it| matches!(doc.tag(*it), Tag::A | Tag::Area));
    let found = all.filter_map(|id| {
        let mut url = base.absolute(doc.attr(id, "href")?)?;
        url.truncate(url.find('#').unwrap_or(url.len()));
        (url.starts_with("http") && seen.insert(url.clone())).then_some(url)
    });
    found.take(MAX_ADDRESSES).collect()
}

fn role(doc: &Doc<'_>, id: Id, url: &str, boilerplate: &BoilerplateMap) -> &'static str {
    if is_social(url) {
        return "social";
    }
    if doc.around(id).any(|it| boilerplate.is_boilerplate(it)) {
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
    (id..doc.end(id)).any(|it| is_image(doc.tag(it)))
}

fn is_social(url: &str) -> bool {
    let host = url.split("://").nth(1).unwrap_or_default();
    let host = host.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.strip_prefix("www.").unwrap_or(host);
    SOCIAL_HOSTS
        .iter()
        .any(|it| host == *it || host.strip_suffix(it).is_some_and(|it| it.ends_with('.')))
}

/// Returns every visible image, with its role: `hero`, `content`, `logo` or `unknown`.
pub(crate) fn images(selection: &Selection<'_, '_>, hero: Option<&str>, base: &Base) -> Vec<Value> {
    let doc = selection.doc;
    let all = selection.nodes().filter(|it| is_image(doc.tag(*it)));
    let found = all.filter_map(|id| {
        let url = image_source(doc, id, base)?;
        let alt = doc.attr(id, "alt").map(folded).filter(|it| !it.is_empty());
        Some(json!({ "url": url, "alt": alt, "role": image_role(doc, id, &url, hero) }))
    });
    found.take(MAX_IMAGES).collect()
}

/// Returns the addresses of images that may hold text: the page's own first, then by the size that the
/// page gives them.
pub(crate) fn worth_reading(
    selection: &Selection<'_, '_>,
    hero: Option<&str>,
    base: &Base,
) -> Vec<String> {
    let doc = selection.doc;
    let all = selection.nodes().filter(|it| is_image(doc.tag(*it)));
    let found = all.filter_map(|id| {
        let url = image_source(doc, id, base)?;
        let rank = match image_role(doc, id, &url, hero) {
            "hero" => u64::MAX,
            "content" => sides(doc, id).map(u64::from).product(),
            _ => return None,
        };
        Some((rank, url))
    });
    let mut found: Vec<(u64, String)> = found.take(MAX_IMAGES).collect();
    found.sort_by_key(|it| std::cmp::Reverse(it.0));
    let mut urls: Vec<String> = Vec::new();
    for (_, url) in found {
        if !urls.contains(&url) {
            urls.push(url);
        }
    }
    urls
}

fn image_role(doc: &Doc<'_>, id: Id, url: &str, hero: Option<&str>) -> &'static str {
    let logo = ["class", "id", "alt", "src"]
        .iter()
        .filter_map(|it| doc.attr(id, it))
        .any(|it| it.to_ascii_lowercase().contains("logo"));
    match () {
        () if hero == Some(url) => "hero",
        () if logo => "logo",
        // Too small to show anything: spacers, icons, counters.
        () if sides(doc, id).any(|it| it < 32) => "unknown",
        () => "content",
    }
}

/// Returns the width and height in the attributes of an image, as far as it has them.
fn sides(doc: &Doc<'_>, id: Id) -> impl Iterator<Item = u32> {
    let side = move |it| doc.attr(id, it)?.trim().trim_end_matches("px").parse().ok();
    ["width", "height"].into_iter().filter_map(side)
}
