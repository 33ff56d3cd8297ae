//! What only another extractor could have made of a page.

use crate::core::request::JobRequest;

/// A sentence for each option that asks for a language model or a template.
pub(super) fn unanswered(options: &JobRequest) -> Vec<String> {
    let no_model = "no extractor with a language model is configured";
    [
        (options.extraction_prompt.is_some(), "extraction_prompt was not answered", no_model),
        (options.extraction_provider.is_some(), "extraction_provider was not used", no_model),
        (options.extraction_model.is_some(), "extraction_model was not used", no_model),
        (
            options.template.is_some(),
            "template was not used",
            "no extractor with templates is configured; send extraction_schema",
        ),
    ]
    .into_iter()
    .filter(|(asked, ..)| *asked)
    .map(|(_, what, why)| format!("{what}: {why}"))
    .collect()
}
