//! A recipe as an item of structured data describes it.

use serde_json::Value;

use crate::extract::data::property::{
    Property, PropertyContext, as_minutes, as_name, as_text, non_empty, plain, property, text,
};

use super::MAX_LINES;
use super::sections::without_counter;
use super::servings;

/// Sections inside sections of steps that are read.
const MAX_DEPTH: usize = 6;

pub(super) const PROPERTIES: [Property; 11] = [
    property("title", "name", as_text),
    property("ingredients", "recipeIngredient", as_lines),
    property("ingredients", "ingredients", as_lines),
    property("instructions", "recipeInstructions", as_steps),
    property("yields", "recipeYield", servings::as_yield),
    property("yields", "yield", servings::as_yield),
    property("total_time", "totalTime", as_minutes),
    property("prep_time", "prepTime", as_minutes),
    property("cook_time", "cookTime", as_minutes),
    property("author", "author", as_name),
    property("description", "description", as_text),
];

fn as_lines(value: &Value, _: PropertyContext<'_>) -> Option<Value> {
    non_empty(lines(value))
}

fn as_steps(value: &Value, _: PropertyContext<'_>) -> Option<Value> {
    let mut out = Vec::new();
    steps(value, &mut out, 0);
    let plain = out.iter().map(|it| without_counter(it)).filter(|it| !it.is_empty());
    non_empty(plain.map(str::to_owned).collect())
}

/// Reads the lines of a list, or of one text that holds them all.
fn lines(value: &Value) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut add = |text: &str| {
        for line in text.lines() {
            let line = plain(line);
            if !line.is_empty() && out.len() < MAX_LINES {
                out.push(line);
            }
        }
    };
    match value {
        Value::Array(all) if matches!(all[..], [Value::String(_)]) => {
            add(&with_line_ends(all.first().and_then(Value::as_str).unwrap_or_default()));
        }
        Value::Array(all) => {
            for one in all {
                match one {
                    Value::String(text) => add(&text.replace(['\n', '\r'], " ")),
                    other => add(&text(other).unwrap_or_default()),
                }
            }
        }
        Value::String(text) => add(&with_line_ends(text)),
        _ => {}
    }
    out
}

/// Replaces markup that ends a line by a line end.
fn with_line_ends(text: &str) -> String {
    let mut text = text.to_owned();
    if text.contains("&lt;") {
        text = text.replace("&lt;", "<").replace("&gt;", ">");
    }
    for mark in ["<br>", "<br/>", "<br />", "</p>", "</li>", "</div>"] {
        if text.contains(mark) {
            text = text.replace(mark, "\n");
        }
    }
    text
}

/// Reads steps in any of their forms: texts, `HowToStep`, and `HowToSection` with more of them.
fn steps(value: &Value, out: &mut Vec<String>, depth: usize) {
    if depth > MAX_DEPTH || out.len() >= MAX_LINES {
        return;
    }
    match value {
        Value::String(text) => {
            let all = with_line_ends(text);
            let new = all.lines().map(plain).filter(|it| !it.is_empty());
            out.extend(new.take(MAX_LINES - out.len()));
        }
        Value::Array(all) => all.iter().for_each(|it| steps(it, out, depth + 1)),
        Value::Object(of) => {
            let inner = of.get("itemListElement").or_else(|| of.get("steps"));
            if let Some(inner) = inner {
                // The name of a section is a line of its own; that of a step repeats the step.
                let named = of.get("name").and_then(text);
                let several = matches!(inner, Value::Array(all) if !all.is_empty());
                out.extend(named.filter(|_| several && depth > 0));
                return steps(inner, out, depth + 1);
            }
            let words = ["text", "description", "name"].iter().find_map(|it| {
                of.get(*it).filter(|it| it.as_str().is_some_and(|it| !it.trim().is_empty()))
            });
            if let Some(words) = words.or_else(|| of.get("item")) {
                steps(words, out, depth + 1);
            }
        }
        _ => {}
    }
}
