//! Reads the price that a page shows for its product, and its past prices.

use std::ops::Range;

use crate::extract::dom::doc::{Doc, Id};
use crate::extract::dom::past_price::{contains_part, has_class_part, is_past, is_struck};
use crate::extract::dom::tag::Tag;
use crate::extract::value::money::{self, Money, money};
use crate::extract::vocabulary::OTHER_PRICE_CLASSES;

/// Bytes of an element that is marked as a price.
const PRICE_TEXT: usize = 60;
/// Bytes of a price without such a mark.
const BARE_TEXT: usize = 60;
/// Bytes of a price that is not a block of its own.
const SPAN_TEXT: usize = 20;
/// Nodes of a price.
const PRICE_NODES: usize = 200;
/// Nodes in front of the heading among which a price is not that of a banner.
const ABOVE: usize = 40;
/// Elements around a price that may mark it as another's.
const AROUND: usize = 3;
/// Nodes between a price of the past and the one beside it.
const BESIDE: usize = 120;
/// Prices of the past that are kept.
const MAX_PAST: usize = 20;

/// The prices that a page shows.
#[derive(Clone, Debug, Default)]
pub(crate) struct VisiblePrices {
    /// The price of the product.
    pub(crate) current: Option<Money>,
    /// The node that shows it.
    pub(crate) at: Id,
    /// `true` if a class or an attribute marks it as a price.
    pub(crate) is_marked: bool,
    /// The prices that no longer hold.
    pub(crate) past: Vec<f64>,
    /// The amounts that are crossed out, marked as prices or not, and their nodes.
    struck: Vec<(Id, f64)>,
}

impl VisiblePrices {
    /// Reads the prices behind the product's name first; in front of it are carts and banners.
    pub(crate) fn of(doc: &Doc<'_>, heading: Id) -> Self {
        let mut prices = Self::default();
        let (mut unsigned, mut struck) = (None::<(Id, Money)>, None::<(Id, Money)>);
        for id in (heading..doc.len()).chain(0..heading) {
            prices.crossed_out(doc, id);
            let Some(found) = labeled_price(doc, id) else { continue };
            if near(doc, id).any(|it| is_past(doc, it)) {
                prices.add_past(found.amount);
                struck = struck.or(Some((id, found)));
                continue;
            }
            if near(doc, id).any(|it| is_other(doc, it)) || prices.current.is_some() {
                continue;
            }
            // A crossed-out price with none beside it is the price of the product.
            if let Some((_, found)) = struck.filter(|it| id.abs_diff(it.0) > BESIDE) {
                prices.past.retain(|it| (it - found.amount).abs() > f64::EPSILON);
                prices.current = Some(found);
                prices.at = id;
                continue;
            }
            match found.currency {
                Some(_) => {
                    prices.current = Some(found);
                    prices.at = id;
                }
                None => unsigned = unsigned.or(Some((id, found))),
            }
        }
        prices.is_marked = prices.current.is_some() || unsigned.is_some();
        if prices.current.is_none() {
            let bare = || {
                unlabeled_price(doc, heading..doc.len(), BARE_TEXT).or_else(|| {
                    unlabeled_price(doc, heading.saturating_sub(ABOVE)..heading, SPAN_TEXT)
                })
            };
            let other = unsigned.or_else(bare).or(struck);
            prices.at = other.map_or(0, |it| it.0);
            prices.current = other.map(|it| it.1);
        }
        prices
    }

    /// Notes the amount in an element that is crossed out, marked as a price or not.
    fn crossed_out(&mut self, doc: &Doc<'_>, id: Id) {
        let node = doc.node(id);
        if node.tag == Tag::Text || !(2..=BARE_TEXT).contains(&node.text) || !is_struck(doc, id) {
            return;
        }
        if let Some(found) = money::priced(&doc.folded_text(id))
            && self.struck.len() < MAX_PAST
        {
            self.struck.push((id, found.amount));
        }
    }

    /// Returns the price that is crossed out beside the current one and higher.
    pub(crate) fn old(&self) -> Option<f64> {
        let current = self.current?.amount;
        let beside =
            self.struck.iter().filter(|it| it.1 > current && it.0.abs_diff(self.at) <= BESIDE);
        let nearest = beside.min_by_key(|it| it.0.abs_diff(self.at)).map(|it| it.1);
        nearest.or_else(|| self.past.first().copied().filter(|it| *it > current))
    }

    fn add_past(&mut self, amount: f64) {
        if self.past.len() < MAX_PAST {
            self.past.push(amount);
        }
    }
}

fn near(doc: &Doc<'_>, id: Id) -> impl Iterator<Item = Id> {
    doc.around(id).take(AROUND)
}

/// Returns the amount in an element that is marked as a price; the innermost, because outer elements may
/// hold several.
fn labeled_price(doc: &Doc<'_>, id: Id) -> Option<Money> {
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
    // Beside a price that is crossed out the other one counts.
    let struck = |it: Id| doc.node(it).hidden || is_struck(doc, it);
    let found = money(&doc.line(id, struck)).or_else(|| money(&doc.folded_text(id)))?;
    if found.currency.is_some() {
        return Some(found);
    }
    // The currency may stand beside the part that holds the number.
    let outer = doc.around(id).skip(1).take(2).filter(|it| doc.node(*it).text <= PRICE_TEXT);
    let signed = outer.filter_map(|it| money::priced(&doc.folded_text(it)));
    Some(signed.into_iter().find(|it| (it.amount - found.amount).abs() < 0.001).unwrap_or(found))
}

/// Returns the first amount with a currency in a range, in a short text without a mark.
fn unlabeled_price(doc: &Doc<'_>, mut range: Range<Id>, longest: usize) -> Option<(Id, Money)> {
    range.find_map(|id| {
        let node = doc.node(id);
        let alone = node.tag == Tag::Span && node.text <= SPAN_TEXT;
        let may = (node.tag.is_block() || alone)
            && (2..=longest).contains(&node.text)
            && node.linked < node.text
            && !node.has_block
            && !is_hidden(doc, id)
            && !near(doc, id).any(|it| is_past(doc, it) || is_other(doc, it));
        let struck = |it: Id| doc.node(it).hidden || is_struck(doc, it);
        may.then(|| money::priced(&doc.line(id, struck))).flatten().map(|it| (id, it))
    })
}

fn is_hidden(doc: &Doc<'_>, id: Id) -> bool {
    doc.around(id).any(|it| doc.node(it).hidden)
}

fn is_called_price(doc: &Doc<'_>, id: Id) -> bool {
    doc.tag(id) != Tag::Text
        && doc.attrs(id).any(|(name, value)| {
            matches!(name, "class" | "id" | "itemprop" | "data-testid")
                && contains_part(value, "price")
        })
}

/// Returns `true` if a price belongs to something else: another product, a part, a price without tax.
fn is_other(doc: &Doc<'_>, id: Id) -> bool {
    matches!(doc.tag(id), Tag::Aside | Tag::Footer | Tag::Nav)
        || has_class_part(doc, id, OTHER_PRICE_CLASSES)
}
