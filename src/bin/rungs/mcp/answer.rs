//! The JSON of responses, without the parts that no tool shows.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};

/// Fields at the top of a page that repeat its `content`, or are not shown. They are most of a long page's response.
const SKIPPED: [&str; 12] = [
    "result",
    "html",
    "json",
    "markdown",
    "markdown_content",
    "text",
    "raw_html",
    "filtered_content",
    "profile",
    "content_parts",
    "headers",
    "metadata",
];

/// Parses a response. One that is not a JSON object is null.
pub(super) fn parse(json: &[u8]) -> Value {
    serde_json::from_slice(json).map_or(Value::Null, |Shown(fields)| Value::Object(fields))
}

/// Returns the ids of what a response is about. Its other fields take no memory.
pub(super) fn ids(json: &[u8]) -> Map<String, Value> {
    let ids: Ids = serde_json::from_slice(json).unwrap_or_default();
    let named = [
        ("job_id", ids.job_id),
        ("batch_id", ids.batch_id),
        ("crawl_id", ids.crawl_id),
        ("extract_id", ids.extract_id),
    ];
    let given = named.into_iter().filter_map(|(name, id)| Some((name.to_owned(), id?.into())));
    given.collect()
}

#[derive(Default, Deserialize)]
#[expect(clippy::struct_field_names, reason = "names of fields of the REST API")]
struct Ids {
    job_id: Option<String>,
    batch_id: Option<String>,
    crawl_id: Option<String>,
    extract_id: Option<String>,
}

/// The fields of a response that tools read.
struct Shown(Map<String, Value>);

impl<'de> Deserialize<'de> for Shown {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ShownVisitor)
    }
}

struct ShownVisitor;

impl<'de> Visitor<'de> for ShownVisitor {
    type Value = Shown;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Shown, A::Error> {
        let mut fields = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            if SKIPPED.contains(&name.as_str()) {
                map.next_value::<IgnoredAny>()?;
            } else {
                fields.insert(name, map.next_value()?);
            }
        }
        Ok(Shown(fields))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_response_is_parsed_without_its_repetitions() {
        let page =
            json!({ "content": { "text": "words", "json": { "result": 1 } }, "job_id": "job_1" });
        let mut response = page.clone();
        for name in SKIPPED {
            response[name] = json!({ "text": "words" });
        }

        assert_eq!(parse(response.to_string().as_bytes()), page);
        assert_eq!(parse(b"[1]"), Value::Null);
        assert_eq!(parse(b""), Value::Null);
    }

    #[test]
    fn ids_are_those_of_the_response_itself() {
        let response = br#"{"content":{"batch_id":"no"},"job_id":"job_1","crawl_id":null}"#;

        assert_eq!(Value::Object(ids(response)), json!({ "job_id": "job_1" }));
        assert!(ids(b"nonsense").is_empty());
    }
}
