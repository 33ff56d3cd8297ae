//! The input file of a batch.

use std::io::Read;
use std::path::Path;

use rungs::core::request::Item;
use rungs::service::wire::{self, KnownFields, UnknownField};

use crate::error::{CliError, io_reason};

/// Reads a file, or standard input for `-`.
pub(crate) fn read(file: &Path) -> Result<String, CliError> {
    let failed = |error: std::io::Error| {
        let (path, reason) = (file.display(), io_reason(&error));
        CliError::Usage(format!("cannot read {path} ({reason}): check the path"))
    };
    if file != Path::new("-") {
        return std::fs::read_to_string(file).map_err(failed);
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}

/// The pages of an input file.
#[derive(Debug)]
pub(crate) struct Input {
    pub(crate) items: Vec<Item>,
    /// The line of each item, from 1.
    pub(crate) lines: Vec<usize>,
}

/// Parses one URL or JSON object per line. Blank lines and lines that begin with `#` are skipped. Options that a line
/// does not set have the values of `defaults`.
pub(crate) fn parse(text: &str, defaults: &Item) -> Result<Input, CliError> {
    let mut input = Input { items: Vec::new(), lines: Vec::new() };
    for (index, line) in text.lines().enumerate() {
        let (number, line) = (index + 1, line.trim());
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let item = item(line, defaults)
            .map_err(|error| CliError::Usage(format!("line {number}: {error}")))?;
        input.items.push(item);
        input.lines.push(number);
    }
    Ok(input)
}

fn item(line: &str, defaults: &Item) -> Result<Item, String> {
    if !line.starts_with('{') {
        let mut item = defaults.clone();
        line.clone_into(&mut item.url);
        return Ok(item);
    }
    let value = serde_json::from_str(line)
        .map_err(|error| format!("not valid JSON ({error}): use a URL, or an object with `url`"))?;
    if let Some(field) = KnownFields::item().unknown(&value).first() {
        return Err(field.to_string());
    }
    wire::read_item_with_defaults(&value, defaults).map_err(|error| error.to_string())
}

/// Returns the line of an unknown field in a file of JSON, from 1: the first line with its name as a key.
pub(crate) fn line_of(field: &UnknownField, text: &str) -> Option<usize> {
    let name = field.path.rsplit('.').next().unwrap_or_default();
    let key = serde_json::Value::from(name).to_string();
    let is_key = |at: usize| text[at + key.len()..].trim_start().starts_with(':');
    let (start, _) = text.match_indices(&key).find(|(at, _)| is_key(*at))?;
    Some(text[..start].matches('\n').count() + 1)
}
