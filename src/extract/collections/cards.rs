//! Finds elements that look alike, by their names and classes and those of their parents.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::Value;

use super::MAX_THINGS;
use super::card::Card;
use crate::extract::dom::address::Base;
use crate::extract::dom::doc::{Doc, Id};
use crate::extract::dom::tag::Tag;
use crate::extract::main_content::{Boilerplate, BoilerplateMap};

/// Things that make a collection.
const FEWEST: usize = 3;
/// Nodes of one thing.
const MAX_NODES: usize = 2_000;
/// Times that each node of a page is read on average: groups lie within groups.
const READS: usize = 20;
/// Groups that are read.
const MAX_GROUPS: usize = 2_000;

/// Percent of the elements of a group that must have a name, and of their links that must lead to
/// different pages. Chosen by hand: advertisements stand between the entries of most lists.
const NAMED: usize = 70;
const DIFFERENT: usize = 80;
/// Values of each thing of a collection without links.
const VALUES_WITHOUT_LINKS: usize = 3;

/// A collection and its rank.
struct Collection {
    rank: usize,
    first: Id,
    things: Vec<Value>,
}

/// Returns the collections of a page, the one with the most values first.
pub(super) fn find(doc: &Doc<'_>, boilerplate: &BoilerplateMap, base: &Base) -> Vec<Vec<Value>> {
    let mut fuel = doc.len() * READS;
    let mut found: Vec<Collection> = Vec::new();
    for group in groups(doc, boilerplate) {
        let nodes: usize = group.iter().map(|it| doc.end(*it) - it).sum();
        let Some(left) = fuel.checked_sub(nodes) else { break };
        fuel = left;
        found.extend(collection(doc, base, &group));
    }
    found.sort_by(|one, other| other.rank.cmp(&one.rank).then(one.first.cmp(&other.first)));
    found.into_iter().map(|it| it.things).collect()
}

/// Groups elements of one shape whose parents have one shape. No element of a group contains another, and
/// certain boilerplate is skipped.
fn groups(doc: &Doc<'_>, boilerplate: &BoilerplateMap) -> Vec<Vec<Id>> {
    let mut places: HashMap<(u64, u64), usize> = HashMap::new();
    let mut groups: Vec<Vec<Id>> = Vec::new();
    let mut id = doc.body() + 1;
    while id < doc.end(doc.body()) {
        let node = doc.node(id);
        if node.hidden
            || matches!(boilerplate.of_node(id), Boilerplate::Certain | Boilerplate::Offers)
        {
            id = node.end;
            continue;
        }
        if node.tag != Tag::Text && node.text > 0 && node.end - id <= MAX_NODES {
            let shape = (shape_hash(doc, id), shape_hash(doc, node.parent));
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

/// Hashes the name of an element and its first class, without the digits that number it.
fn shape_hash(doc: &Doc<'_>, id: Id) -> u64 {
    let class = doc.attr(id, "class").unwrap_or_default();
    let class = class.split_ascii_whitespace().next().unwrap_or_default();
    let mut hasher = DefaultHasher::new();
    doc.name(id).hash(&mut hasher);
    class.trim_end_matches(|it: char| it.is_ascii_digit()).hash(&mut hasher);
    hasher.finish()
}

/// Reads a group. It is a collection if most elements have a name and most links lead to different pages.
fn collection(doc: &Doc<'_>, base: &Base, group: &[Id]) -> Option<Collection> {
    let mut cards: Vec<Card> = group.iter().filter_map(|it| Card::of(doc, base, *it)).collect();
    if !have_distinct_names(&cards) {
        cards = cards.into_iter().filter_map(Card::renamed).collect();
        if !have_distinct_names(&cards) {
            return None;
        }
    }
    let linked = cards.iter().filter(|it| it.url.is_some()).count();
    let places = distinct(cards.iter().filter_map(|it| it.url.as_deref()));
    let named = cards.len() >= FEWEST && cards.len() * 100 >= group.len() * NAMED;
    // Links of one thing repeat an address; a group without links needs more values instead.
    let apart = places * 100 >= linked * DIFFERENT && linked * 2 >= cards.len();
    let values: usize = cards.iter().map(Card::value_count).sum();
    if !(named && (apart || linked == 0 && values >= VALUES_WITHOUT_LINKS * cards.len())) {
        return None;
    }
    // Many values for each thing rank before many things.
    let rank = values * values / cards.len();
    let first = *group.first()?;
    Some(Collection { rank, first, things: cards.into_iter().map(Card::into_value).collect() })
}

/// Returns `true` if at least half of the names are different.
fn have_distinct_names(cards: &[Card]) -> bool {
    distinct(cards.iter().map(|it| it.name.as_str())) * 2 >= cards.len()
}

fn distinct<'a>(texts: impl Iterator<Item = &'a str>) -> usize {
    texts.collect::<HashSet<_>>().len()
}
