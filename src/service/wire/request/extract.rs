//! An extraction from a document in the body.

use std::time::Duration;

use serde_json::Value;

use crate::core::request::{DocumentType, ExtractionCache, Format, Item, Profile, ValidationError};
use crate::service::wire::request::fields::{Fields, Lookups, put};
use crate::service::wire::request::item::max_credits;

/// The body of `POST /extract`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireExtract {
    /// The document.
    pub document: String,
    /// Type of the document. Defaults to HTML.
    pub document_type: DocumentType,
    /// Options of the extraction; the URL is `source_url`, empty if there is none. The format defaults to `json`.
    pub options: Item,
    /// Use of the cache. Defaults to `auto`.
    pub cache: ExtractionCache,
    /// Time for which the result is cached.
    pub cache_ttl: Option<Duration>,
}

/// Reads the body of `POST /extract`.
///
/// # Errors
///
/// The first error in a field.
pub fn read_extract(value: &Value) -> Result<WireExtract, ValidationError> {
    read_extract_with(value, None)
}

/// Reads an extraction, and adds the look-ups of its fields to `lookups`.
pub(in crate::service::wire) fn read_extract_with(
    value: &Value,
    lookups: Option<&Lookups>,
) -> Result<WireExtract, ValidationError> {
    let fields = Fields::of(value, "body", lookups)?;
    let document = fields.text("content")?;
    let mut document_type = DocumentType::default();
    put(&mut document_type, fields.word("content_type")?);
    let mut options = Item::get(fields.text("source_url")?.unwrap_or_default());
    options.formats = fields.words("formats")?.unwrap_or_else(|| vec![Format::Json]);
    options.extraction_schema = fields.value("extraction_schema").cloned();
    options.extraction_prompt = fields.text("extraction_prompt")?;
    options.extraction_profile = profile(fields)?;
    options.extraction_provider = fields.word("extraction_provider")?;
    options.extraction_model = fields.text("extraction_model")?;
    fields.flag("evidence", &mut options.evidence)?;
    fields.flag("filter_content", &mut options.filter_content)?;
    fields.flag("promote_schema_org", &mut options.promote_schema_org)?;
    put(&mut options.timeout, fields.seconds("timeout")?);
    if let Some(inside) = fields.object("cost_controls")? {
        options.cost_controls.max_credits = max_credits(inside)?;
    }
    let cache = fields.word("cache")?.unwrap_or_default();
    let cache_ttl = fields.whole("cache_ttl")?.map(Duration::from_secs);
    let Some(document) = document else {
        return Err(ValidationError::new("content", "is missing; add the document as a string"));
    };
    Ok(WireExtract { document, document_type, options, cache, cache_ttl })
}

/// Reads the profile, under either of its names.
fn profile(fields: Fields<'_>) -> Result<Profile, ValidationError> {
    let profile = fields.word("extraction_profile")?;
    let template = fields.word("extraction_template")?;
    if profile.is_some() && template.is_some() {
        let reason = "is another name of `extraction_profile`: send one of them";
        return Err(ValidationError::new("extraction_template", reason));
    }
    Ok(profile.or(template).unwrap_or(Profile::Auto))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_extraction_needs_a_document_and_has_one_profile() {
        let field = |value: Value| read_extract(&value).expect_err("refused").field();

        let plain = read_extract(&json!({ "content": "<p>a</p>", "cache": null })).expect("valid");
        assert_eq!(plain.options.formats, [Format::Json]);
        assert_eq!((plain.document_type, plain.cache), Default::default());
        let template = json!({ "content": "a", "extraction_template": "product" });
        let template = read_extract(&template).expect("valid");
        assert_eq!(template.options.extraction_profile, Profile::Product);
        let both =
            json!({ "content": "a", "extraction_template": "faq", "extraction_profile": "faq" });
        assert_eq!(field(both), "extraction_template");
        assert_eq!(field(json!({})), "content");
        assert_eq!(field(json!({ "content": 1 })), "content");
        assert_eq!(field(json!({ "content": "a", "content_type": "pdf" })), "content_type");
        assert_eq!(field(json!({ "content": "a", "cache": true })), "cache");
    }
}
