//! A recipe: what goes in, what is done, and how long it takes.

mod labels;
mod page;

use serde_json::{Value, json};

use crate::core::request::Profile;
use crate::extract::data::Facts;
use crate::extract::doc::Doc;
use crate::extract::light;
use crate::extract::profile::common::{minutes, name, plain, text};
use crate::extract::profile::{Fields, Source};

use self::page::{Part, uncounted};

/// Lines of ingredients or steps kept of a recipe.
const MAX_LINES: usize = 300;

pub(super) fn fields(doc: &Doc<'_>, facts: &Facts) -> Fields {
    let mut fields = Fields::default();
    if let Some((source, item)) = facts.about(Profile::Recipe) {
        let get = |name: &str| item.get(name).filter(|it| !it.is_null());
        let mut offer = |name, key: &str, value| fields.offer(name, source, key, value);
        offer("title", "name", get("name").and_then(text).map(Value::from));
        for key in ["recipeIngredient", "ingredients"] {
            offer("ingredients", key, get(key).map(|it| lines(it).into()));
        }
        let steps = get("recipeInstructions").map(|it| {
            let mut out = Vec::new();
            steps(it, &mut out, 0);
            let plain = out.iter().map(|it| uncounted(it)).filter(|it| !it.is_empty());
            plain.map(Value::from).collect()
        });
        offer("instructions", "recipeInstructions", steps);
        offer("yields", "recipeYield", get("recipeYield").and_then(yields).map(Value::from));
        offer("yields", "yield", get("yield").and_then(yields).map(Value::from));
        for (field, key) in
            [("total_time", "totalTime"), ("prep_time", "prepTime"), ("cook_time", "cookTime")]
        {
            offer(field, key, get(key).and_then(minutes));
        }
        offer("author", "author", get("author").and_then(|it| name(facts, it)).map(Value::from));
        offer("description", "description", get("description").and_then(text).map(Value::from));
    }
    labels::fill(&mut fields, doc);
    let whole = |fields: &Fields, name: &str| fields.0.get(name).and_then(|it| it.value.as_u64());
    let (prep, cook) = (whole(&fields, "prep_time"), whole(&fields, "cook_time"));
    let known = ["prep_time", "cook_time"].iter().find_map(|it| fields.0.get(it));
    if let Some(source) = known.map(|it| it.source) {
        let sum = prep.unwrap_or_default() + cook.unwrap_or_default();
        fields.offer("total_time", source, "prepTime + cookTime", Some(json!(sum)));
    }
    from_state(&mut fields, doc);
    from_page(&mut fields, doc);
    if !fields.has("title") {
        let heading = facts.heading.clone().or_else(|| facts.title.clone());
        fields.offer("title", Source::Dom, "h1", heading.map(Value::from));
    }
    fields.offer("author", Source::Meta, "author", facts.author.clone().map(Value::from));
    fields
}

/// The lines that the page ships for its scripts, where its data has none at all.
fn from_state(fields: &mut Fields, doc: &Doc<'_>) {
    if fields.has("ingredients") || fields.has("instructions") {
        return;
    }
    let Some(recipe) = light::recipe(doc) else { return };
    fields.offer("ingredients", Source::Dom, "script", Some(recipe.ingredients.into()));
    fields.offer("instructions", Source::Dom, "script", Some(recipe.steps.into()));
}

/// The lines that the page shows, where its data has none or has run them into one.
fn from_page(fields: &mut Fields, doc: &Doc<'_>) {
    for (field, part) in [("ingredients", Part::Ingredients), ("instructions", Part::Steps)] {
        let known =
            fields.0.get(field).map(|it| (it.source, it.value.as_array().map_or(0, Vec::len)));
        if let Some((source @ (Source::Microdata | Source::Rdfa), count)) = known {
            let marked = page::marked(doc, part);
            if marked.len() > count {
                fields.put(field, source, field, marked.into());
            }
        }
        if !fields.has(field) {
            fields.offer(field, Source::Dom, field, Some(page::shown(doc, part).into()));
        }
    }
}

