//! The structured formats of the built-in extractor, and what it reads of a document's kind.

mod fidelity;
mod markdown;

use rungs::core::request::{BlockKind, Format, Item, Limits};
use rungs::core::tier::Tier;
use rungs::extract::{HtmlExtractor, decode, structured};
use rungs::ports::extract::{Document, ExtractError, Extracted, Extractor};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const URL: &str = "https://shop.example/a/b.html";

fn read(body: &[u8], media: Option<&str>, item: Item) -> Result<Extracted, ExtractError> {
    let options = item.check(&Limits::default()).expect("an item");
    let tier = Tier::Curl;
    HtmlExtractor
        .extract(Document::new(body, URL, &options).with_content_type(media).with_tier(tier))
}

fn made(body: &str, format: Format) -> Value {
    made_with(body, format, |_| {})
}

fn made_with(body: &str, format: Format, change: impl FnOnce(&mut Item)) -> Value {
    let mut item = Item::get(URL).formats([format]);
    change(&mut item);
    let mut made = read(body.as_bytes(), Some("text/html"), item).expect("a page");
    made.content.remove(&format).expect("the format")
}

const STORY: &str = "<p>The kiln was fired at dawn, and by noon the first pots were cool enough to \
    be held in two hands. They rang when they were struck, which is how a potter knows.</p>";

fn page() -> String {
    format!(
        "<header><a href=https://www.facebook.com/kiln>Follow</a></header>\
         <nav><a href=/>Home</a></nav><main><h1>Pots</h1>{STORY}{STORY}\
         <img src=/pot.png alt='A pot'><h2>Clay</h2><ul><li>red<li>white</ul>\
         <table><tr><th>kind<th>heat<tr><td>red<td>900</table><h3>Red</h3><pre>dig()</pre>\
         <h2>Glaze</h2><blockquote>Ash will do.</blockquote><dl><dt>ash<dd>wood</dl>\
         <details><summary>More</summary>Salt.</details><a class=btn href=/buy>Buy</a></main>\
         <footer>Imprint</footer>"
    )
}

#[test]
fn content_has_the_body_its_hash_and_classified_images_and_links() {
    let page = page().replace("<header>", "<meta property=og:image content=/pot.png><header>");

    let content = made(&page, Format::Content);

    let body = content["body_markdown"].as_str().expect("markdown");
    assert!(body.starts_with("# Pots\n\nThe kiln"), "{body}");
    assert_eq!(content["content_hash"], format!("{:x}", Sha256::digest(body)));
    assert_eq!(content["word_count"], body.split_whitespace().count());
    let image = json!([{ "url": "https://shop.example/pot.png", "alt": "A pot", "role": "hero" }]);
    assert_eq!(content["images"], image);
    let link = json!([{ "url": "https://shop.example/buy", "text": "Buy", "role": "cta" }]);
    assert_eq!(content["links"], link);
}

#[test]
fn json_v2_is_the_tree_of_sections_with_typed_blocks() {
    let json = made_with(&page(), Format::JsonV2, |it| it.filter_content = true);

    assert_eq!(json["version"], 2);
    let pots = &json["sections"][0];
    assert_eq!((&pots["heading"], &pots["level"]), (&json!("Pots"), &json!(1)));
    let kinds = |section: &Value| -> Vec<String> {
        let blocks = section["blocks"].as_array().expect("blocks");
        blocks.iter().map(|it| it["type"].as_str().expect("a type").to_owned()).collect()
    };
    assert_eq!(kinds(pots), ["paragraph", "paragraph", "image"]);
    let [clay, glaze] = pots["children"].as_array().expect("children").as_slice() else {
        panic!("two children: {}", pots["children"])
    };
    assert_eq!(
        clay["blocks"][0],
        json!({ "type": "list", "ordered": false, "items": ["red", "white"] })
    );
    let table = json!({ "type": "table", "headers": ["kind", "heat"], "rows": [["red", "900"]] });
    assert_eq!(clay["blocks"][1], table);
    assert_eq!(json["tables"], json!([table]));
    assert_eq!(clay["children"][0]["heading"], "Red");
    assert_eq!(clay["children"][0]["blocks"], json!([{ "type": "code", "text": "dig()" }]));
    assert_eq!(kinds(glaze), ["blockquote", "dl", "details", "paragraph"]);
    assert_eq!(glaze["blocks"][1]["items"], json!([{ "term": "ash", "description": "wood" }]));
    assert_eq!(
        glaze["blocks"][2],
        json!({ "type": "details", "summary": "More", "text": "Salt." })
    );
}

