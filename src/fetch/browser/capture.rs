//! Captures a page: its document, a screenshot, a PDF.

use std::collections::VecDeque;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::json;

use super::error::{CallError, too_large, too_many_elements};
use super::render::Rendering;
use super::tab::Tab;
use crate::core::cut::cut_length;
use crate::ports::fetch::{FetchError, FetchErrorKind, FetchRequest, Truncation};

pub(super) const DOCUMENT_JS: &str = include_str!("js/document.js");
/// Attribute that marks the element of a frame until the frame's content is inserted after it.
const MARK: &str = "data-rungs-frame";
const MARK_FRAME_JS: &str = "function (mark) { this.setAttribute('data-rungs-frame', mark); }";
/// Maximum side of a screenshot in pixels: Chromium's own limit for a texture.
const MAX_SIDE: f64 = 16_384.0;

/// Limits of a captured document.
#[derive(Clone, Copy, Debug)]
pub(super) struct DocumentLimits {
    pub(super) elements: u32,
    pub(super) bytes: u64,
    /// The size above which a document is refused; up to it, one above `bytes` is cut.
    pub(super) most_bytes: u64,
}

impl DocumentLimits {
    pub(super) fn of(request: &FetchRequest, elements: u32) -> Self {
        let bytes = request.max_bytes;
        let most_bytes = request.max_cut_bytes.unwrap_or(bytes).max(bytes);
        Self { elements, bytes, most_bytes }
    }

    /// Cuts a document to its limit. `size` is that of the whole, if known.
    fn cut(self, html: &mut String, size: Option<u64>) -> Option<Truncation> {
        let limit = usize::try_from(self.bytes).unwrap_or(usize::MAX);
        let kept = cut_length(&html.as_bytes()[..html.floor_char_boundary(limit)], true);
        let is_cut = self.most_bytes > self.bytes && kept > 0;
        is_cut.then(|| {
            html.truncate(kept);
            Truncation::new(kept as u64, size)
        })
    }
}

/// A document as rendered, within the limits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RenderedDocument {
    pub(super) html: String,
    pub(super) url: String,
    /// The sizes of a document that was cut.
    pub(super) truncation: Option<Truncation>,
}

/// The result of the capturing script: the HTML, or the count or size that is over its limit.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct DocumentSnapshot {
    html: Option<String>,
    url: String,
    nodes: Option<u64>,
    bytes: Option<u64>,
    cut: bool,
    size: Option<u64>,
}

impl DocumentSnapshot {
    /// Checks the limits.
    pub(super) fn check(self, limits: DocumentLimits) -> Result<RenderedDocument, FetchError> {
        if let Some(elements) = self.nodes {
            return Err(too_many_elements(elements, limits.elements));
        }
        let mut html = self.html.unwrap_or_default();
        if self.bytes.is_some_and(|it| it > limits.bytes) {
            return Err(over_bytes(limits));
        }
        let mut truncation = None;
        if self.cut || html.len() as u64 > limits.bytes {
            let size = if self.cut { self.size } else { Some(html.len() as u64) };
            truncation = Some(limits.cut(&mut html, size).ok_or_else(|| over_bytes(limits))?);
        }
        Ok(RenderedDocument { html, url: self.url, truncation })
    }
}

fn over_bytes(limits: DocumentLimits) -> FetchError {
    too_large(format!(
        "the rendered page is over {} bytes: raise `max_response_bytes`",
        limits.bytes
    ))
}

