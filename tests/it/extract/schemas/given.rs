//! Pages about one thing each, written from a table of facts in several structures and languages.

use rungs::core::request::{Format, Item, Limits, Profile};
use rungs::extract::HtmlExtractor;
use rungs::ports::extract::{Document, Extracted, Extractor};
use serde_json::{Map, Value, json};

pub(super) const LANGUAGES: [&str; 3] = ["en", "de", "fr"];
/// Prose that no field asks for.
const PROSE: [&str; 3] = [
    "We look after every visitor with care, and the yard behind the house is quiet for most of the afternoon.",
    "Wir kümmern uns um jeden Besuch mit Sorgfalt, und der Hof hinter dem Haus ist nachmittags meistens ruhig.",
    "Nous accueillons chaque visite avec soin, et la cour derrière la maison reste calme presque tout le jour.",
];

/// A field of a schema, and what pages in each language call it and say of it.
pub(super) struct Fact {
    pub(super) field: &'static str,
    /// JSON Schema of the field.
    pub(super) schema: &'static str,
    pub(super) labels: [&'static str; 3],
    pub(super) values: [&'static str; 3],
    /// The value in every language, or one for each, as JSON.
    pub(super) expected: &'static [&'static str],
}

/// A domain: a heading in each language and its facts.
pub(super) struct Domain {
    pub(super) name: &'static str,
    pub(super) headings: [&'static str; 3],
    pub(super) facts: &'static [Fact],
}

/// A way to set labels and values.
#[derive(Clone, Copy, Debug)]
pub(super) enum Structure {
    HeadedTable,
    PlainTable,
    Terms,
    Lines,
    BoldItems,
    Spans,
    Blocks,
    OneLine,
}

pub(super) const STRUCTURES: [Structure; 8] = [
    Structure::HeadedTable,
    Structure::PlainTable,
    Structure::Terms,
    Structure::Lines,
    Structure::BoldItems,
    Structure::Spans,
    Structure::Blocks,
    Structure::OneLine,
];

impl Structure {
    fn write(self, pairs: &[(&str, &str)]) -> String {
        let each = |write: fn(&str, &str) -> String| {
            pairs.iter().map(|(label, value)| write(label, value)).collect::<String>()
        };
        match self {
            Self::HeadedTable => format!(
                "<table>{}</table>",
                each(|l, v| format!("<tr><th>{l}</th><td>{v}</td></tr>"))
            ),
            Self::PlainTable => format!(
                "<table><tbody>{}</tbody></table>",
                each(|l, v| format!("<tr><td>{l}:</td><td>{v}</td></tr>"))
            ),
            Self::Terms => format!("<dl>{}</dl>", each(|l, v| format!("<dt>{l}</dt><dd>{v}</dd>"))),
            Self::Lines => format!("<p>{}</p>", each(|l, v| format!("{l}: {v}<br>"))),
            Self::BoldItems => {
                format!("<ul>{}</ul>", each(|l, v| format!("<li><strong>{l}</strong> {v}</li>")))
            }
            Self::Spans => format!(
                "<div class=facts>{}</div>",
                each(|l, v| format!("<div><span class=l>{l}</span><span class=v>{v}</span></div>"))
            ),
            Self::Blocks => format!(
                "<section>{}</section>",
                each(|l, v| format!("<div class=row><div>{l}</div><div>{v}</div></div>"))
            ),
            Self::OneLine => {
                let all: Vec<String> = pairs.iter().map(|(l, v)| format!("{l}: {v}")).collect();
                format!("<p>{}</p>", all.join(" | "))
            }
        }
    }
}

/// Writes the page of a domain.
pub(super) fn page(domain: &Domain, language: usize, structure: Structure) -> String {
    let pairs: Vec<(&str, &str)> =
        domain.facts.iter().map(|it| (it.labels[language], it.values[language])).collect();
    format!(
        "<!doctype html><html lang={}><head><title>{heading} | Haus Example</title></head><body>\
         <nav><a href=/>Start</a> <a href=/contact>Contact</a> <a href=/cart>Cart</a></nav><main><h1>{heading}</h1><p>{prose}</p>{}<p>{prose}</p></main>\
         <footer><a href=/imprint>Imprint</a> <a href=/terms>Terms</a> © Haus Example</footer></body></html>",
        LANGUAGES[language],
        structure.write(&pairs),
        heading = domain.headings[language],
        prose = PROSE[language],
    )
}

/// Returns the JSON Schema of a domain.
pub(super) fn schema(domain: &Domain) -> Value {
    let parsed = |it: &Fact| serde_json::from_str(it.schema).expect("a schema");
    let properties: Map<String, Value> =
        domain.facts.iter().map(|it| (it.field.to_owned(), parsed(it))).collect();
    json!({ "type": "object", "properties": properties })
}

/// Returns what a page of a domain must give.
pub(super) fn expected(fact: &Fact, language: usize) -> Value {
    let text = fact.expected.get(language).or_else(|| fact.expected.first()).expect("a value");
    serde_json::from_str(text).unwrap_or_else(|_| Value::from(*text))
}

/// Extracts a page with a schema.
pub(super) fn read(page: &str, schema: &Value, profile: Profile) -> Extracted {
    let url = "https://garden.example/page";
    let mut item = Item::get(url).formats([Format::Json]).profile(profile).schema(schema.clone());
    item.evidence = true;
    let options = item.check(&Limits::default()).expect("an item");
    let document = Document::new(page.as_bytes(), url, &options)
        .with_content_type(Some("text/html; charset=utf-8"));
    HtmlExtractor.extract(document).expect("a page")
}

/// Returns the values that a schema gets from a page.
pub(super) fn filled(page: &str, schema: &Value) -> Value {
    read(page, schema, Profile::Auto).filtered_content.expect("a schema was sent")
}
