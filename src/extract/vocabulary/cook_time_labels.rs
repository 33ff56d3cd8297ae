/// Labels of the time that a recipe cooks or bakes.
pub(crate) const COOK_TIME_LABELS: &[&str] = &[
    "backzeit",
    "bake time",
    "baking time",
    "cocción",
    "cook",
    "cook time",
    "cooking time",
    "cuisson",
    "kochzeit",
    "kooktijd",
    "tempo di cottura",
];
