//! Documents read by the built-in extractor.

use rungs::core::request::{Format, Item, JobRequest, Limits, Profile};
use rungs::core::tier::Tier;
use rungs::extract::HtmlExtractor;
use rungs::ports::extract::{Document, ExtractError, Extracted, Extractor};
use serde_json::{Value, json};

const URL: &str = "https://shop.example/a/b.html";
const ALL: [Format; 4] = [Format::Text, Format::Markdown, Format::Html, Format::Json];

const STORY: &str = "The kiln was fired at dawn, and by noon the first pots were cool enough to be held in two \
    hands. They rang when they were struck, which is how a potter knows what the clay has become.";

fn item() -> Item {
    Item::get(URL).formats(ALL)
}

fn checked(item: Item) -> JobRequest {
    item.check(&Limits::default()).expect("an item")
}

fn read(
    body: &[u8],
    media: Option<&str>,
    tier: Tier,
    item: Item,
) -> Result<Extracted, ExtractError> {
    let options = checked(item);
    HtmlExtractor
        .extract(Document::new(body, URL, &options).with_content_type(media).with_tier(tier))
}

fn page(body: &str) -> Extracted {
    page_with(body, item())
}

fn page_with(body: &str, item: Item) -> Extracted {
    read(body.as_bytes(), Some("text/html; charset=utf-8"), Tier::Curl, item).expect("a page")
}

fn format(made: &Extracted, format: Format) -> String {
    made.content[&format].as_str().expect("a string").to_owned()
}

fn markdown(body: &str) -> String {
    format(&page(body), Format::Markdown)
}

#[test]
fn headings_paragraphs_and_emphasis_become_markdown() {
    let made = markdown(
        "<h1>Kites</h1><p>They <b>fly</b> and <em>dip</em>, <s>sink</s>.</p><hr><h3>Tails</h3>x",
    );

    assert_eq!(made, "# Kites\n\nThey **fly** and *dip*, ~~sink~~.\n\n---\n\n### Tails\n\nx");
}

#[test]
fn lists_nest_and_keep_their_start() {
    let made = markdown("<ul><li>wood<ul><li>oak</li><li>ash</li></ul></li><li>iron</li></ul>");
    assert_eq!(made, "- wood\n  - oak\n  - ash\n- iron");

    assert_eq!(markdown("<ol start=4><li>mix</li><li>bake</li></ol>"), "4. mix\n5. bake");
}

#[test]
fn links_and_images_are_made_absolute() {
    assert_eq!(
        markdown("<p><a href='../c?d=1'>next</a> <img src=/i.png alt='a kite'></p>"),
        "[next](https://shop.example/c?d=1) ![a kite](https://shop.example/i.png)"
    );
    assert_eq!(
        markdown("<base href='https://other.example/x/'><p><a href=y>go</a></p>"),
        "[go](https://other.example/x/y)"
    );
    assert_eq!(markdown("<p><a href='javascript:x()'>press</a></p>"), "press");
}

#[test]
fn code_keeps_its_lines_and_its_language() {
    assert_eq!(
        markdown("<pre><code class='hl language-rust'>fn a() {\n    b();\n}\n</code></pre>"),
        "```rust\nfn a() {\n    b();\n}\n```"
    );
    assert_eq!(markdown("<pre>a ``` b</pre>"), "````\na ``` b\n````");
    assert_eq!(
        markdown("<p>call <code>a*b</code> or <code>x`y</code></p>"),
        "call `a*b` or ``x`y``"
    );
}

#[test]
fn quotes_are_marked_on_every_line() {
    assert_eq!(markdown("<blockquote><p>one</p><p>two</p></blockquote>"), "> one\n>\n> two");
}

#[test]
fn tables_have_a_rule_and_escaped_pipes() {
    assert_eq!(
        markdown("<table><tr><th>k<th>v<tr><td>a|b<td>2<tr><td>c</table>"),
        "| k | v |\n| --- | --- |\n| a\\|b | 2 |\n| c |  |"
    );
}

