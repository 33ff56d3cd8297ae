//! Drops the boilerplate inside the part that holds the content.
//!
//! Every rule looks at the part itself: its links, its controls, its position, its repetition. Words (a
//! class, a heading) only select the parts to look at. Prose inside the flow of the text always stays.

use std::collections::HashMap;

use super::evidence::{Evidence, Flow};
use super::{choose, ending, phrases, repetition, stories, teasers};
use crate::extract::data::facts::Facts;
use crate::extract::data::page_kind::PageKind;
use crate::extract::dom::doc::{Doc, Id};
use crate::extract::dom::selection::{DropRule, Selection};
use crate::extract::dom::tag::Tag;
use crate::extract::main_content::{Boilerplate, BoilerplateMap};

/// Bytes of a story; comments below one are not its content.
const STORY: usize = 2_000;
/// Nodes beside a label among which its control is.
const NEAR: usize = 8;
/// Bytes of a box that asks for consent.
const CONSENT: usize = 2_000;
/// Elements around a list of comments among which its box is.
const AROUND: usize = 6;
/// Bytes of the heading and the form in a box of comments.
const COMMENT_FORM: usize = 600;
/// Bytes of a line above a page's heading that does not belong to the content.
pub(super) const LINE: usize = 140;
/// Bytes of a line that is nothing but a link.
const LONE_LINK: usize = 50;
/// Bytes of a product description that is kept although more was dropped.
const FEW_LINES: usize = 500;
/// Bytes of text that is kept even in boilerplate by name, if hardly any of it is linked.
const PROSE: usize = 800;
/// Percent of the text of a part that must be left; with less, dropping went wrong.
const LEFT: usize = 10;

// Shares in percent, tuned like the bytes above with the pages of docs/QUALITY.md.

/// The text of a page that an element may hold and still be boilerplate by its class.
const MINOR: usize = 40;
/// The text of a page that a form or a list of links may hold.
const SMALL: usize = 20;
/// The linked text from which on prose in boilerplate is a menu after all.
const HARDLY_LINKED: usize = 5;
/// The linked text of a page with many links, of a page that is a list of links, of a list of links, and
/// of a line that is only a link.
const MANY_LINKS: usize = 35;
const LIST_OF_LINKS: usize = 50;
const MOSTLY_LINKED: usize = 70;
const ONLY_LINKED: usize = 90;

/// Links of a cloud of tags, and bytes of each.
const CLOUD: usize = 20;
const TAG: usize = 24;
/// Items of one class that make a list.
const ITEMS: usize = 2;
/// Links that make a list.
const LINKS: usize = 3;
/// The share of the text above a page's heading at most; with more, the heading stands elsewhere.
const ABOVE: usize = 3;

