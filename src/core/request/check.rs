//! The limits and conflicts of an item (CONTRACT: limits of 1.2 and 1.4, conflicts of 1.4 and 2).

use serde_json::Value;

use crate::core::credits::Credits;
use crate::core::pattern;
use crate::core::request::item::{Item, MAX_RESPONSE_BYTES};
use crate::core::request::job_request::JobRequest;
use crate::core::request::options::{Format, Method, Mode, RenderJs};
use crate::core::request::seconds::rounded_up;
use crate::core::tier::Tier;
use crate::core::url::PageUrl;

/// The nesting limit of a schema and of an action's parameters. A request is stored as JSON, which is read back with
/// a bounded stack: a deeper value would be accepted and then be unreadable.
const MAX_NESTING: usize = 64;

/// The error for an invalid option of an item: the field, the reason and the remedy.
///
/// ```
/// use rungs::core::request::{Item, Limits};
///
/// let error = Item::get("ftp://example.com/").check(&Limits::default()).unwrap_err();
///
/// assert_eq!(error.field(), "url");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct ValidationError {
    field: &'static str,
    reason: String,
}

impl ValidationError {
    pub(crate) fn new(field: &'static str, reason: impl Into<String>) -> Self {
        Self { field, reason: reason.into() }
    }

    /// Returns the path of the option in [`Item`], such as `advanced.cookies`.
    pub fn field(&self) -> &'static str {
        self.field
    }

    /// Returns the reason and the remedy.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

/// The limits of a submission. Larger ones are refused with the name of the field.
///
/// ```
/// use rungs::core::request::Limits;
///
/// let limits = Limits::default().with_batch_items(500);
/// assert_eq!(limits.batch_items, 500);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The number of items in a batch. Defaults to 100.
    pub batch_items: usize,
    /// The length of a prompt in characters. Defaults to 2,000.
    pub prompt_chars: usize,
    /// The size of a schema as JSON in bytes. Defaults to 65,536.
    pub schema_bytes: usize,
    /// The size of a request's body in bytes. Defaults to 1,048,576.
    pub body_bytes: usize,
    /// The number of headers of an item. Defaults to 50.
    pub headers: usize,
    /// The size of all headers of an item in bytes. Defaults to 32,768.
    pub header_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            batch_items: 100,
            prompt_chars: 2_000,
            schema_bytes: 65_536,
            body_bytes: 1_048_576,
            headers: 50,
            header_bytes: 32_768,
        }
    }
}

impl Limits {
    /// Sets the largest number of items in a batch. Defaults to 100.
    #[must_use]
    pub fn with_batch_items(mut self, items: usize) -> Self {
        self.batch_items = items;
        self
    }

    /// Sets the longest prompt in characters. Defaults to 2,000.
    #[must_use]
    pub fn with_prompt_chars(mut self, chars: usize) -> Self {
        self.prompt_chars = chars;
        self
    }

    /// Sets the largest schema as JSON in bytes. Defaults to 65,536.
    #[must_use]
    pub fn with_schema_bytes(mut self, bytes: usize) -> Self {
        self.schema_bytes = bytes;
        self
    }

    /// Sets the largest request body in bytes. Defaults to 1,048,576.
    #[must_use]
    pub fn with_body_bytes(mut self, bytes: usize) -> Self {
        self.body_bytes = bytes;
        self
    }

    /// Sets the largest number of headers of an item. Defaults to 50.
    #[must_use]
    pub fn with_headers(mut self, headers: usize) -> Self {
        self.headers = headers;
        self
    }

    /// Sets the largest size of all headers of an item in bytes. Defaults to 32,768.
    #[must_use]
    pub fn with_header_bytes(mut self, bytes: usize) -> Self {
        self.header_bytes = bytes;
        self
    }

    /// Returns limits that refuse nothing, for records that were checked when they were written.
    pub(super) fn widest() -> Self {
        Self {
            batch_items: usize::MAX,
            prompt_chars: usize::MAX,
            schema_bytes: usize::MAX,
            body_bytes: usize::MAX,
            headers: usize::MAX,
            header_bytes: usize::MAX,
        }
    }
}

fn invalid(field: &'static str, reason: impl Into<String>) -> ValidationError {
    ValidationError::new(field, reason)
}

/// Returns `true` if `value` nests at most `most` levels deep.
fn is_shallow(value: &Value, most: usize) -> bool {
    match value {
        Value::Array(all) => most > 0 && all.iter().all(|it| is_shallow(it, most - 1)),
        Value::Object(all) => most > 0 && all.values().all(|it| is_shallow(it, most - 1)),
        _ => true,
    }
}

