//! What a profile asks for, from wherever the page says it: one flat field each.
//!
//! Structured data says most of it, in many forms; what it leaves out is read from the page itself by
//! rules that hold for no site alone.

mod article;
mod common;
mod event;
mod faq;
mod job;
mod label;
mod lines;
pub(super) mod listed;
mod listing;
mod money;
mod product;
mod recipe;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::core::request::Profile;
use crate::extract::address::Base;
use crate::extract::data::{Facts, profile_of};
use crate::extract::doc::Doc;
use crate::extract::layout::Layout;

/// Where a value was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    /// An item of JSON-LD.
    JsonLd,
    /// Microdata.
    Microdata,
    /// RDFa.
    Rdfa,
    /// Open Graph.
    OpenGraph,
    /// A `meta` element.
    Meta,
    /// The page itself.
    Dom,
}

impl Source {
    /// The word for it on the wire.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::JsonLd => "jsonld",
            Self::Microdata => "microdata",
            Self::Rdfa => "rdfa",
            Self::OpenGraph => "opengraph",
            Self::Meta => "meta",
            Self::Dom => "dom",
        }
    }
}

/// A value and where it stood.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Field {
    pub(super) value: Value,
    pub(super) source: Source,
    /// The way to it inside its source.
    pub(super) path: String,
}

/// Fields by name.
#[derive(Debug, Default)]
pub(super) struct Fields(pub(super) BTreeMap<&'static str, Field>);

impl Fields {
    /// Keeps a value if there is one and the field has none yet.
    fn offer(&mut self, name: &'static str, source: Source, path: &str, value: Option<Value>) {
        let Some(value) = value else { return };
        let empty = match &value {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(all) => all.is_empty(),
            _ => false,
        };
        if !empty {
            let field = Field { value, source, path: path.to_owned() };
            self.0.entry(name).or_insert(field);
        }
    }

    /// Keeps a value in the place of any other.
    fn put(&mut self, name: &'static str, source: Source, path: &str, value: Value) {
        self.0.insert(name, Field { value, source, path: path.to_owned() });
    }

    /// Without what structured data says: where that is not to lead, the page's own word does.
    pub(super) fn shown_first(mut self) -> Self {
        let data = [Source::JsonLd, Source::Microdata, Source::Rdfa];
        self.0.retain(|_, it| !data.contains(&it.source));
        self
    }

    fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }
}

/// The fields of a profile; the automatic one is that of what the page says it is about.
pub(super) fn shaped(
    doc: &Doc<'_>,
    shown: (&Doc<'_>, &Layout),
    base: &Base,
    facts: &Facts,
    profile: Profile,
) -> Fields {
    let profile = match (profile, facts.about(Profile::Auto)) {
        (Profile::Auto, Some((_, item))) => profile_of(item),
        (asked, _) => asked,
    };
    match profile {
        Profile::Product => product::fields(doc, base, facts),
        Profile::Recipe => recipe::fields(doc, facts),
        Profile::Article => article::fields(facts, base),
        Profile::JobPosting => job::fields(facts),
        Profile::Event => event::fields(facts, base),
        Profile::Faq => faq::fields(doc, facts),
        Profile::EcommerceHomepage | Profile::DirectoryListing => {
            listing::fields(shown, facts, base)
        }
        Profile::Auto => Fields::default(),
    }
}
