//! A piece of writing: who wrote it, when, and where it appeared.

use serde_json::{Value, json};

use crate::core::request::Profile;
use crate::extract::address::Base;
use crate::extract::data::Facts;
use crate::extract::profile::common::{date, images, name, strings, text};
use crate::extract::profile::{Fields, Source};

pub(super) fn fields(facts: &Facts, base: &Base) -> Fields {
    let mut fields = Fields::default();
    if let Some((source, item)) = facts.about(Profile::Article) {
        let get = |name: &str| item.get(name).filter(|it| !it.is_null());
        let mut offer = |field, key: &str, value| fields.offer(field, source, key, value);
        for key in ["headline", "name"] {
            offer("title", key, get(key).and_then(text).map(Value::from));
        }
        for key in ["author", "creator"] {
            offer("author", key, get(key).and_then(|it| name(facts, it)).map(Value::from));
        }
        for key in ["datePublished", "dateCreated"] {
            offer("published_at", key, get(key).and_then(date).map(Value::from));
        }
        offer("modified_at", "dateModified", get("dateModified").and_then(date).map(Value::from));
        let publisher = get("publisher").and_then(|it| name(facts, it));
        offer("publisher", "publisher", publisher.map(Value::from));
        offer("section", "articleSection", get("articleSection").and_then(text).map(Value::from));
        offer("language", "inLanguage", get("inLanguage").and_then(text).map(Value::from));
        offer("description", "description", get("description").and_then(text).map(Value::from));
        offer("images", "image", get("image").map(|it| images(facts, base, it).into()));
        offer("tags", "keywords", get("keywords").map(|it| strings(it).into()));
    }
    from_meta(&mut fields, facts, base);
    fields
}

fn from_meta(fields: &mut Fields, facts: &Facts, base: &Base) {
    let meta = |name: &str| facts.meta.get(name).filter(|it| !it.is_empty());
    for (field, key) in [
        ("modified_at", "article:modified_time"),
        ("modified_at", "og:updated_time"),
        ("modified_at", "dcterms.modified"),
        ("section", "article:section"),
        ("tags", "keywords"),
        ("publisher", "dc.publisher"),
    ] {
        let Some(said) = meta(key) else { continue };
        let value = match field {
            "modified_at" => date(&json!(said)).map(Value::from),
            "tags" => Some(strings(&json!(said)).into()),
            _ => Some(said.as_str().into()),
        };
        fields.offer(field, Source::Meta, key, value);
    }
    let site = facts.opengraph.get("site_name").cloned();
    fields.offer("publisher", Source::OpenGraph, "site_name", site.map(Value::from));
    let image = facts.opengraph.get("image").and_then(|it| base.absolute(it));
    fields.offer("images", Source::OpenGraph, "image", image.map(|it| json!([it])));
    let published = facts.published_at.as_ref().and_then(|it| date(&json!(it)));
    for (field, value) in [
        ("title", &facts.title),
        ("author", &facts.author),
        ("published_at", &published),
        ("description", &facts.description),
        ("language", &facts.language),
    ] {
        fields.offer(field, Source::Meta, field, value.clone().map(Value::from));
    }
}
