//! Ordinary pages: waiting, scrolling, frames, shadow trees, banners, actions.

use std::time::Duration;

use rungs::core::request::{Item, WaitCondition};
use rungs::fetch::browser::ChromeLimits;
use rungs::testkit::site::{Site, SiteResponse};
use serde_json::json;

use super::{NEVER, chrome, page, text};

fn html(body: &str) -> SiteResponse {
    SiteResponse::html(format!("<!DOCTYPE html><title>t</title>{body}"))
}

/// A page that builds its text by script once `/data` has responded.
fn application(data_delay: Duration) -> Site {
    Site::start(move |request| match request.path.as_str() {
        "/data" => SiteResponse::status(200).delay(data_delay),
        _ => html(
            "<div id=app></div><script>fetch('/data').then(() => {\
             document.getElementById('app').innerHTML = '<p class=done>built ' + 'by script</p>';\
             });</script>",
        ),
    })
}

#[tokio::test]
async fn wait_for_waits_for_its_selector() {
    let site = application(Duration::from_millis(300));

    let shown = page(&chrome(), &site.url("/"), |it| it.wait_for = Some(".done".into())).await;

    assert!(text(&shown).contains("built by script"), "{}", text(&shown));
    assert!(shown.page.warnings.is_empty(), "{:?}", shown.page.warnings);
}

#[tokio::test]
async fn dom_content_loaded_does_not_wait_for_requests() {
    let site = application(NEVER);

    let shown = page(&chrome(), &site.url("/"), |it| {
        it.advanced.wait_condition = WaitCondition::DomContentLoaded;
    })
    .await;

    assert!(!text(&shown).contains("built by script"), "{}", text(&shown));
    assert!(shown.page.warnings.is_empty(), "{:?}", shown.page.warnings);
}

#[tokio::test]
async fn a_missing_selector_becomes_a_warning() {
    let site = Site::start(|_| html("<p>here"));
    let limits = ChromeLimits::default().with_selector_timeout(Duration::from_millis(500));
    let chrome = chrome().limits(limits);

    let shown = page(&chrome, &site.url("/"), |it| it.wait_for = Some("#never".into())).await;

    assert!(text(&shown).contains("here"));
    let warnings = shown.page.warnings.join("\n");
    assert!(warnings.contains("wait_for was not met: nothing matched `#never`"), "{warnings}");
}

#[tokio::test]
async fn the_default_condition_waits_for_an_idle_network() {
    let site = Site::start(|request| match request.path.as_str() {
        "/" => html(
            "<p id=p>no</p><script>fetch('/1').then(() => fetch('/2')).then(it => it.text())\
             .then(it => { p.textContent = it; });</script>",
        ),
        "/2" => SiteResponse::status(200).body("came last"),
        _ => SiteResponse::status(200).delay(Duration::from_millis(200)),
    });

    let shown = page(&chrome(), &site.url("/"), |_| ()).await;

    assert!(text(&shown).contains("came last"), "{}", text(&shown));
}

#[tokio::test]
async fn a_missing_icon_does_not_delay_the_page() {
    let site = Site::start(|request| match request.path.as_str() {
        "/" => html("<link rel=icon href=/icon.png><p>here"),
        _ => SiteResponse::status(200).delay(NEVER),
    });

    let shown = page(&chrome(), &site.url("/"), |_| ()).await;

    assert!(text(&shown).contains("here"));
    assert!(shown.page.warnings.is_empty(), "{:?}", shown.page.warnings);
    assert_eq!(site.hits_on("/icon.png"), 1, "the icon was not requested");
}

#[tokio::test]
async fn navigation_by_the_page_is_followed() {
    let site = Site::start(|request| match request.path.as_str() {
        "/script" => html("<script>location.href = '/meta'</script>"),
        "/meta" => html("<meta http-equiv=refresh content='0; url=/hop'>"),
        "/hop" => SiteResponse::redirect(302, "/single"),
        "/single" => html(
            "<p id=p></p><script>history.pushState(1, '', '/single/deep?a=1#x');\
                           p.textContent = 'arrived at last';</script>",
        )
        .header("x-end", "yes"),
        _ => SiteResponse::status(404),
    });

    let shown = page(&chrome(), &site.url("/script"), |it| it.wait_for = Some("p".into())).await;

    assert!(text(&shown).contains("arrived at last"), "{}", text(&shown));
    assert_eq!(shown.page.final_url, site.url("/single/deep?a=1"));
    assert_eq!(shown.page.status, 200);
    assert!(shown.page.headers.contains(&("x-end".to_owned(), "yes".to_owned())));
    let hops: Vec<_> = shown.page.redirects.iter().map(|it| it.status_code).collect();
    assert_eq!(hops, [302]);
}

