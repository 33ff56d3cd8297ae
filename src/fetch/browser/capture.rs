//! What is taken of a page: its document, a picture, a print.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::json;

use super::error::{CallError, too_large, too_many};
use super::visit::Visit;
use crate::ports::fetch::{FetchError, FetchErrorKind};

pub(super) const DOCUMENT: &str = include_str!("js/document.js");
/// The attribute that tells which frame stands where, until its text is put there.
const MARK: &str = "data-rungs-frame";
const MARK_FRAME: &str = "function (mark) { this.setAttribute('data-rungs-frame', mark); }";
/// The most pixels of a side that Chromium paints.
const MAX_SIDE: f64 = 16_384.0;

/// How much of a document is taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit {
    pub(super) nodes: u32,
    pub(super) bytes: u64,
}

/// A document as it is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Document {
    pub(super) html: String,
    pub(super) url: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Taken {
    html: Option<String>,
    url: String,
    nodes: Option<u64>,
    bytes: Option<u64>,
}

impl Taken {
    pub(super) fn within(self, limit: Limit) -> Result<Document, FetchError> {
        if let Some(nodes) = self.nodes {
            return Err(too_many(nodes, limit.nodes));
        }
        let html = self.html.unwrap_or_default();
        let bytes = self.bytes.unwrap_or(html.len() as u64);
        if bytes > limit.bytes {
            return Err(too_large(format!("the rendered page is over {} bytes", limit.bytes)));
        }
        Ok(Document { html, url: self.url })
    }
}

