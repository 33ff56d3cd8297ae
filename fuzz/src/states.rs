//! Pages with embedded state, in the formats of the frameworks.
//!
//! The first byte selects the framework and the second the style of its data. The rest is either the raw state, or data
//! around an article that must be found.

use rungs::core::request::{Format, Item, Limits, Profile};
use rungs::core::tier::Tier;
use rungs::extract::HtmlExtractor;
use rungs::ports::extract::{Document, ExtractError, Extracted, Extractor};
use serde_json::{Map, Value, json};

use super::bytes::Bytes;
use super::made;

const URL: &str = "https://example.com/notes/ferry";
const TITLE: &str = "The small ferry";
/// Long enough to be an article beside anything that fits into [`NOISE`].
const WORDS: &str = "The small ferry leaves the harbour at dawn and is back before noon. ";
const TIMES: usize = 12;
/// The bytes of data beside the article: too few to be an article.
const NOISE: usize = 150;
/// Names of fields of a product: the page may be about the product instead of the article.
const SOLD: [&str; 3] = ["rice", "offers", "variants"];
/// Objects and lists around the article.
const DEEPEST: usize = 16;

pub fn run(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let (framework, write) = bytes.pick(FRAMEWORKS);
    let style = bytes.byte();
    if bytes.flag() {
        let page = shell(&write(&Shipped::Raw(&String::from_utf8_lossy(bytes.rest())), style));
        if let Some(made) = extract(&page) {
            made::is_kept(&made, page.len());
        }
        return;
    }
    let depth = bytes.below(DEEPEST);
    let beside = bytes.take(NOISE);
    let sells = String::from_utf8_lossy(beside);
    let sells = SOLD.iter().any(|it| sells.contains(it));
    let beside =
        if sells { Value::Null } else { serde_json::from_slice(beside).unwrap_or_default() };
    let value = (0..depth).fold(among(beside), |inner, level| match level % 2 {
        0 => json!({ "page": inner }),
        _ => json!([inner]),
    });

    let made = extract(&shell(&write(&Shipped::Value(&value), style)));

    let made = made.unwrap_or_else(|| panic!("{framework}: nothing was found"));
    assert!(made.text.contains(WORDS.repeat(TIMES).trim()), "{framework}: {}", made.text);
    assert_eq!(made.metadata["embedded_state"], framework);
    made::is_kept(&made, value.to_string().len());
}

/// The article, with something else before it and behind it.
fn among(beside: Value) -> Value {
    let body = WORDS.repeat(TIMES);
    json!({ "a": beside, "post": { "title": TITLE, "body": body.trim() }, "z": beside })
}

fn shell(shipped: &str) -> String {
    format!("<!doctype html><html lang=en><title>A page</title><div id=app></div>{shipped}</html>")
}

fn extract(page: &str) -> Option<Extracted> {
    let mut item = Item::get(URL).formats([Format::Text, Format::Html, Format::Json, Format::Rag]);
    item.extraction_profile = Profile::Auto;
    let options = item.check(&Limits::default()).expect("an item");
    let content_type = Some("text/html; charset=utf-8");
    let body = page.as_bytes();
    let page =
        Document::new(body, URL, &options).with_content_type(content_type).with_tier(Tier::LightJs);

    let made = HtmlExtractor.extract(page);

    assert_eq!(HtmlExtractor.extract(page), made, "the same page was read in two ways");
    match made {
        Ok(made) => {
            let Some(Value::String(html)) = made.content.get(&Format::Html) else {
                panic!("no readable HTML");
            };
            made::is_harmless(html);
            assert!(!made.text.trim().is_empty());
            Some(made)
        }
        Err(ExtractError::Empty | ExtractError::Unsupported(_) | ExtractError::TooDeep) => None,
        Err(other) => panic!("a new way to fail: {other}"),
    }
}

