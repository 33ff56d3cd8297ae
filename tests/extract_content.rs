//! Which part of a page the built-in extractor takes for its content, and what it calls it.

#![cfg(feature = "html")]

use rungs::core::request::{Format, Item, Limits};
use rungs::core::tier::Tier;
use rungs::extract::Html;
use rungs::ports::extract::{Extracted, Extractor, Page};

const URL: &str = "https://kiln.example/a.html";

fn read(body: &[u8]) -> Extracted {
    let options =
        Item::get(URL).formats([Format::Text]).check(&Limits::default()).expect("an item");
    let (content_type, tier) = (Some("text/html"), Tier::Curl);
    Html.extract(Page { body, content_type, url: URL, tier, options: &options }).expect("a page")
}

fn text(body: &str) -> String {
    read(body.as_bytes()).text
}

/// About 1,200 bytes of text.
fn story() -> String {
    "<p>A kiln is an oven for clay, built of brick, and it is fired for a day and a night.</p>"
        .repeat(14)
}

#[track_caller]
fn assert_kept_and_left(text: &str, kept: &[&str], left: &[&str]) {
    for word in kept {
        assert!(text.contains(word), "{word} is not in {text}");
    }
    for word in left {
        assert!(!text.contains(word), "{word} is in {text}");
    }
}

#[test]
fn what_a_reader_unfolds_is_content_and_other_hidden_parts_are_not() {
    let made = text(&format!(
        "<main><h1>Kilns</h1>{}<div role=tabpanel hidden>Weight: 90 kg</div>\
         <div class='accordion panel' style='display: none'>Bricks: 200</div>\
         <div style='display:none'>Session over</div><div hidden>Loading</div></main>",
        story()
    ));

    assert_kept_and_left(&made, &["90 kg", "Bricks: 200"], &["Session over", "Loading"]);
}

#[test]
fn parts_under_a_heading_that_leads_elsewhere_are_left_out() {
    let made = text(&format!(
        "<main><h1>Kilns</h1>{0}<div><h2>You may also like</h2><p>Ovens for bread</p></div>\
         <h2>Related articles</h2><p>Glaze at home</p><h2>Firing</h2><p>Slowly.</p>{0}</main>",
        story()
    ));

    assert_kept_and_left(
        &made,
        &["Firing", "Slowly."],
        &["also like", "bread", "Related", "Glaze"],
    );
}

#[test]
fn a_list_of_links_among_text_is_left_out_but_a_page_of_links_is_not() {
    let links = "<ul><li><a href=/1>Bricks and mortar</a><li><a href=/2>Clay by weight</a>\
        <li><a href=/3>Glaze by colour</a></ul>";

    let among = text(&format!("<main><h1>Kilns</h1>{0}{links}{0}</main>", story()));
    assert_kept_and_left(&among, &["A kiln is"], &["Bricks and mortar"]);
    let alone = text(&format!("<main><h1>Shop</h1>{}</main>", links.repeat(6)));
    assert_kept_and_left(&alone, &["Bricks and mortar"], &[]);
}

#[test]
fn comments_are_left_out_under_a_story_and_kept_where_they_are_the_page() {
    let comments = format!("<div id=comments><p>I disagree.</p>{}</div>", story());

    let under = text(&format!("<main><h1>Kilns</h1>{0}{0}{comments}</main>", story()));
    assert_kept_and_left(&under, &["A kiln is"], &["I disagree."]);
    let alone = text(&format!("<main><h1>Kilns?</h1><p>Who knows one?</p>{comments}</main>"));
    assert_kept_and_left(&alone, &["I disagree."], &[]);
}

#[test]
fn in_a_forum_what_readers_say_is_the_content() {
    let page = |head: &str| {
        let talk = format!("<div id=comments><p>I disagree.</p>{}</div>", story());
        text(&format!("{head}<main><h1>Kilns?</h1>{0}{0}{talk}</main>", story()))
    };

    assert_kept_and_left(&page(""), &["A kiln is"], &["I disagree."]);
    for head in [
        "<meta name=generator content='phpBB 3'>",
        "<script type=application/ld+json>{\"@type\": \"DiscussionForumPosting\"}</script>",
    ] {
        assert_kept_and_left(&page(head), &["A kiln is", "I disagree."], &[]);
    }
}

