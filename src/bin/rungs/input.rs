//! The input file of a batch.

use std::io::Read;
use std::ops::Range;
use std::path::Path;

use rungs::core::request::Item;
use rungs::service::wire::{self, KnownFields, UnknownField};

use crate::error::{CliError, io_reason};
use crate::known::KnownPages;

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

/// The pages of an input file, one URL or JSON object per line.
///
/// An item is much larger than its line, so the lines are kept and parsed where they are needed.
#[derive(Debug)]
pub(crate) struct Input {
    text: String,
    lines: Vec<Line>,
    /// The options that a line does not set.
    defaults: Item,
    /// The pages that an earlier run fetched, if one is given.
    known: Option<KnownPages>,
}

/// A line with a page.
#[derive(Debug)]
pub(crate) struct Line {
    /// The number of the line, from 1.
    pub(crate) number: usize,
    /// The line without the white space around it, as bytes of the text.
    range: Range<usize>,
}

impl Input {
    /// Splits a text into lines. Blank lines and lines that begin with `#` are skipped.
    pub(crate) fn parse(text: String, defaults: Item, known: Option<KnownPages>) -> Self {
        let mut lines = Vec::new();
        let mut start = 0;
        for (index, line) in text.split_inclusive('\n').enumerate() {
            let trimmed = line.trim_start();
            let from = start + line.len() - trimmed.len();
            let range = from..from + trimmed.trim_end().len();
            start += line.len();
            if !range.is_empty() && !trimmed.starts_with('#') {
                lines.push(Line { number: index + 1, range });
            }
        }
        Self { text, lines, defaults, known }
    }

    /// Returns the number of pages.
    pub(crate) fn len(&self) -> usize {
        self.lines.len()
    }

    /// Returns `true` if there is no page.
    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Returns the lines with a page.
    pub(crate) fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Returns the lines in chunks of at most `size`.
    pub(crate) fn chunks(&self, size: usize) -> impl Iterator<Item = &[Line]> {
        self.lines.chunks(size)
    }

    /// Parses the page of a line.
    pub(crate) fn item(&self, line: &Line) -> Result<Item, CliError> {
        let item = item(&self.text[line.range.clone()], &self.defaults);
        let mut item =
            item.map_err(|error| CliError::Usage(format!("line {}: {error}", line.number)))?;
        if let Some(known) = &self.known {
            known.set(&mut item);
        }
        Ok(item)
    }

    /// Returns a value that identifies the earlier run, empty without one.
    pub(crate) fn known_digest(&self) -> &[u8] {
        self.known.as_ref().map(KnownPages::digest).unwrap_or_default()
    }
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
