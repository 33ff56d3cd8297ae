//! Indexes what a page shows, for schemas and profiles that its structured data does not fill.
//!
//! [`pairs`] finds labels with their values, [`records`] the structures that repeat, [`prices`] the price that a page
//! shows. Each candidate keeps its place in the page. Nothing here knows a schema.
//!
//! # Invariants
//!
//! * Menus, footers, forms and hidden parts contain no candidate, except links to a telephone or a mail program.
//! * Bounded: at most [`MAX_PAIRS`] pairs and [`MAX_SETS`] sets of records, whatever the page contains.

mod lines;
mod pairs;
mod place;
mod prices;
mod records;
mod words;

use std::borrow::Cow;
use std::cell::OnceCell;
use std::ops::Range;
use std::rc::Rc;

use crate::extract::dom::address::Base;
use crate::extract::dom::doc::{Doc, Id};
use crate::extract::dom::tag::Tag;
use crate::extract::main_content::{Boilerplate, BoilerplateMap};

pub(crate) use self::lines::{Line, lines};
pub(crate) use self::pairs::{Pair, PairKind};
pub(crate) use self::place::css_path;
pub(crate) use self::prices::VisiblePrices;
pub(crate) use self::records::RecordSet;
pub(crate) use self::words::{HeadPlace, Words, tokens};

/// Pairs kept of a page.
const MAX_PAIRS: usize = 20_000;
/// Sets of records kept of a page.
const MAX_SETS: usize = 200;

/// See the module.
#[derive(Debug)]
pub(crate) struct PageIndex<'d, 'a> {
    pub(crate) doc: &'d Doc<'a>,
    pub(crate) base: &'d Base,
    /// By node: `true` if it is no content.
    masked: Vec<bool>,
    /// The lines of the content, in order.
    pub(crate) lines: Vec<Line>,
    /// The pairs, in the order of their values.
    pairs: Vec<Pair>,
    /// The different labels.
    labels: Vec<Label>,
    sets: OnceCell<Vec<RecordSet>>,
    prices: Rc<OnceCell<VisiblePrices>>,
    /// The node of the heading that names the page.
    pub(crate) heading: Option<Id>,
    /// The language of the page.
    pub(crate) language: Option<&'d str>,
}

impl<'d, 'a> PageIndex<'d, 'a> {
    /// Reads a page as its reader sees it.
    pub(crate) fn of(
        doc: &'d Doc<'a>,
        boilerplate: &BoilerplateMap,
        base: &'d Base,
        heading: Option<Id>,
        language: Option<&'d str>,
        prices: Rc<OnceCell<VisiblePrices>>,
    ) -> Self {
        let masked = masked(doc, boilerplate);
        let lines = lines::lines(doc, &masked);
        let mut index = Self {
            doc,
            base,
            masked,
            lines,
            pairs: Vec::new(),
            labels: Vec::new(),
            sets: OnceCell::new(),
            prices,
            heading,
            language,
        };
        (index.pairs, index.labels) = pairs::find(&index);
        index
    }

    /// Returns the structures that repeat, found when they are first needed.
    pub(crate) fn sets(&self) -> &[RecordSet] {
        self.sets.get_or_init(|| records::find(self))
    }

    /// Returns the prices that the page shows, read when they are first needed.
    pub(crate) fn prices(&self) -> &VisiblePrices {
        self.prices.get_or_init(|| VisiblePrices::of(self.doc, self.heading.unwrap_or(0)))
    }

    /// Returns the different labels of the page.
    pub(crate) fn labels(&self) -> &[Label] {
        &self.labels
    }

    /// Returns the pairs of a label whose values are in a range, in order.
    pub(crate) fn labeled(&self, label: usize, range: &Range<Id>) -> impl Iterator<Item = &Pair> {
        let all = self.labels.get(label).map(|it| it.pairs.as_slice()).unwrap_or_default();
        let start = |it: &usize| self.pairs.get(*it).map_or(0, |it| it.value.start);
        let from = all.partition_point(|it| start(it) < range.start);
        let to = all.partition_point(|it| start(it) < range.end);
        all.get(from..to).unwrap_or_default().iter().filter_map(|it| self.pairs.get(*it))
    }

    /// Returns the label of a pair as the page writes it.
    pub(crate) fn label(&self, pair: &Pair) -> Option<String> {
        self.labels.get(pair.label).map(|it| it.text.clone())
    }

    /// Returns the text of a pair's value.
    pub(crate) fn value_text(&self, pair: &Pair) -> String {
        pair.text.clone().unwrap_or_else(|| self.text(&pair.value))
    }

    /// Returns the range of the whole content.
    pub(crate) fn whole(&self) -> Range<Id> {
        self.doc.body()..self.doc.end(self.doc.body())
    }