/// Lines of a list, or of one text that holds them.
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
            add(&broken(all.first().and_then(Value::as_str).unwrap_or_default()));
        }
        Value::Array(all) => {
            for one in all {
                match one {
                    Value::String(text) => add(&text.replace(['\n', '\r'], " ")),
                    other => add(&text(other).unwrap_or_default()),
                }
            }
        }
        Value::String(text) => add(&broken(text)),
        _ => {}
    }
    out
}

/// Markup that ends a line, as a line end.
fn broken(text: &str) -> String {
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

/// The steps in any of the forms that they are written in.
fn steps(value: &Value, out: &mut Vec<String>, depth: usize) {
    if depth > 6 || out.len() >= MAX_LINES {
        return;
    }
    match value {
        Value::String(text) => {
            let all = broken(text);
            let new = all.lines().map(plain).filter(|it| !it.is_empty());
            out.extend(new.take(MAX_LINES - out.len()));
        }
        Value::Array(all) => all.iter().for_each(|it| steps(it, out, depth + 1)),
        Value::Object(of) => {
            let inner = of.get("itemListElement").or_else(|| of.get("steps"));
            if let Some(inner) = inner {
                // A section's name is a line of its own; that of a step says the step again.
                let named = of.get("name").and_then(text);
                let several = matches!(inner, Value::Array(all) if !all.is_empty());
                out.extend(named.filter(|_| several && depth > 0));
                return steps(inner, out, depth + 1);
            }
            let said = ["text", "description", "name"].iter().find_map(|it| {
                of.get(*it).filter(|it| it.as_str().is_some_and(|it| !it.trim().is_empty()))
            });
            if let Some(said) = said.or_else(|| of.get("item")) {
                steps(said, out, depth + 1);
            }
        }
        _ => {}
    }
}

/// How much it makes, with the word for what.
fn yields(value: &Value) -> Option<String> {
    let all = match value {
        Value::Array(all) => all.iter().filter_map(text).collect(),
        one => vec![text(one)?],
    };
    let bare = |it: &String| it.chars().all(|it| it.is_ascii_digit());
    let first = all.first()?;
    // Of several ways to say it the first says how many, and a later one may say of what.
    let words = all.iter().skip(1).find_map(|it| {
        let word = it.trim_start_matches(|it: char| !it.is_alphabetic());
        (it.starts_with(|it: char| it.is_ascii_digit()) && !word.is_empty()).then_some(word)
    });
    let made = match words.filter(|_| bare(first)) {
        Some(words) => format!("{first} {words}"),
        None => most(first),
    };
    Some(if bare(&made) { format!("{made} servings") } else { made })
}

/// Of `4 to 6` and `4-6` the most that it makes.
fn most(text: &str) -> String {
    const BETWEEN: [&str; 8] = ["-", "–", "—", "to", "à", "bis", "tot", "or"];
    let Some(begin) = text.find(|it: char| it.is_ascii_digit()) else { return text.to_owned() };
    let (before, rest) = text.split_at(begin);
    let digits = |it: &str| it.bytes().take_while(u8::is_ascii_digit).count();
    let after = rest.get(digits(rest)..).unwrap_or_default().trim_start();
    let second = BETWEEN.iter().find_map(|it| after.strip_prefix(it)).map(str::trim_start);
    match second.filter(|it| digits(it) > 0) {
        Some(second) => format!("{before}{second}"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_range_the_most_is_said() {
        assert_eq!(yields(&json!(["4", "4-6 bowls"])).as_deref(), Some("4 bowls"));
        for (said, is) in [
            ("4-6", "6 servings"),
            ("Serves 10 to 12", "Serves 12"),
            ("8 – 10 Portionen", "10 Portionen"),
            ("12 rolls", "12 rolls"),
            ("2 loaves or more", "2 loaves or more"),
        ] {
            assert_eq!(yields(&said.into()).as_deref(), Some(is), "{said}");
        }
    }
}
