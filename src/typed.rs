//! Fields as values of the application's own types, whose schemas schemars derives.
//!
//! A derived schema follows the same rules as any other. No value is invented: a field that a page may lack must be an
//! `Option` or have a default.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::core::request::Item;
use crate::engine::{Engine, Page};
use crate::error::Error;

/// An error returned by [`Page::fields_as`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FieldsError {
    /// The page has no fields, because its item requested none.
    #[error("the page has no fields: give its item a schema, as with `Item::schema_of`")]
    NoSchema,
    /// A field is missing or has another type.
    #[error(
        "the page's fields do not match {name} ({source}): make fields that pages may lack an `Option`"
    )]
    Shape {
        /// The name of the type.
        name: &'static str,
        /// The field, and what is wrong with it.
        source: serde_json::Error,
    },
}

impl Item {
    /// Sets `extraction_schema` to the schema derived from `T`, replacing an earlier one.
    ///
    /// Names are those that serde reads. The documentation of a field is its description, and helps to find it: up to
    /// its first comma it is another name of the field.
    ///
    /// # Example
    ///
    /// ```
    /// use rungs::core::request::Item;
    ///
    /// #[derive(serde::Deserialize, schemars::JsonSchema)]
    /// struct Product {
    ///     name: String,
    ///     weight_kg: Option<f64>,
    /// }
    ///
    /// let item = Item::get("https://shop.example/barrel").schema_of::<Product>();
    ///
    /// let schema = item.extraction_schema.expect("a schema");
    /// assert_eq!(schema["properties"]["name"]["type"], "string");
    /// ```
    pub fn schema_of<T: JsonSchema>(self) -> Self {
        self.schema(schemars::schema_for!(T).to_value())
    }
}

impl Page {
    /// Returns the fields filled from the item's schema as a value of a type.
    ///
    /// A field without a value counts as missing, so that `Option` and `#[serde(default)]` apply to it.
    ///
    /// # Errors
    ///
    /// [`FieldsError`] if the item has no schema, or if a field that the type requires is missing or of another type.
    pub fn fields_as<T: DeserializeOwned>(&self) -> Result<T, FieldsError> {
        let fields = self.fields().ok_or(FieldsError::NoSchema)?;
        let short = std::any::type_name::<T>().rsplit("::").next().unwrap_or_default();
        serde_json::from_value(without_nulls(fields))
            .map_err(|source| FieldsError::Shape { name: short, source })
    }
}

impl Engine {
    /// Submits a batch of one page, waits for it and returns its fields as a value of a type.
    ///
    /// # Errors
    ///
    /// As [`Engine::scrape`], and [`Error::Fields`] if the page lacks a field that the type requires. In this case the
    /// page was fetched and charged: use [`Engine::scrape`] and [`Page::fields_as`] to keep it.
    pub async fn scrape_as<T>(&self, item: impl Into<Item>) -> Result<T, Error>
    where
        T: DeserializeOwned + JsonSchema,
    {
        let report = self.scrape(item.into().schema_of::<T>()).await?;
        Ok(report.result()?.fields_as()?)
    }
}

/// Copies a value without the fields of objects that are null. The recursion is bounded, like the depth of a result.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let given = fields.iter().filter(|it| !it.1.is_null());
            given.map(|(name, it)| (name.clone(), without_nulls(it))).collect()
        }
        Value::Array(all) => all.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Debug, PartialEq, serde::Deserialize, JsonSchema)]
    struct Offer {
        price: f64,
    }

    #[derive(Debug, PartialEq, serde::Deserialize, JsonSchema)]
    struct Product {
        name: String,
        sku: Option<String>,
        #[serde(default)]
        colors: Vec<String>,
        offer: Option<Offer>,
    }

    fn page(fields: Option<Value>) -> Page {
        let mut page = Page::default();
        page.extracted.filtered_content = fields;
        page
    }

    #[test]
    fn a_field_without_a_value_is_missing() {
        let fields =
            json!({ "name": "Chair", "sku": null, "colors": null, "offer": { "price": 9 } });

        let product: Product = page(Some(fields)).fields_as().expect("a product");

        let offer = Some(Offer { price: 9.0 });
        let wanted = Product { name: "Chair".to_owned(), sku: None, colors: Vec::new(), offer };
        assert_eq!(product, wanted);
    }

    #[test]
    fn a_field_that_a_type_requires_is_named_by_the_error() {
        let error = page(Some(json!({ "name": null }))).fields_as::<Product>();

        let Err(FieldsError::Shape { name: "Product", source }) = error else {
            panic!("{error:?}");
        };
        assert!(source.to_string().contains("missing field `name`"), "{source}");
        let none = page(None).fields_as::<Product>();
        assert!(matches!(none, Err(FieldsError::NoSchema)), "{none:?}");
    }
}
