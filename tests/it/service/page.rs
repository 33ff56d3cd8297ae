//! The web page at `/` in a real browser: with the mouse, with the keyboard, and with malicious
//! content of sites.

use std::sync::Arc;
use std::thread::ScopedJoinHandle;

use rungs::core::id::AccountId;
use rungs::core::request::Limits;
use rungs::core::tier::Tier;
use rungs::fetch::Chrome;
use rungs::net::NetPolicy;
use rungs::ports::fetch::{BrowserFetcher, FetchRequest};
use rungs::service::{ApiKey, ConnectionLimits, Keys, serve, wire};
use rungs::testkit::site::{Site, SiteResponse};
use serde_json::{Value, json};

use super::http;
use super::world::{Held, LOOPBACK, Plan, World, site};

const SECRET: &str = "sk_live_0123456789abcdef";
/// Script that describes the focused element.
const FOCUS: &str = "(() => { const it = document.activeElement; \
    return it.id || it.textContent.trim() || it.tagName; })()";

fn click(selector: &str) -> Value {
    json!({ "type": "click", "selector": selector })
}

fn fill(selector: &str, value: &str) -> Value {
    json!({ "type": "fill", "selector": selector, "value": value })
}

fn press(key: &str) -> Value {
    json!({ "type": "press", "key": key })
}

fn wait_for(selector: &str) -> Value {
    json!({ "type": "wait_for", "selector": selector })
}

fn look(script: &str) -> Value {
    json!({ "type": "evaluate", "script": script })
}

/// Opens the web page at `path`, runs these actions and returns the result of each `evaluate`.
fn visited(world: &World, path: &str, actions: &[Value]) -> Vec<Value> {
    opened(world, &format!("http://{}{path}", world.addr), actions)
}

/// Opens any page in a browser, see [`visited`].
fn opened(world: &World, url: &str, actions: &[Value]) -> Vec<Value> {
    let chrome =
        Chrome::new().network(NetPolicy::new().allow_network(LOOPBACK).expect("a network"));
    let item = json!({
        "url": url, "timeout": 60,
        "advanced": { "render_js": true, "wait_condition": "load", "actions": actions },
    });
    let item = wire::read_item(&item).expect("an item");
    let options = Arc::new(item.check(&Limits::default()).expect("a valid item"));
    let seen = world.block_on(chrome.render(FetchRequest::new(options, Tier::Browser)));
    let seen = seen.unwrap_or_else(|why| panic!("{why}"));
    for (action, done) in actions.iter().zip(&seen.actions) {
        assert!(done.success, "{action}: {}", done.result);
    }
    assert_eq!(seen.actions.len(), actions.len());
    let looks = seen.actions.into_iter().filter(|it| it.kind == "evaluate");
    looks.map(|it| it.result).collect()
}

/// Waits until the page follows a batch: a request that stays open after the others have ended is the
/// event stream.
fn followed<T>(world: &World, visit: &ScopedJoinHandle<'_, T>) {
    let running = || {
        let answer = world.send("GET", "/api/v1/usage", &[("x-api-key", SECRET)], b"");
        answer.header("x-concurrency-current").and_then(|it| it.parse::<u32>().ok())
    };
    let mut seen = 0;
    while seen < 20 && !visit.is_finished() {
        seen = if running() > Some(0) { seen + 1 } else { 0 };
    }
}

/// A service with one key.
fn keyed() -> World {
    let key = ApiKey::new("first", AccountId::default(), SECRET).expect("a key");
    World::of(Plan { keys: Keys::new([key]).expect("usable"), ..Plan::default() })
}

