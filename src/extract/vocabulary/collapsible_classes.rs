/// Class words of parts that a reader unfolds: tabs, accordions, answers.
pub(crate) const COLLAPSIBLE_CLASSES: &[&str] = &[
    "accordion",
    "answer",
    "collapse",
    "collapsible",
    "disclosure",
    "expandable",
    "faq",
    "faqs",
    "math",
    "panel",
    "tab",
    "tabpanel",
    "tabs",
    "toggle",
];