/// Returns a part of the page without boilerplate.
///
/// Words are only a hint: the element with most of the text is the content, whatever its name. If next to
/// nothing would be left, only certain boilerplate is dropped.
pub(super) fn without_boilerplate<'d, 'a>(
    doc: &'d Doc<'a>,
    boilerplate: &BoilerplateMap,
    facts: &Facts,
    root: Id,
) -> Selection<'d, 'a> {
    let kind = facts.kind;
    let total = doc.node(root).text;
    let enough = |selection: &Selection<'_, '_>| is_at_least(selection.length(), total, LEFT);
    let flow = Flow::of(doc, root);
    let mut selection = Selection::whole(doc, root);
    drop_boilerplate(&mut selection, boilerplate, &flow, kind);
    if kind != PageKind::Discussion {
        drop_comments(&mut selection);
    }
    phrases::drop_sections(&mut selection, &flow, kind);
    // On a page that is mostly links they are the content, unless it sells one thing.
    if kind == PageKind::Product || !is_at_least(doc.node(root).linked, total, LIST_OF_LINKS) {
        drop_link_lists(&mut selection, &flow, total);
    }
    if kind == PageKind::Other {
        stories::drop_stories(&mut selection, &flow, facts);
        teasers::drop_teasers(&mut selection, &flow, facts);
    }
    drop_above_heading(&mut selection);
    drop_lone_links(&mut selection, &flow, kind);
    phrases::drop_invitations(&mut selection, &flow);
    let has_details = facts.author.is_some() || facts.published_at.is_some();
    // Galleries are looked for in all lines, notes only at the end.
    let may_have_galleries = kind == PageKind::Other && has_image(doc, root);
    let mut lines = match () {
        () if has_details || may_have_galleries => repetition::lines_of(&selection),
        () if kind == PageKind::Other => repetition::last_lines_of(&selection),
        () => Vec::new(),
    };
    repetition::drop_details(&mut selection, &mut lines, facts);
    match kind {
        PageKind::Product => repetition::drop_repeated(&mut selection, kind),
        PageKind::Discussion => {
            repetition::drop_repeated(&mut selection, kind);
            repetition::drop_labels(&mut selection);
        }
        PageKind::Other => {
            if may_have_galleries {
                repetition::drop_galleries(&mut selection, &mut lines);
            }
            ending::drop_notes(&mut selection, &lines, facts);
        }
    }
    ending::drop_advertisements(&mut selection);
    ending::drop_empty_sections(&mut selection);
    if kind == PageKind::Other {
        ending::drop_leftovers(&mut selection);
    }
    // The description of a product is often short beside its reviews.
    if enough(&selection) || (kind == PageKind::Product && selection.length() >= FEW_LINES) {
        return selection;
    }
    let mut selection = Selection::whole(doc, root);
    drop_where(&mut selection, DropRule::Role, |it| {
        boilerplate.of_node(it) == Boilerplate::Certain && !flow.holds(it)
    });
    drop_above_heading(&mut selection);
    if enough(&selection) { selection } else { Selection::whole(doc, root) }
}

/// Returns `true` if `part` is at least `percent` percent of `whole`.
fn is_at_least(part: usize, whole: usize, percent: usize) -> bool {
    part * 100 >= whole * percent
}

pub(super) fn is_minor(text: usize, total: usize) -> bool {
    !is_at_least(text, total, MINOR)
}

/// Drops every element that `drops` selects, and does not look into it.
pub(super) fn drop_where(
    selection: &mut Selection<'_, '_>,
    rule: DropRule,
    mut drops: impl FnMut(Id) -> bool,
) {
    let mut at = selection.root + 1;
    while at < selection.doc.end(selection.root) {
        if selection.is_dropped(at) {
            at = selection.doc.end(at);
        } else if drops(at) {
            selection.drop_node(at, rule);
            at = selection.doc.end(at);
        } else {
            at += 1;
        }
    }
}

fn drop_boilerplate(
    selection: &mut Selection<'_, '_>,
    boilerplate: &BoilerplateMap,
    flow: &Flow,
    kind: PageKind,
) {
    let doc = selection.doc;
    let total = doc.node(selection.root).text;
    let first = first_paragraph(selection);
    let body = doc.body();
    let mut at = selection.root + 1;
    while at < doc.end(selection.root) {
        let rule = if selection.is_dropped(at) {
            None
        } else if is_form(doc, at, total) {
            Some(DropRule::Form)
        } else if doc.node(at).parent == body && asks_consent(doc, at, total) {
            Some(DropRule::Role)
        } else {
            let named = boilerplate.of_node(at);
            let part =
                Part { doc, id: at, total, in_flow: flow.holds(at), leads: at < first, kind };
            part.rule(named)
        };
        if let Some(rule) = rule {
            selection.drop_node(at, rule);
        }
        at = if selection.is_dropped(at) { doc.end(at) } else { at + 1 };
    }
}

