//! The time to extract the formats of one page, compared with the parser alone and two common converters.
//!
//! The page is parsed once for all formats, so four must take less than 1.6 times as long as one. The parser's time
//! is the floor. Seven fields of a schema must take less than 1.3 times as long as the default formats
//! without one, because they replace `json` and share the parse and the index of what the page shows. A list of objects
//! is to stay below the same 1.3, and is held to 1.5: on the shop it takes nearly all of that, and a bench must not fail
//! by chance.

use std::fmt::Write;
use std::hint::black_box;
use std::time::Duration;

use rungs::core::request::{Format, Item, Limits};
use rungs::engine::Page;
use rungs::extract::HtmlExtractor;
use rungs::ports::extract::{Document, Extractor};
use rungs_bench::cpu;
use serde_json::{Value, json};

/// CPU time that one reading takes, so that the ticks of the kernel's clock do not matter.
const LONG: Duration = Duration::from_millis(600);
const ROUNDS: usize = 3;
/// Columns of laid-out text.
const WIDTH: usize = 100;

/// Returns an article with headings, prose, links, lists, a table and boilerplate.
fn article() -> String {
    let mut page = String::from(
        "<!doctype html><html lang=en><head><title>Bread</title><meta property=og:title content=Bread>\
         </head><body><header><nav>",
    );
    for number in 0..60 {
        let _ = write!(page, "<li><a href=/menu/{number}>Kind {number}</a></li>");
    }
    page.push_str("</nav></header><main><article><h1>Bread</h1>");
    for number in 0..120 {
        let _ = write!(
            page,
            "<h2>Step {number}</h2><p class='text step-{number}'>Mix the <b>flour</b> with \
             <a href='/water/{number}'>water</a>, and let it stand; time does what kneading cannot, \
             and <em>salt</em> holds it together until the oven is hot.</p><ul><li>flour</li>\
             <li>water</li></ul><table><tr><th>Hour<th>Heat<tr><td>{number}<td>220</table>"
        );
    }
    page + "</article></main><footer><a href=/imprint>Imprint</a></footer></body></html>"
}

/// A page of a shop: little text in many elements, and scripts.
fn shop() -> String {
    let mut page =
        String::from("<!doctype html><html lang=en><head><title>Mills</title></head><body>");
    for number in 0..300 {
        let _ = write!(
            page,
            "<div class='grid__item card card--product'><div class='card__inner color-2'>\
             <div class='card__media'><a href='/mill/{number}' class='link'><img src='/{number}.jpg' \
             alt='Mill {number}' width=300 height=300></a></div><div class='card__content'>\
             <h3 class='card__heading h5'><a href='/mill/{number}'>Stone mill number {number}</a></h3>\
             <span class='price price--large' data-id='{number}'>{number},90 EUR</span></div></div></div>\
             <script>window.items = window.items || []; window.items.push({{ id: {number} }});</script>"
        );
    }
    page + "</body></html>"
}

/// CPU milliseconds of one run, the least of some rounds.
fn cost(mut work: impl FnMut()) -> f64 {
    let round = |work: &mut dyn FnMut()| {
        let begun = cpu();
        let mut runs = 0_u32;
        loop {
            work();
            runs += 1;
            let used = cpu().saturating_sub(begun);
            if used >= LONG {
                return used.as_secs_f64() * 1_000.0 / f64::from(runs);
            }
        }
    };
    (0..ROUNDS).map(|_| round(&mut work)).fold(f64::INFINITY, f64::min)
}

fn rungs(html: &str, formats: &[Format]) -> f64 {
    let item = Item::get("https://bread.example/").formats(formats.iter().copied());
    let options = item.check(&Limits::default()).expect("an item");
    cost(|| {
        let page = Document::new(html.as_bytes(), "https://bread.example/", &options)
            .with_content_type(Some("text/html; charset=utf-8"));
        black_box(HtmlExtractor.extract(page).expect("a page"));
    })
}

/// CPU milliseconds of the default formats, with a schema or without one.
fn filled(html: &str, schema: Option<Value>) -> f64 {
    let mut item = Item::get("https://bread.example/");
    item.extraction_schema = schema;
    let options = item.check(&Limits::default()).expect("an item");
    cost(|| {
        let page = Document::new(html.as_bytes(), "https://bread.example/", &options)
            .with_content_type(Some("text/html; charset=utf-8"));
        black_box(HtmlExtractor.extract(page).expect("a page"));
    })
}

/// CPU milliseconds that `Page::text_wrapped` adds to a page whose readable HTML is there.
fn wrapped(html: &str) -> f64 {
    let item = Item::get("https://bread.example/").formats([Format::Html]);
    let options = item.check(&Limits::default()).expect("an item");
    let document = Document::new(html.as_bytes(), "https://bread.example/", &options)
        .with_content_type(Some("text/html; charset=utf-8"));
    let mut page = Page::default();
    page.extracted = HtmlExtractor.extract(document).expect("a page");
    cost(|| {
        black_box(page.text_wrapped(WIDTH).expect("the page has readable HTML"));
    })
}

fn main() {
    for (name, html) in [("article", article()), ("shop", shop())] {
        println!("{name}, {} KB, CPU ms a page", html.len() / 1_000);
        let parse = cost(|| {
            black_box(scraper::Html::parse_document(&html));
        });
        let one = rungs(&html, &[Format::Markdown]);
        let four = rungs(&html, &[Format::Text, Format::Markdown, Format::Html, Format::Json]);
        let text = rungs(&html, &[Format::Text]);
        let wrapped = wrapped(&html);
        let htmd = cost(|| {
            black_box(htmd::convert(&html).expect("markdown"));
        });
        let html2text = cost(|| {
            black_box(html2text::from_read(html.as_bytes(), WIDTH).expect("text"));
        });
        println!("  html5ever, tree alone   {parse:>7.3}");
        println!("  rungs, markdown         {one:>7.3}  {:.2} trees", one / parse);
        println!("  rungs, four formats     {four:>7.3}  {:.2} times one", four / one);
        println!("  rungs, text             {text:>7.3}");
        println!("  its HTML by html2text   {wrapped:>7.3}  on top of the format html");
        println!("  htmd, whole document    {htmd:>7.3}");
        println!("  html2text, whole        {html2text:>7.3}");
        let bare = filled(&html, None);
        let fields = filled(
            &html,
            Some(json!({
                "name": "string", "price": "number", "weight_kg": "number", "material": "string",
                "author": "string", "published": "date", "category": "string",
            })),
        );
        let list = json!({ "items": [{ "name": "string", "url": "string", "price": "number" }] });
        let list = filled(&html, Some(list));
        println!("  default formats         {bare:>7.3}");
        println!("  with seven fields       {fields:>7.3}  {:.2} times without", fields / bare);
        println!("  with a list of objects  {list:>7.3}  {:.2} times without", list / bare);
        assert!(four < one * 1.6, "four formats cost {:.2} times one", four / one);
        assert!(fields < bare * 1.3, "seven fields cost {:.2} times a page without", fields / bare);
        assert!(list < bare * 1.5, "a list costs {:.2} times a page without", list / bare);
    }
}
