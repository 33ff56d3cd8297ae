//! What a page says of itself, from all its sources: the best of each.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::core::request::{JobRequest, Profile};
use crate::extract::address::Base;
use crate::extract::data::title::{self, Site, unhyphenated};
use crate::extract::data::{Graph, Vocabulary, byline, dates, item, items};
use crate::extract::doc::{Doc, Id, folded};
use crate::extract::main_content::{Kind, Talk};
use crate::extract::profile::{Fields, Source};
use crate::extract::schema::Layers;
use crate::extract::tag::Tag;

/// Bytes of the names of a paper's authors.
const MAX_AUTHORS: usize = 2_000;

/// Everything a page says of itself.
#[derive(Debug)]
pub(in crate::extract) struct Facts {
    pub(in crate::extract) title: Option<String>,
    /// The `h1` that names the page.
    pub(in crate::extract) heading: Option<String>,
    /// Where that stands.
    pub(in crate::extract) heading_at: Option<Id>,
    pub(in crate::extract) author: Option<String>,
    pub(in crate::extract) published_at: Option<String>,
    pub(in crate::extract) description: Option<String>,
    pub(in crate::extract) language: Option<String>,
    pub(in crate::extract) canonical: Option<String>,
    /// The page's own address.
    pub(in crate::extract) address: Option<String>,
    /// `meta` elements by name.
    pub(in crate::extract) meta: BTreeMap<String, String>,
    /// Open Graph by name, without `og:`.
    pub(in crate::extract) opengraph: BTreeMap<String, String>,
    /// JSON-LD.
    pub(in crate::extract) graph: Graph,
    /// Microdata and RDFa in the shape of JSON-LD; empty where no format asks for them.
    pub(in crate::extract) microdata: Vec<Value>,
    pub(in crate::extract) rdfa: Vec<Value>,
}

/// Whether the items that stand in a page's markup are read, which costs a walk of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::extract) enum Depth {
    /// Only what names the page.
    Page,
    /// Everything.
    Items,
}

impl Facts {
    /// Reads them all.
    pub(in crate::extract) fn read(doc: &Doc<'_>, base: &Base, depth: Depth) -> Self {
        let mut facts = Self {
            title: None,
            heading: None,
            heading_at: None,
            author: None,
            published_at: None,
            description: None,
            language: doc.attr(0, "lang").map(str::trim).map(str::to_owned),
            canonical: None,
            address: base.page().map(str::to_owned),
            meta: BTreeMap::new(),
            opengraph: BTreeMap::new(),
            graph: Graph::of(doc),
            microdata: Vec::new(),
            rdfa: Vec::new(),
        };
        facts.language = facts.language.filter(|it| !it.is_empty());
        let mut seen = Seen::default();
        for id in 0..doc.len() {
            facts.element(doc, base, id, &mut seen);
        }
        if depth == Depth::Items {
            let flat = |by| items(doc, base, by).iter().map(item::flat).collect();
            facts.microdata = flat(Vocabulary::Microdata);
            facts.rdfa = flat(Vocabulary::Rdfa);
        }
        facts.conclude(doc, &seen);
        facts
    }

