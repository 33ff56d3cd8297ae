//! Finds the article, product or list among the values of a page's state.

use serde_json::{Map, Value};

use crate::extract::embedded::{ENOUGH, rich_text};
use crate::extract::value::lenient_json;

/// Values that are read.
const MAX_VALUES: usize = 300_000;
/// Levels of JSON inside strings that are parsed.
const MAX_OPENED: usize = 2;
/// Bytes of the name and description of a product; it needs fewer than an article.
const ENOUGH_OF_A_PRODUCT: usize = 40;
/// Entries that make a list.
const LIST: usize = 3;

/// Bytes of a title.
const TITLE: std::ops::Range<usize> = 3..300;

// The numbers below rank the candidates. They were chosen by hand: each makes a clear case win and is far
// from the value at which it would decide a close one.

/// Bytes beyond which an article is not better for being longer.
const LONG: usize = 20_000;
/// The factor of a text whose object has a title, and of an object with the address of the page.
const NAMED: usize = 3;
const OWN_ADDRESS: usize = 3;
/// Fields of a product that an object for sale has, its price included.
const PRODUCT_FIELDS: usize = 3;
/// The length of an article, in times [`ENOUGH`], below which a product on the page wins.
const SHORT_ARTICLE: usize = 3;
/// The factor by which the text of a list must exceed that of an article to win.
const MUCH_LONGER: usize = 4;

/// Fields that may hold the text of an object, each with a weight for how surely it does. The weights
/// were set by hand so that a full text wins over a summary of up to three times its length.
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
/// Fields that tell a product from a plan or a fee.
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

/// The best candidate of a page's state.
#[derive(Debug)]
pub(super) enum Candidate<'a> {
    /// An object with a long text, and that text.
    Article(&'a Map<String, Value>, &'a Value),
    /// An object for sale.
    Product(&'a Map<String, Value>),
    /// Objects of a kind, each with a name.
    List(&'a [Value]),
}

/// Parses the strings that hold JSON, so that the values in them can be found.
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
            match lenient_json::parse(&text) {
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

/// Returns the best candidate; `url` tells which of several articles the page is about.
pub(super) fn best<'a>(
    values: impl Iterator<Item = &'a Value>,
    url: &str,
) -> Option<Candidate<'a>> {
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

/// Returns `true` if a value is an object or a list.
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
        let factor = self.own_address_factor(object);
        let bodies = BODIES.iter().filter_map(|(name, sure)| Some((object.get(*name)?, sure)));
        for (body, sure) in bodies {
            let length = rich_text::length(body);
            if length < ENOUGH {
                continue;
            }
            let score = length.min(LONG) * sure * if named { NAMED } else { 1 } * factor;
            if self.article.is_none_or(|(best, ..)| score > best) {
                self.article = Some((score, object, body));
            }
        }
        if named && PRICES.iter().any(|it| object.get(*it).is_some_and(|it| !it.is_null())) {
            let fits = OF_A_PRODUCT.iter().filter(|it| object.contains_key(**it)).count() + 1;
            let score = fits * factor;
            if fits >= PRODUCT_FIELDS && self.product.is_none_or(|(best, _)| score > best) {
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

    /// Returns the factor for an object whose own address is that of the page.
    fn own_address_factor(&self, object: &Map<String, Value>) -> usize {
        let Some(slug) = &self.slug else { return 1 };
        let names = ["slug", "url", "path", "permalink", "link", "canonicalUrl", "handle", "id"];
        let matches = names.iter().filter_map(|it| object.get(*it)).any(|it| {
            let found = it.as_str().or_else(|| it.get("current")?.as_str()).unwrap_or_default();
            last_segment(found) == Some(slug)
        });
        if matches { OWN_ADDRESS } else { 1 }
    }

    fn done(self) -> Option<Candidate<'a>> {
        let product = self.product.filter(|(_, it)| words(it) >= ENOUGH_OF_A_PRODUCT);
        match (self.article, product, self.list) {
            // A product may have a long description.
            (Some((_, article, _)), Some((_, product)), _) if std::ptr::eq(article, product) => {
                Some(Candidate::Product(product))
            }
            (Some((_, object, body)), product, list) => {
                let length = rich_text::length(body);
                match (product, list) {
                    (Some((_, product)), _) if length < ENOUGH * SHORT_ARTICLE => {
                        Some(Candidate::Product(product))
                    }
                    (_, Some((more, all))) if more > length * MUCH_LONGER => {
                        Some(Candidate::List(all))
                    }
                    _ => Some(Candidate::Article(object, body)),
                }
            }
            (None, Some((_, product)), _) => Some(Candidate::Product(product)),
            (None, None, list) => list.map(|(_, all)| Candidate::List(all)),
        }
    }
}

/// Returns the bytes of an entry's name and description; `None` without a name.
fn entry_length(object: &Map<String, Value>) -> Option<usize> {
    let text = ["description", "summary", "excerpt", "text"];
    let found = text.iter().find_map(|it| object.get(*it)?.as_str()).unwrap_or_default();
    Some(title(object)?.len() + found.len())
}

/// Counts the bytes of a product's name and description.
fn words(object: &Map<String, Value>) -> usize {
    let found =
        BODIES.iter().filter_map(|(name, _)| object.get(*name)).map(rich_text::length).max();
    title(object).map_or(0, str::len) + found.unwrap_or_default()
}

/// Returns the title of an object.
pub(super) fn title(object: &Map<String, Value>) -> Option<&str> {
    let found = TITLES.iter().find_map(|it| plain(object.get(*it)?))?;
    TITLE.contains(&found.trim().len()).then_some(found)
}

/// Returns a string, or the string inside a wrapper of a content system.
pub(super) fn plain(value: &Value) -> Option<&str> {
    let nested =
        || ["rendered", "text", "value", "name"].iter().find_map(|it| value.get(*it)?.as_str());
    value.as_str().or_else(nested)
}

/// Returns the last segment of an address, which tells a page from its neighbors.
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
