//! The `json_v2` format: the page as a tree of sections, each with its blocks.

use serde_json::{Value, json};

use crate::core::request::{BlockKind, SectionFilter};
use crate::extract::dom::address::Base;
use crate::extract::dom::code;
use crate::extract::dom::doc::Id;
use crate::extract::dom::folding::break_words;
use crate::extract::dom::image::image_source;
use crate::extract::dom::selection::Selection;
use crate::extract::dom::tag::Tag;

/// Sections and blocks kept of a page.
const MAX_PARTS: usize = 20_000;

/// A section while the page is read.
struct Section {
    heading: String,
    level: usize,
    blocks: Vec<(BlockKind, Value)>,
}

/// Returns the sections of a selection, and its tables once more by themselves.
pub(crate) fn sections(
    selection: &Selection<'_, '_>,
    base: &Base,
    filter: &SectionFilter,
) -> (Value, Value) {
    let first = Section { heading: String::new(), level: 0, blocks: Vec::new() };
    let mut reader =
        SectionReader { selection, base, sections: vec![first], line: String::new(), parts: 0 };
    reader.children(selection.root);
    reader.flush();
    let mut sections = reader.sections;
    for section in &mut sections {
        section.blocks.retain(|it| !filter.exclude_content_types.contains(&it.0));
    }
    let tables = sections.iter().flat_map(|it| &it.blocks).filter(|it| it.0 == BlockKind::Table);
    let tables = tables.map(|it| it.1.clone()).collect();
    let enough = usize::try_from(filter.min_content_blocks).unwrap_or(usize::MAX);
    let mut rest = sections.into_iter().peekable();
    let tree = std::iter::from_fn(|| {
        let next = rest.next()?;
        Some(branch(next, &mut rest, enough))
    });
    (tree.flatten().collect(), tables)
}

/// Takes a section with all deeper ones behind it. Returns `None` if it holds too little.
fn branch(
    section: Section,
    rest: &mut std::iter::Peekable<std::vec::IntoIter<Section>>,
    enough: usize,
) -> Option<Value> {
    let mut children = Vec::new();
    // The section before the first heading has no subsections.
    while section.level > 0 && rest.peek().is_some_and(|it| it.level > section.level) {
        let next = rest.next()?;
        children.extend(branch(next, rest, enough));
    }
    let empty = section.level == 0 && section.blocks.is_empty();
    if empty || (children.is_empty() && section.blocks.len() < enough) {
        return None;
    }
    let blocks: Vec<Value> = section.blocks.into_iter().map(|it| it.1).collect();
    Some(json!({
        "heading": section.heading, "level": section.level, "blocks": blocks, "children": children,
    }))
}

struct SectionReader<'v> {
    selection: &'v Selection<'v, 'v>,
    base: &'v Base,
    sections: Vec<Section>,
    /// The text of the paragraph that is being read.
    line: String,
    parts: usize,
}