/// Returns an error for `field` with this reason unless `ok`.
fn ensure(ok: bool, field: &'static str, reason: &str) -> Result<(), ValidationError> {
    if ok { Ok(()) } else { Err(invalid(field, reason)) }
}

pub(super) fn check(item: Item, limits: &Limits) -> Result<JobRequest, ValidationError> {
    let url = PageUrl::parse(&item.url).map_err(|why| invalid("url", why.to_string()))?;
    numbers(&item)?;
    controls(&item)?;
    extraction(&item, limits)?;
    sending(&item, limits)?;
    browser_only(&item)?;
    proxies(&item)?;
    super::known_hash::check(&item)?;
    let item = Item { formats: formats(&item)?, ..in_whole_seconds(item) };
    Ok(JobRequest::checked(url, item))
}

/// Rounds every duration up to whole seconds, the precision in which a store keeps it.
fn in_whole_seconds(mut item: Item) -> Item {
    item.timeout = rounded_up(item.timeout);
    item.cost_controls.time_budget = item.cost_controls.time_budget.map(rounded_up);
    item.cache.ttl = item.cache.ttl.map(rounded_up);
    item
}

/// Returns the formats without repetition, with Markdown if `advanced.markdown` is set.
fn formats(item: &Item) -> Result<Vec<Format>, ValidationError> {
    let mut formats: Vec<Format> = Vec::with_capacity(item.formats.len());
    let more = item.advanced.markdown.then_some(Format::Markdown);
    for format in item.formats.iter().copied().chain(more) {
        if !formats.contains(&format) {
            formats.push(format);
        }
    }
    ensure(
        !formats.is_empty(),
        "formats",
        "is empty: name at least one format, or omit the field",
    )?;
    Ok(formats)
}

fn numbers(item: &Item) -> Result<(), ValidationError> {
    let within = |range: std::ops::RangeInclusive<u64>, value| range.contains(&value);
    let seconds = |duration| rounded_up(duration).as_secs();
    ensure(within(1..=300, seconds(item.timeout)), "timeout", "must be 1 to 300 seconds")?;
    let budget = item.cost_controls.time_budget.map_or(5, seconds);
    ensure(within(5..=300, budget), "cost_controls.time_budget", "must be 5 to 300 seconds")?;
    ensure(
        item.cost_controls.max_credits != Some(Credits::ZERO),
        "cost_controls.max_credits",
        "is 0: use at least 1",
    )?;
    let ttl = item.cache.ttl;
    ensure(
        within(60..=86_400, ttl.map_or(60, seconds)),
        "cache.ttl",
        "must be 60 to 86400 seconds",
    )?;
    ensure(
        ttl.is_none() || item.cache.enabled,
        "cache.ttl",
        "has no effect without the cache: set `cache` to true",
    )?;
    ensure(
        within(1..=10, item.advanced.scroll_count.into()),
        "advanced.scroll_count",
        "must be 1 to 10",
    )?;
    ensure(
        item.max_response_bytes <= MAX_RESPONSE_BYTES,
        "max_response_bytes",
        "must be at most 52428800 bytes, or 0 for that maximum",
    )
}

fn controls(item: &Item) -> Result<(), ValidationError> {
    let controls = &item.cost_controls;
    let (force, max) = (controls.force_tier, controls.max_tier);
    ensure(
        force.is_none_or(|force| max.is_none_or(|max| force <= max)),
        "cost_controls.force_tier",
        "is above max_tier: raise max_tier or omit one of them",
    )?;
    ensure(
        !(controls.prefer_cost && controls.prefer_speed),
        "cost_controls.prefer_speed",
        "contradicts prefer_cost: choose one of them",
    )?;
    let cap = force.into_iter().chain(max).min();
    ensure(
        !item.needs_browser() || cap.is_none_or(|cap| cap >= Tier::Browser),
        if force.is_some() { "cost_controls.force_tier" } else { "cost_controls.max_tier" },
        "is below 4, which mode js and render_js need: raise it or turn rendering off",
    )?;
    ensure(
        item.mode != Mode::Html || force.is_none_or(|force| force < Tier::Browser),
        "cost_controls.force_tier",
        "is 4, but mode html never uses a browser: use mode auto or js",
    )?;
    ensure(
        !(item.mode == Mode::Html && item.advanced.render_js == RenderJs::Yes),
        "advanced.render_js",
        "contradicts mode html: use mode auto or js",
    )
}

