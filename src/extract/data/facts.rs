//! The facts of a page, each concluded from the best of its sources.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::extract::data::declared::{Declared, MarkupItems};
use crate::extract::data::page_kind::{self, PageKind};
use crate::extract::data::schema_org::is_page;
use crate::extract::data::title::{self, SiteName, unhyphenated};
use crate::extract::data::{byline, published};
use crate::extract::dom::address::Base;
use crate::extract::dom::doc::{Doc, Id};
use crate::extract::value::date::{DateStyle, iso_or_day};

/// Letters of a description that a paragraph begins with.
const DESCRIBED: usize = 40;

/// See the module.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) declared: Declared,
    pub(crate) kind: PageKind,
    pub(crate) title: Option<String>,
    /// The `h1` that names the page.
    pub(crate) heading: Option<String>,
    /// The node of that heading.
    pub(crate) heading_at: Option<Id>,
    /// `None` on a product page, which has makers and no author.
    pub(crate) author: Option<String>,
    /// `None` on a product page, whose dates are those of reviews.
    pub(crate) published_at: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) language: Option<String>,
}

impl Facts {
    /// Reads what a page declares and concludes the rest from that and from what it shows.
    pub(crate) fn read(doc: &Doc<'_>, base: &Base, markup_items: MarkupItems) -> Self {
        let declared = Declared::read(doc, base, markup_items);
        let kind = PageKind::of(doc, &declared);
        let names = PageNames::of(doc, &declared);
        let is_product = kind == PageKind::Product;
        Self {
            author: if is_product { None } else { author(doc, &declared, kind) },
            published_at: if is_product {
                None
            } else {
                published_at(doc, &declared, kind, names.heading_at)
            },
            description: description(&declared),
            language: language(&declared),
            title: names.title,
            heading: names.heading,
            heading_at: names.heading_at,
            kind,
            declared,
        }
    }

    /// Returns `true` if the page declares to be an article.
    pub(crate) fn is_article(&self) -> bool {
        page_kind::is_written(&self.declared)
    }

    /// Returns `true` if a text begins like the description that the page declares.
    pub(crate) fn describes(&self, text: &str) -> bool {
        let begin: String = self.description.as_deref().map(title::letters).unwrap_or_default();
        let begin: String = begin.chars().take(DESCRIBED).collect();
        begin.chars().count() == DESCRIBED && title::letters(text).starts_with(&begin)
    }

    /// The metadata of a result.
    pub(crate) fn metadata(&self) -> BTreeMap<String, Value> {
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
        put("canonical", json!(self.declared.canonical));
        put("opengraph", json!(self.declared.opengraph));
        put("meta", json!(self.declared.meta));
        metadata
    }
}

/// The title of a page and the heading that it may come from.
#[derive(Debug)]
struct PageNames {
    title: Option<String>,
    heading: Option<String>,
    heading_at: Option<Id>,
}

impl PageNames {
    /// Chooses between the heading, the title for sharing and the one in the head.
    fn of(doc: &Doc<'_>, declared: &Declared) -> Self {
        let shared =
            declared.opengraph_text("title").or_else(|| declared.meta_text("twitter:title"));
        let site = SiteName::of(declared.opengraph_text("site_name"), declared.address.as_deref());
        let own = declared.title.clone().or_else(|| declared.dublin_core_text("title"));
        let title = shared.or_else(|| own.clone()).map(|it| unhyphenated(&it));
        let headline = headline(declared).map(|it| unhyphenated(&it));
        let said = headline.as_deref().and_then(|it| title::heading_of(doc, it));
        let heading_at = said
            .or_else(|| title::lead_of(doc, own.as_deref().unwrap_or_default()))
            .or_else(|| title::heading(doc, title.as_deref().unwrap_or_default()));
        let heading = heading_at.map(|it| unhyphenated(&title::text(doc, it)));
        if let (Some(heading), Some(headline), Some(_)) = (&heading, headline, said) {
            // A kicker in front of the heading is no part of the title.
            let title =
                if title::is_last_part(heading, &headline) { headline } else { heading.clone() };
            return Self { title: Some(title), heading: Some(heading.clone()), heading_at };
        }
        let title = title.map(|it| site.strip_from(&it));
        if let (Some(heading), Some(title)) = (&heading, &title)
            && title::is_last_part(heading, title)
        {
            return Self { title: Some(title.clone()), heading: Some(heading.clone()), heading_at };
        }
        // A heading is the page's own name; the others are made for lists of links.
        let fitting = heading.clone().filter(|heading| {
            let other = title.as_ref().is_some_and(|it| it != heading);
            let of_title = title.as_ref().is_none_or(|it| title::name_one_page(heading, it));
            let of_own =
                || own.as_ref().is_some_and(|it| title::share_words(heading, &site.strip_from(it)));
            !(other && site.is(heading)) && (of_title || of_own())
        });
        // Above anything but an article the heading may be a slogan; the title for sharing names the page.
        let is_other = !page_kind::is_written(declared);
        let bare = |it: String| title::first_segment(&site.strip_from(&unhyphenated(&it)));
        let shared = declared.opengraph_text("title").filter(|_| is_other).map(bare);
        let named = shared.clone().filter(|shared| {
            let says_all = |it: &String| title::holds_words(shared, it);
            // A heading that the page's own title holds is no slogan.
            let held =
                |heading: &String| own.as_ref().is_some_and(|own| title::holds_words(own, heading));
            !site.is(shared)
                && !fitting.as_ref().is_some_and(held)
                && fitting.as_ref().is_some_and(|it| !says_all(it))
        });
        // The heading may also be a short form of the title.
        let longer = shared.or_else(|| own.clone().filter(|_| is_other).map(bare));
        let longer = longer
            .filter(|it| fitting.as_ref().is_some_and(|heading| title::says_more(it, heading)));
        let named = named.or(longer);
        let title = named.or(fitting).or(title).filter(|it| !it.is_empty());
        Self { title, heading, heading_at }
    }
}