/// The embedded state of a page.
enum Shipped<'a> {
    /// Any text, unchanged.
    Raw(&'a str),
    /// A value, written so that a script or a parser of JSON reads it.
    Value(&'a Value),
}

impl Shipped<'_> {
    /// As JSON between script tags.
    fn json(&self) -> String {
        match self {
            Self::Raw(text) => (*text).to_owned(),
            Self::Value(value) => value.to_string().replace('<', "\\u003c"),
        }
    }

    /// As a script writes it.
    fn literal(&self, style: u8) -> String {
        match self {
            Self::Raw(text) => (*text).to_owned(),
            Self::Value(value) => literal(value, style),
        }
    }

    /// As a list of values by their places.
    fn packed(&self, keyed: Keyed) -> String {
        match self {
            Self::Raw(text) => (*text).to_owned(),
            Self::Value(value) => {
                let mut list = Vec::new();
                pack(value, keyed, &mut list);
                Value::Array(list).to_string().replace('<', "\\u003c")
            }
        }
    }
}

type Write = fn(&Shipped<'_>, u8) -> String;

/// The name that the result has for each, and how it ships its data.
const FRAMEWORKS: &[(&str, Write)] = &[
    ("Next", |it, _| element("id=__NEXT_DATA__ type=application/json", &it.json())),
    ("Next", flight),
    ("Nuxt", |it, _| element("id=__NUXT_DATA__ type=application/json", &it.packed(Keyed::ByName))),
    ("Nuxt", |it, style| {
        let data = it.literal(style);
        script(&format!("window.__NUXT__=(function(a,b){{return {{a:a,b:b,d:{data}}}}}(\"c\",!0))"))
    }),
    ("Remix", |it, style| {
        let list = quoted(&it.packed(Keyed::ByPlace), style);
        script(&format!("window.__reactRouterContext.streamController.enqueue({list})"))
    }),
    ("SvelteKit", |it, style| {
        let data = it.literal(style);
        script(&format!("kit.start(app, element, {{node_ids: [0, 2], data: [{data}]}})"))
    }),
    ("SvelteKit", |it, _| {
        let answer = json!({ "status": 200, "body": it.json() }).to_string();
        element("type=application/json data-sveltekit-fetched", &answer.replace('<', "\\u003c"))
    }),
    ("Gatsby", |it, style| script(&format!("window.pageData={}", it.literal(style)))),
    ("Angular", |it, _| element("id=ng-state type=application/json", &it.json())),
    ("Angular", |it, _| {
        let marks = [("&", "&a;"), ("\"", "&q;"), ("'", "&s;"), ("<", "&l;"), (">", "&g;")];
        let text = marks.iter().fold(it.json(), |text, (sign, mark)| text.replace(sign, mark));
        element("id=serverApp-state type=application/json", &text)
    }),
    ("Apollo", |it, style| script(&format!("window.__APOLLO_STATE__ = {};", it.literal(style)))),
    ("Redux", |it, style| {
        let text = quoted(&it.json(), style);
        script(&format!("window['__PRELOADED_STATE__'] = JSON.parse({text})"))
    }),
    ("Vue", |it, style| {
        script(&format!("var __INITIAL_STATE__ = {}", quoted(&it.json(), style & !2)))
    }),
    ("Vike", |it, _| element("id=vike_pageContext type=application/json", &it.json())),
    ("React Query", |it, style| {
        script(&format!("self.__REACT_QUERY_STATE__={}", it.literal(style)))
    }),
    ("Astro", |it, _| {
        let properties = match it {
            Shipped::Raw(text) => (*text).to_owned(),
            Shipped::Value(value) => json!({ "page": typed(value) }).to_string(),
        };
        let properties = properties.replace('&', "&amp;").replace('"', "&quot;");
        format!("<astro-island props=\"{properties}\"></astro-island>")
    }),
    ("script", |it, _| element("type=fastboot/shoebox id=shoebox-main", &it.json())),
    ("script", |it, style| script(&format!("let state = {}", it.literal(style)))),
];

fn script(source: &str) -> String {
    format!("<script>{source}</script>")
}

fn element(attributes: &str, source: &str) -> String {
    format!("<script {attributes}>{source}</script>")
}

/// The location of a packed object's keys.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keyed {
    ByName,
    ByPlace,
}

