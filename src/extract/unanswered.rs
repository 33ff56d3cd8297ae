//! What only another extractor could have made of a page.

use crate::core::request::JobRequest;

/// A sentence for each option that asks for a template.
pub(super) fn unanswered(options: &JobRequest) -> Option<String> {
    options.template.as_ref().map(|_| {
        "template was not used: no extractor with templates is configured; send extraction_schema"
            .to_owned()
    })
}
