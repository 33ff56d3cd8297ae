//! The article, product or list among the values of a page's state.

use serde_json::{Map, Value};

use crate::extract::data;
use crate::extract::light::{ENOUGH, blocks};

/// Values that are looked at.
const MAX_VALUES: usize = 300_000;
/// JSON in strings in JSON in strings.
const MAX_OPENED: usize = 2;
/// A product is worth giving with fewer words.
const ENOUGH_OF_A_PRODUCT: usize = 40;
/// Entries that make a list.
const LIST: usize = 3;

/// Fields that hold what an object says at length, and how sure that is.
const BODIES: [(&str, usize); 20] = [
    ("articleBody", 12),
    ("body", 10),
    ("content", 10),
    ("bodyHtml", 10),
    ("body_html", 10),
    ("contentHtml", 10),
    ("descriptionHtml", 8),
    ("html", 9),
    ("markdown", 9),
    ("text", 8),
    ("richText", 9),
    ("fullText", 9),
    ("story", 8),
    ("blocks", 8),
    ("paragraphs", 8),
    ("sections", 7),
    ("document", 6),
    ("description", 5),
    ("summary", 3),
    ("excerpt", 2),
];
const TITLES: [&str; 5] = ["title", "headline", "name", "heading", "pageTitle"];
const PRICES: [&str; 7] =
    ["price", "currentPrice", "salePrice", "priceRange", "finalPrice", "offers", "variants"];
/// Fields that an object with a price has if it is a product and no plan or fee.
const OF_A_PRODUCT: [&str; 14] = [
    "sku",
    "gtin",
    "gtin13",
    "ean",
    "mpn",
    "brand",
    "vendor",
    "currency",
    "priceCurrency",
    "availability",
    "inStock",
    "images",
    "image",
    "rating",
];

/// What a page's state is about.
#[derive(Debug)]
pub(super) enum Found<'a> {
    /// An object that says something at length.
    Article(&'a Map<String, Value>, &'a Value),
    /// An object that is sold.
    Product(&'a Map<String, Value>),
    /// Objects of a kind, each with a name.
    List(&'a [Value]),
}

/// Strings that hold JSON are opened, so that what is in them can be found.
pub(super) fn opened(value: Value) -> Value {
    let mut left = MAX_VALUES;
    open(value, 0, &mut left)
}

fn open(value: Value, strings: usize, left: &mut usize) -> Value {
    *left = left.saturating_sub(1);
    match value {
        Value::String(text)
            if *left > 0
                && strings < MAX_OPENED
                && text.len() > ENOUGH
                && text.starts_with(['{', '[']) =>
        {
            match data::parse_loosely(&text) {
                Value::Null => Value::String(text),
                held => open(held, strings + 1, left),
            }
        }
        Value::Array(all) => all.into_iter().map(|it| open(it, strings, left)).collect(),
        Value::Object(all) => {
            let opened = all.into_iter().map(|(key, it)| (key, open(it, strings, left)));
            Value::Object(opened.collect())
        }
        other => other,
    }
}

/// The best of all values; `url` tells which of several articles the page is about.
pub(super) fn best<'a>(values: impl Iterator<Item = &'a Value>, url: &str) -> Option<Found<'a>> {
    let mut search = Search { slug: slug(url), ..Search::default() };
    let mut waiting: Vec<&Value> = values.collect();
    waiting.reverse();
    for _ in 0..MAX_VALUES {
        let Some(value) = waiting.pop() else { break };
        match value {
            Value::Array(all) => {
                search.list(all);
                waiting.extend(all.iter().rev().filter(|it| is_nested(it)));
            }
            Value::Object(object) => {
                search.object(object);
                waiting.extend(object.values().rev().filter(|it| is_nested(it)));
            }
            _ => {}
        }
    }
    search.done()
}

/// Whether a value holds others.
pub(super) fn is_nested(value: &Value) -> bool {
    value.is_object() || value.is_array()
}

