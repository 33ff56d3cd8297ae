//! Labels with their values: table rows, lists of terms, lines, elements side by side, headings over a section, and
//! the names in classes.

mod named;
mod split;

use std::collections::HashMap;
use std::ops::Range;

use crate::extract::dom::doc::{Doc, Id};
use crate::extract::dom::tag::Tag;

use super::{Label, MAX_PAIRS, PageIndex, Words};

/// Bytes of a label.
const LONGEST_LABEL: usize = 60;
/// Bytes of a value that is read when the pair is found; that of a heading is read later.
const LONGEST_VALUE: usize = 2_000;

/// The structure that a pair was found in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PairKind {
    /// Two cells of a table row.
    Row,
    /// A cell below the heading of its column.
    Column,
    /// An entry of a list of terms.
    Term,
    /// `Label: value` in one line.
    Line,
    /// A label in an element of its own beside or above its value.
    Beside,
    /// A heading and the section below it.
    Heading,
    /// A number with a word in front of it or behind it: `8 places`.
    Phrase,
    /// A class or an attribute that names the element.
    Named,
    /// A link to a telephone or a mail program.
    Contact,
    /// The year in brackets behind the heading of the page.
    Title,
}

/// A label and its value.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    /// The number of the label among [`PageIndex::labels`].
    pub(crate) label: usize,
    /// The unit in brackets behind the label.
    pub(crate) unit: Option<String>,
    pub(crate) value: Range<Id>,
    /// The text of the value; `None` if it is read when it is needed, as that of a section.
    pub(crate) text: Option<String>,
    pub(crate) kind: PairKind,
}

/// Returns the pairs of a page, in the order of their values, and their labels.
pub(super) fn find(index: &PageIndex<'_, '_>) -> (Vec<Pair>, Vec<Label>) {
    let mut reader = PairReader {
        index,
        out: Vec::new(),
        labels: Vec::new(),
        words: HashMap::new(),
        names: HashMap::new(),
        classes: HashMap::new(),
        class_names: HashMap::new(),
        class_labels: Vec::new(),
    };
    let doc = index.doc;
    for id in index.whole() {
        if index.is_masked(id) || doc.tag(id) == Tag::Text {
            continue;
        }
        match doc.tag(id) {
            Tag::Table if !doc.node(id).has_table => reader.table(id),
            Tag::Dl => reader.terms(id),
            Tag::Address => reader.address(id),
            tag if tag.level().is_some() || tag == Tag::Summary => reader.heading(id),
            Tag::Dt | Tag::Dd | Tag::Tr | Tag::Tbody | Tag::Thead | Tag::Tfoot => {}
            _ => reader.beside(id),
        }
        reader.named(id);
        if reader.out.len() > MAX_PAIRS {
            break;
        }
    }
    for id in 0..doc.len() {
        reader.contact(id);
    }
    reader.title_year();
    for line in 0..index.lines.len() {
        if reader.out.len() > 2 * MAX_PAIRS {
            break;
        }
        reader.line(line);
    }
    let PairReader { out: mut pairs, mut labels, .. } = reader;
    pairs.sort_by_key(|it| it.value.start);
    for (at, pair) in pairs.iter().enumerate() {
        if let Some(label) = labels.get_mut(pair.label) {
            label.pairs.push(at);
        }
    }
    (pairs, labels)
}

struct PairReader<'i, 'd, 'a> {
    index: &'i PageIndex<'d, 'a>,
    out: Vec<Pair>,
    labels: Vec<Label>,
    /// The number of each label that the reader sees.
    words: HashMap<String, usize>,
    /// The number of each label that is the name of an element.
    names: HashMap<String, usize>,
    /// By attribute that was read: the place of its labels.
    classes: HashMap<&'a str, usize>,
    /// The label of each word in these attributes.
    class_names: HashMap<&'a str, Option<usize>>,
    class_labels: Vec<Vec<usize>>,
}

