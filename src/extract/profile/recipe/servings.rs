//! The amount that a recipe makes.

use serde_json::Value;

use crate::extract::data::property::{PropertyContext, text};

/// Reads the yield of a recipe, the `read` of a property.
pub(super) fn as_yield(value: &Value, _: PropertyContext<'_>) -> Option<Value> {
    yields(value).map(Value::from)
}

/// Reads how much a recipe makes, with the unit: `4 servings`.
pub(super) fn yields(value: &Value) -> Option<String> {
    let all = match value {
        Value::Array(all) => all.iter().filter_map(text).collect(),
        one => vec![text(one)?],
    };
    let bare = |it: &String| it.chars().all(|it| it.is_ascii_digit());
    let first = all.first()?;
    // Of several values the first has the number, and a later one may have the unit.
    let words = all.iter().skip(1).find_map(|it| {
        let word = it.trim_start_matches(|it: char| !it.is_alphabetic());
        (it.starts_with(|it: char| it.is_ascii_digit()) && !word.is_empty()).then_some(word)
    });
    let made = match words.filter(|_| bare(first)) {
        Some(words) => format!("{first} {words}"),
        None => upper_end(first),
    };
    Some(if bare(&made) { format!("{made} servings") } else { made })
}

/// Replaces a range by its upper end: `4 to 6` and `4-6` become `6`.
fn upper_end(text: &str) -> String {
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
    use serde_json::json;

    use super::*;

    #[test]
    fn a_range_is_read_as_its_upper_end() {
        assert_eq!(yields(&json!(["4", "4-6 bowls"])).as_deref(), Some("4 bowls"));
        for (text, is) in [
            ("4-6", "6 servings"),
            ("Serves 10 to 12", "Serves 12"),
            ("8 – 10 Portionen", "10 Portionen"),
            ("12 rolls", "12 rolls"),
            ("2 loaves or more", "2 loaves or more"),
        ] {
            assert_eq!(yields(&text.into()).as_deref(), Some(is), "{text}");
        }
    }
}
