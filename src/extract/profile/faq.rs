//! The `faq` profile: questions and their answers.

use serde_json::{Value, json};

use crate::core::request::Profile;
use crate::extract::data::facts::Facts;
use crate::extract::data::property::{several, text};
use crate::extract::data::schema_org::has_type;
use crate::extract::dom::doc::{Doc, Id};
use crate::extract::dom::lines::lines;
use crate::extract::dom::tag::Tag;
use crate::extract::value::provenance::{Fields, Source};

/// Questions kept of a page.
const MAX_QUESTIONS: usize = 200;
/// Nodes behind a question that may answer it.
const ANSWER: usize = 2_000;
/// Bytes of a question.
const QUESTION: usize = 250;

pub(super) fn fields(doc: &Doc<'_>, facts: &Facts) -> Fields {
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
        fields.offer("questions", Source::Dom, "details", Some(visible(doc).into()));
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

/// Reads the questions that a page unfolds, lists as terms, or answers below a heading that asks.
fn visible(doc: &Doc<'_>) -> Vec<Value> {
    let mut found: Vec<Value> = Vec::new();
    for id in 0..doc.len() {
        if found.len() >= MAX_QUESTIONS {
            break;
        }
        let asks = match doc.tag(id) {
            Tag::Summary => true,
            Tag::Dt => doc.folded_text(id).ends_with('?'),
            tag if tag.level().is_some() => doc.folded_text(id).ends_with('?'),
            _ => false,
        };
        let node = doc.node(id);
        if !asks || node.hidden || !(3..=QUESTION).contains(&node.text) {
            continue;
        }
        let end = behind(doc, id);
        let all = lines(doc, node.end, end);
        // The next heading ends an answer below a heading.
        let answer: Vec<String> =
            all.into_iter().take_while(|it| it.level.is_none()).map(|it| it.text).collect();
        if !answer.is_empty() {
            let title = doc.folded_text(id);
            found.push(json!({ "question": title, "answer": answer.join("\n") }));
        }
    }
    if found.len() >= 2 { found } else { Vec::new() }
}

/// Returns the end of the answer to a question: that of the element around it, or the next question.
fn behind(doc: &Doc<'_>, id: Id) -> Id {
    let parent = doc.node(id).parent;
    let end = doc.end(parent).min(doc.end(id) + ANSWER);
    let tag = doc.tag(id);
    let mut at = doc.end(id);
    while at < end {
        if doc.tag(at) == tag {
            return at;
        }
        at = doc.end(at);
    }
    end
}