#[test]
fn json_v2_keeps_everything_unless_boilerplate_is_dropped() {
    let text =
        |change: fn(&mut Item)| made_with(&page(), Format::JsonV2, change)["sections"].to_string();

    let lossless = text(|_| {});
    assert!(lossless.contains("Imprint") && lossless.contains("Home"), "{lossless}");
    for filtered in [
        text(|it| it.filter_content = true),
        text(|it| it.advanced.section_filter.content_only = true),
    ] {
        assert!(!filtered.contains("Imprint") && !filtered.contains("Home"), "{filtered}");
        assert!(filtered.contains("The kiln"), "{filtered}");
    }
}

#[test]
fn sections_are_kept_by_the_kinds_and_the_number_of_their_blocks() {
    let json = made_with(&page(), Format::JsonV2, |it| {
        it.filter_content = true;
        it.advanced.section_filter.exclude_content_types = vec![BlockKind::Code, BlockKind::List];
        it.advanced.section_filter.min_content_blocks = 1;
    });

    let text = json["sections"].to_string();
    assert!(!text.contains("dig()") && !text.contains("\"Red\""), "{text}");
    assert!(!text.contains("\"list\"") && text.contains("\"Clay\""), "{text}");
}

#[test]
fn json_v2_reports_the_purpose_of_links() {
    let json = made(&page(), Format::JsonV2);

    let links = json["links"].as_array().expect("links");
    let role = |text: &str| links.iter().find(|it| it["text"] == text).map(|it| it["role"].clone());
    assert_eq!(role("Follow"), Some(json!("social")));
    assert_eq!(role("Home"), Some(json!("nav")));
    assert_eq!(role("Buy"), Some(json!("cta")));
}

#[test]
fn rag_chunks_carry_their_heading_path() {
    let long = STORY.repeat(40);
    let page = format!("<main><h1>Pots</h1><h2>Clay</h2>{long}<h2>Glaze</h2>{STORY}</main>");

    let rag = made(&page, Format::Rag);

    let chunks = rag["chunks"].as_array().expect("chunks");
    assert!(chunks.len() > 3, "{} chunks", chunks.len());
    let (last, rest) = chunks.split_last().expect("some");
    assert!(rest.iter().all(|it| it["heading_path"] == json!(["Pots", "Clay"])), "{rest:?}");
    assert_eq!(last["heading_path"], json!(["Pots", "Glaze"]));
    assert!(last["text"].as_str().is_some_and(|it| it.starts_with("## Glaze\n\nThe kiln")));
    let counts: Vec<u64> =
        chunks.iter().map(|it| it["token_count"].as_u64().expect("a count")).collect();
    assert!(counts.iter().all(|it| (1..=500).contains(it)), "{counts:?}");
    assert_eq!(rag["total_tokens"], counts.iter().sum::<u64>());
    assert!(chunks.iter().enumerate().all(|(at, it)| it["index"] == at));
}

#[test]
fn code_does_not_start_a_section() {
    let rag = made(
        &format!("<main><h1>A</h1><pre># no heading\n\nmore</pre>{STORY}</main>"),
        Format::Rag,
    );

    assert_eq!(rag["chunks"].as_array().map(Vec::len), Some(1), "{rag}");
    assert_eq!(rag["chunks"][0]["heading_path"], json!(["A"]));
}

#[test]
fn one_endless_paragraph_is_cut_between_words() {
    let rag = made(&format!("<p>{}</p>", "kiln ".repeat(2_000)), Format::Rag);

    let chunks = rag["chunks"].as_array().expect("chunks");
    assert!(chunks.len() >= 5, "{}", chunks.len());
    let words: usize = chunks
        .iter()
        .map(|it| it["text"].as_str().expect("text").split(' ').filter(|it| *it == "kiln").count())
        .sum();
    assert_eq!(words, 2_000);
}

#[test]
fn microdata_is_read_across_the_page_by_reference() {
    let html = "<div itemscope itemtype=https://schema.org/Product itemref='more no-such'>\
        <b itemprop=name>Pot</b></div><p id=more><b itemprop=sku>p-1</b></p>\
        <div id=loop itemscope itemref=loop><b itemprop=name>Loop</b></div>";

    let found = structured(html, None).microdata;

    let pot = json!({ "type": "https://schema.org/Product", "properties": { "name": "Pot", "sku": "p-1" } });
    assert_eq!(found[0], pot);
    assert_eq!(found[1]["properties"]["name"], "Loop");
}

#[test]
fn rdfa_lite_is_read_like_microdata() {
    let html = "<div vocab=https://schema.org/ typeof=Product><b property=name>Pot</b>\
        <div property=offers typeof=Offer><span property=schema:price content=12.50>$12</span></div></div>";

    let offer = json!({ "type": "Offer", "properties": { "price": "12.50" } });
    assert_eq!(
        structured(html, None).rdfa,
        [json!({ "type": "Product", "properties": { "name": "Pot", "offers": offer } })]
    );
    assert_eq!(made(html, Format::Json)["name"], "Pot");
}