/// Captures the document, with the documents of its frames if the job includes them.
pub(super) async fn document(
    rendering: &mut Rendering<'_>,
    limits: DocumentLimits,
) -> Result<RenderedDocument, FetchError> {
    let advanced = rendering.options.advanced();
    let params = json!({
        "flatten": advanced.flatten_shadow_dom, "nodes": limits.elements, "bytes": limits.bytes,
        "most": limits.most_bytes,
    });
    // A page whose content is in its frames is nothing without them.
    let with_frames = advanced.include_iframes || rendering.probe().await?.is_framed();
    let frames = if with_frames { mark_frames(rendering).await? } else { Vec::new() };
    let snapshot: DocumentSnapshot = rendering.run_script(DOCUMENT_JS, &params).await?;
    let mut document = snapshot.check(limits)?;
    for (mark, frame) in frames {
        let snapshot = rendering.tab.run_in_frame::<DocumentSnapshot>(&frame, DOCUMENT_JS, &params);
        let content = match snapshot.await {
            Ok(snapshot) => snapshot.check(limits)?,
            Err(error @ CallError::Disconnected(_)) => return Err(error.into()),
            // The frame was removed, or shows no document.
            Err(_) => continue,
        };
        insert_frame(&mut document.html, &mark, &content);
        if document.html.len() as u64 > limits.bytes {
            let truncation = limits.cut(&mut document.html, None);
            document.truncation = Some(truncation.ok_or_else(|| over_bytes(limits))?);
            break;
        }
        if content.truncation.is_some() {
            let kept = document.html.len() as u64;
            document.truncation = Some(Truncation::new(kept, None));
        }
    }
    document.html = without_frameset(document.html);
    Ok(document)
}

/// Turns a set of frames, whose content was inserted, into a body: a parser drops everything else inside of it.
fn without_frameset(html: String) -> String {
    if !html.contains("data-iframe-src") {
        return html;
    }
    let (Some(start), Some(end)) = (html.find("<frameset"), html.rfind("</frameset>")) else {
        return html;
    };
    // A `frameset` behind a body is one that a parser drops.
    if html.find("<body").is_some_and(|body| body < start) || end < start {
        return html;
    }
    let inner = without_noframes(&html[start..end]).replace("<frameset", "<div");
    let inner = inner.replace("</frameset>", "</div>");
    format!("{}<body>{inner}</div></body></html>", &html[..start])
}