#[test]
fn words_that_only_a_style_sets_apart_do_not_run_together() {
    let made = text(
        "<p><span>$12.50</span><span>with tax</span> <span>H</span><span>i</span> na<b>me</b></p>",
    );

    assert_eq!(made, "$12.50 with tax Hi name");
}

#[test]
fn a_page_header_is_left_out_and_that_of_an_article_is_not() {
    let made = text(&format!(
        "<body><header><p>Log in</p></header><article><header><h1>Kilns</h1></header>{}</article>",
        story()
    ));

    assert_kept_and_left(&made, &["Kilns"], &["Log in"]);
}

#[test]
fn a_page_that_shows_next_to_nothing_is_given_with_what_it_hides_and_says_so() {
    let hidden = read(format!("<p>Wait</p><div hidden><h1>Kilns</h1>{}</div>", story()).as_bytes());
    assert_kept_and_left(&hidden.text, &["A kiln is"], &[]);
    assert!(hidden.warnings.iter().any(|it| it.contains("hides")), "{:?}", hidden.warnings);

    let spare =
        format!("<title>T</title><p>Wait</p><noscript><h1>Kilns</h1>{}</noscript>", story());
    let spare = read(spare.as_bytes());
    assert_kept_and_left(&spare.text, &["A kiln is"], &[]);
    assert!(spare.warnings.iter().any(|it| it.contains("without scripts")), "{:?}", spare.warnings);

    let shown = read(format!("<main>{}<noscript>{0}</noscript></main>", story()).as_bytes());
    assert!(shown.warnings.is_empty(), "{:?}", shown.warnings);
}

#[test]
fn the_title_is_the_heading_or_what_stands_before_the_name_of_the_site() {
    let head = "<title>Kilns | Clay</title><meta property=og:title content='Kilns at home | Clay'>\
        <meta property=og:site_name content=Clay>";
    let title = |body: &str| read(format!("{head}{body}").as_bytes()).title;

    assert_eq!(title("<h1>Kilns for you</h1><p>x").as_deref(), Some("Kilns for you"));
    assert_eq!(title("<p>x").as_deref(), Some("Kilns at home"));
    assert_eq!(title("<h1>Clay</h1><p>x").as_deref(), Some("Kilns at home"));
    let several = "<h1>Shop</h1><main><h1>Kilns for all</h1><p>x</main>";
    assert_eq!(title(several).as_deref(), Some("Kilns for all"));
}

#[test]
fn author_and_date_are_read_off_the_page_where_its_data_does_not_say() {
    let made = |body: &str| {
        let made = read(body.as_bytes());
        (made.author, made.published_at)
    };
    let both = (Some("Ann Lee".to_owned()), Some("2025-01-29".to_owned()));

    assert_eq!(
        made("<p class=byline>By Ann Lee, potter</p><span class=date>Jan 29, 2025</span><p>x"),
        both
    );
    assert_eq!(
        made("<a rel=author>Ann Lee</a><time datetime=2025-01-29T08:00Z>now</time><p>x"),
        both
    );
    assert_eq!(
        made("<p class=author>12 posts</p><nav><time datetime=2025-01-29></time></nav><p>x"),
        (None, None)
    );
}

#[test]
fn a_page_put_together_from_parts_is_still_utf_8() {
    let made = read(b"<p>na\xc3\xafve caf\xc3\xa9 \xe2\x80\x94 d\xc3\xa9j\xc3\xa0 vu, \xc3\xa0 la carte, \xc3\xbcber, \xc3\xa9t\xc3\xa9, no\xc3\xabl, fa\xc3\xa7ade, \
        \xc3\xa9clair, cr\xc3\xa8me, br\xc3\xbbl\xc3\xa9e, p\xc3\xa2t\xc3\xa9, ma\xc3\xaetre, h\xc3\xb4tel, r\xc3\xb4le, na\xc3\xafvet\xc3\xa9: \x92</p>");

    assert!(made.text.starts_with("naïve café — déjà vu"), "{}", made.text);
}
