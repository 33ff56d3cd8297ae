//! Finds the state that frameworks put into a page.

use serde_json::Value;

use crate::extract::dom::doc::{Doc, Id};
use crate::extract::dom::tag::Tag;
use crate::extract::embedded::flight::Flight;
use crate::extract::embedded::js_literal::LiteralReader;
use crate::extract::embedded::packed;
use crate::extract::value::lenient_json;

/// Assignments of one script that are read.
const MAX_ASSIGNMENTS: usize = 500;

/// The embedded state of a page.
#[derive(Debug, Default)]
pub(super) struct States {
    /// Each value with the framework that it is for.
    pub(super) values: Vec<(&'static str, Value)>,
    /// The stream of Next's app router.
    pub(super) flight: Flight,
}

impl States {
    pub(super) fn of(doc: &Doc<'_>) -> Self {
        Self::of_scripts(doc, |_| true)
    }

    /// Reads the scripts whose source is selected, and the properties of islands.
    pub(super) fn of_scripts(doc: &Doc<'_>, selects: impl Fn(&str) -> bool) -> Self {
        let mut states = Self::default();
        let mut stream = String::new();
        for id in 0..doc.len() {
            match doc.tag(id) {
                Tag::Script if sources(doc, id).any(&selects) => {
                    states.script(doc, id, &mut stream);
                }
                Tag::Other => {
                    if let Some(properties) = island(doc, id) {
                        states.values.push(("Astro", packed::typed(&properties)));
                    }
                }
                _ => {}
            }
        }
        states.flight = Flight::read(&stream);
        states
    }

    fn script(&mut self, doc: &Doc<'_>, id: Id, stream: &mut String) {
        let source = doc.source_text(id);
        let media = doc.attr(id, "type").unwrap_or_default().to_ascii_lowercase();
        let name = doc.attr(id, "id").unwrap_or_default();
        if media.ends_with("json") || media == "fastboot/shoebox" {
            let framework = if doc.attr(id, "data-sveltekit-fetched").is_some() {
                "SvelteKit"
            } else {
                framework(name).unwrap_or(if media.ends_with("ld+json") { "JSON-LD" } else { ANY })
            };
            self.values.push((framework, json(&source, framework)));
        } else if media.is_empty() || media == "module" || media.ends_with("javascript") {
            self.assigned(&source);
            self.called(&source, stream);
        }
    }

    /// Reads the data that a script assigns, as in `window.__STATE__ = {...};`.
    fn assigned(&mut self, source: &str) {
        let mut reader = LiteralReader::new(source);
        let mut from = 0;
        let mut found = 0;
        while let Some(at) = source.get(from..).and_then(|it| it.find('=')) {
            let at = from + at;
            from = at + 1;
            let Some(target) = target(source.get(..at).unwrap_or_default()) else { continue };
            if found >= MAX_ASSIGNMENTS || !begins_data(source.get(from..).unwrap_or_default()) {
                continue;
            }
            let Some((value, behind)) = reader.value_at(from) else { continue };
            from = behind;
            found += 1;
            let framework = framework(target).unwrap_or(ANY);
            self.values.push((framework, opened(value)));
        }
    }

    /// Reads the data that a script passes to a function of a framework.
    fn called(&mut self, source: &str, stream: &mut String) {
        // One reader, so that the calls of a script share its bound.
        let mut reader = LiteralReader::new(source);
        let mut arguments = |mark: &str| -> Vec<Value> {
            let places = source.match_indices(mark).take(MAX_ASSIGNMENTS);
            places.filter_map(|(at, _)| Some(reader.value_at(at + mark.len())?.0)).collect()
        };
        for pushed in arguments("__next_f.push(") {
            stream.push_str(pushed.get(1).and_then(Value::as_str).unwrap_or_default());
        }
        for pushed in arguments("streamController.enqueue(") {
            let list = pushed.as_str().map(lenient_json::parse);
            self.values.extend(list.and_then(|it| packed::unpacked(&it)).map(|it| ("Remix", it)));
        }
        if source.contains("kit.start(") || source.contains("__sveltekit") {
            self.values.extend(arguments("data:").into_iter().map(|it| ("SvelteKit", it)));
        }
    }
}

/// Returns the texts of a script.
pub(super) fn sources<'a>(doc: &Doc<'a>, script: Id) -> impl Iterator<Item = &'a str> {
    (script..doc.end(script)).filter_map(|it| doc.text(it))
}

