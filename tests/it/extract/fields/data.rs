//! A page's data about itself, in every markup.

use rungs::core::request::Profile;
use rungs::extract::structured;
use serde_json::json;

use crate::extract::fields::{json_of, ld, read};

const PAGE: Option<&str> = Some("https://shop.example/");

#[test]
fn a_microdata_item_includes_each_reference_once() {
    let found = structured(
        "<div itemscope id=a itemref='name price name self' itemtype=http://schema.org/Product>\
         <meta itemprop=sku content=p-1></div><b id=name itemprop=name>Pot</b>\
         <p id=price><i itemprop=price>5</i></p>",
        PAGE,
    );

    assert_eq!(
        found.microdata[0]["properties"],
        json!({ "sku": "p-1", "name": "Pot", "price": "5" })
    );
}

#[test]
fn circular_items_terminate() {
    let around = "<div itemscope id=a itemprop=x itemref=b></div><div itemscope id=b itemprop=x itemref=a></div>\
        <div itemscope itemref='a b c'></div><div itemscope id=c itemprop=x itemref=c></div>";
    let circle = ld(&json!({ "@graph": [
        { "@type": "Product", "@id": "#a", "name": "Pot", "isRelatedTo": { "@id": "#b" } },
        { "@type": "Product", "@id": "#b", "name": "Pan", "isRelatedTo": { "@id": "#a" } },
    ]}));

    assert!(!structured(around, PAGE).microdata.is_empty());
    assert_eq!(json_of(&circle, Profile::Product)["isRelatedTo"]["name"], "Pan");
}

#[test]
fn references_do_not_multiply_a_page() {
    let long = "a".repeat(400_000);
    let all: Vec<_> = (0..50).map(|_| json!({ "@id": "#long" })).collect();
    let page = ld(&json!({ "@graph": [
        { "@type": "Product", "name": "Pot", "isRelatedTo": all },
        { "@type": "Thing", "@id": "#long", "description": long },
    ]}));

    let related = json_of(&page, Profile::Product)["isRelatedTo"].clone();

    let whole =
        related.as_array().expect("a list").iter().filter(|it| it.get("description").is_some());
    assert_eq!(whole.count(), 2, "about a megabyte");
}

#[test]
fn rdfa_items_nest_and_lose_their_prefixes() {
    let found = structured(
        "<div vocab=http://schema.org/ typeof=Product resource=#pot><b property=schema:name>Pot</b>\
         <div property=offers typeof=Offer><i property=price content=5.00>five</i>\
         <a property=url href=/pot>more</a></div></div>",
        PAGE,
    );

    let properties = &found.rdfa[0]["properties"];
    assert_eq!(properties["name"], "Pot");
    assert_eq!(
        properties["offers"]["properties"],
        json!({ "price": "5.00", "url": "https://shop.example/pot" })
    );
}

#[test]
fn dublin_core_and_twitter_cards_are_read() {
    let page = "<meta name=DC.Title content='Kilns'><meta name=DC.creator content='Ann'>\
        <meta name=dcterms.created content=2025-01-29><meta name=twitter:card content=summary>\
        <meta name=twitter:description content='Of fire'><p>Words about kilns.";

    let found = structured(page, PAGE);
    let made = read(page, |_| {});

    assert_eq!(
        found.dublin_core,
        [
            json!(["DC.Title", "Kilns"]),
            json!(["DC.creator", "Ann"]),
            json!(["dcterms.created", "2025-01-29"])
        ]
    );
    assert_eq!(found.twitter[0], json!(["twitter:card", "summary"]));
    assert_eq!(
        (made.title, made.author, made.published_at, made.description),
        (
            Some("Kilns".to_owned()),
            Some("Ann".to_owned()),
            Some("2025-01-29".to_owned()),
            Some("Of fire".to_owned())
        )
    );
}
