//! The times and the yield that a recipe's page shows beside their labels.

use crate::extract::doc::Doc;
use crate::extract::profile::common::minutes;
use crate::extract::profile::label::Labels;
use crate::extract::profile::{Fields, Source};

use super::yields;

/// What pages call the times.
const TIMES: [(&str, &[&str]); 3] = [
    (
        "prep_time",
        &[
            "prep time",
            "preparation time",
            "prep",
            "hands-on time",
            "active time",
            "vorbereitungszeit",
            "préparation",
            "preparación",
            "tempo di preparazione",
            "voorbereidingstijd",
        ],
    ),
    (
        "cook_time",
        &[
            "cook time",
            "cooking time",
            "bake time",
            "baking time",
            "cook",
            "kochzeit",
            "backzeit",
            "cuisson",
            "cocción",
            "tempo di cottura",
            "kooktijd",
        ],
    ),
    (
        "total_time",
        &[
            "total time",
            "prep & cook time",
            "prep and cook time",
            "total",
            "ready in",
            "time",
            "gesamtzeit",
            "zubereitungszeit",
            "arbeitszeit",
            "temps total",
            "tiempo total",
            "tempo totale",
            "tempo total",
            "bereidingstijd",
            "elkészítési idő",
            "tilberedningstid",
            "tid i alt",
            "valmistusaika",
            "celkový čas",
            "czas przygotowania",
            "время приготовления",
        ],
    ),
];
/// What stands beside how much it makes.
const YIELDS: [&str; 12] = [
    "serves",
    "servings",
    "serving",
    "makes",
    "yields",
    "yield",
    "portionen",
    "personen",
    "portions",
    "personnes",
    "porzioni",
    "porciones",
];

/// What the page shows beside a label.
pub(super) fn fill(fields: &mut Fields, doc: &Doc<'_>) {
    if fields.has("yields") && TIMES.iter().all(|it| fields.has(it.0)) {
        return;
    }
    let labels = Labels::of(doc);
    if !fields.has("yields") {
        let found = labels.value(&YIELDS, |it| {
            let near = it.chars().take(12).any(|it| it.is_ascii_digit());
            (near && it.len() < 60).then(|| it.to_owned())
        });
        fields.offer(
            "yields",
            Source::Dom,
            "yield",
            found.as_deref().map(|it| yields(&it.into()).into()),
        );
        let counted = || labels.find(counts_servings).map(|it| it.to_owned().into());
        if !fields.has("yields") {
            fields.offer("yields", Source::Dom, "text", counted());
        }
    }
    // A page that says one of them as data has no others.
    if TIMES.iter().any(|it| fields.has(it.0)) {
        return;
    }
    for (field, names) in TIMES {
        let found = labels.value(names, |it| {
            let fits = it.len() < 40 && it.bytes().any(|it| it.is_ascii_digit());
            fits.then(|| it.to_owned())
        });
        fields.offer(field, Source::Dom, names[0], found.and_then(|it| minutes(&it.into())));
    }
}

/// Whether a text is a number and what is served: `4 portions`.
fn counts_servings(lower: &str) -> bool {
    const SERVED: [&str; 12] = [
        "serving", "portion", "person", "people", "porci", "porzion", "porç", "pers.", "annos",
        "fő", "порц", "人分",
    ];
    let rest = lower.trim_start_matches(|it: char| it.is_ascii_digit());
    lower.len() <= 24
        && rest.len() < lower.len()
        && SERVED.iter().any(|it| rest.trim_start().starts_with(it))
}
