/// Beginnings of the words for servings, as in `4 portions`.
pub(crate) const SERVING_WORDS: &[&str] = &[
    "annos", "fő", "people", "pers.", "person", "porci", "portion", "porzion", "porç", "serving",
    "порц", "人分",
];
