//! Finds the main content of a page.
//!
//! First one part of the page is chosen ([`choose`]), then the boilerplate inside it is dropped
//! ([`trim`], [`phrases`], [`stories`], [`teasers`]), then what is left around it ([`ending`]), and last the
//! paragraphs that lead to the part are added ([`lead`]). What counts as boilerplate depends on the kind of
//! the page.

mod boilerplate;
mod choose;
mod ending;
mod evidence;
mod explain;
mod lead;
mod phrases;
mod repetition;
mod stories;
mod teasers;
mod trim;

use crate::extract::data::facts::Facts;
use crate::extract::dom::doc::Doc;
use crate::extract::dom::selection::Selection;

pub(super) use self::boilerplate::{Boilerplate, BoilerplateMap};
pub(super) use self::explain::parts;
pub(super) use self::phrases::is_sentence;

/// Bytes of a choice that can be trusted.
const ENOUGH: usize = 250;
/// The least share of the page's text that it needs as well: a fifth.
const SHARE: usize = 5;

/// Returns one part of the page less its boilerplate, or the whole page if no part stands out.
pub(super) fn find<'d, 'a>(
    doc: &'d Doc<'a>,
    boilerplate: &BoilerplateMap,
    facts: &Facts,
    warnings: &mut Vec<String>,
) -> Selection<'d, 'a> {
    let body = doc.body();
    let chosen = choose::choose(doc, body, facts.kind).unwrap_or(body);
    let (part, whole) = (doc.node(chosen).text, doc.node(body).text);
    let is_little =
        part < ENOUGH || part * SHARE < whole && !choose::holds_prose(doc, body, chosen);
    let root = if chosen != body && is_little {
        warnings.push(
            "no part of the page stands out as its main content; the whole page was extracted"
                .to_owned(),
        );
        body
    } else {
        chosen
    };
    let mut selection = trim::without_boilerplate(doc, boilerplate, facts, root);
    if let Some(body) = choose::named_body(&selection) {
        selection.root = body;
    }
    lead::add_leads(&mut selection, boilerplate, facts);
    warnings.extend(explain::warning(&selection));
    selection
}
