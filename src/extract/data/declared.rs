//! The metadata and structured data that a page declares, before anything is concluded from it.

use std::collections::BTreeMap;
use std::ops::Bound;

use serde_json::Value;

use crate::core::request::Profile;
use crate::extract::data::byline;
use crate::extract::data::json_ld::Graph;
use crate::extract::data::markup::{self, Vocabulary, items};
use crate::extract::data::schema_org::{PROFILES, fits, has_type, is_page};
use crate::extract::dom::address::Base;
use crate::extract::dom::doc::{Doc, Id};
use crate::extract::dom::folding::folded;
use crate::extract::dom::tag::Tag;
use crate::extract::value::provenance::Source;

/// Authors of an article that are named.
const MAX_PEOPLE: usize = 8;
/// Words of the name of a person.
const NAME_WORDS: usize = 6;
/// Bytes of the joined names of a paper's authors.
const MAX_AUTHORS: usize = 2_000;

/// A choice of the items to read; microdata and RDFa cost a walk of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MarkupItems {
    /// Leaves them unread.
    Skip,
    /// Reads them.
    Read,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Declared {
    /// The page's own address.
    pub(crate) address: Option<String>,
    pub(crate) canonical: Option<String>,
    /// The `lang` attribute of the page.
    pub(crate) language: Option<String>,
    /// The text of the first `title` element.
    pub(crate) title: Option<String>,
    /// `meta` elements by name.
    pub(crate) meta: BTreeMap<String, String>,
    /// Open Graph properties by name, without `og:`.
    pub(crate) opengraph: BTreeMap<String, String>,
    /// JSON-LD.
    pub(crate) graph: Graph,
    /// Microdata in the shape of JSON-LD; empty unless [`MarkupItems::Read`].
    pub(crate) microdata: Vec<Value>,
    /// RDFa in the shape of JSON-LD; empty unless [`MarkupItems::Read`].
    pub(crate) rdfa: Vec<Value>,
}

impl Declared {
    /// Reads everything that the page declares.
    pub(super) fn read(doc: &Doc<'_>, base: &Base, markup_items: MarkupItems) -> Self {
        let mut declared = Self {
            address: base.page().map(str::to_owned),
            canonical: None,
            language: doc.attr(0, "lang").map(str::trim).map(str::to_owned),
            title: None,
            meta: BTreeMap::new(),
            opengraph: BTreeMap::new(),
            graph: Graph::of(doc),
            microdata: Vec::new(),
            rdfa: Vec::new(),
        };
        declared.language = declared.language.filter(|it| !it.is_empty());
        for id in 0..doc.len() {
            declared.element(doc, base, id);
        }
        if markup_items == MarkupItems::Read {
            let flat = |by| items(doc, base, by).iter().map(markup::flat).collect();
            declared.microdata = flat(Vocabulary::Microdata);
            declared.rdfa = flat(Vocabulary::Rdfa);
        }
        declared
    }

    fn element(&mut self, doc: &Doc<'_>, base: &Base, id: Id) {
        match doc.tag(id) {
            Tag::Title if self.title.is_none() => {
                self.title = Some(folded(&doc.source_text(id)));
            }
            Tag::Meta => self.meta(doc, id),
            Tag::Link if doc.attr(id, "rel") == Some("canonical") => {
                self.canonical = doc.attr(id, "href").and_then(|it| base.absolute(it));
            }
            _ => {}
        }
    }

    fn meta(&mut self, doc: &Doc<'_>, id: Id) {
        let Some(content) = doc.attr(id, "content") else { return };
        let name = doc.attr(id, "property").or_else(|| doc.attr(id, "name"));
        let property = || doc.attr(id, "itemprop").filter(|_| !is_in_review(doc, id));
        let Some(name) = name.or_else(property) else { return };
        let name = name.trim().to_ascii_lowercase();
        let several = name == "citation_author";
        let list = match name.strip_prefix("og:") {
            Some(name) => self.opengraph.entry(name.to_owned()),
            None => self.meta.entry(name),
        };
        // Each author of a paper has an element of its own.
        list.and_modify(|it| {
            if several && it.len() < MAX_AUTHORS {
                it.push_str(", ");
                it.push_str(content.trim());
            }
        })
        .or_insert_with(|| content.trim().to_owned());
    }

    /// The text of a `meta` element, by its name.
    pub(crate) fn meta_text(&self, name: &str) -> Option<String> {
        self.meta.get(name).map(|it| folded(it)).filter(|it| !it.is_empty())
    }

