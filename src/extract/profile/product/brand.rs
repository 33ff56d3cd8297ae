//! The brand of a product whose data has none: from a label, a link, the title, the name, or the shop itself.

use serde_json::json;
use url::Url;

use crate::extract::data::facts::Facts;
use crate::extract::dom::doc::{Doc, Id};
use crate::extract::dom::tag::Tag;
use crate::extract::fill::labeled;
use crate::extract::page_index::{LazyIndex, Words, tokens};
use crate::extract::value::provenance::{Fields, Source};
use crate::extract::vocabulary::{ACCESSORY_WORDS, BRAND_PATHS, KNOWN_BRANDS, OFFER_WORDS};

use super::names::{first_words, title_parts};
use super::{codes, scripts};

/// Words of a brand in front of a name.
const BRAND_WORDS: usize = 4;
/// Controls that carry the brand of the product that they order.
const BRAND_CONTROLS: [&str; 3] = ["brand", "manufacturer", "vendor"];
/// Nodes in front of and behind the heading among which a link to a brand is that of the product.
const BEFORE: usize = 60;
const BEHIND: usize = 200;
/// Links of a page that are read.
const MAX_LINKS: usize = 5_000;
/// Bytes of the text of a link that may name a brand.
const LINK_TEXT: usize = 60;
/// The fewest letters of a word that shows that a brand and a name belong together.
const SHARED: usize = 3;
/// Letters of the name of a shop.
const SHOP_NAME: usize = 3;
/// Labels of hosts that name no shop.
const HOST_WORDS: [&str; 4] = ["online", "shop", "store", "www"];
/// Words in the addresses of links to sellers other than the shop.
const SELLER_PATHS: [&str; 4] = ["merchant", "seller", "sellers", "usr"];

/// Fills the brand from the surest of the signs on the page.
pub(super) fn read(fields: &mut Fields, doc: &Doc<'_>, page: &LazyIndex<'_, '_>, facts: &Facts) {
    fields.offer_text("brand", Source::Dom, in_control(doc).as_deref());
    if fields.has("brand") {
        return;
    }
    let heading = facts.heading.as_deref().unwrap_or_default();
    let name = fields.text("name").unwrap_or(heading).to_owned();
    let links = Links::of(doc, facts.heading_at);
    let linked = links.brand_of(&name).or_else(|| links.brand_of(heading));
    fields.offer("brand", Source::Dom, "link", linked.map(Into::into));
    if !fields.has("brand")
        && let Some(found) = labeled(page.get(), "brand", &json!({ "type": "string" }))
    {
        let brand = found.value.as_str().and_then(codes::short_brand);
        // The name of another field is the next label.
        let is_label = |it: &String| Words::of_label(it).concept().is_some();
        let brand = brand.filter(|it| !names_brands(&tokens(it)) && !is_label(it));
        fields.offer("brand", Source::Dom, &found.place, brand.map(Into::into));
    }
    if fields.has("brand") {
        return;
    }
    let titled = before_heading(doc, facts).or_else(|| known(&name)).or_else(|| known(heading));
    fields.offer("brand", Source::Meta, "title", titled.map(Into::into));
    if fields.has("brand") {
        return;
    }
    let shipped = scripts::brands(doc);
    let words = tokens(&name);
    let is_only = |it: &str| shipped.len() == 1 && shows(doc, it);
    let one = shipped.iter().find(|it| holds(&words, &tokens(it)) || is_only(it));
    let one = one.and_then(|it| codes::short_brand(it));
    fields.offer("brand", Source::Dom, "script", one.map(Into::into));
    if fields.has("brand") {
        return;
    }
    let own = own_brand(doc, facts, &name).filter(|it| {
        let others = shipped.iter().any(|other| letters(other) != letters(it));
        let sells = || fields.has("price") || super::has_cart(doc);
        let bears = bears(&name, it) || bears_title(facts, it);
        !others && (bears || (!links.lead_to_brands && sells()))
    });
    fields.offer("brand", Source::Meta, "site", own.map(Into::into));
}

