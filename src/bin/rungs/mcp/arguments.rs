//! Arguments of a tool call.
//!
//! Only the arguments of the protocol are read here. The others are options of the REST API, which checks them.

use std::ops::RangeInclusive;

use rmcp::model::JsonObject;
use serde_json::{Map, Value, json};

use crate::mcp::pages::MAX_LINE_TOKENS;
use crate::mcp::rest::Failure;
use crate::mcp::tokens::one_line;

/// Maximum size of the pages of one call with their options as JSON in bytes: 100 pages with a schema of 40 KiB each.
pub(super) const MAX_ITEMS_BYTES: usize = 4 * 1_048_576;

/// The arguments that have not been taken yet.
#[derive(Debug, Default)]
pub(super) struct Arguments {
    values: Map<String, Value>,
}

impl Arguments {
    /// Takes the arguments of a call. Refuses one that the tool does not have: a mistyped limit would be no limit.
    pub(super) fn new(given: Option<JsonObject>, schema: &JsonObject) -> Result<Self, Failure> {
        let mut values = given.unwrap_or_default();
        values.retain(|_, value| !value.is_null());
        let Some(known) = schema.get("properties").and_then(Value::as_object) else {
            return Ok(Self { values });
        };
        refuse_unknown("", &values, known)?;
        for (name, value) in &values {
            if let (Some(fields), Some(known)) =
                (value.as_object(), known[name]["properties"].as_object())
            {
                refuse_unknown(&format!("{name}."), fields, known)?;
            }
        }
        Ok(Self { values })
    }

    /// Takes an integer.
    pub(super) fn integer(
        &mut self,
        name: &str,
        range: RangeInclusive<u64>,
        default: u64,
    ) -> Result<u64, Failure> {
        let Some(value) = self.values.remove(name) else { return Ok(default) };
        let number = value.as_u64().or_else(|| value.as_str().and_then(|it| it.parse().ok()));
        number.filter(|it| range.contains(it)).ok_or_else(|| {
            let (least, most) = (range.start(), range.end());
            Failure::new(format!("{name}: must be an integer from {least} to {most}"))
        })
    }

    /// Takes a text.
    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, Failure> {
        match self.values.remove(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Failure::new(format!("{name}: must be a string"))),
        }
    }

    /// Takes `true` or `false`.
    pub(super) fn flag(&mut self, name: &str, default: bool) -> Result<bool, Failure> {
        match self.values.remove(name) {
            None => Ok(default),
            Some(Value::Bool(flag)) => Ok(flag),
            Some(_) => Err(Failure::new(format!("{name}: must be true or false"))),
        }
    }

    /// Takes the URLs of a batch, at most `most`.
    pub(super) fn urls(&mut self, most: usize) -> Result<Vec<String>, Failure> {
        let wrong =
            || Failure::new("urls: must be a list of URLs, such as [\"https://example.com/\"]");
        let Some(Value::Array(urls)) = self.values.remove("urls") else { return Err(wrong()) };
        if urls.len() > most {
            let given = urls.len();
            return Err(Failure::new(format!("urls: has {given} URLs: send at most {most}")));
        }
        let url = |it: Value| if let Value::String(url) = it { Ok(url) } else { Err(wrong()) };
        urls.into_iter().map(url).collect()
    }

    /// Takes the id among these arguments. Exactly one must be given.
    pub(super) fn one_id<const N: usize>(
        &mut self,
        names: [&'static str; N],
    ) -> Result<(&'static str, String), Failure> {
        let mut found = None;
        for name in names {
            if let Some(id) = self.text(name)?
                && found.replace((name, id)).is_some()
            {
                found = None;
                break;
            }
        }
        found.ok_or_else(|| Failure::new(format!("{}: send exactly one of them", names.join(", "))))
    }

    /// Returns `true` if the argument is there.
    pub(super) fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// Sets an argument that is absent.
    pub(super) fn default(&mut self, name: &str, value: Value) {
        self.values.entry(name.to_owned()).or_insert(value);
    }

    /// Returns the arguments that were not taken, as the body of a request.
    pub(super) fn into_body(self) -> Value {
        Value::Object(self.values)
    }

    /// Refuses the arguments that shape a list of pages, where one page is read.
    pub(super) fn refuse_of_lists(&self) -> Result<(), Failure> {
        let hides_content = self.values.get("include_content") == Some(&Value::Bool(false));
        let name = if hides_content { "include_content" } else { "max_tokens_per_page" };
        if hides_content || self.has(name) {
            let reason = "has no effect on one page: leave it out with `job_id`";
            return Err(Failure::new(format!("{name}: {reason}")));
        }
        Ok(())
    }

    /// Refuses the first argument that was not taken.
    pub(super) fn refuse_rest(&self, reason: &str) -> Result<(), Failure> {
        self.values.keys().next().map_or(Ok(()), |it| Err(Failure::new(format!("{it}: {reason}"))))
    }

    /// Returns one item per URL, each with the arguments that were not taken. Refuses items that are too large together.
    pub(super) fn into_items(self, urls: Vec<String>) -> Result<Value, Failure> {
        let json_bytes = |it: &Value| it.to_string().len();
        let options: usize = self.values.iter().map(|(name, it)| name.len() + json_bytes(it)).sum();
        let total = urls.iter().fold(0_usize, |total, it| {
            total.saturating_add(options).saturating_add(json_bytes(&json!(it)))
        });
        // The rest is for the names and the punctuation of the items.
        if total > MAX_ITEMS_BYTES / 8 * 7 {
            return Err(Failure::new(format!(
                "urls: {} URLs with these options exceed {} MiB: send fewer URLs in a call, or shorter options",
                urls.len(),
                MAX_ITEMS_BYTES >> 20
            )));
        }
        let items = urls.into_iter().map(|url| {
            let mut item = self.values.clone();
            item.insert("url".to_owned(), json!(url));
            Value::Object(item)
        });
        Ok(json!({ "urls": items.collect::<Vec<_>>() }))
    }
}