/// Drops the comments of readers below a story, with what stands around them in their box.
fn drop_comments(selection: &mut Selection<'_, '_>) {
    let doc = selection.doc;
    let root = selection.root;
    let comments = choose::comments(doc, root);
    let said: usize = comments.iter().map(|it| doc.node(*it).text).sum();
    if doc.node(root).text - said < STORY {
        return;
    }
    // The end of what was dropped last, and the list that was looked at last.
    let (mut end, mut list) = (root, (root, false));
    for comment in comments {
        if comment < end || selection.is_dropped(comment) {
            continue;
        }
        let parent = doc.node(comment).parent;
        if list.0 != parent {
            list = (parent, holds_only_comments(doc, parent, comment));
        }
        // The box around the list: it grows by no more than a heading and a form.
        let mut part = comment;
        if list.1 && parent != root && !has_heading(doc, parent) {
            part = parent;
            for around in doc.around(parent).skip(1).take(AROUND).take_while(|it| *it != root) {
                let grows = doc.node(around).text - doc.node(part).text;
                if grows > COMMENT_FORM || has_heading(doc, around) {
                    break;
                }
                part = around;
            }
        }
        selection.drop_node(part, DropRule::Comments);
        end = doc.end(part);
    }
}

/// Returns `true` if most of the text of an element is in items like one of them.
fn holds_only_comments(doc: &Doc<'_>, list: Id, comment: Id) -> bool {
    let class = doc.attr(comment, "class").and_then(|it| it.split_ascii_whitespace().next());
    let is_like =
        |it: &Id| doc.attr(*it, "class").and_then(|it| it.split_ascii_whitespace().next()) == class;
    let said: usize = doc.children(list).filter(is_like).map(|it| doc.node(it).text).sum();
    doc.node(list).text - said <= COMMENT_FORM
}

/// Returns the first paragraph of a selection, or its end.
fn first_paragraph(selection: &Selection<'_, '_>) -> Id {
    let doc = selection.doc;
    let is_paragraph = |it: &Id| {
        let node = doc.node(*it);
        node.tag.is_block() && !node.has_block && node.text - node.linked >= LINE / 2
    };
    selection.nodes().find(is_paragraph).unwrap_or(doc.end(selection.root))
}

/// A part with a name, and its position.
struct Part<'d, 'a> {
    doc: &'d Doc<'a>,
    id: Id,
    /// Bytes of text of the whole choice.
    total: usize,
    in_flow: bool,
    /// `true` above the first paragraph.
    leads: bool,
    kind: PageKind,
}

impl Part<'_, '_> {
    /// Returns the rule that drops the part.
    fn rule(&self, named: Boilerplate) -> Option<DropRule> {
        let (doc, kind) = (self.doc, self.kind);
        let node = doc.node(self.id);
        let text = node.text;
        let drops = match named {
            Boilerplate::None => false,
            Boilerplate::Certain => {
                let leads = matches!(node.tag, Tag::Nav | Tag::Menu) || self.has_role();
                return (leads || !self.in_flow && !self.is_cited() || self.is_evident())
                    .then_some(DropRule::Role);
            }
            // A part of a sentence, of a table or of a list of terms is what its surroundings are.
            _ if !is_box(node.tag) => false,
            Boilerplate::Likely | Boilerplate::Details => {
                is_minor(text, self.total) && {
                    let is_prose = text >= PROSE && !is_at_least(node.linked, text, HARDLY_LINKED);
                    (!self.in_flow && !is_prose) || self.is_evident() || self.is_byline(named)
                }
            }
            Boilerplate::Control => text < LINE && (!self.in_flow || self.is_evident()),
            // Below a story comments are boilerplate; without one they are the content.
            Boilerplate::Discussion => {
                let below = kind != PageKind::Discussion && self.total - text >= STORY;
                return (below && (!self.in_flow || self.is_evident() || repeats(doc, self.id)))
                    .then_some(DropRule::Comments);
            }
            Boilerplate::Reviews => {
                kind == PageKind::Product
                    && !has_heading(doc, self.id)
                    && (!self.in_flow || self.is_evident() || repeats(doc, self.id))
            }
            Boilerplate::Offers => {
                kind == PageKind::Product
                    && is_minor(text, self.total)
                    && !has_heading(doc, self.id)
                    && (!self.in_flow || self.is_evident())
            }
        };
        drops.then_some(DropRule::Named)
    }

    fn is_evident(&self) -> bool {
        let evidence = Evidence::of(self.doc, self.id);
        evidence.leads_elsewhere() || evidence.asks()
    }