#[tokio::test]
async fn scroll_to_load_loads_the_rest_of_a_list() {
    let site = Site::start(|_| {
        html(
            "<div id=list></div><script>let n = 0; const more = () => { for (let i = 0; i < 20; i++) {\
             const p = document.createElement('p'); p.style.height = '100px';\
             p.textContent = 'item ' + (n++) + '.'; list.append(p); } }; more();\
             addEventListener('scroll', () => { if (n < 60 && innerHeight + scrollY > \
             document.body.offsetHeight - 50) more(); });</script>",
        )
    });
    let chrome = chrome();

    let still = page(&chrome, &site.url("/"), |_| ()).await;
    let scrolled = page(&chrome, &site.url("/"), |it| {
        it.advanced.scroll_to_load = true;
        it.advanced.scroll_count = 5;
    })
    .await;

    assert!(text(&still).contains("item 19.") && !text(&still).contains("item 20."));
    assert!(text(&scrolled).contains("item 59."), "it was scrolled to the end");
}

#[tokio::test]
async fn include_iframes_inserts_the_content_of_frames() {
    let inner = Site::start(|_| html("<p>in a frame of another site</p>"));
    let far = inner.url("/");
    let site = Site::start(move |request| match request.path.as_str() {
        "/" => html(&format!(
            "<iframe src=/frame></iframe><iframe src='{far}'></iframe><p>after, with text enough to be a \
             page of its own beside its frames"
        )),
        "/frame" => html("<p>in a frame</p><iframe srcdoc='<p>two deep</p>'></iframe>"),
        _ => SiteResponse::status(404),
    });
    let chrome = chrome();

    let without = page(&chrome, &site.url("/"), |_| ()).await;
    let with = page(&chrome, &site.url("/"), |it| it.advanced.include_iframes = true).await;

    assert!(!text(&without).contains("in a frame"));
    let shown = text(&with);
    let places = ["<p>in a frame</p>", "two deep</p></div>", "in a frame of another site", "after"]
        .map(|it| shown.find(it).unwrap_or_else(|| panic!("no `{it}` in {shown}")));
    assert!(places.is_sorted(), "{places:?} in {shown}");
}

#[tokio::test]
async fn flatten_shadow_dom_inlines_shadow_trees() {
    let site = Site::start(|_| {
        html(
            "<a-card><b slot=name>Ada &amp; co</b>rest</a-card><script>\
             customElements.define('a-card', class extends HTMLElement { constructor() { super();\
             const root = this.attachShadow({ mode: 'closed' });\
             root.innerHTML = '<p>by <slot name=name>nobody</slot>: <slot></slot></p>'; } });</script>",
        )
    });
    let chrome = chrome();

    let without = page(&chrome, &site.url("/"), |_| ()).await;
    let with = page(&chrome, &site.url("/"), |it| it.advanced.flatten_shadow_dom = true).await;

    assert!(text(&without).contains("<a-card><b slot="), "{}", text(&without));
    assert!(
        text(&with).contains("<a-card><p>by <b slot=\"name\">Ada &amp; co</b>: rest</p></a-card>"),
        "{}",
        text(&with)
    );
}

#[tokio::test]
async fn remove_cookie_banners_keeps_the_content() {
    let site = Site::start(|_| {
        html(
            "<main><h1>Cookies</h1><p class=cookie-recipe>Bake them with consent.</p></main>\
             <div id=banner-cookie style='position:fixed;bottom:0'>We use cookies <button>OK</button></div>\
             <div id=onetrust-consent-sdk>tracking wall</div>",
        )
    });
    let chrome = chrome();

    let without = page(&chrome, &site.url("/"), |_| ()).await;
    let with = page(&chrome, &site.url("/"), |it| it.advanced.remove_cookie_banners = false).await;

    let clean = text(&without);
    assert!(clean.contains("Bake them") && !clean.contains("We use") && !clean.contains("wall"));
    assert!(text(&with).contains("We use cookies") && text(&with).contains("tracking wall"));
}

#[tokio::test]
async fn headers_cookies_and_body_reach_the_page() {
    let site = Site::start(|request| {
        let header = |name: &str| request.header(name).unwrap_or("none").to_owned();
        html(&format!(
            "<p>{} {} {} {}</p><p id=p></p><script>p.textContent = navigator.userAgent + ' ' + \
             navigator.language</script>",
            header("user-agent"),
            header("accept-language"),
            header("cookie"),
            String::from_utf8_lossy(&request.body),
        ))
    });

    let shown = page(&chrome(), &site.url("/"), |it: &mut Item| {
        it.headers.push(("User-Agent".to_owned(), "my-reader/1".to_owned()));
        it.location.language = Some("de".parse().expect("a language"));
        it.advanced.cookies.push(("session".to_owned(), "abc".to_owned()));
        it.method = rungs::core::request::Method::Post;
        it.body = Some("hello".to_owned());
    })
    .await;

    let shown = text(&shown);
    assert!(shown.contains("<p>my-reader/1 de,en;q=0.9 session=abc hello</p>"), "{shown}");
    assert!(shown.contains("my-reader/1 de</p>"), "{shown}");
}

