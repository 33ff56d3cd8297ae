//! Bodies that are cut because they exceed the size that an item allows.

use serde::{Deserialize, Serialize};

use crate::core::cut::cut_length;
use crate::core::verdict::{DocumentKind, classify, opens_as_json};
use crate::ports::fetch::FetchRequest;

/// The sizes of an HTML page or a text that was cut, because it exceeds the size that the item allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Truncation {
    /// The size in bytes to which the body was cut.
    pub kept_bytes: u64,
    /// The size of the whole body; `None` if the site did not announce it and the rest did not arrive soon.
    pub original_bytes: Option<u64>,
}

impl Truncation {
    /// Returns the sizes of a body that was cut.
    pub const fn new(kept_bytes: u64, original_bytes: Option<u64>) -> Self {
        Self { kept_bytes, original_bytes }
    }

    /// Returns the warning about a body that was cut to its first `kept_bytes`.
    pub fn warning(&self) -> String {
        let of = self.original_bytes.map_or(String::new(), |it| format!(" of {it}"));
        format!("the page was cut to {}{of} bytes: raise `max_response_bytes`", self.kept_bytes)
    }
}

impl FetchRequest {
    /// Returns the size in bytes up to which a body is cut instead of refused, by its `Content-Type` alone. Bodies that the
    /// label calls JSON, an image or another document that is worth nothing in part are refused above `max_bytes`.
    pub fn most_bytes(&self, content_type: Option<&str>) -> u64 {
        let media = content_type.unwrap_or_default();
        let is_unknown = media.is_empty() || media.contains("octet-stream");
        let is_text = || matches!(classify(content_type, b""), None | Some(DocumentKind::Text));
        let most = self.max_cut_bytes.filter(|_| is_unknown || is_text());
        most.unwrap_or(self.max_bytes).max(self.max_bytes)
    }

    /// Returns the size to which a body above `max_bytes` is cut, at the end of a character and not within a tag. `None` if it
    /// is refused: it is neither an HTML page nor a text, or it exceeds `max_cut_bytes`.
    ///
    /// `body` is the beginning of the body, up to `max_bytes`, and `size` the size of the whole, if known.
    pub fn cut(
        &self,
        content_type: Option<&str>,
        body: &[u8],
        size: Option<u64>,
    ) -> Option<Truncation> {
        let most = self.max_cut_bytes?;
        let kind = classify(content_type, body);
        let is_cut = matches!(kind, None | Some(DocumentKind::Text)) && !opens_as_json(body);
        if !is_cut || size.is_some_and(|it| it > most) {
            return None;
        }
        let kept_bytes = cut_length(body, kind.is_none()) as u64;
        (kept_bytes > 0).then_some(Truncation { kept_bytes, original_bytes: size })
    }
}
