//! What a page says of itself: JSON-LD, microdata, Open Graph, meta elements, links.

use std::collections::BTreeMap;

use scraper::{ElementRef, Html};
use serde_json::{Map, Value, json};
use url::Url;

use crate::core::request::{JobRequest, Profile};
use crate::extract::dom;
use crate::extract::markdown::absolute;

/// Links kept of a page.
const MAX_LINKS: usize = 500;
/// Symbols of a link's text.
const MAX_LINK_TEXT: usize = 500;
/// Items of one kind kept of a page.
const MAX_ITEMS: usize = 200;
/// Microdata items in items.
const MAX_INNER: usize = 8;
/// Bytes of text kept in all microdata: properties in properties hold the same text again.
const MAX_MICRODATA: usize = 2_097_152;

/// Everything a page says of itself.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) title: Option<String>,
    pub(super) author: Option<String>,
    pub(super) published_at: Option<String>,
    pub(super) description: Option<String>,
    pub(super) language: Option<String>,
    pub(super) links: Vec<Value>,
    canonical: Option<String>,
    meta: BTreeMap<String, Value>,
    opengraph: BTreeMap<String, Value>,
    json_ld: Vec<Value>,
    microdata: Vec<Value>,
    /// Bytes that microdata may still hold.
    budget: usize,
}

impl Facts {
    /// Reads them all in one walk.
    pub(super) fn read(tree: &Html, base: Option<&Url>) -> Self {
        let mut facts = Self {
            title: None,
            author: None,
            published_at: None,
            description: None,
            language: None,
            links: Vec::new(),
            canonical: None,
            meta: BTreeMap::new(),
            opengraph: BTreeMap::new(),
            json_ld: Vec::new(),
            microdata: Vec::new(),
            budget: MAX_MICRODATA,
        };
        let root = tree.root_element();
        facts.language = root.value().attr("lang").map(str::to_owned);
        for element in dom::all(root) {
            facts.element(element, base);
        }
        facts.conclude();
        facts
    }

    fn element(&mut self, element: ElementRef<'_>, base: Option<&Url>) {
        let value = element.value();
        match value.name() {
            "title" if self.title.is_none() => {
                self.title = Some(dom::folded(&element.text().collect::<String>()));
            }
            "meta" => self.meta(element),
            "link" if value.attr("rel") == Some("canonical") => {
                self.canonical = value.attr("href").and_then(|it| absolute(base, it));
            }
            "script" if is_json_ld(value.attr("type")) && self.json_ld.len() < MAX_ITEMS => {
                let source: String = element.text().collect();
                flatten(parse_loosely(&source), &mut self.json_ld);
            }
            "a" if self.links.len() < MAX_LINKS => {
                if let Some(url) = value.attr("href").and_then(|it| absolute(base, it)) {
                    let text: String = dom::text(element).chars().take(MAX_LINK_TEXT).collect();
                    self.links.push(json!({ "url": url, "text": text }));
                }
            }
            _ => {}
        }
        let top = value.attr("itemscope").is_some() && value.attr("itemprop").is_none();
        if top && self.microdata.len() < MAX_ITEMS {
            self.microdata.push(item(element, base, &mut self.budget, 0));
        }
    }

    fn meta(&mut self, element: ElementRef<'_>) {
        let value = element.value();
        let Some(content) = value.attr("content") else { return };
        let Some(name) = value.attr("property").or(value.attr("name")).or(value.attr("itemprop"))
        else {
            return;
        };
        let name = name.to_ascii_lowercase();
        let list = match name.strip_prefix("og:") {
            Some(name) => self.opengraph.entry(name.to_owned()),
            None => self.meta.entry(name),
        };
        list.or_insert_with(|| json!(content.trim()));
    }

