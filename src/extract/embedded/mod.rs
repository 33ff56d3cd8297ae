//! Reads embedded state: the data that a page ships for its own scripts, without running them.
//!
//! A page that scripts fill often carries its data in a script. [`states`] finds the data,
//! [`js_literal`], [`packed`] and [`flight`] unpack it, [`candidates`] finds the article, product or list
//! in it, and [`rich_text`] converts the text of content systems to HTML. The result is written as a page
//! of its own, which is then read like any other.

mod candidates;
mod described;
mod flight;
mod js_literal;
mod packed;
mod product;
mod recipe;
mod rich_text;
mod states;

pub(super) use self::described::described;
pub(super) use self::recipe::recipe;

use serde_json::{Map, Value};

use crate::extract::dom::doc::Doc;
use crate::extract::dom::escape::{escaped, quoted};
use crate::extract::dom::folding::folded;
use crate::extract::dom::tag::Tag;
use crate::extract::embedded::candidates::Candidate;
use crate::extract::embedded::states::States;
use crate::extract::source::tree::text_of;

/// Bytes of text that make a page.
pub(super) const ENOUGH: usize = 200;
/// Bytes of a text that is content; a shorter one is a label.
const SENTENCE: usize = 60;
/// Texts kept of a page whose state has no candidate.
const MAX_TEXTS: usize = 500;

/// A page made from embedded state.
#[derive(Debug)]
pub(super) struct EmbeddedPage {
    /// The framework of the state.
    pub(super) framework: &'static str,
    /// The HTML: the head of the original page, and a new body.
    pub(super) source: String,
}

/// Makes a page from the embedded state of another. Returns `None` if there is too little in it.
pub(super) fn page(doc: &Doc<'_>, url: &str) -> Option<EmbeddedPage> {
    let mut states = States::of(doc);
    for (_, value) in &mut states.values {
        *value = candidates::opened(std::mem::take(value));
    }
    let flight = states.flight.markup();
    let streamed = text_of(&flight).len();
    let values = || states.values.iter().map(|(_, it)| it).chain(states.flight.values());
    let body = match candidates::best(values(), url) {
        Some(Candidate::Article(_, body)) if rich_text::length(body) < streamed => None,
        Some(found) => Some(written(&found)),
        None => None,
    };
    let body = body.or((streamed >= ENOUGH).then_some(flight));
    let body = body.or_else(|| sentences(values()))?;
    let mut source = head(doc);
    source.extend(["<body>", &body, "</body>"]);
    let framework = if states.flight.values().next().is_some() {
        "Next"
    } else {
        let known = states.values.iter().map(|(it, _)| *it).find(|it| *it != states::ANY);
        known.unwrap_or(states::ANY)
    };
    Some(EmbeddedPage { framework, source })
}

/// Returns the markup for readers without scripts, which the parser keeps as text.
pub(super) fn without_scripts(doc: &Doc<'_>) -> String {
    let all = (0..doc.len()).filter(|it| doc.tag(*it) == Tag::Noscript);
    all.map(|it| doc.source_text(it)).collect()
}

/// Copies the head of a page, with its metadata and JSON-LD.
fn head(doc: &Doc<'_>) -> String {
    let language = doc.attr(0, "lang").unwrap_or_default();
    let mut head = format!("<html lang=\"{}\"><head>", quoted(language));
    for id in 0..doc.len() {
        let name = match doc.tag(id) {
            Tag::Title => {
                let title = escaped(&doc.source_text(id));
                head.extend(["<title>", &title, "</title>"]);
                continue;
            }
            Tag::Meta => "meta",
            Tag::Link => "link",
            Tag::Base => "base",
            _ => continue,
        };
        head.extend(["<", name]);
        for (name, value) in doc.attrs(id).filter(|(name, _)| *name != "charset") {
            head.extend([" ", name, "=\"", &quoted(value), "\""]);
        }
        head.push('>');
    }
    let is_data = |id: &usize| {
        doc.tag(*id) == Tag::Script && doc.attr(*id, "type") == Some("application/ld+json")
    };
    for id in (0..doc.len()).filter(is_data) {
        head.extend([JSON_LD, &doc.source_text(id), "</script>"]);
    }
    head + "</head>"
}