#[test]
fn the_form_submits_a_batch_and_follows_it() {
    let (world, held) = (keyed(), Held::new());
    let guard = held.hold();
    let urls = format!("{}\n\n  {}\n", held.site.url("/a"), held.site.url("/gone"));
    let notice = "window.states = new Set(); new MutationObserver(() => \
        document.querySelectorAll('.pill').forEach(it => states.add(it.textContent)))\
        .observe(document.body, { subtree: true, childList: true })";

    let seen = std::thread::scope(|scope| {
        let actions = [
            wait_for("#key"),
            fill("#key", "sk_live_wrong_0123456789abcdef"),
            click("button.main"),
            wait_for(".enter .wrong:not(:empty)"),
            fill("#key", SECRET),
            click("button.main"),
            wait_for("#urls"),
            fill("#urls", &urls),
            wait_for("#price:not(:empty)"),
            look("document.getElementById('price').textContent"),
            look(&format!("{notice}; 0")),
            click("form.new button.main"),
            wait_for(".pill.partial"),
            look("[...states]"),
            look(
                "[...document.querySelectorAll('a.row.page')].map(it => it.innerText.replace(/\\s+/g, ' '))",
            ),
            look("document.querySelector('.bar').getAttribute('aria-valuetext')"),
            click("a.row.page"),
            wait_for("[role=tabpanel] pre"),
            look("document.querySelector('main').innerText"),
            look("[sessionStorage.length, localStorage.length, document.cookie]"),
        ];
        let world = &world;
        let visit = scope.spawn(move || visited(world, "/", &actions));
        followed(world, &visit);
        drop(guard);
        visit.join().expect("the page was used")
    });

    let [price, _, states, rows, bar, opened, kept] = &seen[..] else { panic!("looks: {seen:?}") };
    assert_eq!(states, &json!(["processing", "partial"]), "it was seen under way");
    assert!(price.as_str().is_some_and(|it| it.starts_with("2 pages: $0.0004")), "{price}");
    let rows: Vec<&str> =
        rows.as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    assert!(rows[0].contains("/a") && rows[0].contains("$0.0002"), "{rows:?}");
    assert!(rows[1].contains("NOT_FOUND_TARGET"), "{rows:?}");
    assert_eq!(bar, "1 succeeded, 1 failed, 0 pending");
    let opened = opened.as_str().expect("text");
    for part in ["Loaf /a", "1 curl", "usable", "HTTP 200", "Flour, water"] {
        assert!(opened.contains(part), "no {part} in {opened}");
    }
    assert_eq!(kept, &json!([1, 0, ""]), "the key is in this tab and nowhere else");
}

#[test]
fn the_page_resumes_a_broken_stream() {
    let (world, held) = (World::new(), Held::new());
    let guard = held.hold();
    let id = world.submitted(&["/a", "/b"].map(|it| held.site.url(it)));
    let path = format!("/#/batch/{id}");

    let seen = std::thread::scope(|scope| {
        let actions = [
            wait_for(".pill.processing"),
            wait_for(".pill.completed"),
            look("document.querySelector('.bar').getAttribute('aria-valuetext')"),
            look("document.querySelectorAll('.state-icon.succeeded').length"),
        ];
        let (world, path) = (&world, &path);
        let visit = scope.spawn(move || visited(world, path, &actions));
        followed(world, &visit);
        world.service.begin_shutdown();
        drop(guard);
        visit.join().expect("the page was used")
    });

    assert_eq!(seen, [json!("2 succeeded, 0 failed, 0 pending"), json!(2)]);
}

#[test]
fn the_page_is_usable_with_the_keyboard() {
    let (world, site) = (World::new(), site());
    let tab = || press("Tab");

    let seen = visited(
        &world,
        "/",
        &[
            wait_for("#urls"),
            tab(),
            look(FOCUS),
            press("Enter"),
            tab(),
            look(FOCUS),
            fill("#urls", &site.url("/a")),
            tab(),
            tab(),
            tab(),
            tab(),
            tab(),
            look(FOCUS),
            tab(),
            tab(),
            look(FOCUS),
            press("Enter"),
            wait_for(".pill.completed"),
            look(FOCUS),
            look("location.hash"),
        ],
    );

    assert_eq!(
        seen[..5],
        ["Skip to content", "urls", "screenshot", "Submit", "Batch of 1 page"].map(Value::from)
    );
    let batch = seen[5].as_str().expect("a place");
    let seen = visited(
        &world,
        &format!("/{batch}"),
        &[
            wait_for("a.row.page"),
            tab(),
            press("Enter"),
            tab(),
            look(FOCUS),
            tab(),
            tab(),
            tab(),
            look("document.activeElement.className"),
            press("Enter"),
            wait_for("[role=tab]"),
            look(FOCUS),
            tab(),
            tab(),
            look(FOCUS),
            press("ArrowRight"),
            look(FOCUS),
            look("document.querySelector('[aria-selected=true]').id"),
        ],
    );
    assert_eq!(seen[0], "← Batches");
    assert_eq!(seen[1], "row page", "the page's row");
    assert_eq!(seen[2], "Loaf /a", "who opens a page hears its title");
    assert_eq!(seen[3..5], ["tab-markdown", "tab-text"].map(Value::from));
    assert_eq!(seen[5], "tab-text");
}

