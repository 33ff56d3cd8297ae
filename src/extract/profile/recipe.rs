//! A recipe: what goes in, what is done, and how long it takes.

use serde_json::{Value, json};

use crate::core::request::Profile;
use crate::extract::data::Facts;
use crate::extract::doc::{Doc, Id};
use crate::extract::profile::common::{minutes, name, plain, text};
use crate::extract::profile::label::Labels;
use crate::extract::profile::{Fields, Source};
use crate::extract::tag::Tag;

/// Lines of ingredients or steps kept of a recipe.
const MAX_LINES: usize = 300;

/// Words of a heading, a class or an id that say what a list holds.
const INGREDIENTS: [&str; 12] = [
    "ingredient",
    "ingrédient",
    "ingredienser",
    "ingrediënten",
    "zutaten",
    "składniki",
    "ainekset",
    "malzemeler",
    "ингредиенты",
    "材料",
    "hozzávalók",
    "suroviny",
];
const STEPS: [&str; 16] = [
    "instruction",
    "direction",
    "method",
    "preparation",
    "préparation",
    "preparación",
    "preparazione",
    "preparo",
    "procedimento",
    "zubereitung",
    "bereidingswijze",
    "bereiding",
    "fremgangsmåte",
    "gör så här",
    "przygotowanie",
    "作り方",
];

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
            out.into()
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
    from_labels(&mut fields, doc);
    let whole = |fields: &Fields, name: &str| fields.0.get(name).and_then(|it| it.value.as_u64());
    let (prep, cook) = (whole(&fields, "prep_time"), whole(&fields, "cook_time"));
    if let (Some(prep), Some(cook), Some(source)) =
        (prep, cook, fields.0.get("prep_time").map(|it| it.source))
    {
        fields.offer("total_time", source, "prepTime + cookTime", Some(json!(prep + cook)));
    }
    for (field, words) in [("ingredients", &INGREDIENTS[..]), ("instructions", &STEPS[..])] {
        if !fields.has(field) {
            let found = listed(doc, words);
            fields.offer(field, Source::Dom, words[0], found.map(Value::from));
        }
    }
    if !fields.has("title") {
        let heading = facts.heading.clone().or_else(|| facts.title.clone());
        fields.offer("title", Source::Dom, "h1", heading.map(Value::from));
    }
    fields.offer("author", Source::Meta, "author", facts.author.clone().map(Value::from));
    fields
}

/// What the page shows beside a label.
fn from_labels(fields: &mut Fields, doc: &Doc<'_>) {
    const TIMES: [(&str, &[&str]); 3] = [
        (
            "prep_time",
            &["prep time", "preparation time", "prep", "vorbereitungszeit", "préparation"],
        ),
        ("cook_time", &["cook time", "cooking time", "cook", "kochzeit", "backzeit", "cuisson"]),
        ("total_time", &["total time", "total", "ready in", "gesamtzeit", "temps total"]),
    ];
    const YIELDS: [&str; 12] = [
        "serves",
        "servings",
        "serving",
        "makes",
        "yields",
        "yield",
        "portionen",
        "personen",
        "portions",
        "personnes",
        "porzioni",
        "porciones",
    ];
    if fields.has("yields") && TIMES.iter().all(|it| fields.has(it.0)) {
        return;
    }
    let labels = Labels::of(doc);
    if !fields.has("yields") {
        let found = labels.value(&YIELDS, |it| {
            let near = it.chars().take(12).any(|it| it.is_ascii_digit());
            (near && it.len() < 60).then(|| it.to_owned())
        });
        fields.offer(
            "yields",
            Source::Dom,
            "yield",
            found.as_deref().map(|it| yields(&it.into()).into()),
        );
    }
    // A page that says one of them as data has no others.
    if TIMES.iter().any(|it| fields.has(it.0)) {
        return;
    }
    for (field, names) in TIMES {
        let found = labels.value(names, |it| {
            let fits = it.len() < 40 && it.bytes().any(|it| it.is_ascii_digit());
            fits.then(|| it.to_owned())
        });
        fields.offer(field, Source::Dom, names[0], found.and_then(|it| minutes(&it.into())));
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

/// How much it makes: of several ways to say it, the one that says of what.
fn yields(value: &Value) -> Option<String> {
    let all = match value {
        Value::Array(all) => all.iter().filter_map(text).collect(),
        one => vec![text(one)?],
    };
    let worded = |it: &&String| it.chars().any(char::is_alphabetic);
    let made = all.iter().find(worded).or_else(|| all.first()).cloned()?;
    let bare = made.chars().all(|it| it.is_ascii_digit());
    Some(if bare { format!("{made} servings") } else { made })
}

/// The list that a heading, a class or an id of the page calls by one of these words.
fn listed(doc: &Doc<'_>, words: &[&str]) -> Option<Vec<String>> {
    let called = |text: &str| {
        let text = text.to_lowercase();
        words.iter().any(|it| text.contains(it))
    };
    let items = |from: Id, to: Id| -> Vec<String> {
        let items = (from..to).filter(|it| doc.tag(*it) == Tag::Li && !doc.node(*it).hidden);
        let texts = items.map(|it| doc.folded_text(it)).filter(|it| !it.is_empty());
        texts.take(MAX_LINES).collect()
    };
    let paragraphs = |from: Id, to: Id| -> Vec<String> {
        let all = (from..to).filter(|it| doc.tag(*it) == Tag::P);
        let texts = all.map(|it| doc.folded_text(it)).filter(|it| !it.is_empty());
        texts.take(MAX_LINES).collect()
    };
    // A part that is named so: the largest one that holds a list and little else.
    let named = (0..doc.len()).filter(|it| doc.tag(*it) != Tag::Text).filter(|it| {
        !matches!(doc.tag(*it), Tag::Body | Tag::Html)
            && doc
                .attrs(*it)
                .any(|(name, value)| matches!(name, "class" | "id" | "itemprop") && called(value))
    });
    for id in named.take(400) {
        let found = items(id, doc.end(id));
        let total: usize = found.iter().map(String::len).sum();
        if found.len() >= 2 && total * 2 > doc.node(id).text {
            return Some(found);
        }
    }
    // Or a heading, with the first list behind it.
    for id in 0..doc.len() {
        let heads = doc.tag(id).level().is_some()
            || matches!(
                doc.tag(id),
                Tag::Strong | Tag::B | Tag::Dt | Tag::P | Tag::Div | Tag::Span
            );
        let node = doc.node(id);
        if !heads
            || node.text == 0
            || node.text > 40
            || node.hidden
            || !called(&doc.folded_text(id))
        {
            continue;
        }
        let end = (node.end + 400).min(doc.len());
        let list = (node.end..end)
            .find(|it| matches!(doc.tag(*it), Tag::Ul | Tag::Ol) && doc.node(*it).text > 5);
        let stops = |at: Id| (node.end..at).any(|it| doc.tag(it).level().is_some_and(|it| it <= 2));
        if let Some(list) = list.filter(|it| !stops(*it)) {
            return Some(items(list, doc.end(list)));
        }
        // Or the paragraphs up to the next heading.
        let next = (node.end..end).find(|it| doc.tag(*it).level().is_some()).unwrap_or(end);
        let found = paragraphs(node.end, next);
        if found.len() >= 2 {
            return Some(found);
        }
    }
    None
}