impl SectionReader<'_> {
    fn flush(&mut self) {
        let line = std::mem::take(&mut self.line);
        let text = line.trim();
        if !text.is_empty() {
            self.add(BlockKind::Paragraph, json!({ "text": text }));
        }
    }

    fn add(&mut self, kind: BlockKind, mut block: Value) {
        self.parts += 1;
        if self.parts > MAX_PARTS {
            return;
        }
        block["type"] = kind.as_str().into();
        if let Some(section) = self.sections.last_mut() {
            section.blocks.push((kind, block));
        }
    }

    fn children(&mut self, id: Id) {
        let selection = self.selection;
        for child in selection.doc.children(id) {
            match selection.doc.flow(child) {
                Some(text) => text.flow_into(&mut self.line),
                None if selection.is_dropped(child) => {}
                None => self.element(child),
            }
        }
    }

    /// Returns the visible text of a node on one line.
    fn text(&self, id: Id) -> String {
        let mut line = String::new();
        for at in self.selection.below(id) {
            match self.selection.doc.flow(at) {
                Some(text) => text.flow_into(&mut line),
                None if self.selection.doc.tag(at).is_block() => break_words(&mut line),
                None => {}
            }
        }
        line.trim().to_owned()
    }

    fn element(&mut self, id: Id) {
        let doc = self.selection.doc;
        let tag = doc.tag(id);
        if tag.is_block() {
            self.flush();
        }
        match tag {
            Tag::Br => self.line.push(' '),
            Tag::AmpImg | Tag::Img => {
                if let Some(url) = image_source(doc, id, self.base) {
                    self.flush();
                    let alt = doc.attr(id, "alt").filter(|it| !it.trim().is_empty());
                    self.add(BlockKind::Image, json!({ "url": url, "alt": alt }));
                }
            }
            Tag::Pre => {
                let text = code::text(doc, id);
                self.add(BlockKind::Code, json!({ "text": text.trim_matches('\n') }));
            }
            Tag::Blockquote => {
                let text = self.text(id);
                self.add(BlockKind::Blockquote, json!({ "text": text }));
            }
            Tag::Ul | Tag::Ol if !self.holds_heading(id) => {
                let items = doc.children(id).filter(|it| doc.tag(*it) == Tag::Li);
                let items: Vec<String> = items
                    .filter(|it| !self.selection.is_dropped(*it))
                    .map(|it| self.text(it))
                    .filter(|it| !it.is_empty())
                    .collect();
                if !items.is_empty() {
                    let ordered = tag == Tag::Ol;
                    self.add(BlockKind::List, json!({ "ordered": ordered, "items": items }));
                }
            }
            Tag::Table if !doc.node(id).has_table && !self.holds_heading(id) => self.table(id),
            Tag::Dl if !self.holds_heading(id) => self.terms(id),
            Tag::Details => {
                let all = doc.children(id).filter(|it| !self.selection.is_dropped(*it));
                let (summary, rest): (Vec<Id>, Vec<Id>) =
                    all.partition(|it| doc.tag(*it) == Tag::Summary);
                let join = |ids: &[Id]| {
                    let texts = ids.iter().map(|it| self.text(*it)).filter(|it| !it.is_empty());
                    texts.collect::<Vec<_>>().join(" ")
                };
                let block = json!({ "summary": join(&summary), "text": join(&rest) });
                self.add(BlockKind::Details, block);
            }
            _ if tag.level().is_some() => {
                let heading = self.text(id);
                self.parts += 1;
                if !heading.is_empty() && self.parts <= MAX_PARTS {
                    let level = tag.level().unwrap_or(1);
                    self.sections.push(Section { heading, level, blocks: Vec::new() });
                }
            }
            _ => {
                self.children(id);
                if tag.is_block() {
                    self.flush();
                }
            }
        }
    }

    /// Returns `true` if a node holds a heading.
    fn holds_heading(&self, id: Id) -> bool {
        self.selection.below(id).any(|it| self.selection.doc.tag(it).level().is_some())
    }

    fn table(&mut self, id: Id) {
        let doc = self.selection.doc;
        let mut headers: Vec<String> = Vec::new();
        let mut rows: Vec<Vec<String>> = Vec::new();
        for row in self.selection.below(id).filter(|it| doc.tag(*it) == Tag::Tr) {
            let cells: Vec<Id> = doc
                .children(row)
                .filter(|it| {
                    matches!(doc.tag(*it), Tag::Td | Tag::Th) && !self.selection.is_dropped(*it)
                })
                .collect();
            let heads = cells.iter().all(|it| doc.tag(*it) == Tag::Th);
            let texts: Vec<String> = cells.into_iter().map(|it| self.text(it)).collect();
            match texts {
                it if it.iter().all(String::is_empty) => {}
                it if heads && headers.is_empty() && rows.is_empty() => headers = it,
                it => rows.push(it),
            }
        }
        if !headers.is_empty() || !rows.is_empty() {
            self.add(BlockKind::Table, json!({ "headers": headers, "rows": rows }));
        }
    }

    fn terms(&mut self, id: Id) {
        let doc = self.selection.doc;
        let mut items: Vec<(String, Vec<String>)> = Vec::new();
        // A list inside a description belongs to its words.
        let mut read = id;
        for at in self.selection.below(id) {
            if at < read || !matches!(doc.tag(at), Tag::Dt | Tag::Dd) {
                continue;
            }
            read = doc.end(at);
            match items.last_mut() {
                _ if doc.tag(at) == Tag::Dt => items.push((self.text(at), Vec::new())),
                Some(item) => item.1.push(self.text(at)),
                None => items.push((String::new(), vec![self.text(at)])),
            }
        }
        let items: Vec<Value> = items
            .into_iter()
            .map(|(term, of)| json!({ "term": term, "description": of.join(" ") }))
            .collect();
        if !items.is_empty() {
            self.add(BlockKind::Terms, json!({ "items": items }));
        }
    }
}
