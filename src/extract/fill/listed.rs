//! Fills a list of objects from the records of a page that cover most of the requested fields.

use std::ops::Range;

use serde_json::Value;

use crate::extract::dom::doc::Id;
use crate::extract::page_index::{HeadPlace, RecordSet};
use crate::schema::FieldType;

use super::plan::{FieldPlan, Shape};
use super::shown::{Found, PageReader};

/// Records of a set that are read to judge it.
const SAMPLE: usize = 3;
/// Times that each node of a page is read on average to judge all sets: sets lie within sets.
const READS: usize = 3;
/// The least percent of the fields that records must have, and where the page calls the records as the schema does.
const COVERED: usize = 60;
const COVERED_IF_NAMED: usize = 34;
/// Points of a set whose name fits.
const NAMED: usize = 40;

/// The records of a list with the places of their values.
#[derive(Debug, Default)]
pub(super) struct Listed {
    pub(super) values: Vec<Value>,
    /// By record and field.
    pub(super) notes: Vec<(String, Found)>,
}

/// Returns the objects of the set of records that covers most of the fields.
pub(super) fn fill(
    reader: &mut PageReader<'_, '_, '_>,
    plan: &FieldPlan<'_>,
    within: Option<&Range<Id>>,
) -> Option<Listed> {
    let index = reader.index;
    let requested = leaves(plan);
    if requested == 0 {
        return None;
    }
    let mut best: Option<(usize, usize, &RecordSet)> = None;
    let mut left = index.doc.len() * READS;
    // Sets that the page calls what the schema does are read first.
    let mut sets: Vec<&RecordSet> = index.sets().iter().collect();
    sets.sort_by_cached_key(|it| !is_named(plan, it));
    for set in sets {
        let inside = |range: &Range<Id>| {
            set.records.first().is_some_and(|it| range.start <= it.start && it.start < range.end)
        };
        if within.is_some_and(|it| !inside(it)) {
            continue;
        }
        let nodes: usize = sample(set).map(ExactSizeIterator::len).sum();
        let Some(rest) = left.checked_sub(nodes) else { continue };
        left = rest;
        let (percent, sure) = coverage(reader, plan, set, requested);
        let named = is_named(plan, set);
        let least = if named { COVERED_IF_NAMED } else { COVERED };
        // Any list of links has titles and addresses: something must tell that this is the one.
        if percent < least || !(named || sure) {
            continue;
        }
        let points = percent + if named { NAMED } else { 0 };
        let size = set.records.len();
        // Of two sets that cover as much the larger one has the single things.
        if best.as_ref().is_none_or(|it| points > it.0 || (points == it.0 && size > it.1)) {
            best = Some((points, size, set));
        }
    }
    let (_, _, set) = best?;
    let mut listed = Listed::default();
    for range in &set.records {
        let (object, notes) = reader.object(plan, range);
        if object.values().all(Value::is_null) {
            continue;
        }
        let at = listed.values.len();
        listed.notes.extend(notes.into_iter().map(|(path, it)| (format!("{at}.{path}"), it)));
        listed.values.push(Value::Object(object));
    }
    (!listed.values.is_empty()).then_some(listed)
}

/// Returns the percent of the fields that the first records have, and `true` if one of them is recognized by more than
/// the form of a record.
fn coverage(
    reader: &mut PageReader<'_, '_, '_>,
    plan: &FieldPlan<'_>,
    set: &RecordSet,
    requested: usize,
) -> (usize, bool) {
    let mut filled = 0;
    let mut sure = false;
    let mut count_of_records = 0;
    for range in sample(set) {
        let (object, notes) = reader.object(plan, range);
        filled += object.values().map(count).sum::<usize>();
        count_of_records += 1;
        let asks = |it: &Found| it.value.as_str().is_some_and(|it| it.ends_with('?'));
        sure |=
            notes.iter().any(|(path, it)| it.label.is_some() || asks(it) || is_telling(plan, path));
    }
    (filled * 100 / (requested * count_of_records).max(1), sure)
}

/// Returns some records, spread over the set: its first records may be a heading or an advertisement.
fn sample(set: &RecordSet) -> impl Iterator<Item = &Range<Id>> {
    let count = set.records.len().min(SAMPLE);
    (0..count).filter_map(move |at| set.records.get(at * set.records.len() / count))
}

/// Returns `true` if the page calls the records of a set what the schema calls the list.
fn is_named(plan: &FieldPlan<'_>, set: &RecordSet) -> bool {
    set.names.iter().any(|it| {
        plan.words.likeness(it, HeadPlace::Either).is_some_and(|it| it >= 75)
            || plan.words.likeness_of_name(it).is_some()
    })
}

/// Returns `true` for a field whose form not every record has.
fn is_telling(plan: &FieldPlan<'_>, path: &str) -> bool {
    let field = plan.fields.iter().find(|it| it.name == path);
    field.is_some_and(|it| {
        matches!(it.shape, Shape::Day | Shape::Money | Shape::Rating | Shape::Phone | Shape::Email)
    })
}

fn count(value: &Value) -> usize {
    match value {
        Value::Null => 0,
        Value::Object(fields) => fields.values().map(count).sum(),
        _ => 1,
    }
}

fn leaves(plan: &FieldPlan<'_>) -> usize {
    let inner = |it: &FieldPlan<'_>| {
        if it.wanted.kind == Some(FieldType::Object) && !it.fields.is_empty() {
            leaves(it)
        } else {
            1
        }
    };
    plan.fields.iter().map(inner).sum()
}
