//! What is changed of a page's requests on their way: the host's headers, method and body, which are
//! for the page alone, and images, where nobody wants them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use url::Url;

use crate::core::request::Method;
use crate::fetch::header_rules::{follows_anywhere, is_framing};
use crate::ports::fetch::FetchRequest;

/// A request that waits for our word.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Paused {
    request_id: String,
    pub(super) frame_id: String,
    resource_type: String,
    request: PausedRequest,
    redirected_request_id: Option<String>,
}

#[derive(Debug, Deserialize)]
struct PausedRequest {
    url: String,
    #[serde(default)]
    headers: serde_json::Map<String, Value>,
}

/// What is done to requests.
#[derive(Debug)]
pub(super) struct Intercept {
    block_images: bool,
    home: Option<Url>,
    headers: Vec<(String, String)>,
    method: Method,
    body: Option<Vec<u8>>,
    /// The host's method and body are sent once; a page that is loaded again asks in its own way.
    sent: AtomicBool,
}

impl Intercept {
    /// What `request` asks for, if it asks for anything that the browser would not do by itself.
    pub(super) fn of(request: &FetchRequest) -> Option<Self> {
        let own = |it: &&(String, String)| !is_framing(&it.0);
        let it = Self {
            block_images: request.options.advanced.block_images,
            home: Url::parse(request.url.as_str()).ok(),
            headers: request.headers.iter().filter(own).cloned().collect(),
            method: request.method,
            body: request.body.clone(),
            sent: AtomicBool::new(false),
        };
        let needed = it.block_images || it.is_about_the_page();
        needed.then_some(it)
    }

    fn is_about_the_page(&self) -> bool {
        !self.headers.is_empty() || self.method != Method::Get || self.body.is_some()
    }

    /// Which requests are to wait for our word.
    pub(super) fn patterns(&self) -> Value {
        let mut kinds = Vec::new();
        if self.is_about_the_page() {
            kinds.push("Document");
        }
        if self.block_images {
            kinds.extend(["Image", "Media"]);
        }
        let patterns: Vec<_> = kinds
            .into_iter()
            .map(|it| json!({"urlPattern": "*", "resourceType": it, "requestStage": "Request"}))
            .collect();
        json!({ "patterns": patterns })
    }

    /// The call that lets a request go on, or not.
    pub(super) fn answer(&self, paused: &Paused, is_main: bool) -> (&'static str, Value) {
        let id = &paused.request_id;
        if self.block_images && matches!(paused.resource_type.as_str(), "Image" | "Media") {
            return (
                "Fetch.failRequest",
                json!({"requestId": id, "errorReason": "BlockedByClient"}),
            );
        }
        let mut go = json!({ "requestId": id });
        if is_main && paused.resource_type == "Document" {
            go["headers"] = self.headers_for(paused);
            if paused.redirected_request_id.is_none() && !self.sent.swap(true, Ordering::SeqCst) {
                go["method"] = json!(self.method.as_str());
                if let Some(body) = &self.body {
                    go["postData"] = json!(STANDARD.encode(body));
                }
            }
        }
        ("Fetch.continueRequest", go)
    }

    /// The browser's own headers, with the host's in their place.
    fn headers_for(&self, paused: &Paused) -> Value {
        let to = Url::parse(&paused.request.url).ok();
        let at_home = match (&self.home, &to) {
            (Some(home), Some(to)) => home.origin() == to.origin(),
            _ => false,
        };
        let is = |name: &str, of: &str| name.eq_ignore_ascii_case(of);
        let ours = |name: &str| self.headers.iter().any(|it| is(&it.0, name));
        let mut all: Vec<Value> = paused
            .request
            .headers
            .iter()
            .filter(|(name, _)| !ours(name))
            .map(|(name, value)| json!({"name": name, "value": value}))
            .collect();
        for (name, value) in &self.headers {
            if at_home || follows_anywhere(name) {
                all.push(json!({"name": name, "value": value}));
            }
        }
        Value::Array(all)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::core::request::{Item, Limits};
    use crate::core::tier::Tier;

    fn intercept(item: Item) -> Option<Intercept> {
        let options = Arc::new(item.check(&Limits::default()).expect("a valid item"));
        Intercept::of(&FetchRequest::new(options, Tier::Browser))
    }

    fn paused(kind: &str, url: &str) -> Paused {
        serde_json::from_value(json!({
            "requestId": "1", "frameId": "F", "resourceType": kind,
            "request": {"url": url, "headers": {"Accept": "*/*", "X-Own": "browser"}},
        }))
        .expect("a paused request")
    }

    fn values(go: &Value, name: &str) -> Vec<String> {
        let all = go["headers"].as_array().expect("headers").iter();
        let of =
            all.filter(|it| it["name"].as_str().is_some_and(|it| it.eq_ignore_ascii_case(name)));
        of.map(|it| it["value"].as_str().expect("text").to_owned()).collect()
    }

    #[test]
    fn an_ordinary_page_is_left_alone() {
        assert!(intercept(Item::get("http://a.test/")).is_none());
    }

    #[test]
    fn the_hosts_headers_win_at_home_and_stay_there() {
        let item =
            Item::get("http://a.test/").header("x-own", "host").header("Accept", "text/html");
        let intercept = intercept(item).expect("there are headers");

        let (_, home) = intercept.answer(&paused("Document", "http://a.test/x"), true);
        let (_, away) = intercept.answer(&paused("Document", "http://b.test/"), true);
        let (_, frame) = intercept.answer(&paused("Document", "http://a.test/"), false);

        assert_eq!(values(&home, "x-own"), ["host"]);
        assert_eq!(values(&home, "accept"), ["text/html"]);
        assert!(values(&away, "x-own").is_empty());
        assert_eq!(values(&away, "accept"), ["text/html"]);
        assert!(frame.get("headers").is_none(), "a frame is not the page");
    }

    #[test]
    fn a_body_is_sent_once() {
        let mut item = Item::get("http://a.test/");
        (item.method, item.body) = (Method::Post, Some("hello".to_owned()));
        let intercept = intercept(item).expect("there is a body");

        let (_, first) = intercept.answer(&paused("Document", "http://a.test/"), true);
        let (_, again) = intercept.answer(&paused("Document", "http://a.test/"), true);

        assert_eq!((&first["method"], &first["postData"]), (&json!("POST"), &json!("aGVsbG8=")));
        assert!(again.get("method").is_none() && again.get("postData").is_none());
    }

    #[test]
    fn images_are_blocked_where_nobody_wants_them() {
        let mut item = Item::get("http://a.test/");
        item.advanced.render_js = crate::core::request::RenderJs::Yes;
        item.advanced.block_images = true;
        let intercept = intercept(item).expect("images are blocked");

        let (image, _) = intercept.answer(&paused("Image", "http://a.test/i"), true);
        let (page, _) = intercept.answer(&paused("Document", "http://a.test/"), true);

        assert_eq!((image, page), ("Fetch.failRequest", "Fetch.continueRequest"));
        assert!(!intercept.patterns().to_string().contains("Document"));
    }
}
