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

use crate::core::request::Profile;
use crate::extract::data::facts::Facts;
use crate::extract::data::property::PropertyContext;
use crate::extract::data::schema_org::profile_of;
use crate::extract::dom::address::Base;
use crate::extract::dom::doc::Doc;
use crate::extract::main_content::BoilerplateMap;
use crate::extract::value::provenance::Fields;

/// Fills the fields of a profile; the automatic one is replaced by that of the page's main item.
///
/// `doc` is the whole page, `visible` the page as its reader sees it.
pub(super) fn fields(
    doc: &Doc<'_>,
    visible: (&Doc<'_>, &BoilerplateMap),
    base: &Base,
    facts: &Facts,
    profile: Profile,
) -> Fields {
    let profile = match (profile, facts.declared.about(Profile::Auto)) {
        (Profile::Auto, Some((_, item))) => profile_of(item),
        (requested, _) => requested,
    };
    let context = PropertyContext { graph: &facts.declared.graph, base };
    match profile {
        Profile::Product => product::fields(doc, facts, context),
        Profile::Recipe => recipe::fields(doc, facts, context),
        Profile::Article => article::fields(facts, context),
        Profile::JobPosting => job::fields(facts, context),
        Profile::Event => event::fields(facts, context),
        Profile::Faq => faq::fields(doc, facts),
        Profile::EcommerceHomepage | Profile::DirectoryListing => {
            catalog::fields(visible, facts, context)
        }
        Profile::Auto => Fields::default(),
    }
}
