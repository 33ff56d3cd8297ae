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
        let about = format!("{} ({})", text(&it["description"]), text(&it["in"]));
        (text(&it["name"]), shape(&it["schema"]), about)
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
        .map(|(status, response)| (status.clone(), of(response), String::new()));
    format!(
        "<h3>{} <code>{path}</code></h3><p>{}</p>{sent}{}",
        method.to_uppercase(),
        text(&operation["summary"]),
        table_html(responses)
    )
}

fn object_html(schema: &Value) -> String {
    let required =
        |name: &str| schema["required"].as_array().is_some_and(|it| it.iter().any(|it| it == name));
    let rows: Vec<_> = fields(&schema["properties"])
        .map(|(name, it)| {
            let must = if required(name) { "always" } else { "" };
            (format!("<code>{name}</code>"), shape(it), must.to_owned())
        })
        .collect();
    if rows.is_empty() { format!("<p>{}</p>", shape(schema)) } else { table_html(rows.into_iter()) }
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
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