#[test]
fn markdown_syntax_in_text_is_escaped() {
    assert_eq!(markdown("<p>2*3_4 [x] `y` &lt;b&gt;</p>"), "2\\*3_4 \\[x\\] \\`y\\` \\<b>");
    assert_eq!(markdown("<p># no heading</p><p>1. no list</p>"), "\\# no heading\n\n1\\. no list");
}

#[test]
fn line_breaks_stay() {
    assert_eq!(markdown("<p>Elm Street 1<br>Springwood</p>"), "Elm Street 1  \nSpringwood");
    assert_eq!(page("<p>Elm Street 1<br>Springwood</p>").text, "Elm Street 1\nSpringwood");
}

#[test]
fn text_has_a_blank_line_between_blocks() {
    let made =
        page("<h2>Tea</h2><p>Green\n  or <i>black</i>.</p><div>Hot<script>x()</script></div>");

    assert_eq!(made.text, "Tea\n\nGreen or black.\n\nHot");
}

#[test]
fn items_of_a_text_have_their_mark_beside_their_words() {
    let made = page("<ul><li><p>wood</p></li><li>iron</li></ul><ol start=3><li>mix<li>bake</ol>");

    assert_eq!(made.text, "- wood\n\n- iron\n\n3. mix\n\n4. bake");
}

#[test]
fn a_text_shows_what_stands_high_or_low() {
    for (html, text) in [
        (
            "<p>10<sup>3</sup> H<sub>2</sub>O x<sup>n-1</sup> T<sub>max</sub> 2<sup>k</sup>",
            "10³ H₂O x^(n-1) T_max 2^k",
        ),
        (
            "<p>the 1<sup>st</sup>, $12<sup>99</sup>, 1<sup>1</sup>/<sub>2</sub> cups",
            "the 1st, $12.99, 1¹/₂ cups",
        ),
        (
            "<p>e<sup>x<sup>2</sup></sup> <math><mfrac><mi>a</mi><mi>b</mi></mfrac></math>",
            "e^x² a/b",
        ),
        (
            "<table><tr><td>km<sup>2</sup><td>a<p>b</p>c<td>10<sup>6</sup></table>",
            "km² | a b c | 10⁶",
        ),
        ("<p>noted<sup><a href=#n>1</a></sup> <sup>[2]</sup>", "noted¹ [2]"),
        ("<p><q>a</q> <ruby>字<rt>じ</rt></ruby>", "\"a\" 字(じ)"),
        ("<ul><li><input type=checkbox disabled> a", "- [ ] a"),
        ("<table><tr><td><pre>1\n2</pre><td><pre>a\nb</pre></table>", "a\nb"),
        ("<h2>Clay<a href=#clay>¶</a></h2>", "Clay"),
    ] {
        let padded = format!("{html}</p></table></ul><p>{STORY}</p>");

        assert_eq!(format(&page(&padded), Format::Text), format!("{text}\n\n{STORY}"), "{html}");
    }
}

#[test]
fn html_is_safe_to_show() {
    let made = page(
        "<p onclick=x() style='color:red' title='a &quot;b&quot;'>1 &lt; 2 &amp; <a href=' javascript:x()'>z</a>\
         <script>alert(1)</script><iframe src=/f></iframe><img src=data:x onerror=y()></p>\
         <svg><script>q()</script></svg><form action=/f><input value=v></form>&lt;script&gt;",
    );

    let html = format(&made, Format::Html);
    for bad in
        ["onclick", "style", "javascript:", "<script", "iframe", "onerror", "data:", "<svg", "form"]
    {
        assert!(!html.contains(bad), "{bad} in {html}");
    }
    assert!(html.contains("1 &lt; 2 &amp; <a>z</a>"), "{html}");
    assert!(html.contains("title=\"a &quot;b&quot;\""), "{html}");
    assert!(html.ends_with("&lt;script&gt;"), "{html}");
}