    /// Returns `true` for a short line with the author or the date above the first paragraph.
    fn is_byline(&self, named: Boilerplate) -> bool {
        named == Boilerplate::Details
            && self.leads
            && self.doc.node(self.id).text < LINE
            && !phrases::is_sentence(&self.doc.folded_text(self.id))
    }

    /// Returns `true` if the role of an element is to lead elsewhere, wherever it stands.
    fn has_role(&self) -> bool {
        let role = self.doc.attr(self.id, "role").unwrap_or_default();
        matches!(role, "navigation" | "banner" | "dialog")
    }

    /// Returns `true` for the source below a quote.
    fn is_cited(&self) -> bool {
        let parent = self.doc.tag(self.doc.node(self.id).parent);
        matches!(parent, Tag::Blockquote | Tag::Figure)
    }
}

/// Returns `true` if an element may be boilerplate by its class.
fn is_box(tag: Tag) -> bool {
    matches!(
        tag,
        Tag::Address
            | Tag::Div
            | Tag::Figure
            | Tag::Form
            | Tag::Header
            | Tag::Li
            | Tag::Ol
            | Tag::Other
            | Tag::P
            | Tag::Section
            | Tag::Table
            | Tag::Ul
    )
}

/// Returns `true` if a part holds several items of one class, as a list of comments does.
fn repeats(doc: &Doc<'_>, id: Id) -> bool {
    let mut parent = id;
    // The wrappers around the list.
    loop {
        let mut parts = doc.children(parent).filter(|it| doc.node(*it).text > 0);
        match (parts.next(), parts.next()) {
            (Some(only), None) if doc.tag(only) != Tag::Text => parent = only,
            _ => break,
        }
    }
    let mut seen: HashMap<(Tag, Option<&str>), usize> = HashMap::new();
    doc.children(parent).filter(|it| doc.tag(*it).is_block()).any(|it| {
        let count = seen.entry((doc.tag(it), doc.attr(it, "class"))).or_default();
        *count += 1;
        *count >= ITEMS
    })
}

/// Returns `true` if a part is a form to fill in. A page may be one form around everything, and a program
/// may wrap each post in a form without inputs.
fn is_form(doc: &Doc<'_>, id: Id, total: usize) -> bool {
    let node = doc.node(id);
    let asks = |it: Id| match doc.tag(it) {
        Tag::Select | Tag::Textarea => true,
        Tag::Input => {
            !matches!(doc.attr(it, "type"), Some("hidden" | "submit" | "button" | "image"))
        }
        _ => false,
    };
    match node.tag {
        Tag::Label => node.text < LINE && !node.has_parts && labels_control(doc, id),
        Tag::Form => !is_at_least(node.text, total, SMALL) && (id..node.end).any(asks),
        _ => false,
    }
}

/// Returns `true` if a box at the edge of the page, a child of its body, asks for consent to cookies: it speaks
/// of them and has a control.
fn asks_consent(doc: &Doc<'_>, id: Id, total: usize) -> bool {
    let node = doc.node(id);
    let is_edge = matches!(node.tag, Tag::Div | Tag::Section | Tag::Aside | Tag::Form)
        && (1..CONSENT).contains(&node.text)
        && !is_at_least(node.text, total, MINOR)
        && !has_heading(doc, id);
    is_edge
        && (id..node.end).any(|it| matches!(doc.tag(it), Tag::Button | Tag::Input))
        && doc.lower_text(id).contains("cookie")
}

/// Returns `true` if a label belongs to a control. The label of a checkbox that unfolds the part behind it is
/// the heading of that part.
fn labels_control(doc: &Doc<'_>, id: Id) -> bool {
    let is_control =
        |it: Id| matches!(doc.tag(it), Tag::Input | Tag::Select | Tag::Textarea | Tag::Button);
    if (id..doc.end(id)).any(is_control) {
        return true;
    }
    let parent = doc.node(id).parent;
    let next = doc.siblings_after(id).take(NEAR).find(|it| doc.text(*it).is_none());
    let unfolds = next.is_some_and(|it| doc.tag(it).is_block() && doc.node(it).text > 0);
    let in_form = doc.around(id).any(|it| doc.tag(it) == Tag::Form);
    let beside = (id.saturating_sub(NEAR)..id).chain(doc.siblings_after(id).take(NEAR));
    let mut beside = beside.filter(|it| doc.node(*it).parent == parent);
    !unfolds && (in_form || beside.any(is_control))
}

