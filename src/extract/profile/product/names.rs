//! The name and the brand of a product that no data describes.

use serde_json::json;

use crate::extract::data::facts::Facts;
use crate::extract::dom::doc::Doc;
use crate::extract::dom::tag::Tag;
use crate::extract::fill::labeled;
use crate::extract::page_index::{LazyIndex, tokens};
use crate::extract::value::provenance::{Fields, Source};

use super::codes;

/// Letters of a site's name that is no coincidence in a title.
const MAKER: usize = 4;
/// Words of a brand in front of a name.
const BRAND_WORDS: usize = 4;
/// Bytes of a heading that is a name.
const NAME: std::ops::RangeInclusive<usize> = 3..=160;
/// Controls that carry the brand of the product that they order.
const BRAND_CONTROLS: [&str; 3] = ["brand", "manufacturer", "vendor"];
/// Signs in a title between the name and what a shop adds to it.
const BETWEEN: [&str; 6] = [" | ", " » ", " – ", " — ", " - ", " : "];

/// Takes the heading for the name if the title holds its words: a shop adds its own name and offers to the title. What
/// the title has in front of the heading is the brand.
pub(super) fn read(fields: &mut Fields, facts: &Facts) {
    let titles = [facts.declared.title.clone(), facts.declared.opengraph_text("title")];
    let titles: Vec<&String> = titles.iter().flatten().collect();
    let heading = facts.heading.as_ref().filter(|it| NAME.contains(&it.len()));
    let Some(heading) = heading else {
        let first = facts.title.as_deref().map(first_part);
        return fields.offer_text(
            "name",
            Source::Meta,
            first.filter(|it| NAME.contains(&it.len())),
        );
    };
    let name = tokens(heading);
    let holds = |title: &&&String| {
        let title = tokens(title);
        let shared = name.iter().filter(|it| title.contains(it)).count();
        shared * 2 > name.len()
    };
    if titles.is_empty() || titles.iter().any(|it| holds(&it)) {
        fields.offer_text("name", Source::Dom, Some(heading));
    }
    let lower = heading.to_lowercase();
    let before = titles.iter().find_map(|title| {
        let at = title.to_lowercase().find(&lower)?;
        title.get(..at).map(str::trim)
    });
    let is_brand = |it: &&str| {
        (1..=BRAND_WORDS).contains(&it.split_whitespace().count())
            && it.starts_with(char::is_uppercase)
            && !it.ends_with(|it: char| !it.is_alphanumeric())
    };
    let brand = before.filter(is_brand).and_then(codes::short_brand);
    fields.offer_text("brand", Source::Meta, brand.or_else(|| maker(facts)).as_deref());
}

/// Returns the word that both the name of a product and that of its site begin with or hold: a maker's own shop.
fn maker(facts: &Facts) -> Option<String> {
    let title = facts.declared.title.as_deref()?;
    let cut = BETWEEN.iter().filter_map(|it| title.rfind(it)).max();
    let last = cut.and_then(|it| title.get(it..)).unwrap_or_default();
    let site = facts.declared.opengraph_text("site_name").unwrap_or_else(|| last.to_owned());
    let site = tokens(&site);
    let first = site.first().filter(|it| it.len() >= MAKER)?;
    let name = cut.and_then(|it| title.get(..it)).unwrap_or(title);
    let mut words = name.split(|it: char| !it.is_alphanumeric());
    let is_maker =
        |it: &&str| it.starts_with(char::is_uppercase) && tokens(it).first() == Some(first);
    words.find(is_maker).map(str::to_owned)
}

/// Returns the part of a title in front of what a shop adds to it.
fn first_part(title: &str) -> &str {
    let cut = BETWEEN.iter().filter_map(|it| title.find(it)).min();
    cut.and_then(|it| title.get(..it)).unwrap_or(title).trim()
}

/// Reads the brand beside a label, in an element that a class names, or in the control that orders the product.
pub(super) fn brand(fields: &mut Fields, doc: &Doc<'_>, page: &LazyIndex<'_, '_>) {
    let control = (0..doc.len()).find_map(|it| {
        let is_brand = doc.tag(it) == Tag::Input
            && doc.attr(it, "name").is_some_and(|it| BRAND_CONTROLS.contains(&it));
        is_brand.then(|| doc.attr(it, "value")).flatten().and_then(codes::short_brand)
    });
    fields.offer_text("brand", Source::Dom, control.as_deref());
    if fields.has("brand") {
        return;
    }
    if let Some(found) = labeled(page.get(), "brand", &json!({ "type": "string" })) {
        let brand = found.value.as_str().and_then(codes::short_brand);
        fields.offer("brand", Source::Dom, &found.place, brand.map(Into::into));
    }
}
