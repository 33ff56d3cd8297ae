//! What a language model says of a page, where an item asks for it.

use std::time::Duration;

use crate::core::job::Job;
use crate::core::request::Format;
use crate::engine::Shared;
use crate::ports::extract::Extracted;
use crate::ports::prompt::PromptRequest;

/// Puts the item's prompt to the model that is configured, and its answer beside what was extracted.
///
/// Without a model, or without an answer within `deadline`, the result carries a warning: a page that
/// was got and paid for is not lost over it.
pub(super) async fn ask(
    shared: &Shared,
    job: &Job,
    url: &str,
    extracted: &mut Extracted,
    deadline: Duration,
) {
    let options = &job.request;
    let Some(prompt) = &options.extraction_prompt else { return };
    let unanswered = |why: &str| format!("extraction_prompt was not answered: {why}");
    let Some(model) = &shared.prompts else {
        let named = [
            (options.extraction_provider.is_some(), "extraction_provider"),
            (options.extraction_model.is_some(), "extraction_model"),
        ];
        let why = "no language model is configured";
        extracted.warnings.push(unanswered(why));
        let named = named.into_iter().filter(|(asked, _)| *asked);
        extracted.warnings.extend(named.map(|(_, it)| format!("{it} was not used: {why}")));
        return;
    };
    let markdown = extracted.content.get(&Format::Markdown).and_then(|it| it.as_str());
    let request = PromptRequest {
        prompt: prompt.clone(),
        schema: options.extraction_schema.clone(),
        provider: options.extraction_provider,
        model: options.extraction_model.clone(),
        text: markdown.unwrap_or(&extracted.text).to_owned(),
        url: url.to_owned(),
        deadline,
    };
    // A model owes us its deadline; this is for the one that forgets.
    tokio::select! {
        biased;
        answer = model.answer(request) => match answer {
            Ok(mut answer) => {
                extracted.warnings.append(&mut answer.warnings);
                extracted.prompted = Some(answer);
            }
            Err(why) => extracted.warnings.push(unanswered(&why.to_string())),
        },
        () = shared.clock.sleep(deadline) => {
            let why = format!("nothing came within {} seconds", deadline.as_secs());
            extracted.warnings.push(unanswered(&why));
        }
    }
}