/// Returns `true` if a text of the page is a brand and no more.
fn shows(doc: &Doc<'_>, brand: &str) -> bool {
    let is_it = |it: &str| it.trim().to_lowercase() == brand.to_lowercase();
    let mut texts = (doc.body()..doc.len()).filter_map(|it| doc.text(it));
    texts.any(|it| it.len() <= brand.len() * 2 + LINK_TEXT && is_it(it))
}

/// Returns `true` if a name begins with a brand.
fn bears(name: &str, brand: &str) -> bool {
    let (name, brand) = (tokens(name), tokens(brand));
    brand.len() < name.len() && name.starts_with(&brand)
}

/// Returns `true` if a title holds a brand in front of the name of the shop.
fn bears_title(facts: &Facts, brand: &str) -> bool {
    let title = facts.declared.title.as_deref().unwrap_or_default();
    let parts = title_parts(title);
    let own = parts.split_last().map(|it| it.1).unwrap_or_default();
    own.iter().any(|it| holds(&tokens(it), &tokens(brand)))
}

/// Reads the control that orders the product.
fn in_control(doc: &Doc<'_>) -> Option<String> {
    (0..doc.len()).find_map(|it| {
        let is_brand = doc.tag(it) == Tag::Input
            && doc.attr(it, "name").is_some_and(|it| BRAND_CONTROLS.contains(&it));
        is_brand.then(|| doc.attr(it, "value")).flatten().and_then(codes::short_brand)
    })
}

/// Returns `true` if some words call something a brand, as `all brands`.
fn names_brands(words: &[String]) -> bool {
    words.iter().any(|it| BRAND_PATHS.contains(&it.as_str()))
}

/// The links of a page that say something about brands.
#[derive(Debug, Default)]
struct Links {
    /// The texts of links to a page of a brand, and the letters of their paths.
    brands: Vec<(String, String)>,
    /// The text of the first such link beside the heading.
    beside: Option<String>,
    /// The texts of the links in front of the heading, outside menus, which lead to the product.
    trail: Vec<String>,
    /// `true` if the shop sells several brands, or things of several sellers.
    lead_to_brands: bool,
}

impl Links {
    fn of(doc: &Doc<'_>, heading: Option<Id>) -> Self {
        let mut links = Self::default();
        let anchors = (0..doc.len()).filter(|it| doc.tag(*it) == Tag::A);
        for id in anchors.take(MAX_LINKS) {
            let Some(address) = doc.attr(id, "href") else { continue };
            let path = path_words(address);
            let text = link_text(doc, id);
            let words = tokens(&text);
            let picture = image_text(doc, id);
            let to_brand = names_brands(&path);
            let slug = path.concat();
            let is_list = names_brands(&words);
            let to_seller = path.iter().any(|it| SELLER_PATHS.contains(&it.as_str()));
            links.lead_to_brands |= to_brand || is_list || to_seller;
            if words.is_empty() || text.len() > LINK_TEXT || is_list {
                continue;
            }
            let near =
                heading.is_some_and(|at| (at.saturating_sub(BEFORE)..at + BEHIND).contains(&id));
            if to_brand {
                if near && links.beside.is_none() && !is_framed(doc, id) {
                    // The address of a brand's page holds its name; that of another page does not.
                    let brand = codes::short_brand(picture.unwrap_or(&text));
                    links.beside = brand.filter(|it| !it.is_ascii() || slug.contains(&letters(it)));
                }
                links.brands.extend(picture.map(|it| (it.to_owned(), slug.clone())));
                links.brands.push((text, slug));
            } else if heading.is_some_and(|at| (at.saturating_sub(BEFORE)..at).contains(&id)) {
                links.trail.push(text);
            }
        }
        links
    }

    /// Returns the brand that a link and a name share, or else the one beside the heading.
    fn brand_of(&self, name: &str) -> Option<String> {
        let words = tokens(name);
        let held = self.brands.iter().find(|it| holds(&words, &tokens(&it.0)));
        let held = held.and_then(|it| codes::short_brand(&it.0));
        let begun = || self.brands.iter().find_map(|it| begin_alike(name, &it.0, &it.1));
        let foreign = || {
            let mut foreign = self.trail.iter().filter(|it| is_foreign(it, name));
            foreign.find(|it| holds(&words, &tokens(it))).and_then(|it| codes::short_brand(it))
        };
        held.or_else(begun).or_else(|| self.beside.clone()).or_else(foreign)
    }
}

