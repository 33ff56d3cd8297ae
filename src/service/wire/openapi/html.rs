//! The description as an HTML page.

use serde_json::Value;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}\
    code{font-size:.95em}table{border-collapse:collapse;width:100%;margin:.5rem 0}\
    td,th{text-align:left;vertical-align:top;padding:.25rem .75rem .25rem 0;border-bottom:1px solid #8884}\
    h2{margin-top:2.5rem}h3{margin-top:2rem}small{opacity:.75}:root{color-scheme:light dark}";

/// Renders the description as HTML.
pub(crate) fn openapi_html(description: &Value) -> String {
    let info = &description["info"];
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>{0}</title><style>{STYLE}</style></head><body>\
         <h1>{0} <small>{1}</small></h1><p>{2}</p><p>For programs: \
         <a href=\"openapi.json\">openapi.json</a>.</p><h2>Paths</h2>",
        text(&info["title"]),
        text(&info["version"]),
        text(&info["description"]),
    );
    for (path, operations) in fields(&description["paths"]) {
        for (method, operation) in fields(operations) {
            page.push_str(&operation_html(path, method, operation));
        }
    }
    page.push_str("<h2>Parameters</h2>");
    let parameters = fields(&description["components"]["parameters"]).map(|(_, it)| {
        let place = format!("{}, in the {}", shape(&it["schema"]), text(&it["in"]));
        let name = format!("<code>{}</code>", text(&it["name"]));
        (name, place, about(it, &it["schema"]["default"], &it["example"]))
    });
    page.push_str(&table_html(parameters));
    page.push_str("<h2>Objects</h2>");
    for (name, schema) in fields(&description["components"]["schemas"]) {
        page.push_str(&format!("<h3 id=\"{name}\">{name}</h3>"));
        page.push_str(&object_html(schema));
    }
    page.push_str("</body></html>");
    page
}

fn operation_html(path: &str, method: &str, operation: &Value) -> String {
    let of = |content: &Value| {
        let content = fields(&content["content"]).next();
        content.map(|(_, it)| shape(&it["schema"])).unwrap_or_default()
    };
    let body = of(&operation["requestBody"]);
    let sent = if body.is_empty() { body } else { format!("<p>Body: {body}</p>") };
    let responses = fields(&operation["responses"])
        .map(|(status, response)| (status.clone(), of(response), markup(&response["description"])));
    format!(
        "<h3>{} <code>{path}</code></h3><p>{}</p>{sent}{}",
        method.to_uppercase(),
        text(&operation["summary"]),
        table_html(responses)
    )
}

fn object_html(schema: &Value) -> String {
    let intro = format!("<p>{}</p>", markup(&schema["description"]));
    if let Some(parts) = schema["allOf"].as_array() {
        let (named, own): (Vec<_>, Vec<_>) = parts.iter().partition(|it| it["$ref"].is_string());
        let named: Vec<String> = named.into_iter().map(shape).collect();
        let tables: Vec<String> = own.into_iter().map(properties_html).collect();
        return format!("{intro}<p>{}, and:</p>{}", named.join(", "), tables.concat());
    }
    let codes = schema["oneOf"].as_array().into_iter().flatten();
    let codes: Vec<_> = codes
        .filter(|it| it["const"].is_string())
        .map(|it| (format!("<code>{}</code>", text(&it["const"])), markup(&it["description"])))
        .map(|(code, explanation)| (code, explanation, String::new()))
        .collect();
    if !codes.is_empty() {
        return intro + &table_html(codes.into_iter());
    }
    if fields(&schema["properties"]).next().is_none() {
        return format!("{intro}<p>{}</p>", shape(schema));
    }
    intro + &properties_html(schema)
}

fn properties_html(schema: &Value) -> String {
    let required =
        |name: &str| schema["required"].as_array().is_some_and(|it| it.iter().any(|it| it == name));
    let rows = fields(&schema["properties"]).map(|(name, it)| {
        let must = if required(name) { ", required" } else { "" };
        let shape = format!("{}{must}", shape(it));
        (format!("<code>{name}</code>"), shape, about(it, &it["default"], &it["examples"][0]))
    });
    table_html(rows)
}

/// Renders a description with its default and its example.
fn about(described: &Value, default: &Value, example: &Value) -> String {
    let mut about = markup(&described["description"]);
    if !default.is_null() {
        about.push_str(&format!(" Defaults to <code>{}</code>.", literal(default)));
    }
    about.push_str(&format!(" Example: <code>{}</code>", literal(example)));
    about
}

fn table_html(rows: impl Iterator<Item = (String, String, String)>) -> String {
    let mut table = "<table>".to_owned();
    for (first, second, third) in rows {
        table.push_str(&format!("<tr><td>{first}</td><td>{second}</td><td>{third}</td></tr>"));
    }
    table + "</table>"
}

/// Renders a schema in words.
fn shape(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|it| it.rsplit('/').next()) {
        return format!("<a href=\"#{name}\">{name}</a>");
    }
    for (key, between) in [("anyOf", " or "), ("oneOf", " or "), ("allOf", " with ")] {
        if let Some(parts) = schema[key].as_array().filter(|_| schema["type"].is_null()) {
            return parts.iter().map(shape).collect::<Vec<_>>().join(between);
        }
    }
    if let Some(words) = schema["enum"].as_array() {
        return words
            .iter()
            .map(|it| format!("<code>{}</code>", text(it)))
            .collect::<Vec<_>>()
            .join(", ");
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().map(text).collect::<Vec<_>>().join(" or "),
        Value::Null => "anything".to_owned(),
        kind => text(kind),
    };
    let bounds =
        [("minimum", "from"), ("maximum", "to"), ("maxLength", "up to"), ("maxItems", "up to")];
    let there = bounds.iter().filter(|(key, _)| !schema[*key].is_null());
    let bounds: Vec<String> =
        there.map(|(key, word)| format!(" {word} {}", schema[*key])).collect();
    let bounds = bounds.concat();
    let items = if schema["items"].is_null() {
        String::new()
    } else {
        format!(" of {}", shape(&schema["items"]))
    };
    format!("{kind}{items}{bounds}")
}

fn fields(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// Renders a value as escaped text.
fn text(value: &Value) -> String {
    escaped(&value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

/// Renders a value as JSON.
fn literal(value: &Value) -> String {
    escaped(&value.to_string())
}

/// Renders a text whose code is between backticks.
fn markup(value: &Value) -> String {
    let parts = value.as_str().unwrap_or_default().split('`').enumerate();
    parts
        .map(|(at, part)| match at % 2 {
            0 => escaped(part),
            _ => format!("<code>{}</code>", escaped(part)),
        })
        .collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::request::Limits;
    use crate::service::wire::openapi;

    #[test]
    fn the_page_shows_descriptions_defaults_and_examples() {
        let page = openapi_html(&openapi(&Limits::default()));

        for shown in [
            "may take together, rounded up to an integer. Defaults to <code>90</code>.",
            "Example: <code>[\"markdown\",\"json\"]</code>",
            "Largest number of entries in the response. Defaults to <code>20</code>.",
            "<code>BLOCKED_BY_ANTIBOT</code></td><td>The site blocked the page",
            "<code>cancelled_jobs</code>",
        ] {
            assert!(page.contains(shown), "{shown}");
        }
    }
}
