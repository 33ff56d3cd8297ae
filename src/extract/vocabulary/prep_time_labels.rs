/// Labels of the time to prepare a recipe.
pub(crate) const PREP_TIME_LABELS: &[&str] = &[
    "active time",
    "hands-on time",
    "prep",
    "prep time",
    "preparación",
    "preparation time",
    "préparation",
    "tempo di preparazione",
    "voorbereidingstijd",
    "vorbereitungszeit",
];
