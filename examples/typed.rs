//! A page read into a struct: its schema is derived, and what the page lacks is `None`.
//!
//! Run it with `cargo run --example typed --features typed,testkit`.

use rungs::prelude::*;
use rungs::testkit::site::{Site, SiteResponse};

const BARREL: &str = "<html lang=en><main><h1>Rain barrel, 200 l</h1>
    <p class=price><del>€89.00</del> <ins>€69.50</ins></p>
    <table><tr><th>Weight<td>7,400 g<tr><th>Item number<td>RB-200</table>
    <p>Colors: green, gray and black</p>
    <h2>Reviews</h2>
    <div class=review><b class=author>Ann</b> <p>Keeps the rain of a whole week in spring.</p></div>
    <div class=review><b class=author>Bo</b> <p>Stands well on three flat stones.</p></div></main>";

#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
struct Product {
    name: String,
    price: f64,
    weight_kg: Option<f64>,
    /// Item number
    code: Option<String>,
    colors: Vec<String>,
    warranty: Option<String>,
    reviews: Vec<Review>,
}

#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
struct Review {
    author: String,
    text: String,
}

#[tokio::main]
async fn main() -> Result<(), rungs::Error> {
    let site = Site::start(|_| SiteResponse::html(BARREL));
    let engine = Engine::builder()
        .store(Memory::default())
        .http(Http::new().allow_network("127.0.0.0/8")?)
        .build()?;

    let product: Product = engine.scrape_as(Item::get(site.url("/barrel"))).await?;

    println!("{product:#?}");
    assert_eq!(product.name, "Rain barrel, 200 l");
    assert!((product.price - 69.5).abs() < f64::EPSILON);
    assert_eq!(product.weight_kg, Some(7.4));
    assert_eq!(product.code.as_deref(), Some("RB-200"));
    assert_eq!(product.colors, ["green", "gray", "black"]);
    assert_eq!(product.warranty, None);
    assert_eq!(product.reviews.len(), 2);
    assert_eq!(product.reviews[0].author, "Ann");
    assert!(product.reviews[1].text.starts_with("Stands well"));
    engine.shutdown().await;
    Ok(())
}
