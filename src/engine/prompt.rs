//! Answers `extraction_prompt` with the configured language model.

use std::time::Duration;

use serde_json::Value;

use crate::core::request::{Format, JobRequest};
use crate::engine::shared::Shared;
use crate::ports::extract::Extracted;
use crate::ports::prompt::PromptRequest;

/// Returns `true` if the prompt has no answer, but the engine's model may give one the next time.
pub(super) fn may_be_answered_later(
    shared: &Shared,
    options: &JobRequest,
    extracted: &Extracted,
) -> bool {
    is_unanswered(options, extracted) && shared.adapters.prompts.is_some()
}

/// Returns `true` if there is a prompt without an answer.
pub(super) fn is_unanswered(options: &JobRequest, extracted: &Extracted) -> bool {
    options.prompt().is_some() && extracted.prompted.is_none()
}

/// Sends the item's prompt to the model and adds its answer to the result.
///
/// Without a model, or without an answer within `deadline`, the result contains a warning instead. The page was
/// fetched and is charged, so it must not be lost.
pub(super) async fn answer(
    shared: &Shared,
    options: &JobRequest,
    url: &str,
    extracted: &mut Extracted,
    deadline: Duration,
) {
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
        hints: extracted.filtered_content.clone(),
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
                if options.schema().is_some() {
                    extracted.warnings.extend(unsupported(&answer.value, &extracted.text));
                }
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

/// Values of an answer that are checked, and names in the warning.
const MAX_CHECKED: usize = 500;
const MAX_NAMED: usize = 20;
/// Characters of a text that a model copies; a longer one is a summary.
const COPIED: usize = 100;

/// Returns a warning that names the values of an answer that do not occur on the page.
fn unsupported(answer: &Value, text: &str) -> Option<String> {
    let page = plain(text);
    let mut absent: Vec<String> = Vec::new();
    let mut waiting = vec![(String::new(), answer)];
    let mut checked = 0;
    while let Some((path, value)) = waiting.pop() {
        checked += 1;
        if checked > MAX_CHECKED || absent.len() >= MAX_NAMED {
            break;
        }
        let inside =
            |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        let words = match value {
            Value::Object(fields) => {
                waiting.extend(fields.iter().rev().map(|(name, it)| (inside(name), it)));
                continue;
            }
            Value::Array(all) => {
                let entries = all.iter().enumerate().rev();
                waiting.extend(entries.map(|(at, it)| (inside(&at.to_string()), it)));
                continue;
            }
            Value::String(text) if text.chars().count() <= COPIED => plain(text),
            Value::Number(number) => {
                number.to_string().trim_end_matches(".0").replace(['.', '-'], "")
            }
            _ => continue,
        };
        if !page.contains(&words) {
            absent.push(path);
        }
    }
    (!absent.is_empty())
        .then(|| format!("the model gave values that are not on the page: {}", absent.join(", ")))
}

/// Returns the letters and digits of a text in lower case.
fn plain(text: &str) -> String {
    text.chars().filter(|it| it.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_that_the_page_does_not_have_are_named() {
        let text = "Oak bench, \u{20ac}1,249.50. Made of solid oak by Haff Yard.";

        let answer = json!({ "price": 1249.5, "maker": "haff yard", "reviews": [{ "author": "Ann" }], "size": null });
        let warning = unsupported(&answer, text);

        let named = "the model gave values that are not on the page: reviews.0.author";
        assert_eq!(warning.as_deref(), Some(named));
        assert_eq!(unsupported(&json!({ "material": "Solid oak" }), text), None);
    }
}