    /// The best of each from all that was found.
    fn conclude(&mut self) {
        let word = |it: Option<&Value>| {
            it.and_then(Value::as_str).map(dom::folded).filter(|it| !it.is_empty())
        };
        let from_ld = |names: &[&str]| {
            names.iter().find_map(|name| {
                self.json_ld.iter().find_map(|it| match it.get(*name)? {
                    Value::String(text) => Some(dom::folded(text)),
                    Value::Object(of) => of.get("name")?.as_str().map(dom::folded),
                    Value::Array(all) => match all.first()? {
                        Value::String(text) => Some(dom::folded(text)),
                        other => other.get("name")?.as_str().map(dom::folded),
                    },
                    _ => None,
                })
            })
        };
        let meta = |name: &str| word(self.meta.get(name));
        let og = |name: &str| word(self.opengraph.get(name));
        let title = og("title").or_else(|| meta("twitter:title"));
        let author = from_ld(&["author"])
            .or_else(|| meta("author"))
            .or_else(|| meta("article:author").filter(|it| !it.starts_with("http")));
        let published = from_ld(&["datePublished"])
            .or_else(|| meta("article:published_time"))
            .or_else(|| meta("datepublished"))
            .or_else(|| meta("date"));
        let description = meta("description").or_else(|| og("description"));
        let description = description.or_else(|| from_ld(&["description"]));
        let language = self.language.take().or_else(|| meta("language")).or_else(|| og("locale"));
        self.title = title.or(self.title.take()).filter(|it| !it.is_empty());
        self.author = author;
        self.published_at = published;
        self.description = description;
        self.language = language;
    }