impl<'a> PairReader<'_, '_, 'a> {
    fn doc(&self) -> &Doc<'a> {
        self.index.doc
    }

    /// Returns the number of a label; `None` if it has no words.
    fn label(&mut self, label: &str, words: Words, is_name: bool) -> Option<usize> {
        if words.is_empty() {
            return None;
        }
        let places = if is_name { &mut self.names } else { &mut self.words };
        if let Some(place) = places.get(words.plain()) {
            return Some(*place);
        }
        let next = self.labels.len();
        places.insert(words.plain().to_owned(), next);
        self.labels.push(Label { text: label.to_owned(), words, is_name, pairs: Vec::new() });
        Some(next)
    }

    /// Adds a pair whose label and value are nodes.
    fn add_nodes(&mut self, label: Id, value: Range<Id>, kind: PairKind) {
        let label = self.doc().folded_text(label);
        let text = self.index.text(&value);
        self.add(&label, value, &text, kind);
    }

    fn add(&mut self, label: &str, value: Range<Id>, text: &str, kind: PairKind) {
        let label = label.trim().trim_end_matches([':', '：', ' ', '.', '…', '?', '*', '=']);
        let has_words = label.contains(char::is_alphabetic);
        if !has_words
            || label.len() > LONGEST_LABEL
            || text.trim().is_empty()
            || text.len() > LONGEST_VALUE
        {
            return;
        }
        let Some(place) = self.label(label, Words::of_label(label), false) else { return };
        let text = text.trim().trim_start_matches([':', '：']).trim().to_owned();
        let unit = label.split_once(['(', '[']).and_then(|it| it.1.split([')', ']']).next());
        let unit = unit.map(str::trim).filter(|it| !it.is_empty()).map(str::to_owned);
        self.out.push(Pair { label: place, unit, value, text: Some(text), kind });
    }

    /// Reads the rows of a table: pairs of cells, and cells below the heading of their column.
    fn table(&mut self, table: Id) {
        let doc = self.index.doc;
        let rows = (table..doc.end(table))
            .filter(|it| doc.tag(*it) == Tag::Tr && !self.index.is_masked(*it));
        let mut heads: Vec<Id> = Vec::new();
        for (place, row) in rows.enumerate() {
            let cells: Vec<Id> =
                doc.children(row).filter(|it| matches!(doc.tag(*it), Tag::Td | Tag::Th)).collect();
            let all_heads = cells.len() > 1 && cells.iter().all(|it| doc.tag(*it) == Tag::Th);
            let in_head = || doc.tag(doc.node(row).parent) == Tag::Thead;
            if all_heads || (place == 0 && cells.len() > 1 && in_head()) {
                heads = cells;
                continue;
            }
            let cell = |at: usize| cells.get(at).map(|it| *it..doc.end(*it));
            if heads.len() == cells.len() {
                for at in 0..cells.len() {
                    if let (Some(value), Some(head)) = (cell(at), heads.get(at)) {
                        self.add_nodes(*head, value, PairKind::Column);
                    }
                }
            }
            match cells.len() {
                2 => self.row(&cells, 0),
                // The values of three columns are not each other's labels.
                4 | 6 if heads.is_empty() => {
                    let labels = cells.iter().step_by(2).all(|it| self.is_label_cell(*it));
                    for at in (0..cells.len()).step_by(2).filter(|_| labels) {
                        self.row(&cells, at);
                    }
                }
                _ => {}
            }
        }
    }

    fn row(&mut self, cells: &[Id], at: usize) {
        if let (Some(label), Some(value)) = (cells.get(at), cells.get(at + 1)) {
            self.add_nodes(*label, *value..self.doc().end(*value), PairKind::Row);
        }
    }

    fn is_label_cell(&self, cell: Id) -> bool {
        let text = self.doc().folded_text(cell);
        self.doc().tag(cell) == Tag::Th || !text.contains(|it: char| it.is_ascii_digit())
    }

    fn terms(&mut self, list: Id) {
        let doc = self.index.doc;
        // The entries may be wrapped in groups.
        let entries: Vec<Id> = (list + 1..doc.end(list))
            .filter(|it| matches!(doc.tag(*it), Tag::Dt | Tag::Dd))
            .collect();
        for (at, term) in entries.iter().enumerate().filter(|it| doc.tag(*it.1) == Tag::Dt) {
            let values = entries.iter().skip(at + 1).take_while(|it| doc.tag(**it) == Tag::Dd);
            let values: Vec<Id> = values.copied().collect();
            if let (Some(first), Some(last)) = (values.first(), values.last()) {
                self.add_nodes(*term, *first..doc.end(*last), PairKind::Term);
            }
        }
    }

    /// Reads an element that holds a short label and one value.
    fn beside(&mut self, id: Id) {
        let doc = self.index.doc;
        let node = doc.node(id);
        if node.text > LONGEST_VALUE || node.end - id > 400 {
            return;
        }
        let mut filled =
            doc.children(id).filter(|it| doc.node(*it).text > 0 && !self.index.is_masked(*it));
        let (Some(label), Some(value), None) = (filled.next(), filled.next(), filled.next()) else {
            return;
        };
        let is_short = |it: Id| doc.node(it).text <= LONGEST_LABEL;
        let prose = node.text > 200 && doc.tag(label) == Tag::Text;
        if is_short(label)
            && !prose
            && (!has_digits(doc, label) || is_word(&doc.folded_text(label)))
        {
            self.add_nodes(label, value..doc.end(value), PairKind::Beside);
        }
        // A number above its label, as in the figures of a company.
        if is_short(value)
            && has_digits(doc, label)
            && doc.node(label).text <= 40
            && !has_digits(doc, value)
        {
            self.add_nodes(value, label..doc.end(label), PairKind::Beside);
        }
    }

    fn heading(&mut self, id: Id) {
        let doc = self.index.doc;
        if !(2..=LONGEST_LABEL).contains(&doc.node(id).text) {
            return;
        }
        let value = section(doc, id);
        let label = doc.folded_text(id);
        let label = label.trim_end_matches(':');
        if value.is_empty() {
            return;
        }
        if let Some(label) = self.label(label, Words::of_label(label), false) {
            self.out.push(Pair { label, unit: None, value, text: None, kind: PairKind::Heading });
        }
    }

    /// Reads the lines of an address, without its links to a telephone or a mail program.
    fn address(&mut self, id: Id) {
        let value = id..self.doc().end(id);
        let lines = self.index.lines_in(&value).iter().map(|it| it.text.as_str());
        let lines: Vec<&str> = lines.filter(|it| !it.contains('@')).collect();
        self.add("address", value, &lines.join(", "), PairKind::Contact);
    }

    fn contact(&mut self, id: Id) {
        if self.doc().tag(id) != Tag::A {
            return;
        }
        let Some(target) = self.doc().attr(id, "href").map(str::trim) else { return };
        if !(target.starts_with("tel:") || target.starts_with("mailto:")) {
            return;
        }
        let value = id..self.doc().end(id);
        let shown = self.index.text(&value);
        if let Some(number) = target.strip_prefix("tel:") {
            let digits = |it: &str| it.bytes().filter(u8::is_ascii_digit).count();
            let text = if digits(&shown) >= 5 { shown } else { number.to_owned() };
            self.add("phone", value, &text, PairKind::Contact);
        } else if let Some(address) = target.strip_prefix("mailto:") {
            let address = address.split('?').next().unwrap_or_default();
            let text = if shown.contains('@') { shown } else { address.to_owned() };
            self.add("email", value, &text, PairKind::Contact);
        }
    }

    /// Reads the year in `The Last Firing (1987)`.
    fn title_year(&mut self) {
        let Some(heading) = self.index.heading else { return };
        let text = self.doc().folded_text(heading);
        let Some((_, behind)) = text.rsplit_once('(') else { return };
        let year = behind.trim_end().trim_end_matches(')').trim();
        if year.len() == 4 && year.bytes().all(|it| it.is_ascii_digit()) {
            self.add("year", heading..self.doc().end(heading), year, PairKind::Title);
        }
    }
}

