//! The parts of a page that a command prints or writes to files: its fields and its formats.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rungs::core::request::{Format, Item, Profile};
use rungs::engine::Page;
use serde_json::{Value, json};

use crate::args::PageArgs;

/// The parts that the user requested.
#[derive(Debug)]
pub(crate) struct Selection {
    /// Fields of a schema, or the answer to a prompt.
    fields: bool,
    /// Fields of a named profile.
    profile: bool,
    formats: Vec<Format>,
    raw_html: bool,
    content_parts: bool,
    /// Columns to lay the text out for.
    width: Option<usize>,
}

/// One part of a page.
#[derive(Debug)]
pub(crate) struct Part {
    name: &'static str,
    extension: &'static str,
    text: String,
}

impl Selection {
    /// Selects what `rungs scrape` prints. Options that extract fields replace the default format.
    pub(crate) fn of_args(args: &PageArgs, item: &Item, width: Option<usize>) -> Self {
        let all = Self { width, ..Self::of_item(item) };
        let no_format = args.formats.is_empty() && (all.fields || all.profile);
        all.with_formats(if no_format { Vec::new() } else { args.formats_or_default() })
    }

    /// Selects everything that an item requests.
    pub(crate) fn of_item(item: &Item) -> Self {
        let selection = Self {
            fields: item.extraction_schema.is_some() || item.extraction_prompt.is_some(),
            profile: item.extraction_profile != Profile::Auto,
            formats: Vec::new(),
            raw_html: item.include_raw_html,
            content_parts: item.advanced.explain_content,
            width: None,
        };
        selection.with_formats(item.formats.clone())
    }

    /// Sets the formats. Fields that are a part of their own are not repeated as the format `json`.
    fn with_formats(mut self, formats: Vec<Format>) -> Self {
        self.formats.clear();
        for format in formats {
            let is_repeated = format == Format::Json && (self.fields || self.profile);
            if !is_repeated && !self.formats.contains(&format) {
                self.formats.push(format);
            }
        }
        self
    }

    /// Returns the parts that the page has, and the names of those that it does not have.
    pub(crate) fn parts(&self, page: &Page) -> (Vec<Part>, Vec<&'static str>) {
        let mut found = Vec::new();
        let mut missing = Vec::new();
        let mut add = |name, extension, text: Option<String>| match text {
            Some(text) => found.push(Part { name, extension, text: text.trim_end().to_owned() }),
            None => missing.push(name),
        };
        let pretty = |value: &Value| format!("{value:#}");
        if self.fields {
            // A model that answers a prompt fills the schema, too.
            let answer = page.extracted.prompted.as_ref().map(|it| &it.value);
            add("fields", "json", answer.or(page.fields()).map(pretty));
        }
        if self.profile {
            add("profile", "json", page.profile().map(pretty));
        }
        for format in &self.formats {
            add(format.as_str(), extension(*format), rendered(page, *format, self.width));
        }
        if self.raw_html {
            add("source", "html", page.extracted.raw_html.clone());
        }
        if self.content_parts {
            add("parts", "json", Some(pretty(&json!(page.extracted.content_parts))));
        }
        (found, missing)
    }
}

/// Renders the page in one format; `None` if the page does not have it.
fn rendered(page: &Page, format: Format, width: Option<usize>) -> Option<String> {
    if let (Format::Text, Some(width)) = (format, width) {
        // Documents that are not HTML have no layout. Their text is printed as it is.
        return Some(page.text_wrapped(width).unwrap_or_else(|| page.extracted.text.clone()));
    }
    match page.extracted.content.get(&format)? {
        Value::String(text) => Some(text.clone()),
        value => Some(format!("{value:#}")),
    }
}

fn extension(format: Format) -> &'static str {
    match format {
        Format::Markdown => "md",
        Format::Html => "html",
        Format::Text | Format::Raw => "txt",
        Format::Json | Format::JsonV2 | Format::Rag | Format::Content => "json",
    }
}

/// Joins parts for printing. Several parts are separated by lines with their names.
pub(crate) fn joined(parts: &[Part]) -> String {
    match parts {
        [part] => part.text.clone(),
        parts => {
            let sections = parts.iter().map(|it| format!("==> {} <==\n{}", it.name, it.text));
            sections.collect::<Vec<_>>().join("\n\n")
        }
    }
}

/// Writes each part to a file of its own, such as `markdown.md`, and returns the files' paths.
pub(crate) fn write(dir: &Path, parts: &[Part]) -> io::Result<Vec<PathBuf>> {
    fs::create_dir_all(dir)?;
    let mut written = Vec::with_capacity(parts.len());
    for part in parts {
        let path = dir.join(format!("{}.{}", part.name, part.extension));
        fs::write(&path, format!("{}\n", part.text))?;
        written.push(path);
    }
    Ok(written)
}
