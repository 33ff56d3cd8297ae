//! Tier 3.5: the text, product or list that a page ships for its scripts only.

use rungs::core::request::{Format, Item, Limits, Profile};
use rungs::core::tier::Tier;
use rungs::extract::HtmlExtractor;
use rungs::ports::extract::{Document, ExtractError, Extracted, Extractor};
use serde_json::{Value, json};

const URL: &str = "http://harbour.example/notes/small-ferry";
const STORY: &str = "The ferry leaves the small harbour at dawn, when the nets are still wet, and \
    comes back before noon. It carries letters, two bicycles and whoever wants to cross. In winter \
    it stays on this side of the water, and the letters wait for the ice to go.";

/// Extracts this body on tier 3.5.
fn light(body: &str, item: Item) -> Result<Extracted, ExtractError> {
    let page =
        format!("<html lang=en><head><title>Ferry</title></head><body><div id=app></div>{body}");
    let options = item.check(&Limits::default()).expect("options");
    let content_type = Some("text/html; charset=utf-8");
    let body = page.as_bytes();
    HtmlExtractor.extract(
        Document::new(body, URL, &options).with_content_type(content_type).with_tier(Tier::LightJs),
    )
}

fn item() -> Item {
    Item::get(URL).formats([Format::Text, Format::Markdown, Format::Json])
}

/// The embedded state of every framework here: an object with a title and a text.
fn post() -> Value {
    json!({ "title": "A small ferry", "slug": "small-ferry", "body": STORY })
}

fn state(id: &str, value: &Value) -> String {
    format!("<script id=\"{id}\" type=\"application/json\">{value}</script>")
}

fn assigned(name: &str, value: &str) -> String {
    format!("<script>window.{name} = {value};</script>")
}

/// Next's two routers, and Remix's two ways.
fn of_react() -> Vec<(&'static str, String)> {
    let pushed = |rows: &str| format!("<script>self.__next_f.push({})</script>", json!([1, rows]));
    let tree = json!(["$", "main", null, { "children": [
        ["$", "h1", null, { "children": "A small ferry" }],
        ["$", "$L2", null, { "children": ["$", "p", null, { "children": "$L3" }] }],
    ] }]);
    let (first, second) = STORY.split_at(40);
    let (first, second) = (format!("0:{tree}\n3:\"{first}"), format!("{second}\"\n"));
    let remix = json!([
        { "_1": 2 }, "loaderData", { "_3": 4 }, "post", { "_5": 6, "_7": 8 },
        "title", "A small ferry", "body", STORY,
    ]);
    let stream = json!(remix.to_string());
    let stream = format!("window.__reactRouterContext.streamController.enqueue({stream});");
    let loaded = json!({ "state": { "loaderData": post() } }).to_string();
    vec![
        ("Next", state("__NEXT_DATA__", &json!({ "props": { "pageProps": { "post": post() } } }))),
        ("Next", pushed(&first) + &pushed(&second)),
        ("Remix", assigned("__remixContext", &loaded)),
        ("Remix", format!("<script>{stream}</script>")),
    ]
}

/// Frameworks that pack what they ship in ways of their own.
fn packed() -> Vec<(&'static str, String)> {
    let nuxt = json!([
        ["ShallowReactive", 1], { "data": 2 }, { "post": 3 }, { "title": 4, "body": 5 },
        "A small ferry", STORY,
    ]);
    let text = json!(STORY);
    let called = format!(
        "(function(a,b){{return {{data:[{{post:{{title:a,body:b}}}}]}}}}(\"A small ferry\",{text}))"
    );
    let fetched = json!({ "status": 200, "body": json!({ "post": post() }).to_string() });
    let kit = format!(
        "kit.start(app, element, {{ node_ids: [0, 2], data: [null, {{type:\"data\",\
         data:{{post:{{title:'A small ferry',body:{text}}}}},uses:{{}}}}] }});"
    );
    let island = json!({ "post": [0, { "title": [0, "A small ferry"], "body": [0, STORY] }] });
    let island = island.to_string().replace('"', "&quot;");
    let angular = json!({ "G.json": { "b": post() } }).to_string().replace('"', "&q;");
    vec![
        ("Nuxt", state("__NUXT_DATA__", &nuxt)),
        ("Nuxt", assigned("__NUXT__", &called)),
        (
            "SvelteKit",
            format!(
                "<script type=application/json data-sveltekit-fetched data-url=/api>{fetched}</script>"
            ),
        ),
        ("SvelteKit", format!("<script>{kit}</script>")),
        ("Astro", format!("<astro-island props=\"{island}\"></astro-island>")),
        ("Angular", format!("<script id=ng-state type=application/json>{angular}</script>")),
    ]
}

/// State that is assigned to a name that tells whose it is.
fn named() -> Vec<(&'static str, String)> {
    let page = json!({ "page": post() }).to_string();
    let apollo = json!({
        "ROOT_QUERY": { "post": { "__ref": "Post:1" } },
        "Post:1": { "__typename": "Post", "title": "A small ferry", "content": STORY },
    });
    let string = json!(page);
    vec![
        ("Gatsby", assigned("pageData", &json!({ "result": { "data": post() } }).to_string())),
        ("Apollo", assigned("__APOLLO_STATE__", &apollo.to_string())),
        ("Redux", assigned("__PRELOADED_STATE__", &format!("JSON.parse({string})"))),
        ("Vue", assigned("__INITIAL_STATE__", &page)),
        ("script", assigned("someState", &page)),
    ]
}

