//! Answers `extraction_prompt` with the configured language model.

use std::time::Duration;

use crate::core::job::Job;
use crate::core::request::Format;
use crate::engine::shared::Shared;
use crate::ports::extract::Extracted;
use crate::ports::prompt::PromptRequest;

/// Sends the item's prompt to the model and adds its answer to the result.
///
/// Without a model, or without an answer within `deadline`, the result contains a warning instead. The page was
/// fetched and is charged, so it must not be lost.
pub(super) async fn answer(
    shared: &Shared,
    job: &Job,
    url: &str,
    extracted: &mut Extracted,
    deadline: Duration,
) {
    let options = &job.request;
    let Some(prompt) = options.prompt() else { return };
    let unanswered = |reason: &str| format!("extraction_prompt was not answered: {reason}");
    let Some(model) = &shared.adapters.prompts else {
        let named = [
            (options.provider().is_some(), "extraction_provider"),
            (options.model().is_some(), "extraction_model"),
        ];
        let reason = "no language model is configured";
        extracted.warnings.push(unanswered(reason));
        let named = named.into_iter().filter(|(is_set, _)| *is_set);
        extracted.warnings.extend(named.map(|(_, it)| format!("{it} was not used: {reason}")));
        return;
    };
    let markdown = extracted.content.get(&Format::Markdown).and_then(|it| it.as_str());
    let request = PromptRequest {
        prompt: prompt.to_owned(),
        schema: options.schema().cloned(),
        provider: options.provider(),
        model: options.model().map(str::to_owned),
        text: markdown.unwrap_or(&extracted.text).to_owned(),
        url: url.to_owned(),
        deadline,
    };
    // A model must keep its deadline. This one protects the engine from a model that does not.
    tokio::select! {
        biased;
        answer = model.answer(request) => match answer {
            Ok(mut answer) => {
                extracted.warnings.append(&mut answer.warnings);
                extracted.prompted = Some(answer);
            }
            Err(error) => extracted.warnings.push(unanswered(&error.to_string())),
        },
        () = shared.sleep(deadline) => {
            let reason = format!("no answer within {} seconds", deadline.as_secs());
            extracted.warnings.push(unanswered(&reason));
        }
    }
}