/// Returns the words of a path, without those of the host.
fn path_words(address: &str) -> Vec<String> {
    let path = address.split("://").nth(1).and_then(|it| it.split_once('/')).map(|it| it.1);
    let path = path.unwrap_or(address);
    // Programs name their parameters by anything.
    path.split(['?', '#']).next().map(tokens).unwrap_or_default()
}

/// Returns the text of a link, or that of its image.
fn link_text(doc: &Doc<'_>, link: Id) -> String {
    let node = doc.node(link);
    if node.text > 0 {
        return if node.text > LINK_TEXT * 2 { String::new() } else { doc.folded_text(link) };
    }
    image_text(doc, link).unwrap_or_default().to_owned()
}

/// Returns the text in place of the image in a link.
fn image_text<'a>(doc: &Doc<'a>, link: Id) -> Option<&'a str> {
    let mut images = (link..doc.end(link)).filter(|it| doc.tag(*it) == Tag::Img);
    let text = images.find_map(|it| doc.attr(it, "alt")).map(str::trim);
    text.filter(|it| (2..=LINK_TEXT).contains(&it.len()))
}

/// Returns `true` if a part of the page belongs to its frame.
fn is_framed(doc: &Doc<'_>, id: Id) -> bool {
    doc.around(id)
        .any(|it| matches!(doc.tag(it), Tag::Nav | Tag::Footer | Tag::Header | Tag::Aside))
}

/// Returns `true` if some words occur side by side among others, and are not all of them.
fn holds(words: &[String], some: &[String]) -> bool {
    let letters: usize = some.iter().map(String::len).sum();
    letters >= SHARED - 1
        && some.len() < words.len()
        && words.windows(some.len().max(1)).any(|it| it == some)
}

/// Returns the words that a name and the text of a link to a brand begin with, as far as its path holds them.
fn begin_alike(name: &str, link: &str, path: &str) -> Option<String> {
    let (left, right) = (tokens(name), tokens(link));
    let shared = left.iter().zip(&right).take_while(|it| it.0 == it.1).count();
    let shared = (1..=shared)
        .rev()
        .find(|it| left.get(..*it).is_some_and(|it| path.contains(&it.concat())))?;
    let fits = shared < left.len()
        && shared < right.len()
        && left.first().is_some_and(|it| it.len() >= SHARED);
    fits.then(|| first_words(name, shared)).and_then(codes::short_brand)
}

/// Returns `true` if a text is in Latin letters and the rest of the name is not.
fn is_foreign(text: &str, name: &str) -> bool {
    let is_latin = |it: char| it.is_alphabetic() && u32::from(it) < 0x250;
    let letters = |it: &str| it.chars().filter(|it| it.is_alphabetic()).count();
    let other = name.chars().filter(|it| it.is_alphabetic() && !is_latin(*it)).count();
    letters(text) >= SHARED
        && text.chars().all(|it| is_latin(it) || !it.is_alphabetic())
        && other >= SHARED
}

/// Returns what a title has in front of the heading.
fn before_heading(doc: &Doc<'_>, facts: &Facts) -> Option<String> {
    let lower = facts.heading.as_deref().filter(|it| it.len() >= SHARED)?.to_lowercase();
    let titles = [facts.declared.title.clone(), facts.declared.opengraph_text("title")];
    let before = titles.iter().flatten().find_map(|title| {
        let at = title.to_lowercase().find(&lower)?;
        title.get(..at).map(str::trim)
    })?;
    let offers = tokens(before);
    let fits = (1..=BRAND_WORDS).contains(&before.split_whitespace().count())
        && before.contains(char::is_uppercase)
        && !before.ends_with(|it: char| !it.is_alphanumeric())
        && !offers.first().is_some_and(|it| OFFER_WORDS.contains(&it.as_str()));
    // Any word may lead a title; a brand is shown elsewhere, too.
    let site = facts.declared.opengraph_text("site_name");
    let fits = fits && (site.as_deref() == Some(before) || shows(doc, before));
    fits.then(|| codes::short_brand(before)).flatten()
}

