/// Parts of the classes and ids of prices that no longer hold.
pub(crate) const PAST_PRICE_CLASSES: &[&str] = &[
    "barred",
    "before",
    "compare",
    "crossed",
    "list-price",
    "msrp",
    "old",
    "original",
    "regular",
    "rrp",
    "strike",
    "struck",
    "was",
];
