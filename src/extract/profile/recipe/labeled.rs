//! The times and the yield that a recipe's page shows beside their labels.

use crate::extract::dom::doc::Doc;
use crate::extract::dom::labeled::LabeledValues;
use crate::extract::dom::tag::Tag;
use crate::extract::value::duration::minutes;
use crate::extract::value::provenance::{Fields, Source};
use crate::extract::vocabulary::{
    COOK_TIME_LABELS, PREP_TIME_LABELS, SERVING_WORDS, TOTAL_TIME_LABELS, YIELD_LABELS,
};

use super::servings::yields;

/// Times by field: the path that is reported, and the labels.
const TIMES: [(&str, &str, &[&str]); 3] = [
    ("prep_time", "prep time", PREP_TIME_LABELS),
    ("cook_time", "cook time", COOK_TIME_LABELS),
    ("total_time", "total time", TOTAL_TIME_LABELS),
];
/// Bytes of a time; a longer text is a sentence.
const MAX_TIME: usize = 40;
/// Bytes of a yield.
const MAX_YIELD: usize = 60;
/// Characters at the beginning of a yield among which its number stands.
const NUMBER_WITHIN: usize = 12;
/// Bytes of a text that is a yield by itself: `4 portions`.
const MAX_SERVINGS: usize = 24;

/// Fills the times and the yield that structured data lacks.
pub(super) fn fill(fields: &mut Fields, doc: &Doc<'_>) {
    if fields.has("yields") && TIMES.iter().all(|it| fields.has(it.0)) {
        return;
    }
    let labeled = LabeledValues::of(doc);
    if !fields.has("yields") {
        let found = labeled.value(YIELD_LABELS, |it| {
            let near = it.chars().take(NUMBER_WITHIN).any(|it| it.is_ascii_digit());
            (near && it.len() < MAX_YIELD).then(|| it.to_owned())
        });
        let found = found.and_then(|it| yields(&it.into()));
        fields.offer("yields", Source::Dom, "yield", found.map(Into::into));
    }
    if !fields.has("yields") {
        let counted = labeled.find(counts_servings).map(|it| it.to_owned().into());
        fields.offer("yields", Source::Dom, "text", counted);
    }
    // A page whose data has one of the times has no others.
    if TIMES.iter().any(|it| fields.has(it.0)) {
        return;
    }
    // A numbered list holds the steps, whose times are their own.
    let labeled = labeled.outside(Tag::Ol);
    for (field, path, labels) in TIMES {
        let found = labeled.value(labels, |it| {
            let fits = it.len() < MAX_TIME && it.bytes().any(|it| it.is_ascii_digit());
            fits.then(|| it.to_owned())
        });
        fields.offer(field, Source::Dom, path, found.and_then(|it| minutes(&it.into())));
    }
}

/// Returns `true` if a text is a number and the word for servings: `4 portions`.
fn counts_servings(lower: &str) -> bool {
    let rest = lower.trim_start_matches(|it: char| it.is_ascii_digit());
    lower.len() <= MAX_SERVINGS
        && rest.len() < lower.len()
        && SERVING_WORDS.iter().any(|it| rest.trim_start().starts_with(it))
}
