//! The price that a page shows for its product, and what it showed before.

use crate::extract::doc::{Doc, Id};
use crate::extract::profile::money::{self, Money, money};
use crate::extract::tag::Tag;

/// Bytes that a price takes on a page, with what stands beside it.
const PRICE_TEXT: usize = 60;
/// The same where nothing calls it a price.
const BARE_TEXT: usize = 60;
/// Nodes that a price is made of.
const PRICE_NODES: usize = 200;
/// Parts around a price that may say that it is another's.
const AROUND: usize = 3;
/// Nodes between a price of the past and the one beside it.
const BESIDE: usize = 120;
/// Prices of the past that are kept.
const MAX_OLD: usize = 20;

/// The prices that a page shows.
#[derive(Debug, Default)]
pub(super) struct Shown {
    /// What the product costs.
    pub(super) now: Option<Money>,
    /// What is crossed out.
    pub(super) old: Vec<f64>,
}

impl Shown {
    /// Reads them: what stands behind the product's name is its price, before it are carts and banners.
    pub(super) fn of(doc: &Doc<'_>, heading: Id) -> Self {
        let mut shown = Self::default();
        let (mut unsigned, mut struck) = (None, None::<(Id, Money)>);
        for id in (heading..doc.len()).chain(0..heading) {
            let Some(found) = called(doc, id) else { continue };
            if around(doc, id).any(|it| is_past(doc, it)) {
                if shown.old.len() < MAX_OLD {
                    shown.old.push(found.amount);
                }
                struck = struck.or(Some((id, found)));
                continue;
            }
            if around(doc, id).any(|it| is_other(doc, it)) || shown.now.is_some() {
                continue;
            }
            // What is crossed out with nothing beside it is what the product costs.
            if let Some((_, found)) = struck.filter(|it| id.abs_diff(it.0) > BESIDE) {
                shown.old.retain(|it| (it - found.amount).abs() > f64::EPSILON);
                shown.now = Some(found);
                continue;
            }
            match found.currency {
                Some(_) => shown.now = Some(found),
                None => unsigned = unsigned.or(Some(found)),
            }
        }
        let struck = struck.map(|it| it.1);
        shown.now = shown.now.or(unsigned).or_else(|| bare(doc, heading)).or(struck);
        shown
    }
}

fn around(doc: &Doc<'_>, id: Id) -> impl Iterator<Item = Id> {
    doc.around(id).take(AROUND)
}

/// The amount in a part that calls itself a price; the innermost, because those around may hold several.
fn called(doc: &Doc<'_>, id: Id) -> Option<Money> {
    let node = doc.node(id);
    let may = node.tag != Tag::Text
        && (1..=PRICE_TEXT).contains(&node.text)
        && node.end - id <= PRICE_NODES;
    if !may || !is_called_price(doc, id) || is_hidden(doc, id) {
        return None;
    }
    let holds = |it: Id| doc.folded_text(it).bytes().any(|it| it.is_ascii_digit());
    if (id + 1..node.end).any(|it| is_called_price(doc, it) && holds(it)) {
        return None;
    }
    let found = money(&doc.folded_text(id))?;
    if found.currency.is_some() {
        return Some(found);
    }
    // The currency may stand beside the part that holds the number.
    let outer = doc.around(id).skip(1).take(2).filter(|it| doc.node(*it).text <= PRICE_TEXT);
    let signed = outer.filter_map(|it| money::priced(&doc.folded_text(it)));
    Some(signed.into_iter().find(|it| (it.amount - found.amount).abs() < 0.001).unwrap_or(found))
}

/// The first amount behind the heading with its currency, in a short text that nothing calls a price.
fn bare(doc: &Doc<'_>, heading: Id) -> Option<Money> {
    (heading..doc.len()).find_map(|id| {
        let node = doc.node(id);
        let may = node.tag.is_block()
            && (2..=BARE_TEXT).contains(&node.text)
            && node.linked < node.text
            && !node.has_block
            && !is_hidden(doc, id)
            && !around(doc, id).any(|it| is_past(doc, it) || is_other(doc, it));
        let struck = |it: Id| doc.node(it).hidden || is_struck(doc, it);
        may.then(|| money::priced(&doc.line(id, struck))).flatten()
    })
}

fn is_hidden(doc: &Doc<'_>, id: Id) -> bool {
    doc.around(id).any(|it| doc.node(it).hidden)
}

fn is_called_price(doc: &Doc<'_>, id: Id) -> bool {
    doc.tag(id) != Tag::Text
        && doc.attrs(id).any(|(name, value)| {
            matches!(name, "class" | "id" | "itemprop" | "data-testid")
                && value.to_ascii_lowercase().contains("price")
        })
}

fn is_named(doc: &Doc<'_>, id: Id, words: &[&str]) -> bool {
    doc.attrs(id).any(|(name, value)| {
        let value = value.to_ascii_lowercase();
        matches!(name, "class" | "id") && words.iter().any(|it| value.contains(it))
    })
}

/// Whether a price is one of the past.
pub(in crate::extract::profile) fn is_past(doc: &Doc<'_>, id: Id) -> bool {
    const OLD: [&str; 13] = [
        "old",
        "was",
        "strike",
        "struck",
        "regular",
        "compare",
        "list-price",
        "original",
        "crossed",
        "barred",
        "before",
        "rrp",
        "msrp",
    ];
    is_struck(doc, id) || is_named(doc, id, &OLD)
}

fn is_struck(doc: &Doc<'_>, id: Id) -> bool {
    matches!(doc.tag(id), Tag::Del | Tag::S | Tag::Strike)
}

/// Whether a price is that of something else: of another product, of a part, without tax.
fn is_other(doc: &Doc<'_>, id: Id) -> bool {
    const OTHER: [&str; 21] = [
        "related",
        "recommend",
        "similar",
        "upsell",
        "cross-sell",
        "shipping",
        "delivery",
        "unit",
        "price-tax",
        "ex-tax",
        "excl",
        "subscri",
        "instal",
        "month",
        "loan",
        "credit",
        "financ",
        "saving",
        "discount",
        "minicart",
        "mini-cart",
    ];
    matches!(doc.tag(id), Tag::Aside | Tag::Footer | Tag::Nav) || is_named(doc, id, &OTHER)
}
