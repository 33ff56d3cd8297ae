//! The bounds and conflicts of an item, each at its edge: what is just allowed and what just is not.

use std::time::Duration;

use rungs::core::credits::Credits;
use rungs::core::request::{
    Action, ActionKind, Cache, CostControls, Format, Item, JobRequest, Limits, Mode, RenderJs,
};
use rungs::core::tier::Tier;

/// A change to an item.
type Change = fn(&mut Item);

fn checked(change: impl FnOnce(&mut Item)) -> Result<JobRequest, &'static str> {
    let mut item = Item::get("https://example.com/");
    change(&mut item);
    item.check(&Limits::default()).map_err(|flaw| flaw.field())
}

fn passes(change: impl FnOnce(&mut Item)) {
    assert!(checked(change).is_ok());
}

fn refused(field: &str, change: impl FnOnce(&mut Item)) {
    assert_eq!(checked(change).err(), Some(field));
}

fn posted(change: impl FnOnce(&mut Item)) -> impl FnOnce(&mut Item) {
    |it| {
        it.method = "POST".parse().expect("a method");
        change(it);
    }
}

fn action() -> Action {
    Action::new(ActionKind::Wait)
}

fn headers(it: &mut Item, name: &str, value: String) {
    it.headers.push((name.to_owned(), value));
}

#[test]
fn a_browser_needs_a_cap_that_reaches_it() {
    let field = "cost_controls.max_tier";
    passes(|it| it.mode = Mode::Js);
    passes(|it| {
        it.mode = Mode::Js;
        it.cost_controls.max_tier = Some(Tier::Browser);
    });
    passes(|it| it.cost_controls.max_tier = Some(Tier::Http));
    refused(field, |it| {
        it.advanced.render_js = RenderJs::Yes;
        it.cost_controls.max_tier = Some(Tier::LightJs);
    });
}

#[test]
fn mode_html_and_a_browser_exclude_each_other() {
    let forced = |mode, tier| {
        move |it: &mut Item| {
            it.mode = mode;
            it.cost_controls.force_tier = Some(tier);
        }
    };
    passes(forced(Mode::Html, Tier::LightJs));
    passes(forced(Mode::Auto, Tier::Browser));
    refused("cost_controls.force_tier", forced(Mode::Html, Tier::Browser));
    let rendered = |mode, render_js| {
        move |it: &mut Item| {
            it.mode = mode;
            it.advanced.render_js = render_js;
        }
    };
    passes(rendered(Mode::Html, RenderJs::No));
    passes(rendered(Mode::Html, RenderJs::Auto));
    passes(rendered(Mode::Auto, RenderJs::Yes));
    refused("advanced.render_js", rendered(Mode::Html, RenderJs::Yes));
}

#[test]
fn one_preference_is_enough() {
    passes(|it| it.cost_controls.prefer_cost = true);
    passes(|it| it.cost_controls.prefer_speed = true);
}

#[test]
fn prompts_and_schemas_are_bounded_in_length() {
    passes(|it| it.extraction_prompt = Some("é".repeat(2_000)));
    refused("extraction_prompt", |it| it.extraction_prompt = Some("é".repeat(2_001)));
    // Two bytes are the list's brackets, two the quotes.
    let schema = |bytes: usize| Some(serde_json::json!(["x".repeat(bytes - 4)]));
    passes(|it| it.extraction_schema = schema(65_536));
    refused("extraction_schema", |it| it.extraction_schema = schema(65_537));
    passes(|it| it.extraction_schema = Some(serde_json::json!({"name": "string"})));
}

#[test]
fn evidence_requires_an_extraction() {
    refused("evidence", |it| it.evidence = true);
    passes(|it| {
        it.evidence = true;
        it.extraction_prompt = Some("the price".to_owned());
    });
    passes(|it| {
        it.evidence = true;
        it.extraction_schema = Some(serde_json::json!({"price": "number"}));
    });
}

#[test]
fn a_body_is_bounded_in_length() {
    passes(posted(|it| it.body = Some("x".repeat(1_048_576))));
    refused("body", posted(|it| it.body = Some("x".repeat(1_048_577))));
}

#[test]
fn a_cookie_holds_no_separator() {
    let cookie = |name: &str, value: &str| {
        let cookie = (name.to_owned(), value.to_owned());
        |it: &mut Item| it.advanced.cookies.push(cookie)
    };
    passes(cookie("a", "b=c"));
    passes(cookie("a", ""));
    for (name, value) in [("", "b"), ("a=b", "c"), ("a;", "b"), ("a", "b;"), ("a", "b\n")] {
        refused("advanced.cookies", cookie(name, value));
    }
    // The name and three signs more are counted.
    passes(cookie("a", &"x".repeat(32_764)));
    refused("advanced.cookies", cookie("a", &"x".repeat(32_765)));
}

#[test]
fn a_template_name_is_not_blank() {
    let template = |name: String| |it: &mut Item| it.template = Some(name);
    passes(template("é".repeat(128)));
    for name in [" ".to_owned(), "a\nb".to_owned(), "é".repeat(129)] {
        refused("template", template(name));
    }
}