    /// The metadata of a result.
    pub(super) fn metadata(&self) -> BTreeMap<String, Value> {
        let mut metadata = BTreeMap::new();
        let mut put = |name: &str, value: Value| {
            if !value.is_null() && value != json!({}) {
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
    pub(super) fn json(&self, options: &JobRequest) -> Value {
        let mut object = Map::new();
        if options.promote_schema_org
            && let Some(Value::Object(item)) = self.about(options.extraction_profile)
        {
            object.clone_from(item);
        }
        for (name, value) in self.metadata() {
            object.entry(name).or_insert(value);
        }
        if !options.filter_content {
            object.insert("jsonld".to_owned(), json!(self.json_ld));
            object.insert("microdata".to_owned(), json!(self.microdata));
            object.insert("links".to_owned(), json!(self.links));
        }
        Value::Object(object)
    }

    /// The item that fits the profile best.
    fn about(&self, profile: Profile) -> Option<&Value> {
        let kinds: &[&str] = match profile {
            Profile::Product => &["Product", "ProductGroup"],
            Profile::Article => &["Article", "NewsArticle", "BlogPosting", "TechArticle", "Report"],
            Profile::JobPosting => &["JobPosting"],
            Profile::Faq => &["FAQPage", "QAPage"],
            Profile::Recipe => &["Recipe"],
            Profile::Event => &["Event"],
            Profile::Auto | Profile::EcommerceHomepage | Profile::DirectoryListing => &[
                "Product",
                "ProductGroup",
                "Recipe",
                "JobPosting",
                "Event",
                "NewsArticle",
                "BlogPosting",
                "TechArticle",
                "Article",
                "FAQPage",
                "QAPage",
            ],
        };
        let items = || self.json_ld.iter().chain(&self.microdata);
        kinds.iter().find_map(|kind| items().find(|it| has_type(it, kind)))
    }
}

fn has_type(item: &Value, kind: &str) -> bool {
    let is =
        |it: &Value| it.as_str().is_some_and(|it| it.rsplit(['/', ':', '#']).next() == Some(kind));
    match item.get("@type") {
        Some(Value::Array(all)) => all.iter().any(is),
        Some(one) => is(one),
        None => false,
    }
}

fn is_json_ld(media: Option<&str>) -> bool {
    media.is_some_and(|it| it.trim().to_ascii_lowercase().starts_with("application/ld+json"))
}

/// JSON as people write it into pages: in a comment or a CDATA section, with a comma too many, or
/// with line ends inside strings.
pub(super) fn parse_loosely(source: &str) -> Value {
    let source = source.trim().trim_start_matches("<!--").trim_end_matches("-->");
    let source = source
        .trim()
        .trim_end_matches("//")
        .trim_start_matches("//<![CDATA[")
        .trim_start_matches("<![CDATA[");
    let source =
        source.trim_end_matches("//]]>").trim_end_matches("]]>").trim().trim_end_matches(';');
    if let Ok(value) = serde_json::from_str(source) {
        return value;
    }
    let mut out = String::with_capacity(source.len());
    let (mut quoted, mut escaped) = (false, false);
    for symbol in source.chars() {
        if quoted {
            out.push(if symbol.is_control() { ' ' } else { symbol });
            quoted = escaped || symbol != '"';
            escaped = symbol == '\\' && !escaped;
            continue;
        }
        if matches!(symbol, '}' | ']') && out.trim_end().ends_with(',') {
            out.truncate(out.trim_end().len() - 1);
        }
        quoted = symbol == '"';
        out.push(symbol);
    }
    serde_json::from_str(&out).unwrap_or(Value::Null)
}

/// The items of a JSON-LD document: arrays and graphs are laid flat.
fn flatten(value: Value, into: &mut Vec<Value>) {
    match value {
        Value::Array(all) => all.into_iter().for_each(|it| flatten(it, into)),
        Value::Object(mut object) => match object.remove("@graph") {
            Some(graph) => flatten(graph, into),
            None if into.len() < MAX_ITEMS => into.push(Value::Object(object)),
            None => {}
        },
        _ => {}
    }
}

/// One microdata item. A property that is an item itself is read as one.
fn item(scope: ElementRef<'_>, base: Option<&Url>, budget: &mut usize, depth: usize) -> Value {
    let mut object = Map::new();
    if let Some(kind) = scope.value().attr("itemtype") {
        let name = kind.trim().trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        object.insert("@type".to_owned(), json!(name));
    }
    let mut waiting: Vec<_> = scope.children().collect();
    waiting.reverse();
    while let Some(node) = waiting.pop() {
        let Some(element) = ElementRef::wrap(node) else { continue };
        let inner = element.value().attr("itemscope").is_some();
        if let Some(names) = element.value().attr("itemprop") {
            if *budget == 0 || (inner && depth >= MAX_INNER) {
                continue;
            }
            let value = if inner {
                item(element, base, budget, depth + 1)
            } else {
                let value = property(element, base);
                *budget = budget.saturating_sub(value.as_str().map_or(0, str::len) + 1);
                value
            };
            // Every name holds the value once more, so an item in items must not have many.
            for name in names.split_whitespace().take(if inner { 2 } else { 8 }) {
                match object.get_mut(name) {
                    None => {
                        object.insert(name.to_owned(), value.clone());
                    }
                    Some(Value::Array(all)) => all.push(value.clone()),
                    Some(one) => *one = json!([one.clone(), value.clone()]),
                }
            }
        }
        if !inner {
            let at = waiting.len();
            waiting.extend(element.children());
            if let Some(new) = waiting.get_mut(at..) {
                new.reverse();
            }
        }
    }
    Value::Object(object)
}

fn property(element: ElementRef<'_>, base: Option<&Url>) -> Value {
    let value = element.value();
    let address = |name| value.attr(name).and_then(|it| absolute(base, it));
    let found = match value.name() {
        "a" | "area" | "link" => address("href"),
        "audio" | "embed" | "iframe" | "img" | "source" | "track" | "video" => address("src"),
        "data" | "meter" => value.attr("value").map(str::to_owned),
        "time" => value.attr("datetime").map(str::to_owned),
        _ => value.attr("content").map(str::to_owned),
    };
    json!(found.unwrap_or_else(|| dom::text(element)))
}
