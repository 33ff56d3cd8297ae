/// Types of schema.org for things for sale.
pub(crate) const PRODUCT_TYPES: &[&str] =
    &["Car", "IndividualProduct", "Product", "ProductGroup", "ProductModel", "Vehicle"];