#[test]
fn opengraph_keeps_page_order() {
    let html = "<meta property=og:title content=A><meta property=product:price:amount content=5>\
        <meta property=og:image content=/a><meta property=og:image content=/b><meta name=x:y content=no>";

    assert_eq!(
        structured(html, None).opengraph,
        [json!({
            "namespace": { "og": "http://ogp.me/ns#", "product": "http://ogp.me/ns/product#" },
            "properties": [["og:title", "A"], ["product:price:amount", "5"], ["og:image", "/a"], ["og:image", "/b"]],
        })]
    );
}

#[test]
fn a_reference_in_json_ld_leads_to_its_item() {
    let html = r##"<script type="application/ld+json">{"@graph": [
        {"@type": "Article", "headline": "Pots", "author": {"@id": "#ann"}, "isPartOf": {"@id": "#pots"}},
        {"@type": "Person", "@id": "#ann", "name": "Ann", "knows": {"@id": "#ann"}}]}</script><p>Pots."##;

    let item = Item::get(URL).formats([Format::Json]);
    let made = read(html.as_bytes(), Some("text/html"), item).expect("a page");

    assert_eq!(made.author.as_deref(), Some("Ann"));
    let json = &made.content[&Format::Json];
    assert_eq!(json["author"]["name"], "Ann");
    assert_eq!(json["isPartOf"], json!({ "@id": "#pots" }));
}

#[test]
fn the_first_bytes_decide_the_document_kind() {
    let error = |body: &[u8], media| read(body, media, Item::get(URL)).expect_err("an error");

    for media in [None, Some("text/html"), Some("text/plain"), Some("application/pdf")] {
        let pdf = error(b"%PDF-1.4\n1 0 obj <</Type /Catalog>> endobj", media);
        assert_eq!(pdf, ExtractError::Unsupported("application/pdf".to_owned()), "{media:?}");
    }
    assert!(matches!(error(b"\x1f\x8b\x08\0", None), ExtractError::Unsupported(_)));
    let noise: Vec<u8> = (0..2_000_u32).map(|it| (it * 7 % 32).to_le_bytes()[0]).collect();
    assert!(matches!(error(&noise, Some("text/html")), ExtractError::Unsupported(_)));
}

#[test]
fn a_stray_nul_byte_is_tolerated() {
    let item = || Item::get(URL).formats([Format::Text]);

    let page =
        read(b"<p>Clay\0 and <b>a\0sh</b>, and all that a kiln needs.", Some("text/html"), item())
            .expect("a page");
    assert_eq!(page.text, "Clay and ash, and all that a kiln needs.");
    let text = read(b"Clay\0 and ash, and all that a kiln needs.", Some("text/plain"), item())
        .expect("a text");
    assert_eq!(text.text, "Clay\u{fffd} and ash, and all that a kiln needs.");
}

#[test]
fn decoding_reports_the_encoding() {
    let made =
        decode(b"<meta http-equiv=Content-Type content='text/html; charset=iso-8859-2'>\xb3", None);

    assert_eq!(made.encoding, "ISO-8859-2");
    assert!(made.text.ends_with('ł'));
}

#[test]
fn a_description_list_appears_once() {
    let depth = 100;
    let page = format!("{}{}", "<dl><dt>term<dd>".repeat(depth), "words ".repeat(100));

    let sections = made(&page, Format::JsonV2).to_string();

    assert_eq!(sections.matches("words").count(), 100, "{sections}");
}

#[test]
fn a_chunk_path_truncates_long_headings() {
    let page = format!("<h1>{}</h1>{}", "head ".repeat(2_000), "<p>word word</p>".repeat(2_000));

    let chunks = made(&page, Format::Rag);

    let chunks = chunks["chunks"].as_array().expect("chunks");
    let path = chunks.last().expect("a chunk")["heading_path"][0].as_str().expect("a heading");
    assert!(path.starts_with("head head") && path.chars().count() <= 160, "{path}");
}

#[test]
fn a_list_may_begin_with_the_greatest_number_there_is() {
    let markdown = made("<ol start=18446744073709551615><li>a<li>b</ol>", Format::Markdown);

    assert_eq!(markdown, "999999999. a\n999999999. b");
}

#[test]
fn chains_of_references_terminate() {
    let names = |level: usize| {
        let names: Vec<String> = (0..40).map(|it| format!("{level}-{it}")).collect();
        names.join(" ")
    };
    let mut page = format!("<div itemscope itemref='{}'></div>", names(0));
    for level in 0..7 {
        for item in 0..40 {
            let next = names(level + 1);
            page += &format!("<i id={level}-{item} itemprop=p itemscope itemref='{next}'></i>");
        }
    }

    let json = made(&format!("{page}<p>Words."), Format::Json);

    assert!(json["microdata"].is_array());
}
