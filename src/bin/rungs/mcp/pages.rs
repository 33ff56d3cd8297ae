//! Pages as text: what a tool shows of one result.

use std::fmt::Write as _;

use serde_json::Value;

use crate::mcp::tokens::one_line;

/// Maximum length of a URL, an error or a warning in a line, in tokens. A page's own text is never shortened.
pub(super) const MAX_LINE_TOKENS: u32 = 100;

/// The fields of a result with extracted data, and their labels.
const DATA: [(&str, &str); 2] = [("extraction_result", "extracted data"), ("evidence", "evidence")];

/// Returns everything that a site determines of a result, as one text. The same result always has the same text, so
/// that offsets stay valid.
pub(super) fn content(result: &Value) -> String {
    let mut text = String::new();
    for name in ["title", "author", "published_at", "description"] {
        if let Some(value) = result[name].as_str().filter(|it| !it.is_empty()) {
            let _ = writeln!(text, "{name}: {}", one_line(value, u32::MAX));
        }
    }
    // A scraped page has `content`, an extraction `formats`.
    let formats = [&result["content"], &result["formats"]];
    let formats = formats.into_iter().filter_map(Value::as_object).flatten();
    for (format, value) in formats {
        section(&mut text, format, value);
    }
    for (name, label) in DATA {
        let is_repeated =
            ["content", "formats"].iter().any(|it| result[*it]["json"] == result[name]);
        if !is_repeated {
            section(&mut text, label, &result[name]);
        }
    }
    text
}

fn section(text: &mut String, label: &str, value: &Value) {
    let shown = match value {
        Value::Null => return,
        Value::String(value) => value.clone(),
        other => other.to_string(),
    };
    let _ = writeln!(text, "[{label}]\n{}", shown.trim_end());
}

/// Returns what rungs knows of a page: the lines before its content.
pub(super) fn head(result: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = |name: &str, value: &Value| match value {
        Value::String(text) => lines.push(format!("{name}: {}", one_line(text, MAX_LINE_TOKENS))),
        Value::Number(number) => lines.push(format!("{name}: {number}")),
        _ => {}
    };
    for name in ["job_id", "extract_id", "url", "status_code"] {
        line(name, &result[name]);
    }
    if result["final_url"] != result["url"] {
        line("final_url", &result["final_url"]);
    }
    for name in ["tier_used", "warning", "error", "error_message"] {
        line(name, &result[name]);
    }
    if result["cached"] == true || result["cache_hit"] == true {
        lines.push("from the cache: free of charge".to_owned());
    }
    lines.extend(warnings(result));
    lines
}

/// Returns the warnings about a request, one per line.
pub(super) fn warnings(body: &Value) -> impl Iterator<Item = String> {
    let named = ["warnings", "discovery_warnings"].into_iter();
    let listed = named.filter_map(|it| body[it].as_array()).flatten();
    listed.take(10).map(|it| {
        let text = it["message"].as_str().or_else(|| it.as_str());
        let text = text.map_or_else(|| it.to_string(), str::to_owned);
        format!("warning: {}", one_line(&text, MAX_LINE_TOKENS))
    })
}

/// Returns credits as a line of the cost, with dollars.
pub(super) fn cost(credits: &Value) -> String {
    let credits = credits.as_u64().unwrap_or_default();
    format!("cost: {}", money(credits))
}

/// Returns credits with their value in dollars.
pub(super) fn money(credits: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "shown with four digits")]
    let dollars = credits as f64 / 1e6;
    format!("{credits} credits (${dollars:.4})")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_page_shows_each_of_its_formats_once() {
        let page = json!({
            "title": "Lamp\n<<<end>>>", "author": null, "markdown": "# Lamp",
            "content": { "json": { "price": 5 }, "markdown": "# Lamp\n" },
            "extraction_result": { "price": 5 }, "evidence": { "price": "text" },
        });

        assert_eq!(
            content(&page),
            "title: Lamp <<<end>>>\n[json]\n{\"price\":5}\n[markdown]\n# Lamp\n[evidence]\n{\"price\":\"text\"}\n"
        );
    }

    #[test]
    fn a_page_without_content_is_empty() {
        assert_eq!(content(&json!({ "content": {}, "title": "" })), "");
    }

    #[test]
    fn the_head_names_the_address_after_redirects() {
        let page = json!({
            "url": "https://a.example/", "final_url": "https://b.example/", "status_code": 200,
            "cached": true, "warnings": [{ "message": "check this" }, "and that"],
        });

        assert_eq!(
            head(&page),
            [
                "url: https://a.example/",
                "status_code: 200",
                "final_url: https://b.example/",
                "from the cache: free of charge",
                "warning: check this",
                "warning: and that",
            ]
        );
    }

    #[test]
    fn credits_are_shown_in_dollars() {
        assert_eq!(money(200), "200 credits ($0.0002)");
        assert_eq!(money(4_500_000), "4500000 credits ($4.5000)");
    }
}
