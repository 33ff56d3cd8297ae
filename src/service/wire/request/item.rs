//! One item: a URL, or an object with options.

use std::time::Duration;

use serde_json::Value;

use crate::core::credits::Credits;
use crate::core::request::{CostControls, Item, ValidationError};
use crate::core::tier::Tier;
use crate::service::wire::request::advanced;
use crate::service::wire::request::fields::{Fields, Lookups, expected, put};

/// Reads one item. Bounds and conflicts are checked at submission and not here.
///
/// # Errors
///
/// The first field that has the wrong type or an unknown word.
pub fn read_item(value: &Value) -> Result<Item, ValidationError> {
    read_item_with(value, None)
}

/// Reads one item, and adds the look-ups of its fields to `lookups`.
pub(in crate::service::wire) fn read_item_with(
    value: &Value,
    lookups: Option<&Lookups>,
) -> Result<Item, ValidationError> {
    if let Some(url) = value.as_str() {
        return Ok(Item::get(url));
    }
    let Ok(fields) = Fields::of(value, "url", lookups) else {
        return Err(expected("url", "a string, or an object with `url`", value));
    };
    let Some(url) = fields.text("url")? else {
        return Err(ValidationError::new("url", "is missing; add the URL of the page"));
    };
    let mut item = Item::get(url);
    read_output(fields, &mut item)?;
    read_extraction(fields, &mut item)?;
    read_http_request(fields, &mut item)?;
    read_cost_controls(fields, &mut item.cost_controls)?;
    // Some clients spread `advanced` over the item. A field inside it takes precedence.
    advanced::read_beside(fields, &mut item.advanced)?;
    if let Some(inside) = fields.object("advanced")? {
        advanced::read_inside(inside, &mut item.advanced)?;
    }
    Ok(item)
}

/// Reads one item whose absent fields have the values of `defaults`.
///
/// Headers are sent together with those of `defaults`, and `include_raw_html` applies if either sets it. Every other
/// option replaces its default whole, `cost_controls` included.
///
/// # Errors
///
/// As [`read_item`].
pub fn read_item_with_defaults(value: &Value, defaults: &Item) -> Result<Item, ValidationError> {
    if let Some(url) = value.as_str() {
        return Ok(Item { url: url.to_owned(), ..defaults.clone() });
    }
    let mut item = read_item(value)?;
    let absent = |name: &str| value.get(name).is_none_or(Value::is_null);
    if absent("formats") {
        item.formats.clone_from(&defaults.formats);
    }
    if absent("mode") {
        item.mode = defaults.mode;
    }
    if absent("timeout") {
        item.timeout = defaults.timeout;
    }
    if absent("cost_controls") {
        item.cost_controls.clone_from(&defaults.cost_controls);
    }
    if absent("extraction_schema") {
        item.extraction_schema.clone_from(&defaults.extraction_schema);
    }
    if absent("extraction_prompt") {
        item.extraction_prompt.clone_from(&defaults.extraction_prompt);
    }
    if absent("extraction_profile") {
        item.extraction_profile = defaults.extraction_profile;
    }
    item.include_raw_html |= defaults.include_raw_html;
    item.headers.extend(defaults.headers.iter().cloned());
    Ok(item)
}

fn read_output(fields: Fields<'_>, item: &mut Item) -> Result<(), ValidationError> {
    put(&mut item.mode, fields.word("mode")?);
    put(&mut item.formats, fields.words("formats")?);
    fields.flag("include_raw_html", &mut item.include_raw_html)?;
    fields.flag("cache", &mut item.cache.enabled)?;
    fields.flag("force_refresh", &mut item.cache.force_refresh)?;
    item.cache.ttl = fields.whole("cache_ttl")?.map(Duration::from_secs);
    put(&mut item.timeout, fields.seconds("timeout")?);
    item.wait_for = fields.text("wait_for")?;
    put(&mut item.pdf_format, fields.word("pdf_format")?);
    // One client uses another name.
    put(&mut item.ocr_language, fields.word("language")?);
    put(&mut item.ocr_language, fields.word("ocr_language")?);
    put(&mut item.max_response_bytes, fields.whole("max_response_bytes")?);
    Ok(())
}