/// Removes what is written for browsers without frames.
fn without_noframes(html: &str) -> String {
    let mut kept = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(start) = rest.find("<noframes") {
        let end = rest[start..].find("</noframes>").map(|length| start + length + 11);
        kept.push_str(&rest[..start]);
        rest = end.map_or("", |end| &rest[end..]);
    }
    kept.push_str(rest);
    kept
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FrameTree {
    frame_tree: FrameNode,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FrameNode {
    frame: FrameId,
    #[serde(default)]
    child_frames: Vec<FrameNode>,
}

#[derive(Deserialize)]
struct FrameId {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FrameOwner {
    backend_node_id: i64,
}

#[derive(Deserialize)]
struct ResolvedNode {
    object: NodeObject,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NodeObject {
    object_id: String,
}

/// Marks the elements that hold frames, outermost first. Returns each mark with its frame's id.
async fn mark_frames(rendering: &mut Rendering<'_>) -> Result<Vec<(String, String)>, FetchError> {
    let tree: FrameTree = rendering.tab.call("Page.getFrameTree", json!({})).decode().await?;
    let root = tree.frame_tree;
    let mut marked = Vec::new();
    // Each frame with its parent, whose document contains the frame's element.
    let mut queue: VecDeque<(String, FrameNode)> =
        root.child_frames.into_iter().map(|child| (root.frame.id.clone(), child)).collect();
    while let Some((parent, node)) = queue.pop_front() {
        let limit = rendering.limits.max_frames;
        if marked.len() == limit {
            let warning =
                format!("include_iframes was cut: only the first {limit} frames were read");
            rendering.warnings.push(warning);
            break;
        }
        let id = node.frame.id;
        queue.extend(node.child_frames.into_iter().map(|child| (id.clone(), child)));
        let mark = marked.len().to_string();
        match mark_frame(&rendering.tab, &parent, &id, &mark).await {
            Ok(()) => marked.push((mark, id)),
            Err(error @ CallError::Disconnected(_)) => return Err(error.into()),
            // A frame may be removed meanwhile.
            Err(error) => tracing::debug!(%error, "a frame could not be marked"),
        }
    }
    Ok(marked)
}

async fn mark_frame(tab: &Tab, parent: &str, frame: &str, mark: &str) -> Result<(), CallError> {
    let world = tab.isolated_world(parent).await?;
    let params = json!({ "frameId": frame });
    let owner: FrameOwner = tab.call("DOM.getFrameOwner", params).decode().await?;
    let params = json!({"backendNodeId": owner.backend_node_id, "executionContextId": world});
    let resolved: ResolvedNode = tab.call("DOM.resolveNode", params).decode().await?;
    let params = json!({
        "functionDeclaration": MARK_FRAME_JS,
        "objectId": resolved.object.object_id,
        "arguments": [{"value": mark}],
        "silent": true,
    });
    tab.call("Runtime.callFunctionOn", params).done().await
}

/// Inserts a frame's content after the element that holds the frame.
fn insert_frame(html: &mut String, mark: &str, content: &RenderedDocument) {
    let attribute = format!("{MARK}=\"{mark}\"");
    let Some(at) = html.find(&attribute) else { return };
    let end = match html[at..].find("</iframe>").or_else(|| html[at..].find("</frame>")) {
        Some(end) => at + end + html[at + end..].find('>').map_or(0, |length| length + 1),
        None => html[at..].find('>').map_or(html.len(), |length| at + length + 1),
    };
    let url = content.url.replace('&', "&amp;").replace('"', "&quot;");
    let body = body_of(&content.html);
    html.insert_str(end, &format!("<div data-iframe-src=\"{url}\">{body}</div>"));
}

/// Returns the text between a document's `body` tags.
fn body_of(html: &str) -> &str {
    let start = html.find("<body").and_then(|tag| Some(tag + html[tag..].find('>')? + 1));
    let Some(start) = start else { return html };
    let end = html.rfind("</body>").filter(|end| *end >= start).unwrap_or(html.len());
    &html[start..end]
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LayoutMetrics {
    css_content_size: ContentSize,
}

#[derive(Deserialize)]
struct ContentSize {
    width: f64,
    height: f64,
}

#[derive(Deserialize)]
struct Base64Data {
    data: String,
}

impl Base64Data {
    fn into_bytes(self) -> Result<Vec<u8>, FetchError> {
        STANDARD.decode(self.data).map_err(invalid_base64)
    }
}

pub(super) fn invalid_base64(error: base64::DecodeError) -> FetchError {
    FetchError::new(FetchErrorKind::Internal, "the browser sent a file that is not valid base64")
        .with_source(error)
}

/// Takes a screenshot of the whole page, as PNG.
pub(super) async fn screenshot(rendering: &mut Rendering<'_>) -> Result<Vec<u8>, FetchError> {
    let metrics = rendering.tab.call("Page.getLayoutMetrics", json!({}));
    let metrics: LayoutMetrics = metrics.decode().await?;
    let ContentSize { width, height } = metrics.css_content_size;
    let (clip_width, clip_height) =
        clip_size(width, height, rendering.limits.max_screenshot_pixels);
    if clip_width < width || clip_height < height {
        rendering.warnings.push(format!(
            "advanced.screenshot was cut to {clip_width:.0} by {clip_height:.0} pixels; the page has \
             {width:.0} by {height:.0}"
        ));
    }
    let params = json!({
        "format": "png",
        "captureBeyondViewport": true,
        "clip": {"x": 0, "y": 0, "width": clip_width, "height": clip_height, "scale": 1},
    });
    let data: Base64Data = rendering.tab.call("Page.captureScreenshot", params).decode().await?;
    data.into_bytes()
}

/// Cuts a page's size to the limits of a screenshot.
fn clip_size(width: f64, height: f64, max_pixels: u64) -> (f64, f64) {
    let width = width.clamp(1.0, MAX_SIDE);
    // Exact for any number of pixels that Chromium paints.
    #[expect(clippy::cast_precision_loss)]
    let max_height = (max_pixels as f64 / width).floor().max(1.0);
    (width, height.clamp(1.0, MAX_SIDE.min(max_height)))
}

/// Prints the page to PDF.
pub(super) async fn print(rendering: &mut Rendering<'_>) -> Result<Vec<u8>, FetchError> {
    let params = json!({"printBackground": true, "preferCSSPageSize": true});
    let data: Base64Data = rendering.tab.call("Page.printToPDF", params).decode().await?;
    data.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frames_content_follows_its_element() {
        let mut html =
            "<p>a</p><iframe data-rungs-frame=\"0\" src=\"x\"></iframe><p>b</p>".to_owned();
        let content = RenderedDocument {
            html: "<html><head></head><body class=\"c\"><p>in</p></body></html>".to_owned(),
            url: "http://a/?x=1&y=\"".to_owned(),
            truncation: None,
        };

        insert_frame(&mut html, "0", &content);
        insert_frame(&mut html, "7", &content);

        let expected =
            "</iframe><div data-iframe-src=\"http://a/?x=1&amp;y=&quot;\"><p>in</p></div><p>b</p>";
        assert!(html.ends_with(expected), "{html}");
        assert_eq!(html.matches("<p>in</p>").count(), 1);
    }

    #[test]
    fn a_set_of_frames_becomes_a_body_with_their_content() {
        let html = "<html><head><title>t</title></head><frameset cols=\"1,2\"><frame \
            data-rungs-frame=\"0\" src=\"/a\"><noframes>none</noframes></frameset></html>";
        let mut html = html.to_owned();
        let content = RenderedDocument {
            html: "<html><head></head><body><p>in</p></body></html>".to_owned(),
            url: "http://a/a".to_owned(),
            truncation: None,
        };

        assert_eq!(without_frameset(html.clone()), html, "without content it stays");
        insert_frame(&mut html, "0", &content);
        let body = without_frameset(html);

        let begin = "<html><head><title>t</title></head><body><div cols=";
        assert!(body.starts_with(begin), "{body}");
        assert!(body.contains("<p>in</p>") && !body.contains("none"), "{body}");
    }

    #[test]
    fn a_screenshot_is_cut_to_its_limits() {
        assert_eq!(clip_size(1280.0, 900.0, 40_000_000), (1280.0, 900.0));
        assert_eq!(clip_size(1000.0, 90_000.0, 1_000_000), (1000.0, 1000.0));
        assert_eq!(clip_size(1000.0, 90_000.0, 40_000_000), (1000.0, MAX_SIDE));
        assert_eq!(clip_size(0.0, 0.0, 0), (1.0, 1.0));
    }

    #[test]
    fn a_document_over_a_limit_is_refused() {
        let limits = DocumentLimits { elements: 10, bytes: 20, most_bytes: 20 };
        let error =
            |snapshot: DocumentSnapshot| snapshot.check(limits).expect_err("over the limit").kind();

        assert_eq!(
            error(DocumentSnapshot { nodes: Some(11), ..DocumentSnapshot::default() }),
            FetchErrorKind::TooLarge
        );
        assert_eq!(
            error(DocumentSnapshot { bytes: Some(21), ..DocumentSnapshot::default() }),
            FetchErrorKind::TooLarge
        );
        let long = DocumentSnapshot { html: Some("é".repeat(11)), ..DocumentSnapshot::default() };
        assert_eq!(error(long), FetchErrorKind::TooLarge);
    }

    #[test]
    fn a_document_between_its_limits_is_cut() {
        let limits = DocumentLimits { elements: 10, bytes: 20, most_bytes: 100 };
        let html = Some("<p>Flour and \u{1f980}</p>".to_owned());
        let long = DocumentSnapshot { html: html.clone(), ..DocumentSnapshot::default() };
        let cut = DocumentSnapshot { html, cut: true, ..DocumentSnapshot::default() };

        for (snapshot, size) in [(long, Some(21)), (cut, None)] {
            let document = snapshot.check(limits).expect("it is cut");
            assert_eq!(document.html, "<p>Flour and \u{1f980}");
            assert_eq!(document.truncation, Some(Truncation::new(17, size)));
        }
        let endless = DocumentSnapshot { bytes: Some(101), ..DocumentSnapshot::default() };
        assert_eq!(
            endless.check(limits).expect_err("far too long").kind(),
            FetchErrorKind::TooLarge
        );
    }
}