    /// The text of an Open Graph property, by its name without `og:`.
    pub(crate) fn opengraph_text(&self, name: &str) -> Option<String> {
        self.opengraph.get(name).map(|it| folded(it)).filter(|it| !it.is_empty())
    }

    /// The text of a Dublin Core property: of the elements, the terms, or the elements with a qualifier.
    pub(crate) fn dublin_core_text(&self, name: &str) -> Option<String> {
        // Most pages have none of them.
        self.meta.range::<str, _>((Bound::Included("dc"), Bound::Excluded("dd"))).next()?;
        ["dc.", "dcterms.", "dc:", "dcterms:", "dc.date."]
            .into_iter()
            .find_map(|it| self.meta_text(&format!("{it}{name}")))
    }

    /// The text of a property value, or the name of the item that it refers to. Of several the first.
    pub(crate) fn name_of(&self, value: &Value) -> Option<String> {
        let one = match value {
            Value::Array(all) => all.first()?,
            one => one,
        };
        let text = match self.graph.resolve(one) {
            Value::String(text) => text,
            Value::Object(of) => of.get("name")?.as_str()?,
            _ => return None,
        };
        Some(folded(text)).filter(|it| !it.is_empty())
    }

    /// The names of authors that are not declared to be organizations.
    pub(crate) fn person_names(&self, value: &Value) -> Option<String> {
        let all = match value {
            Value::Array(all) => all.as_slice(),
            one => std::slice::from_ref(one),
        };
        let mut names: Vec<String> = Vec::new();
        for one in all.iter().take(MAX_PEOPLE) {
            let firm = has_type(self.graph.resolve(one), "Organization");
            let name = self.name_of(one).map(|it| byline::without_label(&it).to_owned());
            if let Some(name) = name.filter(|it| !firm && !names.contains(it)) {
                let is_account = !byline::is_firm(&name);
                names.push(if is_account { byline::written_out(&name) } else { name });
            }
        }
        // Beside a person a long name is that of an institute.
        let is_short = |it: &String| it.split(' ').count() <= NAME_WORDS;
        if names.iter().any(is_short) {
            names.retain(is_short);
        }
        (!names.is_empty()).then(|| names.join(", "))
    }

    /// The name of the organization that publishes the page.
    pub(crate) fn publisher(&self) -> Option<String> {
        self.find_in_graph(|it| {
            let publisher = it.get("publisher")?;
            let item = self.graph.resolve(publisher);
            // The site of one person is published by that person.
            let is_firm = has_type(item, "Organization") || has_type(item, "NewsMediaOrganization");
            (is_firm && !has_type(item, "Person")).then(|| self.name_of(publisher)).flatten()
        })
    }

    /// Returns the first result of `find` among the items of JSON-LD and their main entities.
    pub(crate) fn find_in_graph<T>(&self, find: impl Fn(&Value) -> Option<T>) -> Option<T> {
        let with_main_entity = |it| {
            let main = Value::get(it, "mainEntity").map(|it| self.graph.resolve(it));
            std::iter::once(it).chain(main)
        };
        self.graph.items.iter().flat_map(with_main_entity).find_map(find)
    }

    /// The text of a property of the first item that has it and does not merely describe the page.
    pub(crate) fn item_text(&self, name: &str) -> Option<String> {
        self.find_in_graph(|it| self.name_of(it.get(name).filter(|_| !is_page(it))?))
    }

    /// Every item of the page, with its source.
    pub(crate) fn items(&self) -> impl Iterator<Item = (Source, &Value)> {
        let of = |source: Source| move |item| (source, item);
        let json_ld = self.graph.items.iter().map(of(Source::JsonLd));
        let microdata = self.microdata.iter().map(of(Source::Microdata));
        json_ld.chain(microdata).chain(self.rdfa.iter().map(of(Source::Rdfa)))
    }

    /// Returns the first item that fits a profile. Without a profile for single items, the most specific
    /// item.
    pub(crate) fn about(&self, profile: Profile) -> Option<(Source, &Value)> {
        let first = |of: Profile| self.items().find(|it| fits(it.1, of));
        match profile {
            Profile::Auto | Profile::EcommerceHomepage | Profile::DirectoryListing => {
                PROFILES.into_iter().find_map(first)
            }
            one => first(one),
        }
    }
}

/// Returns `true` if an element is a property of a review in microdata.
pub(super) fn is_in_review(doc: &Doc<'_>, id: Id) -> bool {
    let scope = doc.around(id).find(|it| doc.node(*it).marks.scope);
    scope.and_then(|it| doc.attr(it, "itemtype")).is_some_and(|it| it.trim().ends_with("Review"))
}