fn read_extraction(fields: Fields<'_>, item: &mut Item) -> Result<(), ValidationError> {
    item.extraction_schema = fields.value("extraction_schema").cloned();
    item.extraction_prompt = fields.text("extraction_prompt")?;
    put(&mut item.extraction_profile, fields.word("extraction_profile")?);
    item.template = fields.text("template")?;
    item.extraction_provider = fields.word("extraction_provider")?;
    item.extraction_model = fields.text("extraction_model")?;
    fields.flag("filter_content", &mut item.filter_content)?;
    fields.flag("promote_schema_org", &mut item.promote_schema_org)?;
    fields.flag("evidence", &mut item.evidence)
}

fn read_http_request(fields: Fields<'_>, item: &mut Item) -> Result<(), ValidationError> {
    put(&mut item.method, fields.word("method")?);
    item.body = fields.text("body")?;
    item.content_type = fields.word("content_type")?;
    put(&mut item.headers, fields.pairs("headers")?);
    if let Some(location) = fields.object("location")? {
        item.location.country = location.word("location.country")?;
        item.location.language = location.word("location.language")?;
    }
    Ok(())
}

fn read_cost_controls(
    fields: Fields<'_>,
    controls: &mut CostControls,
) -> Result<(), ValidationError> {
    fields.flag("prefer_cost", &mut controls.prefer_cost)?;
    fields.flag("prefer_speed", &mut controls.prefer_speed)?;
    fields.flag("fail_fast", &mut controls.fail_fast)?;
    let Some(inside) = fields.object("cost_controls")? else { return Ok(()) };
    if let Some(prefer) = inside.text("cost_controls.prefer")? {
        (controls.prefer_cost, controls.prefer_speed) = match prefer.as_str() {
            "cost" => (true, false),
            "speed" => (false, true),
            "balanced" => (false, false),
            _ => {
                let reason = "is unknown; use one of: cost, speed, balanced".to_owned();
                return Err(ValidationError::new("cost_controls.prefer", reason));
            }
        };
    }
    inside.flag("cost_controls.prefer_cost", &mut controls.prefer_cost)?;
    inside.flag("cost_controls.prefer_speed", &mut controls.prefer_speed)?;
    inside.flag("cost_controls.fail_fast", &mut controls.fail_fast)?;
    controls.force_tier = tier(inside, "cost_controls.force_tier")?;
    controls.max_tier = tier(inside, "cost_controls.max_tier")?;
    controls.time_budget = inside.seconds("cost_controls.time_budget")?;
    controls.max_credits = max_credits(inside)?;
    Ok(())
}

/// Reads the most that a page may cost, in credits or dollars, from `cost_controls`.
pub(super) fn max_credits(inside: Fields<'_>) -> Result<Option<Credits>, ValidationError> {
    let credits = inside.amount("cost_controls.max_credits", 1.0)?;
    let dollars = inside.amount("cost_controls.max_cost_dollars", 1_000_000.0)?;
    Ok(credits.into_iter().chain(dollars).min().map(Credits))
}