/// Returns `true` if a part holds the page's heading.
pub(super) fn has_heading(doc: &Doc<'_>, id: Id) -> bool {
    (id..doc.end(id)).any(|it| doc.tag(it) == Tag::H1)
}

fn has_table(doc: &Doc<'_>, id: Id) -> bool {
    let node = doc.node(id);
    node.has_table || matches!(node.tag, Tag::Table)
}

pub(super) fn has_image(doc: &Doc<'_>, id: Id) -> bool {
    (id..doc.end(id)).any(|it| doc.tag(it) == Tag::Img)
}

/// Drops lists of links among text.
fn drop_link_lists(selection: &mut Selection<'_, '_>, flow: &Flow, total: usize) {
    let doc = selection.doc;
    drop_where(selection, DropRule::Links, |at| {
        let node = doc.node(at);
        if flow.holds(at) {
            return false;
        }
        let block =
            matches!(node.tag, Tag::Div | Tag::Ul | Tag::Ol | Tag::Section | Tag::Table | Tag::Dl);
        block && node.text > 0 && is_at_least(node.linked, node.text, MOSTLY_LINKED) && {
            let links = (at..node.end).filter(|it| doc.tag(*it) == Tag::A).count();
            let is_cloud = links >= CLOUD && node.text < links * TAG;
            links >= LINKS && (is_cloud || !is_at_least(node.text, total, SMALL))
        }
    });
}

/// Drops the lines above the page's heading: breadcrumbs, offers, logins. A paragraph there is a lead and
/// stays.
fn drop_above_heading(selection: &mut Selection<'_, '_>) {
    let doc = selection.doc;
    let Some(heading) = selection.nodes().find(|it| {
        let node = doc.node(*it);
        node.tag == Tag::H1 && node.text > 0
    }) else {
        return;
    };
    let total = doc.node(selection.root).text;
    let above: usize = (selection.root..heading)
        .filter(|it| doc.text(*it).is_some())
        .map(|it| doc.node(it).text)
        .sum();
    if above * ABOVE > total {
        return;
    }
    let in_table = |it: Id| doc.around(it).any(|it| doc.tag(it) == Tag::Table);
    drop_where(selection, DropRule::AboveHeading, |at| {
        let node = doc.node(at);
        node.end <= heading
            && node.text > 0
            && node.text < LINE
            && node.tag != Tag::Text
            && !has_image(doc, at)
            && (node.linked > 0
                || !phrases::is_sentence(&doc.folded_text(at))
                    && !in_table(at)
                    && !has_table(doc, at))
    });
}

/// Drops lines that are only a short link, which the reader is to press next. In a list of links, in a
/// table or on a page of links they are the content, unless the page sells a thing.
fn drop_lone_links(selection: &mut Selection<'_, '_>, flow: &Flow, kind: PageKind) {
    let doc = selection.doc;
    let page = doc.node(doc.body());
    let sells = kind == PageKind::Product;
    if !sells && is_at_least(page.linked, page.text, MANY_LINKS) {
        return;
    }
    drop_where(selection, DropRule::Invitation, |at| {
        let node = doc.node(at);
        if node.text == 0 || node.has_block || flow.holds(at) {
            return false;
        }
        if sells {
            return node.tag.is_block() && is_at_least(node.linked, node.text, MOSTLY_LINKED);
        }
        matches!(node.tag, Tag::Div | Tag::P)
            && node.text < LONE_LINK
            && is_at_least(node.linked, node.text, ONLY_LINKED)
            && !doc.around(at).any(|it| matches!(doc.tag(it), Tag::Li | Tag::Table))
    });
}