fn extraction(item: &Item, limits: &Limits) -> Result<(), ValidationError> {
    if let Some(prompt) = &item.extraction_prompt {
        let length = prompt.chars().count();
        if length > limits.prompt_chars {
            let reason = format!("has {length} characters: shorten it to {}", limits.prompt_chars);
            return Err(invalid("extraction_prompt", reason));
        }
    }
    if let Some(schema) = &item.extraction_schema {
        ensure(
            schema.is_object() || schema.is_array(),
            "extraction_schema",
            "must be a JSON Schema object or its shorthand",
        )?;
        ensure(
            is_shallow(schema, MAX_NESTING),
            "extraction_schema",
            "nests too deep: use at most 64 levels",
        )?;
        let length = schema.to_string().len();
        if length > limits.schema_bytes {
            let reason = format!("has {length} bytes: shorten it to {}", limits.schema_bytes);
            return Err(invalid("extraction_schema", reason));
        }
        pattern::check(schema).map_err(|it| invalid("extraction_schema", it))?;
    }
    ensure(
        !item.evidence || item.extraction_schema.is_some() || item.extraction_prompt.is_some(),
        "evidence",
        "has no effect alone: add extraction_schema or extraction_prompt",
    )?;
    let named = |it: &Option<String>| it.as_deref().is_none_or(|it| is_name(it, 128));
    ensure(named(&item.template), "template", "must be a name of 1 to 128 characters")?;
    ensure(
        named(&item.extraction_model),
        "extraction_model",
        "must be a model's name of 1 to 128 characters",
    )
}

/// Returns `true` if `text` has 1 to `longest` characters, not only whitespace and no control characters.
fn is_name(text: &str, longest: usize) -> bool {
    !text.trim().is_empty()
        && text.chars().count() <= longest
        && !text.chars().any(char::is_control)
}

/// Header names that belong to the connection, not to the request (RFC 9110, 7.6.1), and two that
/// the client computes.
const CONNECTION_HEADERS: [&str; 10] = [
    "connection",
    "content-length",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

fn sending(item: &Item, limits: &Limits) -> Result<(), ValidationError> {
    ensure(
        item.body.is_none() || item.method != Method::Get,
        "body",
        "cannot be sent with GET: use POST, PUT, PATCH or DELETE",
    )?;
    if let Some(length) = item.body.as_ref().map(String::len).filter(|it| *it > limits.body_bytes) {
        let reason = format!("has {length} bytes: shorten it to {}", limits.body_bytes);
        return Err(invalid("body", reason));
    }
    let own = headers("headers", &item.headers, limits)?;
    let session = headers("advanced.session_headers", &item.advanced.session_headers, limits)?;
    if own + session > limits.header_bytes {
        let reason = format!("exceed {} bytes in total: send fewer", limits.header_bytes);
        return Err(invalid("headers", reason));
    }
    cookies(&item.advanced.cookies, limits)
}

/// Checks headers and returns their total size in bytes.
fn headers(
    field: &'static str,
    headers: &[(String, String)],
    limits: &Limits,
) -> Result<usize, ValidationError> {
    if headers.len() > limits.headers {
        return Err(invalid(field, format!("are too many: send at most {}", limits.headers)));
    }
    let mut total = 0;
    for (name, value) in headers {
        header(field, name, value)?;
        total += name.len() + value.len();
    }
    Ok(total)
}

fn cookies(cookies: &[(String, String)], limits: &Limits) -> Result<(), ValidationError> {
    const FIELD: &str = "advanced.cookies";
    let plain = |it: &str| !it.contains(|it: char| it == ';' || it.is_control());
    let fits = |(name, value): &(String, String)| {
        !name.is_empty() && !name.contains('=') && plain(name) && plain(value)
    };
    ensure(
        cookies.iter().all(fits),
        FIELD,
        "contain an invalid cookie: use names and values without `;`, `=` in names and control characters",
    )?;
    let total: usize = cookies.iter().map(|(name, value)| name.len() + value.len() + 3).sum();
    if total > limits.header_bytes {
        return Err(invalid(
            FIELD,
            format!("exceed {} bytes in total: send fewer", limits.header_bytes),
        ));
    }
    Ok(())
}

/// Checks one header.
pub(crate) fn header(field: &'static str, name: &str, value: &str) -> Result<(), ValidationError> {
    let token = |it: u8| it.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&it);
    ensure(
        (1..=256).contains(&name.len()) && name.bytes().all(token),
        field,
        "contain an invalid header name: use 1 to 256 token characters",
    )?;
    ensure(
        value.len() <= 8_192 && !value.bytes().any(|it| it < b' ' && it != b'\t' || it == 0x7f),
        field,
        "contain an invalid header value: use at most 8192 bytes and no control characters",
    )?;
    if CONNECTION_HEADERS.iter().any(|it| name.eq_ignore_ascii_case(it)) {
        return Err(invalid(
            field,
            format!("contain `{name}`, which the client sets itself: remove it"),
        ));
    }
    Ok(())
}