/// The headline of the article that a page is.
fn headline(declared: &Declared) -> Option<String> {
    let of =
        |it: &Value| declared.name_of(it.get("headline").filter(|_| page_kind::is_article(it))?);
    declared.find_in_graph(of)
}

fn description(declared: &Declared) -> Option<String> {
    declared
        .meta_text("description")
        .or_else(|| declared.opengraph_text("description"))
        .or_else(|| declared.meta_text("twitter:description"))
        .or_else(|| declared.find_in_graph(|it| declared.name_of(it.get("description")?)))
        .or_else(|| declared.dublin_core_text("description"))
}

fn language(declared: &Declared) -> Option<String> {
    declared
        .language
        .clone()
        .or_else(|| declared.meta_text("language"))
        .or_else(|| declared.opengraph_text("locale"))
        .or_else(|| declared.dublin_core_text("language"))
}

/// Names of `meta` elements with the author besides the common ones.
const AUTHOR_META: [&str; 5] = [
    "citation_author",
    "parsely-author",
    "sailthru.author",
    "byl",
    "shareaholic:article_author_name",
];

fn author(doc: &Doc<'_>, declared: &Declared, kind: PageKind) -> Option<String> {
    let site = declared.opengraph_text("site_name");
    let publisher = declared.publisher().map(|it| title::letters(&it));
    let is_publisher = |name: &str| {
        let rest = publisher.as_deref().and_then(|it| it.strip_prefix(&title::letters(name)));
        rest.is_some_and(|it| matches!(it, "" | "de" | "at" | "ch" | "com" | "net" | "org"))
    };
    let is_talk = kind == PageKind::Discussion;
    let own = SiteName::of(site.clone(), declared.address.as_deref());
    let is_person = |it: &String| {
        let bare = byline::without_label(it);
        let is_site = || own.names(bare);
        is_talk || !byline::is_firm(bare) && !is_publisher(bare) && !is_site()
    };
    let meta = declared
        .meta_text("author")
        .or_else(|| declared.meta_text("article:author").filter(|it| !it.starts_with("http")))
        .or_else(|| declared.dublin_core_text("creator"))
        .or_else(|| AUTHOR_META.into_iter().find_map(|it| declared.meta_text(it)));
    let person = declared
        .find_in_graph(|it| declared.person_names(it.get("author").filter(|_| !is_page(it))?))
        .or_else(|| declared.find_in_graph(|it| declared.person_names(it.get("author")?)))
        .filter(is_person)
        .or_else(|| meta.clone().filter(|it| site.as_ref() != Some(it) && is_person(it)));
    let person = person.map(|it| byline::without_label(&it).to_owned());
    let person = match person {
        Some(it) if !is_talk && is_first_name(&it) && !own.is(&it) => {
            Some(byline::full_name(doc, &it).unwrap_or(it))
        }
        it => it,
    };
    person
        .or_else(|| byline::author(doc, kind))
        .or_else(|| declared.item_text("author"))
        .or(meta)
        .filter(is_person)
}

/// Returns `true` if a name is one word that begins like a first name.
fn is_first_name(name: &str) -> bool {
    let mut letters = name.chars();
    letters.next().is_some_and(char::is_uppercase)
        && name.len() > 2
        && letters.all(char::is_lowercase)
}

fn published_at(
    doc: &Doc<'_>,
    declared: &Declared,
    kind: PageKind,
    heading: Option<Id>,
) -> Option<String> {
    const META: [&str; 16] = [
        "article:published_time",
        "datepublished",
        "date",
        "citation_publication_date",
        "citation_online_date",
        "citation_date",
        "article:published",
        "article.published",
        "parsely-pub-date",
        "sailthru.date",
        "publishdate",
        "publish_date",
        "publish-date",
        "pubdate",
        "published_time",
        "originalpublicationdate",
    ];
    const DUBLIN_CORE: [&str; 3] = ["issued", "created", "date"];
    let language = language(declared);
    let style = DateStyle::of(language.as_deref());
    declared
        .item_text("datePublished")
        .or_else(|| META.into_iter().find_map(|it| declared.meta_text(it)))
        .or_else(|| DUBLIN_CORE.into_iter().find_map(|it| declared.dublin_core_text(it)))
        .map(|it| iso_or_day(it, style))
        .or_else(|| published::date(doc, kind, heading, style))
        .or_else(|| published::in_address(declared.address.as_deref()?))
}
