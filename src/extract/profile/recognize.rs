//! Recognizes the kind of a page that declares none.
//!
//! Each kind needs two signs that do not follow from each other. A page with fewer has no profile.

use serde_json::json;

use crate::core::request::Profile;
use crate::extract::data::facts::Facts;
use crate::extract::data::page_kind::PageKind;
use crate::extract::dom::doc::Doc;
use crate::extract::fill::labeled;
use crate::extract::page_index::{LazyIndex, PageIndex, Words};
use crate::extract::value::date::{DateStyle, day_in};

use super::{faq, product, recipe};

/// Questions that make a page one of questions.
const QUESTIONS: usize = 3;
/// Fields of a product in a schema that is plainly about one, so that any price on the page counts.
const PLAIN: usize = 4;
/// Bytes of a line that invites to apply for a position or to buy a ticket.
const INVITATION: usize = 40;

/// Returns the profile that a schema asks for by its fields, if the page shows the thing.
pub(super) fn asked(
    doc: &Doc<'_>,
    page: &LazyIndex<'_, '_>,
    facts: &Facts,
    names: &[String],
) -> Option<Profile> {
    const PRODUCT: [&str; 8] =
        ["price", "sku", "gtin", "brand", "availability", "currency", "ean", "instock"];
    const RECIPE: [&str; 4] = ["ingredients", "instructions", "directions", "steps"];
    let count = |of: &[&str]| of.iter().filter(|it| names.iter().any(|name| name == *it)).count();
    if count(&RECIPE) >= 2 && recipe::shows_sections(doc) {
        return Some(Profile::Recipe);
    }
    let products = count(&PRODUCT);
    let sells = || {
        facts.kind == PageKind::Product || product::has_cart(doc) || {
            let prices = page.prices_of(doc, facts.heading_at);
            let marked = prices.is_marked || products >= PLAIN;
            marked && prices.current.is_some_and(|it| it.currency.is_some())
        }
    };
    (products >= 3 && sells()).then_some(Profile::Product)
}

/// Returns the profile of a page without structured data.
pub(super) fn profile(doc: &Doc<'_>, page: &LazyIndex<'_, '_>, facts: &Facts) -> Profile {
    if facts.kind == PageKind::Discussion {
        return Profile::Auto;
    }
    if recipe::is_shown(doc) {
        return Profile::Recipe;
    }
    let index = page.get();
    if is_position(index) {
        return Profile::JobPosting;
    }
    if is_event(index) {
        return Profile::Event;
    }
    let is_marked = || page.prices_of(doc, facts.heading_at).is_marked;
    if facts.heading_at.is_some() && product::has_cart(doc) && is_marked() {
        return Profile::Product;
    }
    if names_questions(facts) && faq::questions(page.doc, page.boilerplate).len() >= QUESTIONS {
        return Profile::Faq;
    }
    Profile::Auto
}

/// Returns `true` if two signs say that a page offers a position: headings, an invitation to apply, a kind of
/// employment or `(m/f/d)`, a salary, a deadline.
fn is_position(page: &PageIndex<'_, '_>) -> bool {
    let concept = |it: &str| {
        page.labels().iter().any(|label| !label.is_name && label.words.concept() == Some(it))
    };
    let title = page.heading.map(|it| page.doc.lower_text(it)).unwrap_or_default();
    let genders = ["(m/", "(w/", "(f/", "(h/", "(all genders", "(d/", "m/w/d", "m/f/d", "h/f"];
    let text = json!({ "type": "string" });
    let signs = [
        concept("responsibility"),
        concept("requirement"),
        concept("benefit"),
        concept("employment type")
            || page.lines.iter().any(|it| it.text.len() < 200 && names_employment(&it.text)),
        genders.iter().any(|it| title.contains(it)),
        labeled(page, "salary", &text).is_some(),
        labeled(page, "deadline", &json!({ "type": "string", "format": "date" })).is_some(),
    ];
    signs.iter().filter(|it| **it).count() >= 3
}

fn names_employment(text: &str) -> bool {
    text.split(['·', '|', '•', ',']).any(|it| {
        it.len() < INVITATION
            && matches!(
                Words::of_label(it).concept(),
                Some("full time" | "part time" | "permanent")
            )
    })
}

/// Returns `true` if a page says when and where something takes place.
fn is_event(page: &PageIndex<'_, '_>) -> bool {
    let text = json!({ "type": "string" });
    let style = DateStyle::of(page.language);
    let when = ["when", "start_date"]
        .iter()
        .any(|it| labeled(page, it, &text).is_some_and(|it| day_in(&it.text, style).is_some()));
    let by_date =
        || labeled(page, "date", &text).is_some_and(|it| day_in(&it.text, style).is_some());
    let place = ["venue", "location"].iter().any(|it| labeled(page, it, &text).is_some());
    let entry =
        labeled(page, "admission", &text).is_some() || labeled(page, "organizer", &text).is_some();
    (when && (place || entry)) || (by_date() && place && entry)
}

/// Returns `true` if a page calls itself one of questions.
fn names_questions(facts: &Facts) -> bool {
    let title = [facts.title.as_deref(), facts.heading.as_deref(), facts.declared.title.as_deref()];
    title.into_iter().flatten().any(|it| {
        let it = it.to_lowercase();
        ["faq", "question", "frage", "pregunta", "q&a", "domande", "vragen", "foire aux"]
            .iter()
            .any(|word| it.contains(word))
    })
}
