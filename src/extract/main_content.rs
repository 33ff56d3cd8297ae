//! Where on the page the content is.

use std::collections::HashMap;

use ego_tree::NodeId;
use ego_tree::iter::Edge;
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
    let says_so: [fn(ElementRef<'_>) -> bool; 3] = [
        |it| it.value().attr("itemprop") == Some("articleBody"),
        |it| it.value().name() == "article",
        |it| it.value().name() == "main" || it.value().attr("role") == Some("main"),
    ];
    says_so
        .into_iter()
        .filter_map(named)
        .find(|it| dom::text(*it).len() >= ENOUGH)
        .or_else(|| densest(tree, body))
}

/// The element whose own paragraphs weigh most, by the rule that Readability made common: a
/// paragraph counts for its parent, and half for its grandparent.
fn densest<'a>(tree: &'a Html, body: ElementRef<'a>) -> Option<ElementRef<'a>> {
    let mut scores: HashMap<NodeId, f64> = HashMap::new();
    // Texts are counted on the way, each once, however deep the blocks are nested.
    let mut open: Vec<Weight> = Vec::new();
    let mut hidden = 0_usize;
    for edge in body.traverse() {
        match edge {
            Edge::Open(node) => {
                if let Some(text) = node.value().as_text().filter(|_| hidden == 0) {
                    if let Some(block) = open.last_mut() {
                        block.add(text);
                    }
                } else if let Some(element) = ElementRef::wrap(node) {
                    hidden += usize::from(dom::is_hidden(element));
                    if is_paragraph(element) {
                        open.push(Weight::default());
                    }
                }
            }
            Edge::Close(node) => {
                let Some(element) = ElementRef::wrap(node) else { continue };
                hidden = hidden.saturating_sub(usize::from(dom::is_hidden(element)));
                if !is_paragraph(element) {
                    continue;
                }
                let Some(block) = open.pop() else { continue };
                if let Some(outer) = open.last_mut() {
                    outer.bytes += block.bytes;
                    outer.commas += block.commas;
                }
                if block.bytes < 25 {
                    continue;
                }
                let mut weight = block.score();
                for above in element.ancestors().take(2) {
                    *scores.entry(above.id()).or_default() += weight;
                    weight /= 2.0;
                }
            }
        }
    }
    let best = scores.into_iter().max_by(|(a, x), (b, y)| x.total_cmp(y).then(b.cmp(a)))?.0;
    tree.tree.get(best).and_then(ElementRef::wrap)
}

fn is_paragraph(element: ElementRef<'_>) -> bool {
    matches!(element.value().name(), "p" | "pre" | "blockquote" | "td")
}

/// What a paragraph holds.
#[derive(Default)]
struct Weight {
    bytes: usize,
    commas: usize,
}

impl Weight {
    fn add(&mut self, text: &str) {
        self.bytes += text.split_whitespace().map(|it| it.len() + 1).sum::<usize>();
        self.commas += text.matches([',', '，', '、']).count();
    }

    fn score(&self) -> f64 {
        let length = u32::try_from(self.bytes / 100).unwrap_or(u32::MAX).min(3);
        let commas = u32::try_from(self.commas).unwrap_or(u32::MAX).min(10);
        1.0 + f64::from(commas) + f64::from(length)
    }
}
