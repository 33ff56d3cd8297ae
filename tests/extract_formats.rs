//! The structured formats of the built-in extractor, and what it reads of a document's kind.

#![cfg(feature = "html")]

use rungs::core::request::{BlockKind, Format, Item, Limits};
use rungs::core::tier::Tier;
use rungs::extract::{Html, convert, decode, structured};
use rungs::ports::extract::{ExtractError, Extracted, Extractor, Page};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const URL: &str = "https://shop.example/a/b.html";

fn read(body: &[u8], media: Option<&str>, item: Item) -> Result<Extracted, ExtractError> {
    let options = item.check(&Limits::default()).expect("an item");
    let tier = Tier::Curl;
    Html.extract(Page { body, content_type: media, url: URL, tier, options: &options })
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
    // What is there to be pressed is no part of the text.
    assert_eq!(kinds(glaze), ["blockquote", "dl", "details"]);
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
fn json_v2_says_what_each_link_is_for() {
    let json = made(&page(), Format::JsonV2);

    let links = json["links"].as_array().expect("links");
    let role = |text: &str| links.iter().find(|it| it["text"] == text).map(|it| it["role"].clone());
    assert_eq!(role("Follow"), Some(json!("social")));
    assert_eq!(role("Home"), Some(json!("nav")));
    assert_eq!(role("Buy"), Some(json!("cta")));
}

#[test]
fn rag_chunks_know_the_headings_they_stand_under() {
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
fn a_sign_in_code_begins_no_section_of_a_chunk() {
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
fn a_document_is_converted_whole_and_its_addresses_stay_as_written() {
    let html = "<nav><a href='/x?(y)'>Home</a></nav><p><img src=a.png alt=A title='The &quot;A&quot;'></p>";

    assert_eq!(convert(html, None), "[Home](/x?(y))\n\n![A](a.png \"The \\\"A\\\"\")");
    assert!(
        convert(html, Some("https://a.example/b/"))
            .ends_with("![A](https://a.example/b/a.png \"The \\\"A\\\"\")")
    );
}

#[test]
fn marks_after_a_break_are_escaped_too() {
    let markdown = convert("<p>a<br># b<br>- c<br>1. d<br>+ e<br>> f<br>=</p>", None);

    assert_eq!(markdown, "a  \n\\# b  \n\\- c  \n1\\. d  \n\\+ e  \n\\> f  \n\\=");
}

#[test]
fn emphasis_touches_its_words_and_joins_its_neighbour() {
    assert_eq!(convert("<p>a <b> b </b>c</p>", None), "a **b** c");
    assert_eq!(convert("<b>a</b><b>b</b><strong><b>c</b></strong>", None), "**abc**");
    assert_eq!(convert("<p>a<i> </i>b<i></i>c</p>", None), "a bc");
}

#[test]
fn lists_that_follow_each_other_stay_apart() {
    assert_eq!(convert("<ul><li>a</ul><ul><li>b</ul>", None), "- a\n\n* b");
    assert_eq!(convert("<ol><li>a</ol><ol start=5><li>b</ol>", None), "1. a\n\n5) b");
    assert_eq!(convert("<ul><li><ul><li>a</ul><li>b</ul>", None), "- - a\n- b");
}

#[test]
fn what_stands_between_items_is_more_of_the_one_before() {
    assert_eq!(convert("<ul><li>a</li><ul><li>b</ul><li>c</ul>", None), "- a\n  - b\n- c");
    assert_eq!(convert("<ol><li>a</li> and<li>b</ol>", None), "1. a and\n2. b");
    assert_eq!(convert("<ul><div>a</div><div>b</div></ul>", None), "- a\n\n  b");
}

#[test]
fn a_mark_beside_a_letter_is_set_apart_where_it_would_not_be_one() {
    assert_eq!(convert("<p>a<b><code>b</code></b>c</p>", None), "a **`b`** c");
    assert_eq!(convert("<p>a<i>b</i>c</p>", None), "a*b*c");
    assert_eq!(convert("<p>(<b>(a)</b>)</p>", None), "(**(a)**)");
}

#[test]
fn spans_of_code_that_touch_are_one_and_a_block_of_code_in_one_is_a_block() {
    assert_eq!(convert("<p>a <code>b</code><code>c</code> d</p>", None), "a `bc` d");
    assert_eq!(convert("<p><code>b</code><code>`</code></p>", None), "`b` `` ` ``");
    assert_eq!(convert("<code><pre>a\nb</pre></code>", None), "```\na\nb\n```");
}

#[test]
fn a_block_of_code_keeps_every_line_and_loses_their_numbers() {
    for (html, markdown) in [
        ("<pre><code>\n a\n\n</code></pre>", "```\n\n a\n\n```"),
        ("<pre><code></code></pre><pre></pre>", "```\n\n```"),
        ("<pre><div>a</div><div>b</div></pre>", "```\na\nb\n```"),
        ("<pre><i class=lineno>1</i>a\n<i class=lineno>2</i>b</pre>", "```\na\nb\n```"),
        ("<table><tr><td><pre>9\n10</pre><td><pre>a\nb</pre></table>", "```\na\nb\n```"),
        (
            "<table><tr><td><pre>9\n11</pre><td><pre>a</pre></table>",
            "```\n9\n11\n```\n\n```\na\n```",
        ),
        ("<pre>a<br>b</pre>", "```\na\nb\n```"),
    ] {
        assert_eq!(convert(html, None), markdown, "{html}");
    }
    assert_eq!(convert("<p>a<code> </code>b<code></code></p>", None), "a` `b");
}

#[test]
fn the_language_of_code_is_read_as_each_highlighter_says_it() {
    for html in [
        "<pre><code class='hljs language-go'>x</code></pre>",
        "<pre class='brush: go; toolbar: false'>x</pre>",
        "<div class='highlight highlight-source-go'><pre>x</pre></div>",
        "<div class='highlight-go notranslate'><div class=highlight><pre>x</pre></div></div>",
        "<pre class='hljs go'>x</pre>",
        "<pre class='sourceCode go'><code class='sourceCode go'>x</code></pre>",
        "<pre data-lang=go><code>x</code></pre>",
    ] {
        assert_eq!(convert(html, None), "```go\nx\n```", "{html}");
    }
    let two = "<div class='language-go'><pre>x</pre><pre>y</pre></div><pre class='big red'>z</pre>";
    assert_eq!(convert(two, None), "```\nx\n```\n\n```\ny\n```\n\n```\nz\n```");
}

#[test]
fn items_keep_their_own_numbers_and_boxes() {
    let tasks = "<ul><li><input type=checkbox checked disabled> a<li><p><input type=checkbox disabled>b\
        <li><input type=checkbox>c<li>d</ul>";

    assert_eq!(convert("<ol><li value=5>a<li>b<li value=9>c</ol>", None), "5. a\n6. b\n9. c");
    assert_eq!(
        convert("<ol start=99999999999><li>a<li>b</ol>", None),
        "999999999. a\n999999999. b"
    );
    assert_eq!(convert(tasks, None), "- [x] a\n- [ ] b\n- c\n- d");
    assert_eq!(convert("<menu><li>a<li>b</menu>", None), "- a\n- b");
}

#[test]
fn only_what_would_be_a_mark_is_escaped() {
    for plain in ["snake_case_name", "C:\\dir", "a < b", "a?b=1&c=2", "AT&T", "~x~", "|a|"] {
        assert_eq!(convert(&plain.replace('<', "&lt;"), None), plain);
    }
    for (html, markdown) in [
        ("_a_ __b__", "\\_a\\_ \\_\\_b\\_\\_"),
        ("\\* \\", "\\\\\\* \\\\"),
        ("&lt;b> &lt;", "\\<b> \\<"),
        ("&amp;amp; &amp;#49; &amp;amp", "\\&amp; \\&#49; &amp"),
        ("<p>a | b<br>--- | ---", "a | b  \n\\--- | ---"),
        ("<p>:--", "\\:--"),
        ("<p>no!<a href=/x>y</a>", "no\\![y](/x)"),
    ] {
        assert_eq!(convert(html, None), markdown, "{html}");
    }
}

#[test]
fn no_blank_line_tears_a_mark_apart() {
    assert_eq!(convert("<a href=/x>a<br><br>b</a>", None), "[a  \nb](/x)");
    assert_eq!(convert("<p><b>a<br> <br>b</b></p>", None), "**a  \nb**");
}

#[test]
fn quotes_and_readings_are_shown_as_a_browser_shows_them() {
    assert_eq!(convert("<q>a</q> b", None), "\"a\" b");
    assert_eq!(convert("<ruby>字<rt>じ</rt></ruby>", None), "字(じ)");
    assert_eq!(convert("<ruby>字<rp>(</rp><rt>じ</rt><rp>)</rp></ruby>", None), "字(じ)");
    assert_eq!(
        convert("<h2>Clay<a href=#clay>¶</a></h2><p><a href=#clay>¶</a>", None),
        "## Clay\n\n[¶](#clay)"
    );
}

#[test]
fn an_image_that_is_loaded_late_is_the_one_that_will_be_shown() {
    for html in [
        "<img src=/blank.gif data-src=/pot.png>",
        "<img src=data:image/gif;base64,R0 data-original=/pot.png>",
        "<img data-srcset='/pot.png 1x, /b.png 2x'>",
        "<img src=/pot.png data-src=/other.png>",
    ] {
        assert_eq!(convert(html, None), "![](/pot.png)", "{html}");
    }
}

#[test]
fn a_formula_is_given_as_its_source() {
    let page = |attributes: &str| {
        format!(
            "<p>So <math {attributes}><semantics><msub><mi>a</mi><mn>1</mn></msub>\
             <annotation encoding='application/x-tex'>a_1 \\ge 0</annotation></semantics></math>.</p>"
        )
    };

    assert_eq!(convert(&page(""), None), "So $a_1 \\ge 0$.");
    assert_eq!(convert(&page("display='block'"), None), "So $$a_1 \\ge 0$$.");
    assert_eq!(convert("<p><math alttext='x &lt; 1'><mi>x</mi></math></p>", None), "$x < 1$");
    assert_eq!(convert("<p><math alttext='x<b'><mi>x</mi></math></p>", None), "$x<b$");
    assert_eq!(convert("<p><math><mi>a</mi></math></p>", None), "a");
}

#[test]
fn a_raised_link_to_an_item_below_is_a_footnote() {
    let html = "<p>Fire it<sup id=r1><a href=#n1>1</a></sup> twice<sup><a href=#n2>[2]</a></sup>\
        <sup><a href=#n1>1</a></sup>, at 10<sup>3</sup> degrees<sup><a href=#no>3</a></sup>.</p>\
        <ol><li id=n1><p>Slowly. <a href=#r1>↩</a></p><p>Very.</p></li><li id=n2>Once more.</ol>";

    assert_eq!(
        convert(html, None),
        "Fire it[^1] twice[^2][^1], at 10³ degrees[3](#no).\n\n\
         [^1]: Slowly.\n\n    Very.\n[^2]: Once more."
    );
}

#[test]
fn a_note_is_one_whichever_generator_wrote_it() {
    for (reference, note) in [
        (
            "<a href=#n class=footnote-ref role=doc-noteref><sup>1</sup></a>",
            "<ol><li id=n><p>Slowly.<a href=#r role=doc-backlink>↩\u{fe0e}</a></ol>",
        ),
        (
            "<sup class=footnote>[<a href=#n>1</a>]</sup>",
            "<div id=n><a href=#r>1</a>. Slowly.</div>",
        ),
        ("<a href=#n><sup>[1]</sup></a>", "<p><a href=#r name=n>[1]</a> Slowly.</p>"),
        (
            "<a class='footnote-reference brackets' href=#n>[1]</a>",
            "<aside id=n><span>[<a href=#r>1</a>]</span><p>Slowly.</p></aside>",
        ),
        (
            "<sup><a href=#n>[1]</a></sup>",
            "<ol><li id=n><b>^ <a href=#r><sup>a</sup></a> <a href=#s><sup>b</sup></a></b> Slowly.</ol>",
        ),
    ] {
        let html = format!("<p>Fire it{reference}.</p>{note}");

        assert_eq!(convert(&html, None), "Fire it[^1].\n\n[^1]: Slowly.", "{html}");
    }
    let heading = "<p>See<sup><a href=#more>1</a></sup>.</p><h2 id=more>More</h2>";
    assert_eq!(convert(heading, None), "See[1](#more).\n\n## More");
}

#[test]
fn what_stands_high_or_low_is_written_so_and_an_ordinal_is_a_word() {
    for (html, markdown) in [
        ("10<sup>3</sup> m<sup>-1</sup>", "10³ m⁻¹"),
        ("H<sub>2</sub>O, Ca<sup>2+</sup>", "H₂O, Ca²⁺"),
        ("x<sup>2n+1</sup> e<sup>-x<sup>2</sup></sup>", "x<sup>2n+1</sup> e<sup>-x²</sup>"),
        ("T<sub>max</sub> <i>x</i><sup>2</sup><sub>i</sub>", "T<sub>max</sub> *x*²<sub>i</sub>"),
        ("<i>a</i><sub>n</sub>, p<sup>*</sup>, 25<sup>o</sup>C", "*a*<sub>n</sub>, p\\*, 25°C"),
        ("<a href='/a`b'>c</a>", "[c](/a%60b)"),
        ("1<sup>1</sup>/<sub>2</sub> cups", "1¹/₂ cups"),
        ("1<sup>st</sup>, XX<sup>e</sup>, Rungs<sup>TM</sup>", "1st, XXe, RungsTM"),
        ("$12<sup>99</sup>, 7<sup>50</sup> €, 7,<sup>50</sup> €", "$12.99, 7.50 €, 7,50 €"),
        ("$12<sup>.99</sup> <sup>[1]</sup><sup></sup>", "$12.99 \\[1\\]"),
        ("<table><tr><th>km<sup>2</sup></table>", "| km² |\n| --- |"),
    ] {
        assert_eq!(convert(html, None), markdown, "{html}");
    }
}

#[test]
fn a_formula_without_a_source_keeps_what_its_places_say() {
    let half = "<math><mfrac><mn>1</mn><mrow><mn>2</mn><mo>+</mo><mi>a</mi></mrow></mfrac></math>";
    let power =
        "<math><msubsup><mi>x</mi><mn>1</mn><mn>2</mn></msubsup><msqrt><mi>b</mi></msqrt></math>";

    assert_eq!(convert(&format!("{half} {power}"), None), "1/(2+a) x₁²√(b)");
}

#[test]
fn a_formula_in_a_script_is_read_and_what_was_drawn_of_it_is_not() {
    let html = "<p>So <span class=MathJax><nobr>x2</nobr></span><script type='math/tex'>x^2 < \\&</script> \
        and <script type='math/tex; mode=display'>y</script><script>z()</script>.</p>";

    assert_eq!(convert(html, None), "So $x^2 < \\&$ and $$y$$.");
}

#[test]
fn an_alternative_text_keeps_its_lines_and_ends_no_paragraph() {
    assert_eq!(convert("<img src=a.png alt='a\n\n  b'>", None), "![a  \nb](a.png)");
    assert_eq!(convert("<h2>x <img src=a.png alt='a\nb'></h2>", None), "## x ![a b](a.png)");
}

#[test]
fn cells_that_span_keep_the_columns_below_in_place() {
    let html = "<table><tr><td rowspan=2>a<td colspan=2>b<tr><td>c<td>d</table>";

    assert_eq!(convert(html, None), "|  |  |  |\n| --- | --- | --- |\n| a | b |  |\n|  | c | d |");
}

#[test]
fn a_table_with_heads_stays_one_whatever_lines_its_cells_have() {
    let html = "<table><tr><th>a<th>b<tr><td>c<br>d<td><p>e</p><p>f|g</p></table>";

    assert_eq!(convert(html, None), "| a | b |\n| --- | --- |\n| c<br>d | e<br>f\\|g |");
}

#[test]
fn emphasis_around_blocks_is_around_each_of_them() {
    assert_eq!(
        convert("<s><p>a <b>b</b></p><ul><li>c <s>d</s></ul></s><b><p><i>e</i></p></b>f", None),
        "~~a **b**~~\n\n- ~~c d~~\n\n***e***\n\nf"
    );
}

#[test]
fn a_table_that_only_lays_out_is_none() {
    let html = "<table role=presentation><tr><td>one<td>two</table>";

    assert_eq!(convert(html, None), "one two");
    let rows = "<table role=none><tr><td><p>one</p><p>two</p><td>three<tr><td>four<td>five</table>";
    assert_eq!(convert(rows, None), "one\n\ntwo\n\nthree\n\nfour five");
}

#[test]
fn a_link_around_blocks_is_a_link_of_the_first() {
    let html = "<a href=/pot><h3>Pot</h3><p>Red clay.</p></a>";

    assert_eq!(convert(html, None), "### [Pot](/pot)\n\nRed clay.");
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
fn opengraph_stands_in_the_order_of_the_page_with_its_namespaces() {
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
fn a_document_is_what_its_first_bytes_say() {
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
fn a_stray_zero_makes_no_page_unreadable() {
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
fn decoding_says_by_which_encoding() {
    let made =
        decode(b"<meta http-equiv=Content-Type content='text/html; charset=iso-8859-2'>\xb3", None);

    assert_eq!(made.encoding, "ISO-8859-2");
    assert!(made.text.ends_with('ł'));
}

#[test]
fn a_list_of_terms_in_a_description_is_said_once() {
    let depth = 100;
    let page = format!("{}{}", "<dl><dt>term<dd>".repeat(depth), "words ".repeat(100));

    let sections = made(&page, Format::JsonV2).to_string();

    assert_eq!(sections.matches("words").count(), 100, "{sections}");
}

#[test]
fn the_path_of_a_chunk_holds_only_the_beginning_of_a_long_heading() {
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
fn items_that_refer_to_items_that_refer_to_items_end() {
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