    /// Returns `true` if a node is no content.
    pub(crate) fn is_masked(&self, id: Id) -> bool {
        self.masked.get(id).copied().unwrap_or(true)
    }

    /// Returns the lines that begin in a range.
    pub(crate) fn lines_in(&self, range: &Range<Id>) -> &[Line] {
        let from = self.lines.partition_point(|it| it.range.start < range.start);
        let to = self.lines.partition_point(|it| it.range.start < range.end);
        self.lines.get(from..to).unwrap_or_default()
    }

    /// Returns the visible text of a range on one line.
    pub(crate) fn text(&self, range: &Range<Id>) -> String {
        lines::text(self.doc, range, |it| self.doc.node(it).hidden)
    }

    /// Returns the order of words in the language of the page.
    pub(crate) fn head_place(&self) -> HeadPlace {
        let code = self.language.unwrap_or_default().split(['-', '_']).next().unwrap_or_default();
        match code.to_ascii_lowercase().as_str() {
            "" | "en" | "da" | "nl" | "no" | "sv" => HeadPlace::Last,
            _ => HeadPlace::Either,
        }
    }
}

/// The index of a page, made when it is first needed.
#[derive(Debug)]
pub(crate) struct LazyIndex<'d, 'a> {
    pub(crate) doc: &'d Doc<'a>,
    pub(crate) boilerplate: &'d BoilerplateMap,
    base: &'d Base,
    heading: Option<Id>,
    language: Option<&'d str>,
    prices: Rc<OnceCell<VisiblePrices>>,
    made: OnceCell<PageIndex<'d, 'a>>,
}

impl<'d, 'a> LazyIndex<'d, 'a> {
    /// Takes what an index is made from.
    pub(crate) fn new(
        doc: &'d Doc<'a>,
        boilerplate: &'d BoilerplateMap,
        base: &'d Base,
        heading: Option<Id>,
        language: Option<&'d str>,
    ) -> Self {
        let prices = Rc::default();
        Self { doc, boilerplate, base, heading, language, prices, made: OnceCell::new() }
    }

    /// Returns the index.
    pub(crate) fn get(&self) -> &PageIndex<'d, 'a> {
        self.made.get_or_init(|| {
            let prices = Rc::clone(&self.prices);
            let (doc, boilerplate) = (self.doc, self.boilerplate);
            PageIndex::of(doc, boilerplate, self.base, self.heading, self.language, prices)
        })
    }

    /// Returns the prices of a document with its heading; those of the page itself are read once.
    pub(crate) fn prices_of(&self, doc: &Doc<'_>, heading: Option<Id>) -> Cow<'_, VisiblePrices> {
        if std::ptr::eq(doc, self.doc) && heading == self.heading {
            let read = || VisiblePrices::of(doc, heading.unwrap_or(0));
            return Cow::Borrowed(self.prices.get_or_init(read));
        }
        Cow::Owned(VisiblePrices::of(doc, heading.unwrap_or(0)))
    }
}

/// A label and the pairs that have it.
#[derive(Debug)]
pub(crate) struct Label {
    /// The label as the page writes it.
    pub(crate) text: String,
    pub(crate) words: Words,
    /// `true` if it is the name of an element, which the reader does not see.
    pub(crate) is_name: bool,
    pairs: Vec<usize>,
}

/// Marks the nodes that are no content.
fn masked(doc: &Doc<'_>, boilerplate: &BoilerplateMap) -> Vec<bool> {
    let body = doc.body();
    let mut masked = vec![true; doc.len()];
    let mut at = body;
    while at < doc.end(body) {
        let node = doc.node(at);
        let leads = boilerplate.of_node(at) == Boilerplate::Likely && node.linked * 2 > node.text;
        let frames =
            (boilerplate.of_node(at) == Boilerplate::Certain || leads) && !holds_most(doc, at);
        let asks = matches!(node.tag, Tag::Label | Tag::Legend | Tag::Option | Tag::Figcaption);
        if at > body && (node.hidden || frames || asks && is_in_form(doc, at)) {
            at = node.end;
            continue;
        }
        masked[at] = false;
        at += 1;
    }
    masked
}

/// Returns `true` if an element holds nearly all of the page's text, so that its name must be wrong.
fn holds_most(doc: &Doc<'_>, id: Id) -> bool {
    const PERCENT: usize = 85;
    let node = doc.node(id);
    node.linked * 2 < node.text && node.text * 100 > doc.node(doc.body()).text * PERCENT
}

fn is_in_form(doc: &Doc<'_>, id: Id) -> bool {
    doc.around(id).any(|it| doc.tag(it) == Tag::Form)
}