/// Adds a value and then its children to a list, and returns its index.
fn pack(value: &Value, keyed: Keyed, list: &mut Vec<Value>) -> usize {
    let place = list.len();
    list.push(Value::Null);
    list[place] = match value {
        Value::Array(all) => all.iter().map(|it| pack(it, keyed, list)).collect(),
        Value::Object(fields) => {
            let mut object = Map::new();
            for (name, value) in fields {
                let key = if keyed == Keyed::ByPlace {
                    list.push(name.as_str().into());
                    format!("_{}", list.len() - 1)
                } else {
                    name.clone()
                };
                object.insert(key, pack(value, keyed, list).into());
            }
            object.into()
        }
        other => other.clone(),
    };
    place
}

/// A value with the number of its type beside it.
fn typed(value: &Value) -> Value {
    match value {
        Value::Array(all) => json!([1, all.iter().map(typed).collect::<Vec<_>>()]),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, it)| (name.clone(), typed(it)));
            json!([0, fields.collect::<Map<_, _>>()])
        }
        other => json!([0, other]),
    }
}

/// The rows of Next's stream, pushed in pieces: the text of the article is a row of its own.
fn flight(shipped: &Shipped<'_>, style: u8) -> String {
    let stream = match shipped {
        Shipped::Raw(text) => (*text).to_owned(),
        Shipped::Value(value) => {
            let words = WORDS.repeat(TIMES);
            let words = words.trim();
            let tree = json!(["$", "main", null, { "children": [
                ["$", "h1", null, { "children": TITLE }], ["$", "p", null, { "children": "$L3" }],
            ] }]);
            // The rows beside it hold the article too, but for its text.
            let rest = value.to_string().replace(words, "$3");
            format!("0:{tree}\n2:{rest}\n3:T{:x},{words}", words.len())
        }
    };
    let middle = stream.len() * usize::from(style) / 256;
    let middle = (0..=middle).rev().find(|it| stream.is_char_boundary(*it)).unwrap_or(0);
    let (first, second) = stream.split_at(middle);
    let push = |text| format!("self.__next_f.push([1,{}])", quoted(text, style & !3));
    script(&format!("(self.__next_f=self.__next_f||[]).push([0]);{};{}", push(first), push(second)))
}

/// Returns a value as a script writes it. The bits of `style` select the quotes, unquoted names, and trailing commas.
fn literal(value: &Value, style: u8) -> String {
    let comma = if style & 8 == 8 { "," } else { "" };
    match value {
        Value::String(text) => quoted(text, style),
        Value::Array(all) => {
            let all: Vec<String> = all.iter().map(|it| literal(it, style)).collect();
            if all.is_empty() { "[]".to_owned() } else { format!("[{}{comma}]", all.join(", ")) }
        }
        Value::Object(fields) => {
            let of = |(name, value): (&String, &Value)| {
                let bare = style & 4 == 4 && name.starts_with(|it: char| it.is_ascii_alphabetic());
                let bare = bare && name.bytes().all(|it| it.is_ascii_alphanumeric());
                let name = if bare { name.clone() } else { quoted(name, style & 1) };
                format!("{name}:{}", literal(value, style))
            };
            let all: Vec<String> = fields.iter().map(of).collect();
            if all.is_empty() { "{}".to_owned() } else { format!("{{{}{comma}}}", all.join(",")) }
        }
        Value::Bool(it) if style & 16 == 16 => if *it { "!0" } else { "!1" }.to_owned(),
        Value::Null if style & 16 == 16 => "void 0".to_owned(),
        other => other.to_string(),
    }
}

/// Returns a quoted text. The lowest bits of `style` select the quotes, the highest numeric escapes.
fn quoted(text: &str, style: u8) -> String {
    let quote = ['"', '\'', '`', '`'][usize::from(style & 3)];
    let mut out = String::from(quote);
    for symbol in text.chars() {
        match symbol {
            '\\' | '$' => out.extend(['\\', symbol]),
            it if it == quote => out.extend(['\\', it]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '<' => out.push_str("\\x3c"),
            it if style & 128 == 128 && !it.is_ascii() => {
                let mut units = [0; 2];
                for unit in it.encode_utf16(&mut units) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
            it => out.push(it),
        }
    }
    out.push(quote);
    out
}