/// Returns `true` for a word that has a number in it: `ISBN-13`.
fn is_word(text: &str) -> bool {
    text.chars().take_while(|it| it.is_alphabetic()).count() > 2
        && !text.contains(char::is_whitespace)
}

fn has_digits(doc: &Doc<'_>, id: Id) -> bool {
    (id..doc.end(id))
        .filter_map(|it| doc.text(it))
        .any(|it| it.bytes().any(|it| it.is_ascii_digit()))
}

/// Returns the nodes below a heading, up to the next heading of its level.
pub(crate) fn section(doc: &Doc<'_>, heading: Id) -> Range<Id> {
    const AROUND: usize = 3;
    let level = doc.tag(heading).level().unwrap_or(7);
    // A heading may be alone in an element of its own.
    let text = doc.node(heading).text;
    let alone = |it: &Id| doc.node(*it).text <= text + 1 && doc.tag(*it) != Tag::Body;
    let top = doc.around(heading).take(AROUND).take_while(alone).last().unwrap_or(heading);
    let start = doc.end(top);
    let parent = doc.node(top).parent;
    let opens = |it: Id| {
        let begins = it..doc.end(it).min(it + 4);
        begins.into_iter().any(|it| doc.tag(it).level().is_some_and(|it| it <= level))
    };
    let next = doc
        .siblings_after(top)
        .find(|it| opens(*it) || (level == 7 && doc.tag(*it) == Tag::Summary));
    start..next.unwrap_or(doc.end(parent)).max(start)
}
