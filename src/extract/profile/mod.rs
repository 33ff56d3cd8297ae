//! Profiles: for each kind of page, flat fields filled from wherever the page has them.
//!
//! Structured data has most of them, in many forms; the rest is read from the page itself by rules that
//! hold for every site.

mod article;
mod catalog;
mod event;
mod faq;
mod job;
mod product;
mod recipe;
mod recognize;

use crate::core::request::Profile;
use crate::extract::data::facts::Facts;
use crate::extract::data::property::PropertyContext;
use crate::extract::data::schema_org::profile_of;
use crate::extract::dom::address::Base;
use crate::extract::dom::doc::Doc;
use crate::extract::page_index::{LazyIndex, PageIndex};
use crate::extract::value::date::{DateStyle, day_in};
use crate::extract::value::provenance::{Fields, Source};

/// Fills the fields of a profile; the automatic one is replaced by that of the page's main item, or by the one that
/// the page shows to be.
///
/// `doc` is the whole page, `page` the page as its reader sees it, and `names` the fields of a schema in lower case,
/// letters and digits only.
pub(super) fn fields(
    doc: &Doc<'_>,
    page: &LazyIndex<'_, '_>,
    base: &Base,
    facts: &Facts,
    profile: Profile,
    names: &[String],
) -> Fields {
    let declared = facts.declared.about(Profile::Auto).map(|it| profile_of(it.1));
    let profile = match (profile, declared) {
        // An event or a place may sell something, too.
        (Profile::Auto, it) if it != Some(Profile::Product) => {
            recognize::asked(doc, page, facts, names)
                .or(declared)
                .unwrap_or_else(|| recognize::profile(doc, page, facts))
        }
        (Profile::Auto, _) => Profile::Product,
        (requested, _) => requested,
    };
    let context = PropertyContext { graph: &facts.declared.graph, base };
    match profile {
        Profile::Product => product::fields(doc, page, facts, context),
        Profile::Recipe => recipe::fields(doc, facts, context),
        Profile::Article => article::fields(facts, context),
        Profile::JobPosting => job::fields(page, facts, context),
        Profile::Event => event::fields(page, facts, context),
        Profile::Faq => faq::fields((page.doc, page.boilerplate), facts),
        Profile::EcommerceHomepage | Profile::DirectoryListing => {
            catalog::fields((page.doc, page.boilerplate), facts, context)
        }
        Profile::Auto => Fields::default(),
    }
}

/// Returns `true` if a page gives a day under the label of something else only: a deadline, a start, a release.
pub(super) fn is_other_day(page: &PageIndex<'_, '_>, published: Option<&str>) -> bool {
    const OTHERS: [&str; 8] = [
        "available from",
        "deadline",
        "end date",
        "first registration",
        "founded",
        "released",
        "start date",
        "when",
    ];
    let Some(day) = published.and_then(|it| it.get(..10)) else { return false };
    let style = DateStyle::of(page.language);
    let whole = page.whole();
    let gives = |of: &[&str]| {
        let labels = page.labels().iter().enumerate();
        let mut named = labels.filter(|(_, label)| {
            !label.is_name && label.words.concept().is_some_and(|it| of.contains(&it))
        });
        named.any(|(label, _)| {
            let mut pairs = page.labeled(label, &whole).take(10);
            pairs.any(|it| day_in(&page.value_text(it), style).as_deref() == Some(day))
        })
    };
    gives(&OTHERS) && !gives(&["published", "updated", "date"])
}

/// Returns `true` if a date of publication is only the day of an event or a deadline, which the page shows.
pub(super) fn dates_itself(fields: &Fields, published: Option<&str>) -> bool {
    let day = published.and_then(|it| it.get(..10));
    let same = |it: &str| {
        let field = fields.0.get(it).filter(|it| it.source == Source::Dom);
        field.and_then(|it| it.value.as_str()?.get(..10)) == day
    };
    day.is_some() && ["starts_at", "ends_at", "valid_through"].into_iter().any(same)
}
