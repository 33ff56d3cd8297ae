//! The types of schema.org that items of structured data have.

use serde_json::Value;

use crate::core::request::Profile;
use crate::extract::vocabulary::{ARTICLE_TYPES, EVENT_TYPES, PRODUCT_TYPES};

/// Profiles that a page may be about, the most specific first.
pub(super) const PROFILES: [Profile; 6] = [
    Profile::Product,
    Profile::Recipe,
    Profile::JobPosting,
    Profile::Event,
    Profile::Article,
    Profile::Faq,
];

/// Returns `true` if an item is of a type, in any case and whatever the address before its name.
pub(crate) fn has_type(item: &Value, name: &str) -> bool {
    let is = |it: &Value| {
        it.as_str().is_some_and(|it| {
            let last = it.trim_end_matches('/').rsplit(['/', ':', '#']).next();
            last.is_some_and(|it| it.trim().eq_ignore_ascii_case(name))
        })
    };
    match item.get("@type") {
        Some(Value::Array(all)) => all.iter().any(is),
        Some(one) => is(one),
        None => false,
    }
}

/// Returns `true` if an item is of a type that a profile is for.
pub(crate) fn fits(item: &Value, profile: Profile) -> bool {
    let types: &[&str] = match profile {
        Profile::Product => PRODUCT_TYPES,
        Profile::Article => ARTICLE_TYPES,
        Profile::JobPosting => &["JobPosting"],
        Profile::Faq => &["FAQPage", "QAPage"],
        Profile::Recipe => &["Recipe"],
        Profile::Event => EVENT_TYPES,
        Profile::Auto | Profile::EcommerceHomepage | Profile::DirectoryListing => &[],
    };
    types.iter().any(|it| has_type(item, it))
}

/// The profile that an item fits; the automatic one if there is none.
pub(crate) fn profile_of(item: &Value) -> Profile {
    PROFILES.into_iter().find(|it| fits(item, *it)).unwrap_or_default()
}

/// Returns `true` if an item describes the page that it stands on, as a `WebPage` does.
pub(super) fn is_page(item: &Value) -> bool {
    let is = |it: &Value| it.as_str().is_some_and(|it| it.ends_with("Page") && it != "QAPage");
    match item.get("@type") {
        Some(Value::Array(all)) => all.iter().all(is),
        Some(one) => is(one),
        None => false,
    }
}
