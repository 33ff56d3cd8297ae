//! The `article` profile: who wrote it, when, and where it appeared.

use serde_json::{Value, json};

use crate::core::request::Profile;
use crate::extract::data::facts::Facts;
use crate::extract::data::property::{
    Property, PropertyContext, as_date, as_images, as_name, as_strings, as_text, property,
    read_properties, strings,
};
use crate::extract::value::provenance::{Fields, Source};

const PROPERTIES: [Property; 13] = [
    property("title", "headline", as_text),
    property("title", "name", as_text),
    property("author", "author", as_name),
    property("author", "creator", as_name),
    property("published_at", "datePublished", as_date),
    property("published_at", "dateCreated", as_date),
    property("modified_at", "dateModified", as_date),
    property("publisher", "publisher", as_name),
    property("section", "articleSection", as_text),
    property("language", "inLanguage", as_text),
    property("description", "description", as_text),
    property("images", "image", as_images),
    property("tags", "keywords", as_strings),
];

pub(super) fn fields(facts: &Facts, context: PropertyContext<'_>) -> Fields {
    let mut fields = Fields::default();
    if let Some((source, item)) = facts.declared.about(Profile::Article) {
        read_properties(&mut fields, source, item, &PROPERTIES, context);
    }
    from_meta(&mut fields, facts, context);
    fields
}

fn from_meta(fields: &mut Fields, facts: &Facts, context: PropertyContext<'_>) {
    let meta = &facts.declared.meta;
    for (field, key) in [
        ("modified_at", "article:modified_time"),
        ("modified_at", "og:updated_time"),
        ("modified_at", "dcterms.modified"),
        ("section", "article:section"),
        ("tags", "keywords"),
        ("publisher", "dc.publisher"),
    ] {
        let Some(text) = meta.get(key).filter(|it| !it.is_empty()) else { continue };
        let value = match field {
            "modified_at" => as_date(&json!(text), context),
            "tags" => Some(strings(&json!(text)).into()),
            _ => Some(text.as_str().into()),
        };
        fields.offer(field, Source::Meta, key, value);
    }
    let opengraph = &facts.declared.opengraph;
    let site = opengraph.get("site_name").cloned();
    fields.offer("publisher", Source::OpenGraph, "site_name", site.map(Value::from));
    let image = opengraph.get("image").and_then(|it| context.base.absolute(it));
    fields.offer("images", Source::OpenGraph, "image", image.map(|it| json!([it])));
    let published = as_date(&json!(facts.published_at), context);
    fields.offer_text("title", Source::Meta, facts.title.as_deref());
    fields.offer_text("author", Source::Meta, facts.author.as_deref());
    fields.offer("published_at", Source::Meta, "published_at", published);
    fields.offer_text("description", Source::Meta, facts.description.as_deref());
    fields.offer_text("language", Source::Meta, facts.language.as_deref());
}