#[derive(Debug, Default)]
struct Search<'a> {
    slug: Option<String>,
    article: Option<(usize, &'a Map<String, Value>, &'a Value)>,
    product: Option<(usize, &'a Map<String, Value>)>,
    list: Option<(usize, &'a [Value])>,
}

impl<'a> Search<'a> {
    fn object(&mut self, object: &'a Map<String, Value>) {
        let named = title(object).is_some();
        let ours = self.is_ours(object);
        let bodies = BODIES.iter().filter_map(|(name, sure)| Some((object.get(*name)?, sure)));
        for (body, sure) in bodies {
            let length = blocks::length(body);
            if length < ENOUGH {
                continue;
            }
            // Long enough is long enough: an article is not better for being twice as long.
            let score = length.min(20_000) * sure * if named { 3 } else { 1 } * ours;
            if self.article.is_none_or(|(best, ..)| score > best) {
                self.article = Some((score, object, body));
            }
        }
        if named && PRICES.iter().any(|it| object.get(*it).is_some_and(|it| !it.is_null())) {
            let fits = OF_A_PRODUCT.iter().filter(|it| object.contains_key(**it)).count() + 1;
            let score = fits * ours;
            if fits >= 3 && self.product.is_none_or(|(best, _)| score > best) {
                self.product = Some((score, object));
            }
        }
    }

    fn list(&mut self, all: &'a [Value]) {
        let named = all.iter().filter_map(Value::as_object).filter_map(entry_length);
        let (count, length) = named.fold((0, 0), |(count, sum), it| (count + 1, sum + it));
        let fits = count >= LIST && count * 2 >= all.len() && length >= ENOUGH;
        if fits && self.list.is_none_or(|(best, _)| length > best) {
            self.list = Some((length, all));
        }
    }

    /// How much more an object counts whose own address is the page's.
    fn is_ours(&self, object: &Map<String, Value>) -> usize {
        let Some(slug) = &self.slug else { return 1 };
        let names = ["slug", "url", "path", "permalink", "link", "canonicalUrl", "handle", "id"];
        let matches = names.iter().filter_map(|it| object.get(*it)).any(|it| {
            let said = it.as_str().or_else(|| it.get("current")?.as_str()).unwrap_or_default();
            last_segment(said) == Some(slug)
        });
        if matches { 3 } else { 1 }
    }

    fn done(self) -> Option<Found<'a>> {
        let product = self.product.filter(|(_, it)| words(it) >= ENOUGH_OF_A_PRODUCT);
        match (self.article, product, self.list) {
            // What is sold is described at length now and then.
            (Some((_, article, _)), Some((_, product)), _) if std::ptr::eq(article, product) => {
                Some(Found::Product(product))
            }
            (Some((_, object, body)), product, list) => {
                let length = blocks::length(body);
                match (product, list) {
                    (Some((_, product)), _) if length < ENOUGH * 3 => Some(Found::Product(product)),
                    (_, Some((more, all))) if more > length * 4 => Some(Found::List(all)),
                    _ => Some(Found::Article(object, body)),
                }
            }
            (None, Some((_, product)), _) => Some(Found::Product(product)),
            (None, None, list) => list.map(|(_, all)| Found::List(all)),
        }
    }
}

/// The bytes of an entry's name and of what it says of itself, if it has a name.
fn entry_length(object: &Map<String, Value>) -> Option<usize> {
    let text = ["description", "summary", "excerpt", "text"];
    let said = text.iter().find_map(|it| object.get(*it)?.as_str()).unwrap_or_default();
    Some(title(object)?.len() + said.len())
}

/// The bytes of a product's name and description.
fn words(object: &Map<String, Value>) -> usize {
    let said = BODIES.iter().filter_map(|(name, _)| object.get(*name)).map(blocks::length).max();
    title(object).map_or(0, str::len) + said.unwrap_or_default()
}

/// What an object is called.
pub(super) fn title(object: &Map<String, Value>) -> Option<&str> {
    let said = TITLES.iter().find_map(|it| plain(object.get(*it)?))?;
    (3..300).contains(&said.trim().len()).then_some(said)
}

/// A string, or one in an object around it, as content systems write them.
pub(super) fn plain(value: &Value) -> Option<&str> {
    let nested =
        || ["rendered", "text", "value", "name"].iter().find_map(|it| value.get(*it)?.as_str());
    value.as_str().or_else(nested)
}

/// What tells a page from its neighbours in its address.
fn slug(url: &str) -> Option<String> {
    let path = url.split(['?', '#']).next()?;
    let path = path.split_once("://").map_or(path, |(_, it)| it);
    let (_, path) = path.split_once('/')?;
    last_segment(path).map(str::to_owned)
}

fn last_segment(path: &str) -> Option<&str> {
    let path = path.trim_end_matches('/').trim_end_matches(".html");
    path.rsplit('/').next().filter(|it| !it.is_empty())
}