#[tokio::test]
async fn a_cookie_header_is_merged_with_the_cookies_of_the_site() {
    let site = Site::start(|request| {
        let cookies = request.header("cookie").unwrap_or("none").to_owned();
        match request.path.as_str() {
            "/deep/page" => {
                SiteResponse::redirect(302, "/shown").header("set-cookie", "s=new; Path=/")
            }
            _ => html(&format!("<p>[{cookies}]</p>")),
        }
    });

    let shown = page(&chrome(), &site.url("/deep/page"), |it: &mut Item| {
        it.headers.push(("Cookie".to_owned(), "s=old; own=1".to_owned()));
        it.advanced.cookies.push(("more".to_owned(), "2".to_owned()));
    })
    .await;

    let shown = text(&shown);
    for part in ["s=new", "own=1", "more=2"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(!shown.contains("s=old"), "{shown}");
}

#[tokio::test]
async fn block_images_requests_no_images() {
    let site = Site::start(|request| match request.path.as_str() {
        "/" => html("<img src=/a.png><script src=/a.js></script>"),
        _ => SiteResponse::status(404),
    });
    let chrome = chrome();

    page(&chrome, &site.url("/"), |it| it.advanced.block_images = true).await;
    assert_eq!((site.hits_on("/a.png"), site.hits_on("/a.js")), (0, 1));

    page(&chrome, &site.url("/"), |_| ()).await;
    assert_eq!(site.hits_on("/a.png"), 1);
}

#[tokio::test]
async fn actions_run_in_order_past_a_failed_one() {
    let site = Site::start(|_| {
        html(
            "<input id=name><select id=kind><option>small<option value=b>big</select>\
             <button onclick=\"out.textContent = name_() + kind.value; setTimeout(() => \
             { late.hidden = false }, 100)\">go</button><p id=out></p><p id=late hidden>late</p>\
             <script>const name_ = () => document.getElementById('name').value + '/';\
             document.getElementById('name').addEventListener('keydown', e => \
             { if (e.key === 'Enter') document.title = 'entered'; });</script>",
        )
    });
    let actions = json!([
        {"type": "fill", "selector": "#name", "value": "Ada"},
        {"type": "press", "key": "Enter", "selector": "#name"},
        {"type": "fill", "selector": "#kind", "value": "big"},
        {"type": "click", "selector": "#nothing"},
        {"type": "click", "selector": "button"},
        {"type": "wait_for", "selector": "#late:not([hidden])"},
        {"type": "evaluate", "script": "({title: document.title, sum: 1 + 2})"},
        {"type": "screenshot"},
        {"type": "scroll", "direction": "down"},
        {"type": "wait", "ms": 1},
        {"type": "evaluate", "script": "throw new Error('mine')"},
        {"type": "infinite_scroll", "max_scrolls": 2},
    ]);

    let shown = page(&chrome(), &site.url("/"), |it| {
        it.advanced.actions = serde_json::from_value(actions).expect("actions");
    })
    .await;

    let done: Vec<bool> = shown.actions.iter().map(|it| it.success).collect();
    let expected = [true, true, true, false, true, true, true, true, true, true, false, true];
    assert_eq!(done, expected, "{:?}", shown.actions);
    assert!(text(&shown).contains("Ada/b"), "{}", text(&shown));
    assert_eq!(shown.actions[3].result, json!("nothing matches `#nothing`"));
    assert_eq!(shown.actions[6].result, json!({"title": "entered", "sum": 3}));
    assert!(shown.actions[10].result.as_str().is_some_and(|it| it.contains("mine")));
    assert_eq!(shown.pictures.len(), 1);
}

/// Returns the width and height in the header of a PNG.
fn size(png: &[u8]) -> (u32, u32) {
    let number = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().expect("four bytes"));
    (number(16), number(20))
}

#[tokio::test]
async fn a_screenshot_shows_the_whole_page() {
    let site =
        Site::start(|_| html("<body style='margin:0'><div style='height:3000px'>tall</div>"));

    let shown = page(&chrome(), &site.url("/"), |it| it.advanced.screenshot = true).await;

    assert_eq!(shown.screenshot.as_deref().map(size), Some((1280, 3000)));
}

#[tokio::test]
async fn a_service_worker_does_not_outlive_its_job() {
    let site = Site::start(|request| match request.path.as_str() {
        "/" => html(
            "<p id=p>from the net</p><script>navigator.serviceWorker.register('/sw.js');\
             navigator.serviceWorker.ready.then(() => { document.body.append('registered'); });</script>",
        ),
        "/sw.js" => SiteResponse::status(200).header("content-type", "text/javascript").body(
            "self.addEventListener('fetch', e => e.respondWith(new Response('from the worker')))",
        ),
        _ => SiteResponse::status(404),
    });
    // A service worker needs a secure context, which 127.0.0.1 is.
    let chrome = chrome();

    for _ in 0..2 {
        let shown = page(&chrome, &site.url("/"), |it| {
            it.advanced.actions = serde_json::from_value(json!([
                {"type": "evaluate", "script": "navigator.serviceWorker.ready.then(() => 'ready')"},
            ]))
            .expect("actions");
        })
        .await;
        assert!(text(&shown).contains("from the net"), "{}", text(&shown));
        assert_eq!(shown.actions[0].result, json!("ready"));
    }
    assert_eq!(site.hits_on("/"), 2);
}