#[test]
fn content_of_a_site_runs_no_script() {
    let beacon = Site::start(|_| SiteResponse::html("<p>here</p>"));
    let evil = format!(
        "<img src={0}/a onerror=\"parent.owned=1\"><script>parent.owned=1;fetch('{0}/b')</script>",
        beacon.url("")
    );
    let shown = evil.replace('<', "&lt;").replace('"', "&quot;");
    let body = format!(
        "<title>{shown}</title><article><h1>{shown}</h1>{evil}<p>Flour, water, salt and time are all \
         that a good loaf needs, and it is time that most people lack. {shown}</p></article>"
    );
    let (world, site) = (World::new(), Site::start(move |_| SiteResponse::html(body.clone())));
    let urls =
        json!([{ "url": site.url("/?<b>"), "formats": ["html", "json", "text", "markdown"] }]);
    let batch = world.post("/api/v1/batch", &json!({ "urls": urls })).json();
    let id = batch["batch_id"].as_str().expect("an id");
    world.ended(id);
    let job = batch["job_ids"][0].as_str().expect("an id");
    let frame = "new Promise(done => { const it = document.querySelector('iframe'); \
        it.addEventListener('load', () => done(it.getAttribute('sandbox')), { once: true }); \
        it.srcdoc = EVIL; })";
    let frame = frame.replace("EVIL", &json!(evil).to_string());

    let seen = visited(
        &world,
        &format!("/#/batch/{id}/{job}"),
        &[
            wait_for("[role=tab]"),
            click("#tab-json"),
            click("#tab-metadata"),
            click("#tab-html"),
            click("#tab-text"),
            look("document.querySelector('[role=tabpanel] pre').textContent.includes('<script>')"),
            look("document.querySelector('h1').textContent"),
            click("#tab-rendered"),
            wait_for("iframe"),
            // The frame gets the HTML from before sanitization, so that the sandbox itself is tested.
            look(&frame),
            look("document.querySelectorAll('main script, main [onerror]').length"),
            look("String(window.owned)"),
        ],
    );

    assert_eq!(seen[0], true, "the text is there, tags and all");
    assert!(seen[1].as_str().is_some_and(|it| it.contains("<img src=")), "{}", seen[1]);
    assert_eq!(seen[2..], [json!(""), json!(0), json!("undefined")]);
    assert_eq!(beacon.hits(), 0, "nothing was loaded");
}