/// Refuses the first field that is not among the known ones. `path` precedes its name.
fn refuse_unknown(
    path: &str,
    fields: &Map<String, Value>,
    known: &Map<String, Value>,
) -> Result<(), Failure> {
    let Some(name) = fields.keys().find(|it| !known.contains_key(*it)) else { return Ok(()) };
    let names: Vec<&str> = known.keys().map(String::as_str).collect();
    let name = one_line(name, MAX_LINE_TOKENS);
    Err(Failure::new(format!("{path}{name}: unknown argument: use some of {}", names.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(given: Value) -> Result<Arguments, String> {
        let schema = json!({ "properties": {
            "urls": {}, "formats": {}, "offset": {}, "batch_id": {}, "job_id": {},
            "cost_controls": { "properties": { "max_credits": {} } },
        } });
        let Value::Object(schema) = schema else { panic!("an object") };
        let Value::Object(given) = given else { panic!("an object") };
        Arguments::new(Some(given), &schema).map_err(|it| it.message)
    }

    #[test]
    fn an_unknown_argument_is_named() {
        let error = arguments(json!({ "max_credit": 5 })).expect_err("refused");

        assert!(error.starts_with("max_credit: unknown argument"), "{error}");
        assert!(arguments(json!({ "max_credit": null })).is_ok(), "null counts as absent");
        let nested = json!({ "cost_controls": { "max_credit": 5 } });
        let error = arguments(nested).expect_err("refused");
        assert_eq!(error, "cost_controls.max_credit: unknown argument: use some of max_credits");
    }

    #[test]
    fn an_integer_is_within_its_bounds() {
        for (given, expected) in
            [(json!(5), Some(5)), (json!("5"), Some(5)), (json!(null), Some(7))]
        {
            let mut arguments = arguments(json!({ "offset": given })).expect("known");
            assert_eq!(arguments.integer("offset", 1..=9, 7).ok(), expected);
        }
        for wrong in [json!(0), json!(10), json!(-1), json!(1.5), json!("x"), json!([]), json!({})]
        {
            let mut arguments = arguments(json!({ "offset": wrong })).expect("known");
            let error = arguments.integer("offset", 1..=9, 7).expect_err("refused").message;
            assert_eq!(error, "offset: must be an integer from 1 to 9");
        }
    }

    #[test]
    fn exactly_one_id_is_taken() {
        let taken = |given: Value| {
            let mut arguments = arguments(given).expect("known");
            arguments.one_id(["batch_id", "job_id"]).ok()
        };

        assert_eq!(taken(json!({ "job_id": "j" })), Some(("job_id", "j".to_owned())));
        assert_eq!(taken(json!({})), None);
        assert_eq!(taken(json!({ "job_id": "j", "batch_id": "b" })), None);
    }

    #[test]
    fn the_options_of_a_batch_apply_to_each_url() {
        let given = json!({ "urls": ["a", "b"], "formats": ["text"] });
        let mut arguments = arguments(given).expect("known");
        let urls = arguments.urls(2).expect("a list");

        let body = arguments.into_items(urls).expect("small");

        let item = |url: &str| json!({ "url": url, "formats": ["text"] });
        assert_eq!(body, json!({ "urls": [item("a"), item("b")] }));
    }

    #[test]
    fn urls_are_a_list_of_strings() {
        for wrong in [json!("a"), json!([1]), json!({}), json!(null)] {
            let mut arguments = arguments(json!({ "urls": wrong })).expect("known");
            assert!(arguments.urls(9).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_list_has_at_most_as_many_urls_as_a_batch() {
        let mut arguments = arguments(json!({ "urls": ["a", "b", "c"] })).expect("known");

        let error = arguments.urls(2).expect_err("refused").message;

        assert_eq!(error, "urls: has 3 URLs: send at most 2");
    }

    #[test]
    fn options_are_not_multiplied_beyond_a_size() {
        let items = |urls: usize, bytes: usize| {
            let given = json!({ "urls": vec!["a"; urls], "formats": "x".repeat(bytes) });
            let mut arguments = arguments(given).expect("known");
            let urls = arguments.urls(100).expect("a list");
            arguments.into_items(urls)
        };

        let accepted = items(100, 10_240).expect("small").to_string();
        assert!(accepted.len() < MAX_ITEMS_BYTES, "{}", accepted.len());
        let error = items(100, 60_000).expect_err("refused").message;
        assert!(error.starts_with("urls: 100 URLs with these options exceed 4 MiB"), "{error}");
        assert!(items(1, 60_000).is_ok());
    }

    #[test]
    fn the_rest_is_refused_by_its_name() {
        let arguments = arguments(json!({ "formats": [] })).expect("known");

        let error = arguments.refuse_rest("has no effect").expect_err("refused").message;
        assert_eq!(error, "formats: has no effect");
        let none = Arguments { values: Map::new() };
        assert!(none.refuse_rest("has no effect").is_ok());
    }
}