    fn element(&mut self, doc: &Doc<'_>, base: &Base, id: Id, seen: &mut Seen) {
        match doc.tag(id) {
            Tag::Title if seen.title.is_none() => seen.title = Some(id),
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
        let property = || doc.attr(id, "itemprop").filter(|_| !is_review(doc, id));
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

    /// A name, or the names, of what an item's property holds.
    fn named(&self, value: &Value) -> Option<String> {
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

    /// The first item of the page and of what the page is about that something is found in.
    fn in_graph<T>(&self, find: impl Fn(&Value) -> Option<T>) -> Option<T> {
        let about = |it| {
            let main = Value::get(it, "mainEntity").map(|it| self.graph.resolve(it));
            std::iter::once(it).chain(main)
        };
        self.graph.items.iter().flat_map(about).find_map(find)
    }

    /// A property of the first item that has it and is not the page, which is only a frame.
    fn in_item(&self, name: &str) -> Option<String> {
        self.in_graph(|it| self.named(it.get(name).filter(|_| !is_frame(it))?))
    }

    /// The best of each from all that was found.
    fn conclude(&mut self, doc: &Doc<'_>, seen: &Seen) {
        let own = seen.title.map(|it| folded(&doc.source_text(it)));
        self.name(doc, own);
        let kind = Kind::of(doc, self);
        // What is sold has makers and no author, and the names and days on its page are those of buyers.
        if kind != Kind::Product {
            self.author = self.author_of(doc, kind);
            self.published_at = self.published(doc, kind).map(|it| dates::iso(&it).unwrap_or(it));
        }
        let meta = |name: &str| self.word(name);
        let description = meta("description").or_else(|| self.shared("description"));
        let description = description.or_else(|| meta("twitter:description"));
        let description =
            description.or_else(|| self.in_graph(|it| self.named(it.get("description")?)));
        let description = description.or_else(|| self.dublin("description"));
        let language = self.language.clone().or_else(|| meta("language"));
        let language = language.or_else(|| self.shared("locale"));
        let language = language.or_else(|| self.dublin("language"));
        self.description = description;
        self.language = language;
    }

    /// What a `meta` element says.
    fn word(&self, name: &str) -> Option<String> {
        self.meta.get(name).map(|it| folded(it)).filter(|it| !it.is_empty())
    }

    /// What Open Graph says.
    fn shared(&self, name: &str) -> Option<String> {
        self.opengraph.get(name).map(|it| folded(it)).filter(|it| !it.is_empty())
    }

    /// Dublin Core: the elements, the terms, or the elements with a qualifier.
    fn dublin(&self, name: &str) -> Option<String> {
        ["dc.", "dcterms.", "dc:", "dcterms:", "dc.date."]
            .into_iter()
            .find_map(|it| self.word(&format!("{it}{name}")))
    }

    /// Finds the title, where `own` is the one in the page's head.
    fn name(&mut self, doc: &Doc<'_>, own: Option<String>) {
        let shared = self.shared("title").or_else(|| self.word("twitter:title"));
        let site = Site::of(self.shared("site_name"), self.address.as_deref());
        let own = own.or_else(|| self.dublin("title"));
        let title = shared.clone().or_else(|| own.clone()).map(|it| unhyphenated(&it));
        self.heading_at = title::heading(doc, title.as_deref().unwrap_or_default());
        let heading = self.heading_at.map(|it| unhyphenated(&doc.folded_text(it)));
        let title = title.map(|it| site.left_out_of(&it));
        // A heading is what the page calls itself; the others are made for lists of links.
        let shown = heading.clone().filter(|heading| {
            let other = title.as_ref().is_some_and(|it| it != heading);
            let of_title = title.as_ref().is_none_or(|it| title::are_of_one(heading, it));
            let of_own = || {
                own.as_ref().is_some_and(|it| title::say_the_same(heading, &site.left_out_of(it)))
            };
            !(other && site.is(heading)) && (of_title || of_own())
        });
        self.title = shown.or(title).filter(|it| !it.is_empty());
        self.heading = heading;
    }

    fn author_of(&self, doc: &Doc<'_>, kind: Kind) -> Option<String> {
        let site = self.shared("site_name");
        let meta = self
            .word("author")
            .or_else(|| self.word("article:author").filter(|it| !it.starts_with("http")))
            .or_else(|| self.dublin("creator"))
            .or_else(|| self.word("citation_author"));
        let whole = |it: String| byline::without_label(&it).to_owned();
        let person = self
            .in_graph(|it| self.person(it.get("author").filter(|_| !is_frame(it))?))
            .or_else(|| self.in_graph(|it| self.person(it.get("author")?)))
            .or_else(|| meta.clone().filter(|it| site.as_ref() != Some(it)));
        // A firm is named where no one else is.
        person
            .map(whole)
            .or_else(|| byline::author(doc, kind))
            .or_else(|| self.in_item("author"))
            .or(meta)
    }

    /// The name of an author that is not said to be a firm.
    fn person(&self, value: &Value) -> Option<String> {
        let one = match value {
            Value::Array(all) => all.first()?,
            one => one,
        };
        let firm = has_type(self.graph.resolve(one), "Organization");
        self.named(one).filter(|_| !firm)
    }

    fn published(&self, doc: &Doc<'_>, kind: Kind) -> Option<String> {
        const NAMES: [&str; 6] = [
            "article:published_time",
            "datepublished",
            "date",
            "citation_publication_date",
            "citation_online_date",
            "citation_date",
        ];
        self.in_item("datePublished")
            .or_else(|| NAMES.into_iter().find_map(|it| self.word(it)))
            .or_else(|| ["issued", "created", "date"].into_iter().find_map(|it| self.dublin(it)))
            .or_else(|| dates::date(doc, kind, self.heading_at))
    }

    /// The metadata of a result.
    pub(in crate::extract) fn metadata(&self) -> BTreeMap<String, Value> {
        let mut metadata = BTreeMap::new();
        let mut put = |name: &str, value: Value| {
            if !value.is_null() && value.as_object().is_none_or(|it| !it.is_empty()) {
                metadata.insert(name.to_owned(), value);
            }
        };
        put("title", json!(self.title));
        put("author", json!(self.author));
        put("published_at", json!(self.published_at));
        put("description", json!(self.description));
        put("language", json!(self.language));
        put("canonical", json!(self.canonical));
        put("opengraph", json!(self.opengraph));
        put("meta", json!(self.meta));
        metadata
    }

    /// The `json` format: the item that the page is about at the top, all the rest beside it.
    pub(in crate::extract) fn json(
        &self,
        options: &JobRequest,
        fields: &Fields,
        links: &[Value],
    ) -> Value {
        let mut object = Map::new();
        if options.promote_schema_org
            && let Some((_, item)) = self.about(options.extraction_profile)
            && let Value::Object(item) = self.graph.expanded(item)
        {
            object = item;
        }
        for (name, field) in &fields.0 {
            object.entry(*name).or_insert_with(|| field.value.clone());
        }
        for (name, value) in self.metadata() {
            object.entry(name).or_insert(value);
        }
        if !options.filter_content {
            object.insert("jsonld".to_owned(), json!(self.graph.items));
            object.insert("microdata".to_owned(), json!(self.microdata));
            if !self.rdfa.is_empty() {
                object.insert("rdfa".to_owned(), json!(self.rdfa));
            }
            object.insert("links".to_owned(), json!(links));
        }
        Value::Object(object)
    }

    /// Where a schema's fields are looked for; nothing if there is no schema.
    pub(in crate::extract) fn layers(
        &self,
        options: &JobRequest,
        fields: Fields,
        text: &str,
    ) -> Layers {
        if options.extraction_schema.is_none() {
            return Layers::default();
        }
        let mut items: Vec<(&'static str, Value)> = Vec::new();
        if let Some((source, item)) = self.about(options.extraction_profile) {
            items.push((source.as_str(), self.graph.expanded(item)));
        }
        items.extend([
            ("jsonld", json!(self.graph.items)),
            ("microdata", json!(self.microdata)),
            ("rdfa", json!(self.rdfa)),
        ]);
        let mut metadata = self.metadata();
        metadata.remove("opengraph");
        metadata.remove("meta");
        let page = [
            ("opengraph", json!(self.opengraph)),
            ("meta", json!(metadata)),
            ("meta", json!(self.meta)),
            ("dom", json!({ "text": text })),
        ];
        let rest = if options.promote_schema_org {
            items.into_iter().chain(page).collect()
        } else {
            page.into_iter().chain(items).collect()
        };
        let fields = if options.promote_schema_org { fields } else { fields.shown_first() };
        Layers { fields, rest, ..Layers::default() }
    }

    /// The item that fits the profile best.
    pub(in crate::extract) fn about(&self, profile: Profile) -> Option<(Source, &Value)> {
        let first = |of: Profile| self.items().find(|it| fits(it.1, of));
        match profile {
            Profile::Auto | Profile::EcommerceHomepage | Profile::DirectoryListing => {
                PROFILES.into_iter().find_map(first)
            }
            one => first(one),
        }
    }

    /// Whether what readers say is what the page is for: by its type, its program, or its address.
    pub(in crate::extract) fn talk(&self) -> Talk {
        const TYPES: [&str; 3] = ["DiscussionForumPosting", "QAPage", "Question"];
        const PROGRAMS: [&str; 8] =
            ["discourse", "flarum", "mybb", "nodebb", "phpbb", "vanilla", "vbulletin", "xenforo"];
        const PATHS: [&str; 11] = [
            "comments",
            "discussion",
            "discussions",
            "forum",
            "forums",
            "showthread",
            "thread",
            "threads",
            "topic",
            "topics",
            "viewtopic",
        ];
        let typed = self.graph.items.iter().any(|it| TYPES.iter().any(|kind| has_type(it, kind)));
        let program = self.meta.get("generator").map(|it| it.to_lowercase()).unwrap_or_default();
        let address = self.address.as_deref().unwrap_or_default();
        let words = |it: &str| it.split(['/', '.', '?', '=']).any(|it| PATHS.contains(&it));
        if typed || PROGRAMS.iter().any(|it| program.contains(it)) || words(address) {
            Talk::Content
        } else {
            Talk::Beside
        }
    }

    /// Every item of the page, with where it was found.
    pub(in crate::extract) fn items(&self) -> impl Iterator<Item = (Source, &Value)> {
        let of = |source: Source| move |item| (source, item);
        let json_ld = self.graph.items.iter().map(of(Source::JsonLd));
        let microdata = self.microdata.iter().map(of(Source::Microdata));
        json_ld.chain(microdata).chain(self.rdfa.iter().map(of(Source::Rdfa)))
    }
}

/// Whether an item is a page, of which only the frame is said.
fn is_frame(item: &Value) -> bool {
    let is = |it: &Value| it.as_str().is_some_and(|it| it.ends_with("Page") && it != "QAPage");
    match item.get("@type") {
        Some(Value::Array(all)) => all.iter().all(is),
        Some(one) => is(one),
        None => false,
    }
}

/// Whether an element is a property of what a buyer said.
pub(super) fn is_review(doc: &Doc<'_>, id: Id) -> bool {
    let scope = doc.around(id).find(|it| doc.node(*it).marks.scope);
    scope.and_then(|it| doc.attr(it, "itemtype")).is_some_and(|it| it.trim().ends_with("Review"))
}

/// What a page may be about, what says the most first.
const PROFILES: [Profile; 6] = [
    Profile::Product,
    Profile::Recipe,
    Profile::JobPosting,
    Profile::Event,
    Profile::Article,
    Profile::Faq,
];

/// The profile that an item fits.
pub(in crate::extract) fn profile_of(item: &Value) -> Profile {
    PROFILES.into_iter().find(|it| fits(item, *it)).unwrap_or_default()
}

/// Whether an item is of a kind that a profile is for.
pub(in crate::extract) fn fits(item: &Value, profile: Profile) -> bool {
    let kinds: &[&str] = match profile {
        Profile::Product => {
            &["Product", "ProductGroup", "IndividualProduct", "ProductModel", "Vehicle", "Car"]
        }
        Profile::Article => &[
            "Article",
            "NewsArticle",
            "BlogPosting",
            "TechArticle",
            "ScholarlyArticle",
            "Report",
            "ReportageNewsArticle",
            "AnalysisNewsArticle",
            "OpinionNewsArticle",
            "ReviewNewsArticle",
            "LiveBlogPosting",
        ],
        Profile::JobPosting => &["JobPosting"],
        Profile::Faq => &["FAQPage", "QAPage"],
        Profile::Recipe => &["Recipe"],
        Profile::Event => &[
            "Event",
            "BusinessEvent",
            "ChildrensEvent",
            "ComedyEvent",
            "CourseInstance",
            "DanceEvent",
            "EducationEvent",
            "ExhibitionEvent",
            "Festival",
            "FoodEvent",
            "LiteraryEvent",
            "MusicEvent",
            "SaleEvent",
            "ScreeningEvent",
            "SocialEvent",
            "SportsEvent",
            "TheaterEvent",
            "VisualArtsEvent",
        ],
        Profile::Auto | Profile::EcommerceHomepage | Profile::DirectoryListing => &[],
    };
    kinds.iter().any(|kind| has_type(item, kind))
}

/// Elements that may name the page.
#[derive(Debug, Default)]
struct Seen {
    title: Option<Id>,
}

pub(in crate::extract) fn has_type(item: &Value, kind: &str) -> bool {
    let is = |it: &Value| {
        it.as_str().is_some_and(|it| {
            let name = it.trim_end_matches('/').rsplit(['/', ':', '#']).next();
            name.is_some_and(|it| it.trim().eq_ignore_ascii_case(kind))
        })
    };
    match item.get("@type") {
        Some(Value::Array(all)) => all.iter().any(is),
        Some(one) => is(one),
        None => false,
    }
}
