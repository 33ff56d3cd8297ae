//! The `faq` profile: questions and their answers.

mod visible;

use serde_json::{Value, json};

use crate::core::request::Profile;
use crate::extract::data::facts::Facts;
use crate::extract::data::property::{several, text};
use crate::extract::data::schema_org::has_type;
use crate::extract::dom::doc::Doc;
use crate::extract::main_content::BoilerplateMap;
use crate::extract::value::provenance::{Fields, Source};

pub(super) use self::visible::questions;

/// Questions kept of a page.
const MAX_QUESTIONS: usize = 200;

pub(super) fn fields((doc, boilerplate): (&Doc<'_>, &BoilerplateMap), facts: &Facts) -> Fields {
    let mut fields = Fields::default();
    for (source, item) in facts.declared.items().filter(|it| is_page(it.1)) {
        fields.offer("questions", source, "mainEntity", Some(of_page(facts, item).into()));
    }
    let alone = facts.declared.items().filter(|it| has_type(it.1, "Question"));
    let alone: Vec<(Source, Value)> =
        alone.filter_map(|it| Some((it.0, question(facts, it.1)?))).take(MAX_QUESTIONS).collect();
    if let Some(source) = alone.first().map(|it| it.0) {
        let all: Vec<Value> = alone.into_iter().map(|it| it.1).collect();
        fields.offer("questions", source, "Question", Some(all.into()));
    }
    if !fields.has("questions") {
        fields.offer("questions", Source::Dom, "details", Some(questions(doc, boilerplate).into()));
    }
    let title = facts.declared.about(Profile::Faq).and_then(|it| it.1.get("name").and_then(text));
    fields.offer("title", Source::Meta, "title", title.or(facts.title.clone()).map(Value::from));
    fields
}

fn is_page(item: &Value) -> bool {
    has_type(item, "FAQPage") || has_type(item, "QAPage")
}

fn of_page(facts: &Facts, page: &Value) -> Vec<Value> {
    let Some(all) = page.get("mainEntity") else { return Vec::new() };
    several(all).iter().filter_map(|it| question(facts, it)).take(MAX_QUESTIONS).collect()
}

/// Reads a question with its accepted answer, or else the first.
fn question(facts: &Facts, item: &Value) -> Option<Value> {
    let item = facts.declared.graph.resolve(item);
    let title = ["name", "text", "headline"].iter().find_map(|it| item.get(*it).and_then(text))?;
    let answers = ["acceptedAnswer", "suggestedAnswer"];
    let answer = answers.iter().find_map(|it| {
        let answer = item.get(*it)?;
        let first = answer.as_array().map_or(Some(answer), |it| it.first())?;
        let answer = facts.declared.graph.resolve(first);
        answer.get("text").unwrap_or(answer).as_str().and_then(|it| text(&it.into()))
    })?;
    Some(json!({ "question": title, "answer": answer }))
}
