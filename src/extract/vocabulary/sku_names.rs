/// Ends of the classes, ids and data attributes of elements that hold a product number, without punctuation.
pub(crate) const SKU_NAMES: &[&str] = &[
    "articlenumber",
    "catnumber",
    "itemcode",
    "itemnumber",
    "prdcode",
    "productcode",
    "productnumber",
    "productref",
    "productreference",
    "productsku",
    "sku",
];
