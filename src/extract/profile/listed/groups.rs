//! Elements that look alike, by their names and classes and those of what is around them.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::Value;

use super::MAX_THINGS;
use super::card::Card;
use crate::extract::address::Base;
use crate::extract::doc::{Doc, Id};
use crate::extract::layout::{Frame, Layout};
use crate::extract::tag::Tag;

/// Things that make a list.
const FEWEST: usize = 3;
/// Nodes that a thing is made of.
const MAX_NODES: usize = 2_000;
/// How often each node of a page is looked at on the average: groups lie within groups.
const LOOKS: usize = 20;
/// Groups that are looked at.
const MAX_GROUPS: usize = 2_000;

/// A list and how much it says.
struct List {
    worth: usize,
    first: Id,
    things: Vec<Value>,
}

/// The lists of things in one form, the one that says most first.
pub(super) fn lists(doc: &Doc<'_>, layout: &Layout, base: &Base) -> Vec<Vec<Value>> {
    let mut fuel = doc.len() * LOOKS;
    let mut lists: Vec<List> = Vec::new();
    for group in groups(doc, layout) {
        let nodes: usize = group.iter().map(|it| doc.end(*it) - it).sum();
        let Some(left) = fuel.checked_sub(nodes) else { break };
        fuel = left;
        lists.extend(list(doc, base, &group));
    }
    lists.sort_by(|one, other| other.worth.cmp(&one.worth).then(one.first.cmp(&other.first)));
    lists.into_iter().map(|it| it.things).collect()
}

/// Elements of the same shape in elements of the same shape, none within another, outside of what frames
/// the content.
fn groups(doc: &Doc<'_>, layout: &Layout) -> Vec<Vec<Id>> {
    let mut places: HashMap<(u64, u64), usize> = HashMap::new();
    let mut groups: Vec<Vec<Id>> = Vec::new();
    let mut id = doc.body() + 1;
    while id < doc.end(doc.body()) {
        let node = doc.node(id);
        if node.hidden || matches!(layout.frame(id), Frame::Sure | Frame::Offers) {
            id = node.end;
            continue;
        }
        if node.tag != Tag::Text && node.text > 0 && node.end - id <= MAX_NODES {
            let shape = (shape(doc, id), shape(doc, node.parent));
            let place = *places.entry(shape).or_insert_with(|| {
                groups.push(Vec::new());
                groups.len() - 1
            });
            let group = &mut groups[place];
            if group.len() < MAX_THINGS && group.last().is_none_or(|it| doc.end(*it) <= id) {
                group.push(id);
            }
        }
        id += 1;
    }
    groups.retain(|it| it.len() >= FEWEST);
    groups.truncate(MAX_GROUPS);
    groups
}

/// What an element is by its name and its first class, whose digits number it.
fn shape(doc: &Doc<'_>, id: Id) -> u64 {
    let class = doc.attr(id, "class").unwrap_or_default();
    let class = class.split_ascii_whitespace().next().unwrap_or_default();
    let mut hasher = DefaultHasher::new();
    doc.name(id).hash(&mut hasher);
    class.trim_end_matches(|it: char| it.is_ascii_digit()).hash(&mut hasher);
    hasher.finish()
}

/// What a group lists: most of its elements have a name, and each leads to a place of its own.
fn list(doc: &Doc<'_>, base: &Base, group: &[Id]) -> Option<List> {
    let mut cards: Vec<Card> = group.iter().filter_map(|it| Card::of(doc, base, *it)).collect();
    if !are_told_apart(&cards) {
        cards = cards.into_iter().filter_map(Card::renamed).collect();
        if !are_told_apart(&cards) {
            return None;
        }
    }
    let linked = cards.iter().filter(|it| it.url.is_some()).count();
    let places = distinct(cards.iter().filter_map(|it| it.url.as_deref()));
    let named = cards.len() >= FEWEST && cards.len() * 10 >= group.len() * 7;
    // Several links of one thing lead to the same place, and what leads nowhere has to say more.
    let apart = places * 10 >= linked * 8 && linked * 2 >= cards.len();
    let said: usize = cards.iter().map(Card::worth).sum();
    if !(named && (apart || linked == 0 && said >= 3 * cards.len())) {
        return None;
    }
    // What says much of each thing goes before what lists many.
    let worth = said * said / cards.len();
    let first = *group.first()?;
    Some(List { worth, first, things: cards.into_iter().map(Card::into_value).collect() })
}

/// Whether most things have a name of their own.
fn are_told_apart(cards: &[Card]) -> bool {
    distinct(cards.iter().map(|it| it.name.as_str())) * 2 >= cards.len()
}

fn distinct<'a>(texts: impl Iterator<Item = &'a str>) -> usize {
    texts.collect::<HashSet<_>>().len()
}
