//! Changes to a page's requests: the job's headers, method and body for the main document, and blocked images.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use url::Url;

use super::cookies;
use crate::core::request::Method;
use crate::fetch::header_rules::{follows_anywhere, is_framing};
use crate::ports::fetch::{FetchRequest, RedirectCheck};

/// A request that the browser holds until it is resumed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Paused {
    request_id: String,
    frame_id: String,
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

/// A job's changes to the requests of its page.
#[derive(Debug)]
pub(super) struct Intercept {
    block_images: bool,
    /// The job's URL. Its headers are sent to this origin only.
    job_url: Option<Url>,
    headers: Vec<(String, String)>,
    method: Method,
    body: Option<Vec<u8>>,
    /// The job's method and body were sent. They are sent once: a page that reloads uses its own.
    sent: AtomicBool,
    redirect_check: Option<RedirectCheck>,
}

impl Intercept {
    /// Returns the changes that `request` needs, or `None` if the browser needs none.
    pub(super) fn of(request: &FetchRequest) -> Option<Self> {
        let in_jar = cookies::in_header(request).is_some();
        let is_sent = |(name, _): &&(String, String)| {
            !(is_framing(name) || in_jar && name.eq_ignore_ascii_case("cookie"))
        };
        let intercept = Self {
            block_images: request.options.advanced().block_images,
            job_url: Url::parse(request.url.as_str()).ok(),
            headers: request.headers_to_send().iter().filter(is_sent).cloned().collect(),
            method: request.method,
            body: request.body.clone(),
            sent: AtomicBool::new(false),
            redirect_check: request.redirect_check.clone(),
        };
        let is_needed = intercept.block_images
            || intercept.changes_document()
            || intercept.redirect_check.is_some();
        is_needed.then_some(intercept)
    }

    fn changes_document(&self) -> bool {
        !self.headers.is_empty() || self.method != Method::Get || self.body.is_some()
    }

    /// Parameters of `Fetch.enable`: the kinds of requests that are held.
    pub(super) fn patterns(&self) -> Value {
        let mut kinds = Vec::new();
        if self.changes_document() || self.redirect_check.is_some() {
            kinds.push("Document");
        }
        if self.block_images {
            kinds.extend(["Image", "Media"]);
        }
        let patterns: Vec<_> = kinds
            .into_iter()
            .map(|kind| json!({"urlPattern": "*", "resourceType": kind, "requestStage": "Request"}))
            .collect();
        json!({ "patterns": patterns })
    }

    /// Returns the check that a request must pass before it is resumed, and its URL: the target of a redirect, or
    /// another page that the page leads to.
    pub(super) fn check_of(
        &self,
        paused: &Paused,
        main_frame: &str,
    ) -> Option<(RedirectCheck, String)> {
        let check = self.redirect_check.as_ref()?;
        let is_main = paused.frame_id == main_frame && paused.resource_type == "Document";
        let url = Url::parse(&paused.request.url).ok().filter(|_| is_main)?;
        let is_first = self.job_url.as_ref() == Some(&url);
        (!is_first).then(|| (check.clone(), url.into()))
    }

    /// Returns the call that refuses a request.
    pub(super) fn refusal(paused: &Paused) -> (&'static str, Value) {
        let params = json!({"requestId": paused.request_id, "errorReason": "BlockedByClient"});
        ("Fetch.failRequest", params)
    }

    /// Returns the call that resumes or blocks a request. `main_frame` is the id of the page's main frame.
    pub(super) fn resume(&self, paused: &Paused, main_frame: &str) -> (&'static str, Value) {
        if self.block_images && matches!(paused.resource_type.as_str(), "Image" | "Media") {
            return Self::refusal(paused);
        }
        let mut params = json!({ "requestId": paused.request_id });
        let is_main = paused.frame_id == main_frame && paused.resource_type == "Document";
        if is_main && self.changes_document() {
            params["headers"] = self.headers_for(paused);
            if paused.redirected_request_id.is_none() && !self.sent.swap(true, Ordering::SeqCst) {
                params["method"] = json!(self.method.as_str());
                if let Some(body) = &self.body {
                    params["postData"] = json!(STANDARD.encode(body));
                }
            }
        }
        ("Fetch.continueRequest", params)
    }

    /// Returns the browser's headers, replaced by the job's where both have one.
    fn headers_for(&self, paused: &Paused) -> Value {
        let url = Url::parse(&paused.request.url).ok();
        let is_same_origin = match (&self.job_url, &url) {
            (Some(job_url), Some(url)) => job_url.origin() == url.origin(),
            _ => false,
        };
        let is_replaced =
            |name: &str| self.headers.iter().any(|(own, _)| own.eq_ignore_ascii_case(name));
        let mut all: Vec<Value> = paused
            .request
            .headers
            .iter()
            .filter(|(name, _)| !is_replaced(name))
            .map(|(name, value)| json!({"name": name, "value": value}))
            .collect();
        for (name, value) in &self.headers {
            if is_same_origin || follows_anywhere(name) {
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

    fn values(params: &Value, name: &str) -> Vec<String> {
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        let headers = params["headers"].as_array().expect("headers").iter();
        let named = headers.filter(|header| text(&header["name"]).eq_ignore_ascii_case(name));
        named.map(|header| text(&header["value"])).collect()
    }

    #[test]
    fn a_plain_request_needs_no_interception() {
        assert!(intercept(Item::get("http://a.test/")).is_none());
    }

    #[test]
    fn a_jobs_headers_replace_the_browsers_on_its_own_origin_only() {
        let item = Item::get("http://a.test/").header("x-own", "job").header("Accept", "text/html");
        let intercept = intercept(item).expect("there are headers");

        let (_, same) = intercept.resume(&paused("Document", "http://a.test/x"), "F");
        let (_, other) = intercept.resume(&paused("Document", "http://b.test/"), "F");
        let (_, frame) = intercept.resume(&paused("Document", "http://a.test/"), "main");

        assert_eq!(values(&same, "x-own"), ["job"]);
        assert_eq!(values(&same, "accept"), ["text/html"]);
        assert!(values(&other, "x-own").is_empty());
        assert_eq!(values(&other, "accept"), ["text/html"]);
        assert!(frame.get("headers").is_none(), "a frame is not the main document");
    }

    #[test]
    fn a_body_is_sent_once() {
        let mut item = Item::get("http://a.test/");
        (item.method, item.body) = (Method::Post, Some("hello".to_owned()));
        let intercept = intercept(item).expect("there is a body");

        let (_, first) = intercept.resume(&paused("Document", "http://a.test/"), "F");
        let (_, again) = intercept.resume(&paused("Document", "http://a.test/"), "F");

        assert_eq!((&first["method"], &first["postData"]), (&json!("POST"), &json!("aGVsbG8=")));
        assert!(again.get("method").is_none() && again.get("postData").is_none());
    }

    #[test]
    fn blocked_images_fail_and_the_document_continues() {
        let mut item = Item::get("http://a.test/");
        item.advanced.render_js = crate::core::request::RenderJs::Yes;
        item.advanced.block_images = true;
        let intercept = intercept(item).expect("images are blocked");

        let (image, _) = intercept.resume(&paused("Image", "http://a.test/i"), "F");
        let (page, _) = intercept.resume(&paused("Document", "http://a.test/"), "F");

        assert_eq!((image, page), ("Fetch.failRequest", "Fetch.continueRequest"));
        assert!(!intercept.patterns().to_string().contains("Document"));
    }
}
