/// Labels of the amount that a recipe makes.
pub(crate) const YIELD_LABELS: &[&str] = &[
    "makes",
    "personen",
    "personnes",
    "porciones",
    "portionen",
    "portions",
    "porzioni",
    "serves",
    "serving",
    "servings",
    "yield",
    "yields",
];
