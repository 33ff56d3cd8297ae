//! Where on the page the content is.

use std::collections::HashMap;

use ego_tree::NodeId;
use scraper::{ElementRef, Html};

use crate::extract::dom;

/// Below this many bytes, or this share of the page's text, a choice is not trusted.
const ENOUGH: usize = 250;
const SHARE: usize = 5;

/// The element that holds the content; the whole body where no part stands out.
pub(super) fn find<'a>(tree: &'a Html, warnings: &mut Vec<String>) -> ElementRef<'a> {
    let root = tree.root_element();
    let body = dom::first(root, "body").unwrap_or(root);
    let Some(chosen) = choose(tree, body) else { return body };
    let (part, whole) = (dom::text(chosen).len(), dom::text(body).len());
    if part < ENOUGH || part * SHARE < whole {
        warnings
            .push("no part of the page stands out as its content; the whole is given".to_owned());
        return body;
    }
    chosen
}

fn choose<'a>(tree: &'a Html, body: ElementRef<'a>) -> Option<ElementRef<'a>> {
    let named = |wanted: fn(ElementRef<'_>) -> bool| {
        let mut found = dom::all(body).filter(|&it| wanted(it));
        let first = found.next()?;
        // Several of a kind are a list of pages and not one.
        found.next().is_none().then_some(first)
    };
    named(|it| it.value().attr("itemprop") == Some("articleBody"))
        .filter(|it| dom::text(*it).len() >= ENOUGH)
        .or_else(|| named(|it| it.value().name() == "article"))
        .filter(|it| dom::text(*it).len() >= ENOUGH)
        .or_else(|| {
            named(|it| it.value().name() == "main" || it.value().attr("role") == Some("main"))
        })
        .filter(|it| dom::text(*it).len() >= ENOUGH)
        .or_else(|| densest(tree, body))
}

/// The element whose own paragraphs weigh most, by the rule that Readability made common: a
/// paragraph counts for its parent, and half for its grandparent.
fn densest<'a>(tree: &'a Html, body: ElementRef<'a>) -> Option<ElementRef<'a>> {
    let mut scores: HashMap<NodeId, f64> = HashMap::new();
    for block in dom::all(body) {
        if !matches!(block.value().name(), "p" | "pre" | "blockquote" | "td") {
            continue;
        }
        let text = dom::text(block);
        if text.len() < 25 {
            continue;
        }
        let commas = u32::try_from(text.matches([',', '，', '、']).count()).unwrap_or(u32::MAX);
        let length = u32::try_from(text.len() / 100).unwrap_or(u32::MAX).min(3);
        let score = 1.0 + f64::from(commas.min(10)) + f64::from(length);
        let mut weight = 1.0;
        for above in block.ancestors().take(2) {
            *scores.entry(above.id()).or_default() += score * weight;
            weight /= 2.0;
        }
    }
    let best = scores.into_iter().max_by(|(a, x), (b, y)| x.total_cmp(y).then(b.cmp(a)))?.0;
    tree.tree.get(best).and_then(ElementRef::wrap)
}