#[test]
fn charsets_come_from_mark_header_and_page() {
    let text = |body: &[u8], media: &str| {
        read(body, Some(media), Tier::Curl, item()).expect("a page").text
    };

    assert_eq!(text(b"<p>\xcc\xe8\xf0</p>", "text/html; charset=windows-1251"), "Мир");
    assert_eq!(text(b"<meta charset=koi8-r><p>\xed\xc9\xd2</p>", "text/html"), "Мир");
    let wide: Vec<u8> = "\u{feff}<p>Мир</p>".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(text(&wide, "text/html; charset=latin1"), "Мир");
}

#[test]
fn the_item_that_fits_the_profile_is_lifted_into_json() {
    let source = r#"<script type="application/ld+json"><!--
        {"@graph": [{"@type": "WebSite", "name": "Shop"},
                    {"@type": "Recipe", "name": "Soup",},
                    {"@type": ["Thing", "Product"], "name": "Pot", "sku": "p-1"}]}
        //--></script><p>A pot."#;

    let mut wanted = item();
    assert_eq!(page_with(source, wanted.clone()).content[&Format::Json]["sku"], "p-1");
    wanted.extraction_profile = Profile::Recipe;
    let json = &page_with(source, wanted).content[&Format::Json];
    assert_eq!(json["name"], "Soup");
    assert_eq!(json["jsonld"].as_array().map(Vec::len), Some(3));
}

#[test]
fn microdata_is_read_with_its_inner_items() {
    let made = page(
        "<div itemscope itemtype=https://schema.org/Product><b itemprop=name>Lamp</b>\
         <img itemprop=image src=/l.png><span itemprop=offers itemscope itemtype=https://schema.org/Offer>\
         <meta itemprop=price content=12.50></span></div>",
    );

    assert_eq!(
        made.content[&Format::Json]["microdata"],
        json!([{ "@type": "Product", "name": "Lamp", "image": "https://shop.example/l.png",
                 "offers": { "@type": "Offer", "price": "12.50" } }])
    );
    assert_eq!(made.content[&Format::Json]["name"], "Lamp");
}

#[test]
fn metadata_holds_title_description_url_and_language() {
    let made = page(
        "<html lang=de-AT><title>Lampe | Shop</title><meta property=og:title content='Lampe '>\
         <meta property=og:description content='Sie leuchtet.'><meta name=author content='A. B.'>\
         <link rel=canonical href=/lampe><p>Hell.",
    );

    assert_eq!(made.title.as_deref(), Some("Lampe"));
    assert_eq!(made.description.as_deref(), Some("Sie leuchtet."));
    assert_eq!(made.author.as_deref(), Some("A. B."));
    assert_eq!(made.language.as_deref(), Some("de-AT"));
    assert_eq!(made.metadata["canonical"], "https://shop.example/lampe");
}

#[test]
fn a_filled_schema_reports_missing_fields() {
    let mut wanted = item();
    wanted.extraction_schema = Some(json!({
        "price": "number", "title": "string", "color": "string",
    }));
    let made = page_with(
        r#"<script type=application/ld+json>{"@type":"Product","name":"Bike",
           "offers":{"price":"$1,099.99"}}</script><p>A bike."#,
        wanted,
    );

    let filled = json!({ "price": 1099.99, "title": "Bike", "color": null });
    assert_eq!(made.filtered_content.as_ref(), Some(&filled));
    assert_eq!(made.content[&Format::Json], filled);
    assert!(made.warnings.iter().any(|it| it.contains("color")), "{:?}", made.warnings);
}

#[test]
fn a_schema_may_refer_to_its_own_parts() {
    let mut wanted = item();
    wanted.extraction_schema = Some(json!({
        "type": "object",
        "properties": {
            "name": { "type": "string" },
            "offers": { "anyOf": [{ "$ref": "#/$defs/Offer" }, { "type": "null" }] },
        },
        "$defs": { "Offer": { "type": "object", "properties": { "price": { "type": "number" } } } },
    }));
    let made = page_with(
        r#"<script type=application/ld+json>{"@type":"Product","name":"Bike",
           "offers":{"price":"$1,099.99","priceCurrency":"USD"}}</script><p>A bike."#,
        wanted,
    );

    let filled = json!({ "name": "Bike", "offers": { "price": 1099.99 } });
    assert_eq!(made.filtered_content, Some(filled));
}