#[test]
fn headers_are_bounded_one_by_one_and_in_all() {
    passes(|it| headers(it, "X-Odd!#$", "tab\there".to_owned()));
    passes(|it| headers(it, "A", "a b".to_owned()));
    passes(|it| headers(it, &"n".repeat(256), String::new()));
    passes(|it| headers(it, "A", "x".repeat(8_192)));
    passes(|it| (0..50).for_each(|_| headers(it, "A", String::new())));
    let bad = |name: &str, value: &str| {
        let (name, value) = (name.to_owned(), value.to_owned());
        move |it: &mut Item| headers(it, &name, value)
    };
    for (name, value) in [("", "x"), ("a b", "x"), ("é", "x"), ("A", "\u{1}"), ("A", "\u{7f}")] {
        refused("headers", bad(name, value));
    }
    refused("headers", bad(&"n".repeat(257), ""));
    refused("headers", bad("A", &"x".repeat(8_193)));
    refused("headers", |it| (0..51).for_each(|_| headers(it, "A", String::new())));
    // Four headers of 8,192 bytes, names counted, are all that fits.
    let four = |last: usize| {
        move |it: &mut Item| {
            (0..3).for_each(|_| headers(it, "A", "x".repeat(8_191)));
            headers(it, "A", "x".repeat(last));
        }
    };
    passes(four(8_191));
    refused("headers", four(8_192));
}

#[test]
fn browser_options_require_a_mode_with_a_browser() {
    let with = |render_js, change: Change| {
        move |it: &mut Item| {
            it.advanced.render_js = render_js;
            change(it);
        }
    };
    let certain: [(&str, Change); 2] = [
        ("advanced.screenshot", |it| it.advanced.screenshot = true),
        ("advanced.generate_pdf", |it| it.advanced.generate_pdf = true),
    ];
    for (field, change) in certain {
        refused(field, with(RenderJs::No, change));
        refused(field, with(RenderJs::Auto, change));
        passes(with(RenderJs::Yes, change));
    }
    let perhaps: [(&str, Change); 5] = [
        ("advanced.scroll_to_load", |it| it.advanced.scroll_to_load = true),
        ("advanced.include_iframes", |it| it.advanced.include_iframes = true),
        ("advanced.flatten_shadow_dom", |it| it.advanced.flatten_shadow_dom = true),
        ("advanced.block_images", |it| it.advanced.block_images = true),
        ("advanced.actions", |it| it.advanced.actions.push(action())),
    ];
    for (field, change) in perhaps {
        refused(field, with(RenderJs::No, change));
        passes(with(RenderJs::Auto, change));
        passes(with(RenderJs::Yes, change));
    }
}

#[test]
fn a_session_and_cookies_exclude_each_other() {
    passes(|it| it.advanced.session_id = "019a0000-0000-7000-8000-000000000000".parse().ok());
    passes(|it| it.advanced.cookies.push(("a".to_owned(), "b".to_owned())));
}

#[test]
fn proxy_options_require_a_proxy() {
    refused("advanced.proxy_integration_id", |it| {
        it.advanced.proxy_integration_id = Some("p".to_owned());
    });
    passes(|it| {
        it.advanced.use_own_proxy = true;
        it.advanced.proxy_integration_id = Some("p".to_owned());
        it.advanced.proxy_country = "de".parse().ok();
    });
    passes(|it| {
        it.advanced.use_proxy = true;
        it.advanced.proxy_country = "de".parse().ok();
    });
    refused("advanced.proxy_country", |it| it.advanced.proxy_country = "de".parse().ok());
}

#[test]
fn an_item_keeps_what_its_builder_was_given() {
    let controls = {
        let mut controls = CostControls::default();
        controls.max_credits = Some(Credits(9));
        controls
    };
    let cache = Cache::enabled();

    let item = Item::from("https://example.com/a")
        .mode(Mode::Html)
        .formats([Format::Text])
        .cost_controls(controls.clone())
        .timeout(Duration::from_secs(7))
        .header("A", "b")
        .cache(cache);

    assert_eq!(item.url, "https://example.com/a");
    assert_eq!((item.mode, item.formats.as_slice()), (Mode::Html, [Format::Text].as_slice()));
    assert_eq!(
        (&item.cost_controls, item.timeout, item.cache),
        (&controls, Duration::from_secs(7), cache)
    );
    assert_eq!(item.headers, [("A".to_owned(), "b".to_owned())]);
    assert_eq!(Item::from("https://example.com/".to_owned()), Item::get("https://example.com/"));
}

#[test]
fn a_stored_request_reads_back_under_lower_limits() {
    let mut item = Item::get("https://example.com/");
    item.extraction_prompt = Some("x".repeat(3_000));
    let wide = Limits::default().with_prompt_chars(5_000);
    let request = item.clone().check(&wide).expect("within its engine's limits");

    assert_eq!(Item::from(request.clone()), item);
    assert_eq!(JobRequest::try_from(item), Ok(request));
}

#[test]
fn an_items_own_headers_take_precedence() {
    fn sent(change: impl FnOnce(&mut Item)) -> Vec<(String, String)> {
        checked(change).expect("valid").headers_to_send()
    }
    let pairs = |all: &[(&str, &str)]| -> Vec<_> {
        all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };

    assert_eq!(sent(|_| {}), []);
    let both = sent(|it| {
        headers(it, "X-Own", "1".to_owned());
        let session = [("x-own", "2"), ("X-Session", "3")];
        let session = session.map(|(name, value)| (name.to_owned(), value.to_owned()));
        it.advanced.session_headers = session.to_vec();
    });
    assert_eq!(both, pairs(&[("X-Own", "1"), ("X-Session", "3")]));
    let body = sent(posted(|it| it.body = Some("{}".to_owned())));
    assert_eq!(body, pairs(&[("content-type", "application/json")]));
    let said = sent(posted(|it| {
        it.body = Some("a".to_owned());
        headers(it, "Content-Type", "text/csv".to_owned());
    }));
    assert_eq!(said, pairs(&[("Content-Type", "text/csv")]));
}

#[test]
fn an_item_without_limits_gets_the_highest() {
    let limit =
        |asked| checked(|it| it.max_response_bytes = asked).expect("valid").max_response_bytes();

    assert_eq!((limit(0), limit(1), limit(700)), (52_428_800, 1, 700));
    assert_eq!(limit(52_428_800), 52_428_800);
}
