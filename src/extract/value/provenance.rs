//! Values with their provenance: fields by name, each with the source it was read from.

use std::collections::BTreeMap;

use serde_json::Value;

/// The part of a page that a value was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
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
    /// The visible page or its scripts.
    Dom,
}

impl Source {
    /// The name of the source on the wire.
    pub(crate) const fn as_str(self) -> &'static str {
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

/// A value and the place it was read from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sourced {
    pub(crate) value: Value,
    pub(crate) source: Source,
    /// The path of the value inside its source, such as `offers.price`.
    pub(crate) path: String,
}

/// Fields by name.
#[derive(Debug, Default)]
pub(crate) struct Fields(
    pub(crate) BTreeMap<&'static str, Sourced>,
    /// The fields that were also looked for on the page itself.
    &'static [&'static str],
);

impl Fields {
    /// Builds an empty set whose reader looks for `sought` on the page itself.
    pub(crate) fn seeking(sought: &'static [&'static str]) -> Self {
        Self(BTreeMap::new(), sought)
    }

    /// Returns the fields that the page itself was searched for.
    pub(crate) fn sought(&self) -> &'static [&'static str] {
        self.1
    }

    /// Stores a value unless the field has one. `None`, null, and empty texts and lists are ignored.
    pub(crate) fn offer(
        &mut self,
        name: &'static str,
        source: Source,
        path: &str,
        value: Option<Value>,
    ) {
        let Some(value) = value else { return };
        let empty = match &value {
            Value::Null => true,
            Value::String(text) => text.trim().is_empty(),
            Value::Array(all) => all.is_empty(),
            _ => false,
        };
        if !empty {
            let field = Sourced { value, source, path: path.to_owned() };
            self.0.entry(name).or_insert(field);
        }
    }

    /// Offers a text under the field's own name as its path.
    pub(crate) fn offer_text(&mut self, name: &'static str, source: Source, text: Option<&str>) {
        self.offer(name, source, name, text.map(Value::from));
    }

    /// Stores a value and replaces any other.
    pub(crate) fn put(&mut self, name: &'static str, source: Source, path: &str, value: Value) {
        self.0.insert(name, Sourced { value, source, path: path.to_owned() });
    }

    /// Drops the values of structured data, for callers that trust the visible page more.
    pub(crate) fn without_structured_data(mut self) -> Self {
        let data = [Source::JsonLd, Source::Microdata, Source::Rdfa];
        self.0.retain(|_, it| !data.contains(&it.source));
        self
    }

    /// Returns `true` if the field has a value.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The text of a field, if it has one.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.value.as_str()
    }
}