/// The name for state of an unknown framework.
pub(super) const ANY: &str = "script";

/// Returns the framework that uses a name for its state.
fn framework(name: &str) -> Option<&'static str> {
    Some(match name {
        "__NEXT_DATA__" => "Next",
        "__NUXT__" | "__NUXT_DATA__" => "Nuxt",
        "__remixContext" | "__reactRouterContext" => "Remix",
        "___gatsby" | "pageData" | "__GATSBY" => "Gatsby",
        "ng-state" | "serverApp-state" | "transfer-state" => "Angular",
        "__APOLLO_STATE__" => "Apollo",
        "__PRELOADED_STATE__" | "__REDUX_STATE__" | "__REDUX_DATA__" => "Redux",
        "__INITIAL_STATE__" | "__VUE_SSR_STATE__" => "Vue",
        "vike_pageContext" | "vite-plugin-ssr_pageContext" => "Vike",
        "__PRELOADED_QUERIES__" | "__REACT_QUERY_STATE__" => "React Query",
        _ => return None,
    })
}

/// Parses the JSON of a script and unpacks it as its framework packs it.
fn json(source: &str, framework: &str) -> Value {
    let value = lenient_json::parse(source);
    match framework {
        "Nuxt" => packed::unpacked(&value).unwrap_or(value),
        // Angular used escapes of its own for the characters of HTML.
        "Angular" if value.is_null() || source.contains("&q;") => {
            let plain = source
                .replace("&q;", "\"")
                .replace("&s;", "'")
                .replace("&l;", "<")
                .replace("&g;", ">")
                .replace("&a;", "&");
            lenient_json::parse(&plain)
        }
        _ => value,
    }
}

/// Parses a string that holds JSON.
fn opened(value: Value) -> Value {
    match value {
        Value::String(text) => lenient_json::parse(&text),
        other => other,
    }
}

/// Returns the name on the left side of an assignment: a field of the window, or a variable.
fn target(before: &str) -> Option<&str> {
    let before = before.trim_end();
    let (quoted, before) = match before.strip_suffix(']') {
        Some(it) => (true, it.trim_end_matches(['"', '\''])),
        None => (false, before),
    };
    let is_part = |it: char| it.is_alphanumeric() || matches!(it, '_' | '$' | '-');
    let begin = before.rfind(|it| !is_part(it)).map_or(0, |it| it + 1);
    let (owner, name) = before.split_at_checked(begin)?;
    if name.len() < 2 || name.len() > 80 {
        return None;
    }
    let owner = owner.trim_end_matches(['"', '\'']);
    let owner = owner.strip_suffix(if quoted { '[' } else { '.' });
    match owner {
        Some(owner) => {
            let globals = ["window", "self", "globalThis", "global", "top"];
            globals.iter().any(|it| owner.ends_with(it)).then_some(name)
        }
        None if quoted => None,
        // `var name`, or a name at the beginning of a statement.
        None => {
            let words = before.get(..begin)?.trim_end();
            let declared = ["var", "let", "const"].iter().any(|it| words.ends_with(it));
            (declared || words.is_empty() || words.ends_with([';', '}'])).then_some(name)
        }
    }
}

/// Returns `true` if the right side of an assignment may be data.
fn begins_data(rest: &str) -> bool {
    let rest = rest.trim_start();
    ["{", "[{", "[[", "[\"", "(function", "JSON.parse(", "\"{", "'{", "\"[", "'["]
        .iter()
        .any(|it| rest.starts_with(it))
}

/// Returns the properties of an Astro island.
fn island(doc: &Doc<'_>, id: Id) -> Option<Value> {
    if doc.name(id) != "astro-island" {
        return None;
    }
    serde_json::from_str(doc.attr(id, "props")?).ok()
}
