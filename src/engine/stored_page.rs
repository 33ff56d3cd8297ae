//! A page as it is stored.
//!
//! Results are sent far more often than they are inspected. The API sends large values in the JSON in which they are
//! stored, so they are copied without being decoded.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::core::failure::JobError;
use crate::core::request::Format;
use crate::core::time::Timestamp;
use crate::engine::artifacts::Artifact;
use crate::engine::page_labels::{
    DomainDifficulty, OwnProxyDiscount, QualityWarning, TierCapWarning,
};
use crate::engine::report::Page;
use crate::ports::fetch::{ActionResult, ImageText, Redirect, Truncation};
use crate::ports::prompt::PromptAnswer;

/// The result of a job as it is stored: the page or the reason for its failure, `None` while the job is unfinished.
pub type StoredResult<'a> = Option<Result<&'a StoredPage<'a>, &'a JobError>>;

/// A stored page. Its large values are kept as raw JSON.
#[derive(Debug)]
pub struct StoredPage<'a> {
    json: &'a [u8],
    parts: PageParts<'a>,
}

impl<'a> StoredPage<'a> {
    /// Parses a stored page, without decoding its large values.
    pub(crate) fn parse(json: &'a [u8]) -> Result<Self, serde_json::Error> {
        let mut parts: PageParts<'_> = serde_json::from_slice(json)?;
        let extracted = &mut parts.extracted;
        if extracted.text_is_format {
            extracted.content.extend(extracted.text.map(|it| (Format::Text, it)));
        }
        Ok(Self { json, parts })
    }

    /// Decodes the whole page.
    ///
    /// # Errors
    ///
    /// An error if a stored value has the wrong type, which happens only in a damaged store.
    pub fn decode(&self) -> Result<Page, serde_json::Error> {
        Page::from_stored(self.json)
    }

    /// Returns `true` if the page had the content hash that its item named, so that it has no content.
    pub fn is_unchanged(&self) -> bool {
        self.parts.unchanged
    }

    /// Returns the size of the stored page in bytes.
    #[cfg(feature = "server")]
    pub(crate) fn size_bytes(&self) -> usize {
        self.json.len()
    }

    /// Returns the parts of the page.
    pub(crate) fn parts(&self) -> &PageParts<'a> {
        &self.parts
    }
}

/// The fields of [`Page`].
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct PageParts<'a> {
    pub(crate) status_code: u16,
    pub(crate) final_url: String,
    pub(crate) redirects: Vec<Redirect>,
    #[serde(borrow)]
    pub(crate) headers: Vec<(String, &'a RawValue)>,
    pub(crate) extracted: ExtractedParts<'a>,
    pub(crate) response_time_ms: u64,
    pub(crate) size_bytes: u64,
    pub(crate) fetched_at: Timestamp,
    pub(crate) cached_until: Option<Timestamp>,
    pub(crate) proxied: bool,
    pub(crate) actions: Vec<ActionResult>,
    pub(crate) artifacts: Vec<Artifact>,
    pub(crate) session: Option<String>,
    pub(crate) content_hash: Option<&'a str>,
    pub(crate) unchanged: bool,
    pub(crate) time_budget_expired: bool,
    pub(crate) content_truncated: Option<Truncation>,
    pub(crate) quality_warning: Option<QualityWarning>,
    pub(crate) domain_difficulty: Option<DomainDifficulty>,
    pub(crate) tier_cap_warning: Option<TierCapWarning>,
    pub(crate) own_proxy_discount: Option<OwnProxyDiscount>,
}

/// The fields of [`Extracted`](crate::ports::extract::Extracted).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ExtractedParts<'a> {
    #[serde(borrow)]
    pub(crate) content: BTreeMap<Format, &'a RawValue>,
    pub(crate) text: Option<&'a RawValue>,
    pub(crate) title: Option<&'a RawValue>,
    pub(crate) author: Option<&'a RawValue>,
    pub(crate) published_at: Option<&'a RawValue>,
    pub(crate) description: Option<&'a RawValue>,
    pub(crate) language: Option<&'a RawValue>,
    pub(crate) metadata: BTreeMap<String, &'a RawValue>,
    pub(crate) raw_html: Option<&'a RawValue>,
    pub(crate) filtered_content: Option<&'a RawValue>,
    pub(crate) profile: Option<&'a RawValue>,
    pub(crate) evidence: Option<&'a RawValue>,
    pub(crate) prompted: Option<PromptAnswer>,
    pub(crate) ocr_results: Vec<ImageText>,
    pub(crate) content_parts: Option<&'a RawValue>,
    pub(crate) warnings: Vec<String>,
    pub(crate) text_is_format: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_stored_with_its_text_once() {
        let mut page = Page::default();
        page.extracted.text = "some words".to_owned();
        page.extracted.content.insert(Format::Text, "some words".into());

        let stored = page.clone().into_stored().expect("plain data");

        let json = String::from_utf8_lossy(&stored);
        assert_eq!(json.matches("some words").count(), 1, "{json}");
        let read = StoredPage::parse(&stored).expect("a page");
        assert_eq!(read.parts().extracted.content[&Format::Text].get(), "\"some words\"");
        assert_eq!(read.decode().expect("a page"), page);
        assert_eq!(
            Page::from_stored(&serde_json::to_vec(&page).expect("JSON")).expect("old"),
            page
        );
    }

    #[test]
    fn a_page_without_the_format_text_or_with_another_is_stored_as_it_is() {
        let mut page = Page::default();
        page.extracted.text = "words".to_owned();
        let mut other = page.clone();
        other.extracted.content.insert(Format::Text, "other words".into());

        for page in [page, other] {
            let stored = page.clone().into_stored().expect("plain data");
            let read = StoredPage::parse(&stored).expect("a page");
            assert_eq!(read.decode().expect("a page"), page);
            let format = read.parts().extracted.content.get(&Format::Text);
            assert_eq!(format.is_some(), page.extracted.content.contains_key(&Format::Text));
        }
    }
}
