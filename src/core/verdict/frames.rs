//! Pages whose content is in their frames.

use crate::core::verdict::scan::{Scan, find};
use crate::core::verdict::{Response, document, shell};

/// The largest body that is looked through: a page that only shows others is short.
const MAX_BYTES: usize = 65_536;

/// The frames of a page that has no content beside them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Frames {
    /// The addresses of the first eight frames, which may be relative to `base`.
    pub addresses: Vec<String>,
    /// The page's own base address, which may be relative to the page's URL; empty if it names none.
    pub base: String,
}

/// Returns the frames of a page that only shows other pages: a set of frames, or a single inline frame without
/// scripts beside it. Returns `None` for any other response.
pub fn frames(response: &Response<'_>) -> Option<Frames> {
    if response.rendered
        || !(200..300).contains(&response.status)
        || response.body.len() > MAX_BYTES
        || find(response.body, b"frame").is_none()
        || document::kind(response).is_some()
    {
        return None;
    }
    // With more text the page is not framed, whatever follows.
    let page = Scan::until(response.body, shell::UNFILLED);
    let is_single = page.iframes == 1 && page.scripts == 0;
    let is_framed = shell::is_framed(&page) && (page.frameset || is_single);
    (is_framed && !page.frames.is_empty())
        .then_some(Frames { addresses: page.frames, base: page.base })
}

/// Returns the number of bytes of a page's visible text; 0 for a response that is no readable HTML page.
pub fn visible_bytes(response: &Response<'_>) -> usize {
    if !(200..300).contains(&response.status) || document::kind(response).is_some() {
        return 0;
    }
    Scan::of(response.body).text_len
}

/// Returns an address that is written in an attribute, unless it is of no page.
pub(super) fn address(value: &[u8]) -> Option<String> {
    let address = String::from_utf8_lossy(value).trim().replace("&amp;", "&");
    let is_page = !address.is_empty() && !address.starts_with("about:");
    is_page.then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(body: &str) -> Vec<String> {
        let found = frames(&Response::new(200, &[], body.as_bytes()));
        found.map_or_else(Vec::new, |it| it.addresses)
    }

    #[test]
    fn only_a_page_without_content_of_its_own_is_framed() {
        let set = "<frameset cols='1,2'><frame src=/nav><frame src='/main?a=1&amp;b=2'></frameset>";
        assert_eq!(addresses(set), ["/nav", "/main?a=1&b=2"]);
        assert_eq!(addresses("<body><iframe src=http://b.test/></iframe>"), ["http://b.test/"]);
        let text = "Words to read beside the frame. ".repeat(8);
        for body in [
            format!("<iframe src=/a></iframe><p>{text}"),
            format!("<frameset><frame src=/a></frameset><p>{text}"),
            "<iframe src=/a></iframe><iframe src=/b></iframe>".to_owned(),
            "<script>fill()</script><iframe src=/a></iframe>".to_owned(),
            "<iframe src='about:blank'></iframe>".to_owned(),
        ] {
            assert!(addresses(&body).is_empty(), "{body}");
        }
    }
}