/// Reads a tier's number or name.
pub(super) fn tier(
    fields: Fields<'_>,
    path: &'static str,
) -> Result<Option<Tier>, ValidationError> {
    let Some(value) = fields.value(path) else { return Ok(None) };
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return Err(expected(path, "a tier's number or name", value)),
    };
    let tier = text.trim().to_ascii_lowercase().parse::<Tier>();
    tier.map(Some).map_err(|why| ValidationError::new(path, why.to_string()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::core::request::{
        ActionKind, BlockKind, ContentType, Format, Limits, Method, Mode, PdfFormat, Profile,
        Provider, RenderJs, SectionFilter, WaitCondition,
    };

    const TOP: [&str; 32] = [
        "mode",
        "formats",
        "cost_controls",
        "extraction_schema",
        "extraction_prompt",
        "extraction_profile",
        "advanced",
        "include_raw_html",
        "cache",
        "timeout",
        "wait_for",
        "method",
        "body",
        "content_type",
        "headers",
        "location",
        "force_refresh",
        "cache_ttl",
        "evidence",
        "promote_schema_org",
        "filter_content",
        "template",
        "extraction_provider",
        "extraction_model",
        "wait_until",
        "pdf_format",
        "ocr_language",
        "language",
        "max_response_bytes",
        "prefer_cost",
        "prefer_speed",
        "fail_fast",
    ];
    const CONTROLS: [&str; 9] = [
        "force_tier",
        "max_tier",
        "prefer_cost",
        "prefer_speed",
        "fail_fast",
        "max_credits",
        "time_budget",
        "prefer",
        "max_cost_dollars",
    ];
    const ADVANCED: [&str; 24] = [
        "render_js",
        "screenshot",
        "generate_pdf",
        "markdown",
        "ocr",
        "use_proxy",
        "use_own_proxy",
        "use_system_proxy",
        "proxy_integration_id",
        "proxy_country",
        "remove_cookie_banners",
        "wait_condition",
        "scroll_to_load",
        "scroll_count",
        "include_iframes",
        "flatten_shadow_dom",
        "block_images",
        "explain_content",
        "if_changed_since_hash",
        "cookies",
        "session_id",
        "session_headers",
        "section_filter",
        "actions",
    ];
    const SESSION: &str = "0191d2a4-5b6c-7000-8000-000000000001";

    fn all(value: &Value) -> Value {
        let same = |names: &[&str]| {
            Value::Object(names.iter().map(|it| ((*it).to_owned(), value.clone())).collect())
        };
        let mut item = same(&TOP);
        item["url"] = json!("https://example.com/");
        item["cost_controls"] = same(&CONTROLS);
        item["advanced"] = same(&ADVANCED);
        for name in ADVANCED {
            item[name] = value.clone();
        }
        item
    }

    fn error(item: &Value) -> ValidationError {
        read_item(item).expect_err("should be refused")
    }

    #[test]
    fn a_string_equals_an_object_with_only_a_url() {
        let plain = Item::get("https://example.com/");
        assert_eq!(read_item(&json!("https://example.com/")).as_ref(), Ok(&plain));
        assert_eq!(read_item(&json!({"url": "https://example.com/"})).as_ref(), Ok(&plain));
        assert_eq!(read_item(&all(&Value::Null)).as_ref(), Ok(&plain));
        let unknown = json!({"url": "https://example.com/", "x": [1], "advanced": {"y": {}}});
        assert_eq!(read_item(&unknown).as_ref(), Ok(&plain));
    }

    #[test]
    fn every_option_is_read() {
        let item = read_item(&json!({
            "url": "https://example.com/", "mode": "js", "formats": ["markdown", "json_v2"],
            "cost_controls": {"max_tier": "4", "max_credits": 4000.5, "time_budget": 30,
                "fail_fast": true, "prefer_speed": true},
            "extraction_schema": {"type": "object"}, "extraction_profile": "product",
            "cache": true, "cache_ttl": 60, "force_refresh": true, "timeout": 10.0,
            "wait_for": "#done", "method": "POST", "body": "{}", "headers": {"X-A": "b", "X-N": 1},
            "location": {"country": "DE"}, "pdf_format": "text", "promote_schema_org": false,
            "advanced": {"render_js": "auto", "scroll_count": 999, "cookies": {"a": "b"},
                "wait_condition": "load", "actions": [{"type": "wait"}]},
        }))
        .expect("valid");

        assert_eq!((item.mode, item.method, item.timeout.as_secs()), (Mode::Js, Method::Post, 10));
        assert_eq!(item.formats, [Format::Markdown, Format::JsonV2]);
        assert_eq!(item.cost_controls.max_tier, Some(Tier::Browser));
        assert_eq!(item.cost_controls.max_credits, Some(Credits(4_001)));
        assert!(item.cost_controls.fail_fast && item.cost_controls.prefer_speed);
        assert_eq!(item.extraction_profile, Profile::Product);
        assert_eq!(
            (item.cache.ttl, item.cache.force_refresh),
            (Some(Duration::from_mins(1)), true)
        );
        assert_eq!(item.headers[1], ("X-N".to_owned(), "1".to_owned()));
        assert_eq!(item.location.country.as_ref().expect("one").as_str(), "DE");
        assert_eq!(item.pdf_format, PdfFormat::Text);
        assert!(!item.promote_schema_org);
        assert_eq!(item.advanced.render_js, RenderJs::Auto);
        assert_eq!(item.advanced.cookies, [("a".to_owned(), "b".to_owned())]);
        assert_eq!(item.advanced.wait_condition, WaitCondition::Load);
        assert_eq!(
            item.check(&Limits::default()).expect_err("too many").field(),
            "advanced.scroll_count"
        );
    }

    #[test]
    fn every_less_common_option_is_read() {
        let item = read_item(&json!({
            "url": "u", "template": "shop", "extraction_provider": "anthropic",
            "extraction_model": "small", "evidence": true, "filter_content": true,
            "content_type": "application/x-www-form-urlencoded", "ocr_language": "deu",
            "location": {"country": "de", "language": "de-DE"},
            "advanced": {
                "section_filter": {"min_content_blocks": 2, "content_only": true,
                    "exclude_content_types": ["table", "dl"]},
                "session_headers": {"X-S": "t"}, "use_system_proxy": true, "proxy_country": "fr",
                "cookies": "a=1; b=2=3",
                "actions": [{"type": "click", "selector": "#more"}],
            },
        }))
        .expect("valid");

        assert_eq!(item.template.as_deref(), Some("shop"));
        assert_eq!(item.extraction_provider, Some(Provider::Anthropic));
        assert_eq!(item.extraction_model.as_deref(), Some("small"));
        assert!(item.evidence && item.filter_content && item.advanced.use_proxy);
        assert_eq!(item.content_type, Some(ContentType::Form));
        assert_eq!(item.ocr_language.as_str(), "deu");
        assert_eq!(item.location.country.expect("one").as_str(), "DE");
        assert_eq!(item.location.language.expect("one").as_str(), "de-DE");
        let filter = SectionFilter {
            min_content_blocks: 2,
            exclude_content_types: vec![BlockKind::Table, BlockKind::Terms],
            content_only: true,
        };
        assert_eq!(item.advanced.section_filter, filter);
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(item.advanced.session_headers, [pair("X-S", "t")]);
        assert_eq!(item.advanced.proxy_country.expect("one").as_str(), "FR");
        assert_eq!(item.advanced.cookies, [pair("a", "1"), pair("b", "2=3")]);
        let [action] = &item.advanced.actions[..] else { panic!("one action") };
        assert_eq!((action.kind, &action.with["selector"]), (ActionKind::Click, &json!("#more")));
    }

    #[test]
    fn the_error_for_a_wrong_word_inside_an_option_names_the_field() {
        let advanced = |value: Value| error(&json!({"url": "u", "advanced": value}));
        for (value, field, named) in [
            (json!({"section_filter": {"min_blocks": 1}}), "advanced.section_filter", "min_blocks"),
            (
                json!({"section_filter": {"exclude_content_types": ["video"]}}),
                "advanced.section_filter.exclude_content_types",
                "video",
            ),
            (json!({"actions": [{"type": "dance"}]}), "advanced.actions", "dance"),
            (json!({"actions": [{}]}), "advanced.actions", "string"),
            (json!({"session_id": "mine"}), "advanced.session_id", "UUID"),
            (json!({"proxy_country": "Germany"}), "advanced.proxy_country", "ISO 3166"),
            (json!({"cookies": "just text"}), "advanced.cookies", "a=1"),
        ] {
            let wrong = advanced(value);
            assert_eq!(wrong.field(), field);
            assert!(wrong.reason().contains(named), "{wrong}");
        }
        for (name, value) in [
            ("content_type", json!("application/xml")),
            ("extraction_provider", json!("x")),
            ("pdf_format", json!("html")),
            ("ocr_language", json!("e")),
        ] {
            assert_eq!(error(&json!({"url": "u", name: value})).field(), name);
        }
        let location = error(&json!({"url": "u", "location": {"language": "a language"}}));
        assert_eq!(location.field(), "location.language");
    }

    #[test]
    fn a_field_of_advanced_wins_over_the_same_field_of_the_item() {
        let item = read_item(&json!({
            "url": "u", "render_js": true, "screenshot": true, "cookies": "a=b", "session_id": SESSION,
            "prefer_cost": true, "wait_until": "load", "use_own_proxy": true,
            "cost_controls": {"max_tier": "stealth", "prefer": "speed", "max_cost_dollars": 0.0003},
            "advanced": {"screenshot": false}, "section_filter": {"content_only": true},
        }))
        .expect("valid");

        assert_eq!(item.advanced.render_js, RenderJs::Yes);
        assert!(!item.advanced.screenshot && item.advanced.use_own_proxy);
        assert!(item.advanced.section_filter.content_only);
        assert_eq!(item.advanced.session_id.map(|it| it.to_string()).as_deref(), Some(SESSION));
        assert_eq!(item.advanced.wait_condition, WaitCondition::Load);
        assert_eq!(item.cost_controls.max_tier, Some(Tier::Stealth));
        assert_eq!(item.cost_controls.max_credits, Some(Credits(300)));
        assert!(item.cost_controls.prefer_speed && !item.cost_controls.prefer_cost);
    }

    #[test]
    fn tiers_are_numbers_strings_or_names() {
        for (given, tier) in [
            (json!(1), Tier::Curl),
            (json!(3.5), Tier::LightJs),
            (json!(4.0), Tier::Browser),
            (json!("2"), Tier::Http),
            (json!("Stealth"), Tier::Stealth),
        ] {
            let item = json!({"url": "u", "cost_controls": {"force_tier": given}});
            assert_eq!(read_item(&item).expect("valid").cost_controls.force_tier, Some(tier));
        }
        let wrong = json!({"url": "u", "cost_controls": {"max_tier": 9}});
        assert_eq!(error(&wrong).field(), "cost_controls.max_tier");
    }

    #[test]
    fn the_error_for_an_unknown_word_lists_the_known_ones() {
        let wrong = error(&json!({"url": "u", "formats": ["html", "docx"]}));
        assert_eq!(wrong.field(), "formats");
        assert!(wrong.reason().contains("docx") && wrong.reason().contains("json_v2"), "{wrong}");
    }

    #[test]
    fn the_error_for_a_wrong_type_names_the_field() {
        for name in TOP.into_iter().filter(|it| *it != "extraction_schema") {
            // A list of lists is right for no field.
            let wrong = error(&json!({"url": "u", name: [[1]]}));
            assert_eq!(wrong.field(), name);
        }
        for name in CONTROLS {
            let wrong = error(&json!({"url": "u", "cost_controls": {name: [1]}}));
            assert_eq!(wrong.field(), format!("cost_controls.{name}"));
        }
        for name in ADVANCED {
            let wrong = error(&json!({"url": "u", "advanced": {name: -1}}));
            assert_eq!(wrong.field(), format!("advanced.{name}"));
        }
        assert_eq!(error(&json!(7)).field(), "url");
        assert_eq!(error(&json!({"url": 7})).field(), "url");
        assert_eq!(error(&json!({"mode": "html"})).field(), "url");
    }

    #[test]
    fn no_json_causes_a_panic() {
        let odd = [
            json!(null),
            json!(true),
            json!(-1),
            json!(0),
            json!(1e300),
            json!(-1e300),
            json!(0.1),
            json!(u64::MAX),
            json!(i64::MIN),
            json!(""),
            json!("\u{0}é"),
            json!([]),
            json!([null]),
            json!({}),
            json!({"a": {"b": []}}),
            json!("auto"),
            json!("1"),
        ];
        for value in &odd {
            let _ = read_item(value);
            let _ = read_item(&all(value));
            for (name, group) in TOP
                .iter()
                .map(|it| (it, ""))
                .chain(CONTROLS.iter().map(|it| (it, "cost_controls")))
                .chain(ADVANCED.iter().map(|it| (it, "advanced")))
            {
                let item = match group {
                    "" => json!({"url": "https://example.com/", *name: value}),
                    _ => json!({"url": "https://example.com/", group: {*name: value}}),
                };
                if let Ok(item) = read_item(&item) {
                    let _ = item.check(&Limits::default());
                }
            }
        }
    }
}