#[test]
fn the_page_connects_to_the_service_only() {
    let (world, other) = (World::new(), site());
    let try_out = format!(
        "Promise.all([fetch('{0}/fetched').then(() => 'let', () => 'kept'), \
         new Promise(done => {{ const it = new Image(); it.onload = () => done('let'); \
         it.onerror = () => done('kept'); it.src = '{0}/image'; }}), \
         import('{0}/script.js').then(() => 'let', () => 'kept')])",
        other.url("")
    );

    let seen = visited(
        &world,
        "/",
        &[
            wait_for("#urls"),
            look("performance.getEntriesByType('resource').map(it => new URL(it.name).origin)"),
            look("location.origin"),
            look(&try_out),
        ],
    );

    let asked = seen[0].as_array().expect("a list");
    assert!(asked.len() > 10 && asked.iter().all(|it| *it == seen[1]), "{asked:?}");
    assert_eq!(seen[2], json!(["kept", "kept", "kept"]));
    assert_eq!(other.hits(), 0);
    for path in ["/", "/page/app.js", "/page/page.css"] {
        let answer = http::send(world.addr, "GET", path, &[], b"");
        let policy = answer.header("content-security-policy").expect("a policy");
        for part in ["default-src 'none'", "script-src 'self'", "connect-src 'self'"] {
            assert!(policy.contains(part), "{policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    }
    for path in ["/page/mod.rs", "/page/..%2fmod.rs", "/page/"] {
        assert_eq!(http::send(world.addr, "GET", path, &[], b"").status, 404, "{path}");
    }
}

#[test]
fn a_page_of_another_port_submits_nothing() {
    let (world, other) = (World::new(), site());
    let batch = format!("http://{}/api/v1/batch", world.addr);
    let body = json!({ "urls": [other.url("/a")] }).to_string();
    let attempts = format!(
        "(async () => {{ const kinds = []; \
         const bodies = [BODY, new Blob([BODY]), new Blob([BODY], {{ type: 'text/plain' }})]; \
         for (const body of bodies) {{ const options = {{ method: 'POST', mode: 'no-cors', body }}; \
         kinds.push(await fetch('{batch}', options).then(it => it.type, () => 'failed')); }} \
         const headers = {{ 'content-type': 'application/json' }}; \
         const options = {{ method: 'POST', headers, body: BODY }}; \
         kinds.push(await fetch('{batch}', options).then(it => it.type, () => 'failed')); \
         return kinds; }})()"
    );
    let form = format!(
        "new Promise(done => {{ document.body.innerHTML = '<iframe name=frame></iframe>' + \
         '<form method=post enctype=text/plain target=frame action=\"{batch}\"><input></form>'; \
         const [start, end] = BODY.split(']'); const field = document.querySelector('input'); \
         field.name = start + '],\"a\":\"'; field.value = '\"' + end; \
         document.querySelector('iframe').onload = () => done(0); \
         document.querySelector('form').submit(); }})"
    );
    let [attempts, form] = [attempts, form].map(|it| it.replace("BODY", &json!(body).to_string()));

    let seen = opened(&world, &other.url("/"), &[look(&attempts), look(&form)]);

    assert_eq!(seen[0], json!(["opaque", "opaque", "opaque", "failed"]), "they were sent");
    assert_eq!(world.get("/api/v1/batches").json()["batches"], json!([]));
    let own = visited(&world, "/", &[look(&attempts)]);
    assert_eq!(own[0][3], "basic", "the service's own page may submit");
    let accepted = world.get("/api/v1/batches").json();
    assert_eq!(accepted["batches"].as_array().map(Vec::len), Some(1), "{accepted}");
}

#[test]
fn the_form_shows_validation_errors() {
    let (world, site) = (World::new(), site());
    let urls = format!("{}\nftp://example.com/\n", site.url("/a"));

    let seen = visited(
        &world,
        "/",
        &[
            wait_for("#urls"),
            fill("#urls", &urls),
            click("form.new button.main"),
            wait_for("#errors .wrong"),
            look("document.getElementById('errors').getAttribute('role')"),
            look("document.querySelector('#errors .wrong').textContent"),
            click("#errors .quiet"),
            look(
                "getSelection().toString() || (it => it.value.slice(it.selectionStart, it.selectionEnd))(document.activeElement)",
            ),
            look("document.getElementById('urls').getAttribute('aria-invalid')"),
            fill("#urls", &site.url("/a")),
            look("document.getElementById('errors').textContent"),
        ],
    );

    assert_eq!(seen[0], "alert");
    let said = seen[1].as_str().expect("text");
    assert!(said.starts_with("Line 2, url: ") && said.contains("http"), "{said}");
    assert_eq!(seen[2], "ftp://example.com/");
    assert_eq!(seen[3..], [json!("true"), json!("")]);
}

#[test]
fn the_form_takes_a_schema() {
    let world = World::new();
    let site = Site::start(|_| {
        SiteResponse::html(
            "<title>Rain barrel</title><main><h1>Rain barrel</h1><table><tr><th>Material<td>Recycled \
             plastic<tr><th>Weight<td>7,400 g</table><p>It stands beside the house and keeps what the \
             gutter brings, for the weeks in which nothing comes.</p></main>",
        )
    });
    let schema = r#"{ "material": "string", "weight_kg": "number" }"#;

    let seen = visited(
        &world,
        "/",
        &[
            wait_for("#urls"),
            fill("#urls", &site.url("/barrel")),
            click("details.options summary"),
            fill("#schema", "{ material }"),
            click("form.new button.main"),
            wait_for("#errors .wrong"),
            look("document.querySelector('#errors .wrong').textContent"),
            look("document.getElementById('schema').getAttribute('aria-invalid')"),
            fill("#schema", schema),
            click("#evidence"),
            click("form.new button.main"),
            wait_for(".pill.completed"),
            click("a.row.page"),
            wait_for("#tab-json"),
            click("#tab-json"),
            look("JSON.parse(document.querySelector('#panel pre').textContent)"),
            click("#tab-evidence"),
            look("JSON.parse(document.querySelector('#panel pre').textContent).weight_kg.label"),
        ],
    );

    let error = seen[0].as_str().expect("text");
    assert!(error.starts_with("extraction_schema: invalid JSON"), "{error}");
    assert_eq!(seen[1], "true");
    assert_eq!(seen[2], json!({ "material": "Recycled plastic", "weight_kg": 7.4 }));
    assert_eq!(seen[3], "Weight");
}

#[test]
fn an_application_can_nest_the_page_below_a_path() {
    let world = World::new();
    let nested = axum::Router::new().nest("/scraping", world.service.router());
    let addr = world.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let addr = listener.local_addr().expect("an address");
        tokio::spawn(serve(listener, nested, ConnectionLimits::default(), world.stop.clone()));
        addr
    });

    let index = http::send(addr, "GET", "/scraping", &[], b"");
    let script = http::send(addr, "GET", "/scraping/page/app.js", &[], b"");

    let text = String::from_utf8_lossy(&index.body).into_owned();
    assert!(text.contains("src=\"scraping/page/app.js\""), "{text}");
    assert_eq!(script.header("content-type"), Some("text/javascript; charset=utf-8"));
}