fn browser_only(item: &Item) -> Result<(), ValidationError> {
    let advanced = &item.advanced;
    let always = item.needs_browser();
    let maybe = always || advanced.render_js == RenderJs::Auto;
    let needs = "needs a browser: set `render_js` to true or use mode js";
    ensure(!advanced.screenshot || always, "advanced.screenshot", needs)?;
    ensure(!advanced.generate_pdf || always, "advanced.generate_pdf", needs)?;
    ensure(!advanced.scroll_to_load || maybe, "advanced.scroll_to_load", needs)?;
    ensure(!advanced.include_iframes || maybe, "advanced.include_iframes", needs)?;
    ensure(!advanced.flatten_shadow_dom || maybe, "advanced.flatten_shadow_dom", needs)?;
    ensure(!advanced.block_images || maybe, "advanced.block_images", needs)?;
    ensure(advanced.actions.is_empty() || maybe, "advanced.actions", needs)?;
    ensure(advanced.actions.len() <= 20, "advanced.actions", "are too many: use at most 20")?;
    let actions = || advanced.actions.iter().flat_map(|it| it.with.values());
    ensure(
        actions().all(|it| is_shallow(it, MAX_NESTING)),
        "advanced.actions",
        "nest too deep: use at most 64 levels",
    )?;
    ensure(
        item.wait_for.as_ref().is_none_or(|it| (1..=1_024).contains(&it.trim().len())),
        "wait_for",
        "must be a CSS selector of 1 to 1024 bytes",
    )?;
    ensure(
        advanced.session_id.is_none() || advanced.cookies.is_empty(),
        "advanced.session_id",
        "contradicts cookies: choose one of them",
    )
}

