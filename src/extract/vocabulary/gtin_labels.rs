/// Labels of a GTIN: EAN, UPC, ISBN.
pub(crate) const GTIN_LABELS: &[&str] = &["ean", "gtin", "isbn", "isbn-13", "isbn13", "upc"];