#[test]
fn an_article_is_read_from_each_frameworks_state() {
    for (framework, script) in [of_react(), packed(), named()].concat() {
        let made = light(&script, item()).unwrap_or_else(|why| panic!("{framework}: {why}"));

        assert!(made.text.contains(STORY), "{framework}: {}", made.text);
        assert_eq!(made.metadata["embedded_state"], framework);
        let markdown = made.content[&Format::Markdown].as_str().expect("markdown");
        assert!(markdown.starts_with("# A small ferry\n\nThe ferry"), "{framework}: {markdown}");
        assert_eq!(made.language.as_deref(), Some("en"));
    }
}

#[test]
fn the_article_with_the_pages_url_is_chosen() {
    let other = STORY.replace("ferry", "bridge").repeat(2);
    let state = json!({ "posts": [
        { "title": "A bridge", "slug": "bridge", "body": other },
        { "title": "A small ferry", "slug": "small-ferry", "body": STORY },
    ] });
    let script = format!("<script>window.__INITIAL_STATE__={state}</script>");

    let made = light(&script, item()).expect("a page");

    assert!(made.text.contains(STORY) && !made.text.contains("bridge"), "{}", made.text);
}

#[test]
fn a_product_in_the_state_becomes_data_and_text() {
    let product = json!({ "product": {
        "title": "Harbour lamp", "sku": "HL-7", "vendor": "Lantern & Sons",
        "descriptionHtml": "<p>A brass lamp for the table, with a wick that lasts a winter.</p>",
        "priceRange": { "minVariantPrice": { "amount": "49.5", "currencyCode": "EUR" } },
        "availableForSale": true,
    } });
    let script = format!("<script id=__NEXT_DATA__ type=application/json>{product}</script>");
    let asked = item().profile(Profile::Product);

    let made = light(&script, asked).expect("a page");

    assert!(made.text.contains("A brass lamp for the table"), "{}", made.text);
    let json = &made.content[&Format::Json];
    for (field, value) in [
        ("name", json!("Harbour lamp")),
        ("sku", json!("HL-7")),
        ("brand", json!("Lantern & Sons")),
        ("price", json!(49.5)),
        ("currency", json!("EUR")),
    ] {
        assert_eq!(json[field], value, "{field} of {json}");
    }
}

#[test]
fn a_list_in_the_state_yields_its_entries() {
    let entry = |name: &str| json!({ "title": name, "url": format!("/notes/{name}"), "summary": "A short walk along the water." });
    let entries: Vec<_> =
        ["Quay", "Lighthouse", "Dry dock", "Slipway", "Old crane", "Ferry"].map(entry).into();
    let script =
        format!("<script>window.__REDUX_STATE__ = {};</script>", json!({ "all": entries }));

    let made = light(&script, item()).expect("a page");

    for name in ["Quay", "Lighthouse", "Slipway", "Ferry"] {
        assert!(made.text.contains(name), "{name}: {}", made.text);
    }
    assert!(made.text.contains("A short walk"), "{}", made.text);
}

#[test]
fn settings_and_labels_are_not_an_article() {
    let settings =
        json!({ "locale": "en", "routes": ["/a", "/b"], "labels": { "ok": "Fine", "no": "Back" } });
    for script in [
        format!("<script>window.__INITIAL_STATE__={settings}</script>"),
        "<script>self.__next_f.push([1,\"0:[null]\\n\"])</script>".to_owned(),
        "<script>run({a:1}); var x = {b: f()};</script>".to_owned(),
    ] {
        assert_eq!(light(&script, item()).expect_err(&script), ExtractError::Empty);
    }
}

#[test]
fn markup_in_the_state_stays_inside_its_element() {
    let state = json!({ "title": "A </title><script>x</script> ferry", "body": format!(
        "<p>{STORY}</p><script>alert('out')</script><img src=x onerror=alert(1)>"
    ) });
    let escaped = state.to_string().replace("</", "<\\/");
    let script = format!("<script>window.__INITIAL_STATE__={escaped}</script>");
    let asked = Item::get(URL).formats([Format::Html, Format::Text]);

    let made = light(&script, asked).expect("a page");

    let html = made.content[&Format::Html].as_str().expect("html");
    assert!(html.contains("The ferry leaves"), "{html}");
    assert!(!html.contains("<script") && !html.contains("onerror"), "{html}");
}

#[test]
fn hostile_state_terminates() {
    let deep = format!("<script>window.a1={}</script>", "[{\"a\":".repeat(50_000));
    let quotes = format!("<script>{}</script>", "window.ab={\"".repeat(20_000));
    let calls = format!("<script>{}</script>", "__next_f.push([1,\"".repeat(20_000));
    let doubling: Value = (1..5_000).map(|it| json!([it, it])).collect();
    let packed = format!("<script id=__NUXT_DATA__ type=application/json>{doubling}</script>");
    for page in [deep, quotes, calls, packed] {
        assert!(light(&page, item()).is_err());
    }
}