fn proxies(item: &Item) -> Result<(), ValidationError> {
    let advanced = &item.advanced;
    ensure(
        advanced.proxy_integration_id.is_none() || advanced.use_own_proxy,
        "advanced.proxy_integration_id",
        "has no effect alone: set `use_own_proxy` to true",
    )?;
    let id = advanced.proxy_integration_id.as_deref();
    ensure(
        id.is_none_or(|it| is_name(it, 128)),
        "advanced.proxy_integration_id",
        "must be an id of 1 to 128 characters",
    )?;
    ensure(
        advanced.proxy_country.is_none() || advanced.use_own_proxy || advanced.use_proxy,
        "advanced.proxy_country",
        "has no effect alone: set `use_proxy` or `use_own_proxy` to true",
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::core::request::options::{Action, ActionKind, Advanced};

    const SESSION: &str = "0191d2a4-5b6c-7000-8000-000000000001";

    fn refused(change: impl FnOnce(&mut Item)) -> &'static str {
        let mut item = Item::get("https://example.com/");
        change(&mut item);
        item.check(&Limits::default()).expect_err("should be refused").field()
    }

    #[test]
    fn a_plain_item_passes_with_its_defaults() {
        let request = Item::get("https://example.com/").check(&Limits::default()).expect("valid");

        assert_eq!(request.page().site(), "example.com");
        assert_eq!(request.formats(), [Format::Html, Format::Json]);
    }

    #[test]
    fn durations_are_rounded_up_to_whole_seconds() {
        let item = Item::get("https://example.com/").timeout(Duration::from_millis(1_001));

        let request = item.check(&Limits::default()).expect("valid");

        assert_eq!(request.timeout(), Duration::from_secs(2));
        let json = serde_json::to_value(&request).expect("JSON");
        assert_eq!(json["timeout"], 2);
        assert_eq!(serde_json::from_value::<JobRequest>(json).expect("readable"), request);
    }

    #[test]
    fn a_value_out_of_range_is_refused_by_its_field() {
        assert_eq!(refused(|it| it.url = "nope".into()), "url");
        assert_eq!(refused(|it| it.timeout = Duration::ZERO), "timeout");
        assert_eq!(refused(|it| it.timeout = Duration::from_millis(300_001)), "timeout");
        assert_eq!(refused(|it| it.formats.clear()), "formats");
        assert_eq!(refused(|it| it.cache.ttl = Some(Duration::from_mins(1))), "cache.ttl");
        assert_eq!(
            refused(|it| it.extraction_prompt = Some("x".repeat(2_001))),
            "extraction_prompt"
        );
        assert_eq!(refused(|it| it.extraction_schema = Some("x".into())), "extraction_schema");
        assert_eq!(refused(|it| it.body = Some("x".into())), "body");
        assert_eq!(refused(|it| it.headers.push(("Host".into(), "x".into()))), "headers");
        assert_eq!(refused(|it| it.headers.push(("A".into(), "x\r\nB: y".into()))), "headers");
        assert_eq!(refused(|it| it.max_response_bytes = 52_428_801), "max_response_bytes");
        assert_eq!(refused(|it| it.template = Some("x".repeat(129))), "template");
        assert_eq!(refused(|it| it.extraction_model = Some(" ".into())), "extraction_model");
        let headers = |name: &str, count| vec![(name.to_owned(), "x".to_owned()); count];
        let session_headers = "advanced.session_headers";
        assert_eq!(refused(|it| it.advanced.session_headers = headers("Host", 1)), session_headers);
        assert_eq!(refused(|it| it.advanced.session_headers = headers("X", 51)), session_headers);
        assert_eq!(refused(|it| it.headers = vec![("A".into(), "x".repeat(8_000)); 5]), "headers");
        let together = |it: &mut Item| {
            it.headers = vec![("A".into(), "x".repeat(8_000)); 3];
            it.advanced.session_headers = vec![("B".into(), "x".repeat(8_000)); 2];
        };
        assert_eq!(refused(together), "headers");
        let cookies = "advanced.cookies";
        assert_eq!(refused(|it| it.advanced.cookies = headers("a=b", 1)), cookies);
        assert_eq!(refused(|it| it.advanced.cookies = headers("a", 9_000)), cookies);
        assert_eq!(
            refused(|it| it.advanced.proxy_integration_id = Some(String::new())),
            "advanced.proxy_integration_id"
        );
        let budget = "cost_controls.time_budget";
        assert_eq!(
            refused(|it| it.cost_controls.time_budget = Some(Duration::from_secs(4))),
            budget
        );
        let credits = "cost_controls.max_credits";
        assert_eq!(refused(|it| it.cost_controls.max_credits = Some(Credits::ZERO)), credits);
    }

    #[test]
    fn a_value_that_nests_too_deep_to_read_back_is_refused() {
        deepest_reads_back(&|inner| Value::from(vec![inner]));
        deepest_reads_back(&|inner| serde_json::json!({ "inner": inner }));
    }

    fn deepest_reads_back(wrap: &dyn Fn(Value) -> Value) {
        let nested = |levels| (0..levels).fold(Value::Null, |inner, _| wrap(inner));
        let action = |levels| Action {
            kind: ActionKind::Wait,
            with: [("ms".to_owned(), nested(levels))].into_iter().collect(),
        };
        let asking = |schema, actions| Item {
            extraction_schema: schema,
            advanced: Advanced {
                render_js: RenderJs::Yes,
                actions: vec![action(actions)],
                ..Advanced::default()
            },
            ..Item::get("https://example.com/")
        };
        let check = |item: Item| item.check(&Limits::default()).map_err(|it| it.field());

        assert_eq!(check(asking(Some(nested(65)), 1)), Err("extraction_schema"));
        assert_eq!(check(asking(None, 65)), Err("advanced.actions"));
        let deepest = check(asking(Some(nested(64)), 64)).expect("64 levels are allowed");
        let text = serde_json::to_string(&[[[&deepest]]]).expect("JSON");
        let read: [[[JobRequest; 1]; 1]; 1] = serde_json::from_str(&text).expect("readable");
        assert_eq!(read[0][0][0], deepest);
    }

    #[test]
    fn every_conflict_is_refused_by_its_field() {
        let force = "cost_controls.force_tier";
        assert_eq!(
            refused(|it| {
                it.cost_controls.force_tier = Some(Tier::Stealth);
                it.cost_controls.max_tier = Some(Tier::Http);
            }),
            force
        );
        assert_eq!(
            refused(|it| {
                it.mode = Mode::Js;
                it.cost_controls.max_tier = Some(Tier::Stealth);
            }),
            "cost_controls.max_tier"
        );
        assert_eq!(refused(|it| it.advanced.screenshot = true), "advanced.screenshot");
        assert_eq!(
            refused(|it| {
                it.advanced.session_id = Some(SESSION.parse().expect("an id"));
                it.advanced.cookies.push(("a".into(), "b".into()));
            }),
            "advanced.session_id"
        );
        assert_eq!(
            refused(|it| {
                it.cost_controls.prefer_cost = true;
                it.cost_controls.prefer_speed = true;
            }),
            "cost_controls.prefer_speed"
        );
    }
}