/// Returns the well-known brand in a name, unless the product is only an accessory for it.
fn known(name: &str) -> Option<String> {
    let words = tokens(name);
    let end = words.iter().position(|it| ACCESSORY_WORDS.contains(&it.as_str()));
    let written: Vec<&str> =
        name.split(|it: char| !it.is_alphanumeric()).filter(|it| !it.is_empty()).collect();
    let end = end.unwrap_or(words.len()).min(written.len());
    (0..end).find_map(|at| {
        let begins = written.get(at)?.starts_with(|it: char| it.is_uppercase() || it.is_numeric());
        let brand = KNOWN_BRANDS.iter().filter(|_| begins).find(|brand| {
            let mut of = brand.split(' ');
            let count = of.clone().count();
            at + count <= end
                && words
                    .get(at..at + count)
                    .is_some_and(|it| it.iter().all(|it| of.next() == Some(it)))
        })?;
        Some(written.get(at..at + brand.split(' ').count())?.join(" "))
    })
}

/// Returns the name of a shop that sells its own brand: the part of its name that is also that of its host.
fn own_brand(doc: &Doc<'_>, facts: &Facts, name: &str) -> Option<String> {
    let hosts = host_names(facts);
    let declared =
        [facts.declared.opengraph_text("site_name"), facts.declared.meta_text("application-name")];
    let title = facts.declared.title.as_deref().unwrap_or_default();
    let last = title_parts(title).last().map(|it| (*it).to_owned());
    let home = (0..doc.len()).filter(|it| doc.tag(*it) == Tag::A && is_home(doc, *it)).take(5);
    let home = home.map(|it| {
        let title = doc.attr(it, "title").or_else(|| doc.attr(it, "aria-label"));
        title.map_or_else(|| link_text(doc, it), str::to_owned)
    });
    let mut candidates = declared.into_iter().flatten().chain(last).chain(home);
    candidates.find_map(|it| {
        let words: Vec<&str> = it.split_whitespace().collect();
        let count = (1..=words.len().min(BRAND_WORDS)).find(|count| {
            let begin = words.get(..*count).map(|it| letters(&it.join(""))).unwrap_or_default();
            begin.len() >= SHOP_NAME && hosts.contains(&begin)
        });
        if let Some(count) = count {
            return codes::short_brand(
                words.get(..count)?.join(" ").trim_end_matches([',', '|', ':']),
            );
        }
        // A name that is an address is that of a shop, and of a maker only if its things bear it.
        let bare = it.split_once('.').map(|it| it.0)?;
        let bears = tokens(name).first().is_some_and(|it| *it == letters(bare));
        (bears && hosts.contains(&letters(bare))).then(|| bare.to_owned())
    })
}

fn is_home(doc: &Doc<'_>, link: Id) -> bool {
    let Some(address) = doc.attr(link, "href") else { return false };
    let rest =
        address.split("://").nth(1).map_or(address, |it| it.split_once('/').map_or("/", |it| it.1));
    matches!(rest, "" | "/")
}

/// Returns the letters of the labels of the hosts that the page names as its own.
fn host_names(facts: &Facts) -> Vec<String> {
    let declared = &facts.declared;
    let shared = declared.opengraph_text("url");
    let addresses = [declared.canonical.as_deref(), shared.as_deref(), declared.address.as_deref()];
    let hosts = addresses.into_iter().flatten().filter_map(|it| Url::parse(it).ok());
    let mut names = Vec::new();
    for host in hosts.filter_map(|it| it.domain().map(str::to_owned)) {
        let mut labels: Vec<String> = host.split('.').map(letters).collect();
        labels.pop();
        names.extend(
            labels
                .into_iter()
                .filter(|it| it.len() >= SHOP_NAME && !HOST_WORDS.contains(&it.as_str())),
        );
    }
    names
}

/// Returns the letters and digits of a text in lower case, without accents.
fn letters(text: &str) -> String {
    tokens(text).concat()
}
