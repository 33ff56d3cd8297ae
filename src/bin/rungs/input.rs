//! The lines of a batch file.

use std::io::Read;
use std::path::Path;

use rungs::core::request::Item;
use rungs::service::wire;
use serde_json::Value;

use crate::Failure;

/// Reads a file, or standard input for `-`.
pub(crate) fn read(file: &Path) -> Result<String, Failure> {
    let wrong = |why: std::io::Error| Failure::Usage(format!("{}: {why}", file.display()));
    if file != Path::new("-") {
        return std::fs::read_to_string(file).map_err(wrong);
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).map_err(wrong)?;
    Ok(text)
}

/// The items of a file: a URL or a JSON object a line; blank lines and those that begin with `#`
/// are passed over. What a line does not say, `defaults` say.
pub(crate) fn items(text: &str, defaults: &Item) -> Result<Vec<Item>, Failure> {
    let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
    lines
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(number, line)| {
            item(line, defaults).map_err(|why| Failure::Usage(format!("line {number}: {why}")))
        })
        .collect()
}

fn item(line: &str, defaults: &Item) -> Result<Item, String> {
    if !line.starts_with('{') {
        return Ok(Item { url: line.to_owned(), ..defaults.clone() });
    }
    let value: Value = serde_json::from_str(line).map_err(|why| why.to_string())?;
    let said = |name: &str| value.get(name).is_some_and(|it| !it.is_null());
    let mut item = wire::read_item(&value).map_err(|flaw| flaw.to_string())?;
    if !said("formats") {
        item.formats.clone_from(&defaults.formats);
    }
    if !said("mode") {
        item.mode = defaults.mode;
    }
    if !said("timeout") {
        item.timeout = defaults.timeout;
    }
    if !said("cost_controls") {
        item.cost_controls.clone_from(&defaults.cost_controls);
    }
    if !said("extraction_schema") {
        item.extraction_schema.clone_from(&defaults.extraction_schema);
    }
    if !said("extraction_profile") {
        item.extraction_profile = defaults.extraction_profile;
    }
    item.include_raw_html |= defaults.include_raw_html;
    item.headers.extend(defaults.headers.iter().cloned());
    Ok(item)
}
