//! A thing of a collection: its name, its address, and the other values that the page shows of it.

use serde_json::Value;

use super::present;
use crate::extract::dom::address::Base;
use crate::extract::dom::doc::{Doc, Id};
use crate::extract::dom::folding::folded;
use crate::extract::dom::image::image_source;
use crate::extract::dom::past_price::is_past;
use crate::extract::dom::tag::Tag;
use crate::extract::value::date::day;
use crate::extract::value::money::{self, Money};
use crate::extract::value::number::decimal;

/// Bytes of a name.
const LONGEST_NAME: usize = 300;
/// Bytes of an element that is read for a price.
const LONGEST_PRICE: usize = 40;
/// Bytes of a paragraph that is a description.
const SHORTEST_WORDS: usize = 30;

/// A thing while it is read.
#[derive(Debug, Default)]
pub(super) struct Card {
    pub(super) name: String,
    /// The first words of the element or the text of its image, outside of any link.
    other_name: Option<String>,
    pub(super) url: Option<String>,
    image: Option<String>,
    price: Option<Money>,
    date: Option<String>,
    description: Option<String>,
    headed: bool,
}

impl Card {
    /// Reads an element. Returns `None` if nothing in it is a name.
    pub(super) fn of(doc: &Doc<'_>, base: &Base, id: Id) -> Option<Self> {
        if !may_have_name(doc, id) {
            return None;
        }
        let mut card = Self::default();
        let mut heading: Option<Id> = None;
        let mut link: Option<Id> = None;
        let mut priced: Option<Id> = None;
        let mut at = id;
        while at < doc.end(id) {
            let node = doc.node(at);
            if node.hidden {
                at = node.end;
                continue;
            }
            match node.tag {
                Tag::H1 | Tag::H2 | Tag::H3 | Tag::H4 | Tag::H5 | Tag::H6 if node.text > 0 => {
                    heading = heading.or(Some(at));
                }
                // The longest link is the name, and the others are buttons.
                Tag::A if leads(doc, base, at).is_some() => {
                    link = link.filter(|it| doc.node(*it).text >= node.text).or(Some(at));
                }
                Tag::Img => {
                    card.image = card.image.or_else(|| image_source(doc, at, base));
                    let words = doc.attr(at, "alt").map(folded).filter(|it| it.len() > 1);
                    card.other_name = card.other_name.or(words);
                }
                Tag::Text if card.other_name.is_none() => card.other_name = words(doc, at),
                Tag::Time => {
                    card.date = card.date.or_else(|| day(doc.attr(at, "datetime")?));
                }
                Tag::P if node.text >= SHORTEST_WORDS && card.description.is_none() => {
                    card.description = Some(doc.folded_text(at));
                }
                _ => {}
            }
            // The innermost element with a price: those around it also hold a name or another number.
            let inside = priced.is_none_or(|it| at < doc.end(it));
            if let Some(price) = (inside && node.tag != Tag::Text).then(|| price(doc, at)).flatten()
            {
                card.price = Some(price);
                priced = Some(at);
            }
            at += 1;
        }
        card.headed = heading.is_some();
        let around = link_around(doc, id);
        let named = heading.or(link).or((around.is_some()).then_some(id))?;
        card.name = name(doc, named);
        let of_heading = heading.and_then(|it| {
            let inside = (it..doc.end(it)).find(|it| doc.tag(*it) == Tag::A);
            inside.or_else(|| doc.around(it).take(3).find(|it| doc.tag(*it) == Tag::A))
        });
        let leading = of_heading.or(link).or(around);
        card.url = leading.and_then(|it| leads(doc, base, it));
        if card.name.is_empty() || card.name.len() > LONGEST_NAME {
            return None;
        }
        Some(card)
    }

    /// Renames the thing to its first words, for things whose links all have one text, such as `View
    /// details`.
    pub(super) fn renamed(self) -> Option<Self> {
        let name = self.other_name.clone()?;
        Some(Self { name, ..self })
    }

    /// Counts the values that the thing has; a price counts twice.
    pub(super) fn value_count(&self) -> usize {
        1 + usize::from(self.url.is_some())
            + usize::from(self.headed)
            + usize::from(self.image.is_some())
            + 2 * usize::from(self.price.is_some())
            + usize::from(self.date.is_some())
            + usize::from(self.description.is_some())
    }

    pub(super) fn into_value(self) -> Value {
        let currency = self.price.and_then(|it| it.currency);
        present([
            ("name", Some(self.name.into())),
            ("url", self.url.map(Value::from)),
            ("image", self.image.map(Value::from)),
            ("price", self.price.map(|it| decimal(it.amount))),
            ("currency", currency.map(Value::from)),
            ("date", self.date.map(Value::from)),
            ("description", self.description.map(Value::from)),
        ])
    }
}

/// Returns the link close around a thing.
fn link_around(doc: &Doc<'_>, id: Id) -> Option<Id> {
    doc.around(id).skip(1).take(2).find(|it| doc.tag(*it) == Tag::A)
}

/// Returns `false` for an element that has neither a heading nor a link, inside or around: most groups are of those.
fn may_have_name(doc: &Doc<'_>, id: Id) -> bool {
    let names = |it: Id| doc.tag(it) == Tag::A || doc.tag(it).level().is_some();
    (id..doc.end(id)).any(names) || link_around(doc, id).is_some()
}

/// Reads the name in a heading or a link. A link around the whole thing begins with its name.
fn name(doc: &Doc<'_>, id: Id) -> String {
    let elements = (id + 1..doc.end(id)).filter(|it| doc.tag(*it) != Tag::Text);
    let parts = elements.filter(|it| doc.node(*it).text > 1 && !doc.node(*it).hidden).count();
    if parts < 2 {
        return doc.folded_text(id);
    }
    (id + 1..doc.end(id)).find_map(|it| words(doc, it)).unwrap_or_default()
}

/// Reads a text that may be a name. Dates and prices are not names.
fn words(doc: &Doc<'_>, id: Id) -> Option<String> {
    let text = doc.text(id)?.trim();
    let around = doc.node(doc.node(id).parent);
    let may = text.len() > 1 && !around.hidden && around.tag != Tag::Time;
    (may && money::priced(text).is_none()).then(|| folded(text))
}

/// Returns the address of a link to another page.
fn leads(doc: &Doc<'_>, base: &Base, id: Id) -> Option<String> {
    let target = doc.attr(id, "href")?.trim();
    let another = !target.is_empty() && !target.starts_with('#');
    let address = another.then(|| base.absolute(target)).flatten()?;
    address.starts_with("http").then_some(address)
}

/// Reads the price in a short element, without the crossed-out parts.
fn price(doc: &Doc<'_>, id: Id) -> Option<Money> {
    let node = doc.node(id);
    let texts = || (id..node.end).filter_map(|it| doc.text(it));
    if !(2..=LONGEST_PRICE).contains(&node.text)
        || !texts().any(money::may_have_digit)
        || is_past(doc, id)
    {
        return None;
    }
    money::priced(&doc.line(id, |it| doc.node(it).hidden || is_past(doc, it)))
}