/// The document, and those of its frames where they are asked for.
pub(super) async fn document(visit: &mut Visit<'_>, limit: Limit) -> Result<Document, FetchError> {
    let advanced = &visit.options.advanced;
    let ask = json!({
        "flatten": advanced.flatten_shadow_dom, "nodes": limit.nodes, "bytes": limit.bytes,
    });
    let frames = if advanced.include_iframes { mark_frames(visit).await? } else { Vec::new() };
    let taken: Taken = visit.again(DOCUMENT, &ask).await?;
    let mut document = taken.within(limit)?;
    for (mark, frame) in frames {
        let inside = match visit.tab.run_in::<Taken>(&frame, DOCUMENT, &ask).await {
            Ok(taken) => taken.within(limit)?,
            // It went away, or shows no document.
            Err(CallError::Gone(why)) => return Err(CallError::Gone(why).into()),
            Err(_) => continue,
        };
        put_in(&mut document.html, &mark, &inside);
        if document.html.len() as u64 > limit.bytes {
            return Err(too_large(format!("the rendered page is over {} bytes", limit.bytes)));
        }
    }
    Ok(document)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Tree {
    frame_tree: Branch,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Branch {
    frame: Leaf,
    #[serde(default)]
    child_frames: Vec<Branch>,
}

#[derive(Deserialize)]
struct Leaf {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Owner {
    backend_node_id: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Resolved {
    object: Object,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Object {
    object_id: String,
}

/// Marks the elements that hold frames, from the outermost inwards: marks and frames.
async fn mark_frames(visit: &mut Visit<'_>) -> Result<Vec<(String, String)>, FetchError> {
    let tab = &visit.tab;
    let tree: Tree = tab.call("Page.getFrameTree", json!({})).get().await?;
    let mut frames = Vec::new();
    // A frame's element is in the document of the frame that it is in.
    let root = tree.frame_tree;
    let mut waiting: std::collections::VecDeque<(String, Branch)> =
        root.child_frames.into_iter().map(|it| (root.frame.id.clone(), it)).collect();
    while let Some((parent, branch)) = waiting.pop_front() {
        if frames.len() == visit.limits.frames {
            let most = visit.limits.frames;
            visit.warnings.push(format!("include_iframes: only the first {most} frames were read"));
            break;
        }
        let id = branch.frame.id;
        waiting.extend(branch.child_frames.into_iter().map(|it| (id.clone(), it)));
        let mark = frames.len().to_string();
        match mark_one(&visit.tab, &parent, &id, &mark).await {
            Ok(()) => frames.push((mark, id)),
            Err(CallError::Gone(why)) => return Err(CallError::Gone(why).into()),
            // A frame may go while it is looked at.
            Err(error) => tracing::debug!(%error, "a frame could not be marked"),
        }
    }
    Ok(frames)
}

async fn mark_one(
    tab: &super::tab::Tab,
    parent: &str,
    frame: &str,
    mark: &str,
) -> Result<(), CallError> {
    let world = tab.world(parent).await?;
    let owner: Owner = tab.call("DOM.getFrameOwner", json!({"frameId": frame})).get().await?;
    let ask = json!({"backendNodeId": owner.backend_node_id, "executionContextId": world});
    let resolved: Resolved = tab.call("DOM.resolveNode", ask).get().await?;
    let ask = json!({
        "functionDeclaration": MARK_FRAME,
        "objectId": resolved.object.object_id,
        "arguments": [{"value": mark}],
        "silent": true,
    });
    tab.call("Runtime.callFunctionOn", ask).done().await
}

/// Puts a frame's content behind the element that holds it.
fn put_in(html: &mut String, mark: &str, inside: &Document) {
    let attribute = format!("{MARK}=\"{mark}\"");
    let Some(at) = html.find(&attribute) else { return };
    let end = match html[at..].find("</iframe>").or_else(|| html[at..].find("</frame>")) {
        Some(end) => at + end + html[at + end..].find('>').map_or(0, |it| it + 1),
        None => html[at..].find('>').map_or(html.len(), |it| at + it + 1),
    };
    let address = inside.url.replace('&', "&amp;").replace('"', "&quot;");
    let body = body_of(&inside.html);
    html.insert_str(end, &format!("<div data-iframe-src=\"{address}\">{body}</div>"));
}

/// What is between a document's `body` tags.
fn body_of(html: &str) -> &str {
    let Some(begin) = html.find("<body").and_then(|it| Some(it + html[it..].find('>')? + 1)) else {
        return html;
    };
    let end = html.rfind("</body>").filter(|it| *it >= begin).unwrap_or(html.len());
    &html[begin..end]
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metrics {
    css_content_size: Size,
}

#[derive(Deserialize)]
struct Size {
    width: f64,
    height: f64,
}

#[derive(Deserialize)]
struct Data {
    data: String,
}

impl Data {
    fn bytes(self) -> Result<Vec<u8>, FetchError> {
        let odd = |why| {
            FetchError::new(FetchErrorKind::Internal, "a picture cannot be read").with_source(why)
        };
        STANDARD.decode(self.data).map_err(odd)
    }
}

/// A PNG of the whole page.
pub(super) async fn screenshot(visit: &mut Visit<'_>) -> Result<Vec<u8>, FetchError> {
    let metrics: Metrics = visit.tab.call("Page.getLayoutMetrics", json!({})).get().await?;
    let Size { width, height } = metrics.css_content_size;
    let (wide, tall) = fit(width, height, visit.limits.pixels);
    if wide < width || tall < height {
        visit.warnings.push(format!(
            "advanced.screenshot was cut to {wide:.0} by {tall:.0} pixels; the page has {width:.0} by {height:.0}"
        ));
    }
    let ask = json!({
        "format": "png",
        "captureBeyondViewport": true,
        "clip": {"x": 0, "y": 0, "width": wide, "height": tall, "scale": 1},
    });
    visit.tab.call("Page.captureScreenshot", ask).get::<Data>().await?.bytes()
}

/// What of a page's size is painted.
fn fit(width: f64, height: f64, pixels: u64) -> (f64, f64) {
    let wide = width.clamp(1.0, MAX_SIDE);
    // Precise enough for a number of pixels.
    #[expect(clippy::cast_precision_loss)]
    let most = (pixels as f64 / wide).floor().max(1.0);
    (wide, height.clamp(1.0, MAX_SIDE.min(most)))
}

/// The page printed to PDF.
pub(super) async fn print(visit: &mut Visit<'_>) -> Result<Vec<u8>, FetchError> {
    let ask = json!({"printBackground": true, "preferCSSPageSize": true});
    visit.tab.call("Page.printToPDF", ask).get::<Data>().await?.bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frames_text_stands_behind_its_element() {
        let mut html =
            "<p>a</p><iframe data-rungs-frame=\"0\" src=\"x\"></iframe><p>b</p>".to_owned();
        let inside = Document {
            html: "<html><head></head><body class=\"c\"><p>in</p></body></html>".to_owned(),
            url: "http://a/?x=1&y=\"".to_owned(),
        };

        put_in(&mut html, "0", &inside);
        put_in(&mut html, "7", &inside);

        let expected =
            "</iframe><div data-iframe-src=\"http://a/?x=1&amp;y=&quot;\"><p>in</p></div><p>b</p>";
        assert!(html.ends_with(expected), "{html}");
        assert_eq!(html.matches("<p>in</p>").count(), 1);
    }

    #[test]
    fn a_picture_is_within_its_pixels() {
        assert_eq!(fit(1280.0, 900.0, 40_000_000), (1280.0, 900.0));
        assert_eq!(fit(1000.0, 90_000.0, 1_000_000), (1000.0, 1000.0));
        assert_eq!(fit(1000.0, 90_000.0, 40_000_000), (1000.0, MAX_SIDE));
        assert_eq!(fit(0.0, 0.0, 0), (1.0, 1.0));
    }

    #[test]
    fn what_is_over_a_limit_is_refused() {
        let limit = Limit { nodes: 10, bytes: 20 };
        let over = |taken: Taken| taken.within(limit).expect_err("over the limit").kind();

        assert_eq!(over(Taken { nodes: Some(11), ..Taken::default() }), FetchErrorKind::TooLarge);
        assert_eq!(over(Taken { bytes: Some(21), ..Taken::default() }), FetchErrorKind::TooLarge);
        let long = Taken { html: Some("é".repeat(11)), ..Taken::default() };
        assert_eq!(over(long), FetchErrorKind::TooLarge);
    }
}