#[test]
fn raw_html_is_kept_on_request() {
    let mut wanted = item();
    wanted.include_raw_html = true;
    let made = page_with("<p>Five.</p>", wanted);

    assert_eq!(made.raw_html.as_deref(), Some("<p>Five.</p>"));
    assert_eq!(page("<p>Five.</p>").raw_html, None);
}

#[test]
fn json_and_plain_text_are_read_as_they_are() {
    let made = read(br#"{"a":[1,2]}"#, Some("application/json"), Tier::Curl, item()).expect("json");
    assert_eq!(made.content[&Format::Json], json!({ "a": [1, 2] }));
    let made = read(b"a < b\n", Some("text/plain"), Tier::Curl, item()).expect("text");
    assert_eq!(made.text, "a < b\n");
    assert_eq!(made.content[&Format::Html], Value::from("<pre>a &lt; b\n</pre>"));
}

#[test]
fn empty_and_binary_documents_are_errors() {
    let error = |body: &[u8], media| read(body, media, Tier::Curl, item()).expect_err("an error");

    assert_eq!(error(b" \n", Some("text/html")), ExtractError::Empty);
    assert_eq!(error(b"<p> </p><script>x()</script>", Some("text/html")), ExtractError::Empty);
    let binary = error(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", Some("image/png"));
    assert_eq!(binary, ExtractError::Unsupported("image/png".to_owned()));
}

#[test]
fn light_js_reads_embedded_state() {
    let story = "The ferry leaves the small harbour at dawn and comes back before noon. ".repeat(5);
    let light = |script: &str| {
        let body = format!("<title>Ferry</title><div id=root></div>{script}");
        read(body.as_bytes(), Some("text/html"), Tier::LightJs, item())
    };
    let state = json!({ "props": { "story": story } });

    let next = format!("<script id=__NEXT_DATA__ type=application/json>{state}</script>");
    assert!(light(&next).expect("a page").text.starts_with("The ferry leaves"));
    let global = format!("<script>var a = 1; window.__STATE__= {state};</script>");
    assert!(light(&global).expect("a page").text.starts_with("The ferry leaves"));
    assert_eq!(light("<script>run()</script>").expect_err("empty"), ExtractError::Empty);
}

#[test]
fn main_content_excludes_boilerplate() {
    let story =
        "A glacier is a slow river of ice, fed by snow, and it carves its valley. ".repeat(8);
    let made = page(&format!(
        "<nav><a href=/>Home</a></nav><div id=cookie-banner>We use cookies</div>\
         <main><h1>Ice</h1><p>{story}</p><p>{story}</p></main><footer>Imprint</footer>"
    ));

    assert!(made.text.starts_with("Ice\n\nA glacier"), "{}", made.text);
    for frame in ["Home", "cookies", "Imprint"] {
        assert!(!made.text.contains(frame), "{frame}");
    }
    assert!(made.warnings.is_empty(), "{:?}", made.warnings);
}

#[test]
fn a_page_without_main_content_is_returned_whole() {
    let made = page("<div><p>A short note about tea, and cups.</p></div><div>And more</div>");

    assert!(made.text.contains("tea") && made.text.contains("And more"));
    assert!(made.warnings.iter().any(|it| it.contains("stands out")), "{:?}", made.warnings);
}

/// Reads it as every main format on a small stack. What comes of it may be anything but a crash.
fn survives(what: &str, body: Vec<u8>) -> Result<Extracted, ExtractError> {
    let thread = std::thread::Builder::new().stack_size(2 << 20);
    let work = move || {
        let _ = read(&body, Some("text/html"), Tier::LightJs, item());
        read(&body, Some("text/html"), Tier::Curl, item())
    };
    thread.spawn(work).expect("a thread").join().unwrap_or_else(|_| panic!("{what} panicked"))
}

fn nested(open: &str, close: &str, times: usize) -> String {
    format!("{}deep{}", open.repeat(times), close.repeat(times))
}

#[test]
fn deep_nesting_is_read() {
    for (open, close) in [
        ("<div>", "</div>"),
        ("<b><i>", "</i></b>"),
        ("<ul><li>x", "</ul>"),
        ("<blockquote>x", "</blockquote>"),
        ("<table><tr><td>x<td>y", "</table>"),
        ("<span><p>x", "</span>"),
        ("<a href=/x><div>x", "</div></a>"),
        ("<div itemscope itemprop='a b c'>x", "</div>"),
        ("<svg><g>", "</g></svg>"),
        ("<math><mi>", "</mi></math>"),
        ("<template><div>", "</div></template>"),
        ("<button><div>", "</div></button>"),
    ] {
        let made = survives(open, nested(open, close, 20_000).into_bytes());
        let drawing = ["<svg", "<template", "<button"].iter().any(|it| open.starts_with(it));
        assert!(drawing || made.expect(open).text.contains("deep"), "{open}");
    }
}

#[test]
fn unclosed_markup_is_read() {
    let fonts: Vec<String> = (0..20_000).map(|it| format!("<font color={it}>x")).collect();
    let blocks = fonts.join("<p>");
    let fonts = fonts.concat();
    for (what, body) in [
        ("links", "<a href=/x>x".repeat(20_000)),
        ("links in blocks", "<p><a href=/x>x".repeat(20_000)),
        ("fonts", fonts),
        ("fonts in blocks", blocks),
        ("paragraphs", "<p>x".repeat(200_000)),
        ("signs", "<".repeat(1_000_000)),
        ("comment", format!("<p>x<!-- {}", "<div>-".repeat(50_000))),
        ("comments", "<!-- - ".repeat(50_000)),
        ("script", format!("<p>x<script>{}", "<div></".repeat(50_000))),
        ("quote", format!("<p>x<a href=\"{}", "<div>".repeat(50_000))),
        ("drawings", "<svg>".repeat(100_000)),
    ] {
        let _ = survives(what, body.into_bytes());
    }
}

#[test]
fn pseudo_raw_text_does_not_hide_depth() {
    for start in [
        "<!-- --!>",
        "<!--!><script>-->",
        "<svg><style>",
        "<math><title>",
        "<style></stylex><script></style>",
        "<script><!--<script></script><style></script>",
        "<select><style></select>",
        "<p =\">",
        "<p a=b=\">",
        "<p/=\">",
        "<noscript>",
    ] {
        let body = format!("<p>start{start}{}", nested("<div>", "</div>", 12_000));
        let _ = survives(start, body.into_bytes());
    }
}

#[test]
fn damaged_pages_are_read() {
    let whole = "<!doctype html><html lang=en><head><title>A</title><script type='application/ld+json'>\
        {\"@type\":\"Product\",\"name\":\"Pot\"}</script></head><body><svg><g/></svg><table><tr><td>a|b\
        <td><ul><li>x<ol start=3><li>y</ol></ul></table><pre><code class='language-c'>f();</code></pre>\
        <div itemscope itemtype='/Thing'><b itemprop=name>Pot</b></div><p>1 &lt; 2 &#x1F600; <a href='?q'>q</a>";
    let mut state = 7_u64;
    let mut next = |below: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).expect("31 bits") % below
    };
    for round in 0..300 {
        let mut body = whole.as_bytes().to_vec();
        for _ in 0..=next(12) {
            let (at, to) = (next(body.len()), next(whole.len()));
            match next(3) {
                0 => body[at] = u8::try_from(next(256)).expect("a byte"),
                1 => body.truncate(at.max(1)),
                _ => {
                    body.splice(at..at, whole.as_bytes()[to..].iter().copied().take(40));
                }
            }
        }
        let _ = survives(&format!("round {round}"), body);
    }
}