/// The tag of a script with JSON-LD.
const JSON_LD: &str = "<script type=\"application/ld+json\">";

/// Writes a candidate as the body of a page.
fn written(found: &Candidate<'_>) -> String {
    let mut out = String::from("<main><article>");
    match found {
        Candidate::Article(object, body) => {
            heading(object, &mut out);
            byline(object, &mut out);
            out.push_str(&rich_text::html(body));
        }
        Candidate::Product(object) => {
            heading(object, &mut out);
            product::write(object, &mut out);
        }
        Candidate::List(all) => {
            out.push_str("<ul>");
            for entry in all.iter().filter_map(Value::as_object) {
                list_entry(entry, &mut out);
            }
            out.push_str("</ul>");
        }
    }
    out + "</article></main>"
}

fn heading(object: &Map<String, Value>, out: &mut String) {
    if let Some(title) = candidates::title(object) {
        out.extend(["<h1>", &escaped(&text_of(title)), "</h1>"]);
    }
}

/// Writes the author and the date of an object.
fn byline(object: &Map<String, Value>, out: &mut String) {
    const DATES: [&str; 6] =
        ["datePublished", "publishedAt", "published_at", "publishDate", "date", "createdAt"];
    const AUTHORS: [&str; 4] = ["author", "byline", "authors", "authorName"];
    let first = |value: &Value| value.get(0).cloned().unwrap_or_else(|| value.clone());
    let author = AUTHORS.iter().find_map(|it| object.get(*it)).map(first);
    if let Some(author) = author.as_ref().and_then(candidates::plain).filter(|it| it.len() < 100) {
        out.extend(["<p rel=\"author\" class=\"byline\">", &escaped(author), "</p>"]);
    }
    let date = DATES.iter().find_map(|it| object.get(*it)?.as_str());
    if let Some(date) = date.filter(|it| it.len() <= 40 && it.contains('-')) {
        let date = quoted(date);
        out.extend(["<p><time datetime=\"", &date, "\">", &date, "</time></p>"]);
    }
}

fn list_entry(entry: &Map<String, Value>, out: &mut String) {
    let Some(title) = candidates::title(entry) else { return };
    let link =
        ["url", "href", "link", "path", "permalink"].iter().find_map(|it| entry.get(*it)?.as_str());
    let title = escaped(&text_of(title));
    match link {
        Some(link) => out.extend(["<li><h3><a href=\"", &quoted(link), "\">", &title, "</a></h3>"]),
        None => out.extend(["<li><h3>", &title, "</h3>"]),
    }
    let description =
        ["description", "summary", "excerpt", "text"].iter().find_map(|it| entry.get(*it));
    if let Some(description) = description {
        out.push_str(&rich_text::html(description));
    }
    out.push_str("</li>");
}

/// Joins the sentences of all values in the order of the data, for state without a candidate.
fn sentences<'a>(values: impl Iterator<Item = &'a Value>) -> Option<String> {
    let mut texts: Vec<String> = Vec::new();
    let mut waiting: Vec<&Value> = values.collect();
    waiting.reverse();
    while let Some(value) = waiting.pop() {
        match value {
            Value::String(_) if texts.len() >= MAX_TEXTS => break,
            Value::String(text) if text.len() >= SENTENCE && text.contains(' ') => {
                let plain = if text.contains('<') { text_of(text) } else { folded(text) };
                if !texts.contains(&plain) {
                    texts.push(plain);
                }
            }
            Value::Array(all) => waiting.extend(all.iter().rev()),
            Value::Object(object) => waiting.extend(object.values().rev()),
            _ => {}
        }
    }
    let length: usize = texts.iter().map(String::len).sum();
    (length >= ENOUGH).then(|| {
        let paragraphs = texts.iter().map(|it| format!("<p>{}</p>", escaped(it)));
        format!("<main><article>{}</article></main>", paragraphs.collect::<String>())
    })
}
