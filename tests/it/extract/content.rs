//! The main content and the title that the built-in extractor finds.

use rungs::core::request::{Format, Item, Limits};
use rungs::core::tier::Tier;
use rungs::extract::HtmlExtractor;
use rungs::ports::extract::{Document, Extracted, Extractor};

const URL: &str = "https://kiln.example/a.html";

fn read(body: &[u8]) -> Extracted {
    read_at(URL, body)
}

fn read_at(url: &str, body: &[u8]) -> Extracted {
    let options =
        Item::get(url).formats([Format::Text]).check(&Limits::default()).expect("an item");
    let (content_type, tier) = (Some("text/html"), Tier::Curl);
    HtmlExtractor
        .extract(Document::new(body, url, &options).with_content_type(content_type).with_tier(tier))
        .expect("a page")
}

fn text(body: &str) -> String {
    read(body.as_bytes()).text
}

/// About 1,200 bytes of text.
fn story() -> String {
    let lines: Vec<String> = (1..=14)
        .map(|it| {
            format!(
                "<p>A kiln is an oven for clay, built of {it}00 bricks, and it is fired for a day \
                 and a night.</p>"
            )
        })
        .collect();
    lines.concat()
}

/// Links to pages of that many numbers, each in an element of its own.
fn links(tag: &str, text: &str, count: u32) -> String {
    let links: Vec<String> =
        (0..count).map(|it| format!("<{tag}><a href=/{it}>{text} {it}</a></{tag}>")).collect();
    links.concat()
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
fn collapsible_parts_are_content() {
    let made = text(&format!(
        "<main><h1>Kilns</h1>{}<div role=tabpanel hidden>Weight: 90 kg</div>\
         <div class='accordion panel' style='display: none'>Bricks: 200</div>\
         <div style='display:none'>Session over</div><div hidden>Loading</div></main>",
        story()
    ));

    assert_kept_and_left(&made, &["90 kg", "Bricks: 200"], &["Session over", "Loading"]);
}

#[test]
fn a_boilerplate_heading_takes_only_links_with_it() {
    let made = text(&format!(
        "<main><h1>Kilns</h1>{0}<div><h2>You may also like</h2><p><a href=/b>Ovens for bread</a></div>\
         <h2>Related articles</h2><p><a href=/g>Glaze at home</a></p><h2>Firing</h2><p>Slowly.</p>\
         <h2>Similar tools</h2><p>A muffle.</p><section><h2>Related work</h2><p>Pits.</section>{0}</main>",
        story()
    ));

    let kept = ["Firing", "Slowly.", "Similar tools", "A muffle.", "Related work", "Pits."];
    assert_kept_and_left(&made, &kept, &["also like", "bread", "Related articles", "Glaze"]);
}

#[test]
fn a_list_of_links_is_dropped_only_outside_the_text() {
    let links = "<ul><li><a href=/1>Bricks and mortar</a><li><a href=/2>Clay by weight</a>\
        <li><a href=/3>Glaze by colour</a></ul>";

    let beside = text(&format!("<main><h1>Kilns</h1><div>{0}{0}</div>{links}</main>", story()));
    assert_kept_and_left(&beside, &["A kiln is"], &["Bricks and mortar"]);
    let among = text(&format!("<main><h1>Kilns</h1>{0}{links}{0}</main>", story()));
    assert_kept_and_left(&among, &["A kiln is", "Bricks and mortar"], &[]);
    let alone = text(&format!("<main><h1>Shop</h1>{}</main>", links.repeat(6)));
    assert_kept_and_left(&alone, &["Bricks and mortar"], &[]);
}

/// Comments of readers, each an item of one class.
fn comments() -> String {
    let one = |it: u32| format!("<li class=comment><p>I disagree, for {it} reasons.</p></li>");
    format!("<ol>{}</ol>", (2..5).map(one).collect::<String>())
}

#[test]
fn comments_are_kept_only_on_discussion_pages() {
    let comments = comments();

    let under = text(&format!("<main><h1>Kilns</h1>{0}{0}{comments}</main>", story()));
    assert_kept_and_left(&under, &["A kiln is"], &["I disagree"]);
    let alone = text(&format!("<main><h1>Kilns?</h1><p>Who knows one?</p>{comments}</main>"));
    assert_kept_and_left(&alone, &["I disagree"], &[]);
}

#[test]
fn the_posts_of_a_forum_are_its_content() {
    let page = |head: &str| {
        text(&format!("{head}<main><h1>Kilns?</h1>{0}{0}{1}</main>", story(), comments()))
    };

    assert_kept_and_left(&page(""), &["A kiln is"], &["I disagree"]);
    for head in [
        "<meta name=generator content='phpBB 3'>",
        "<script type=application/ld+json>{\"@type\": \"DiscussionForumPosting\"}</script>",
    ] {
        assert_kept_and_left(&page(head), &["A kiln is", "I disagree"], &[]);
    }
}

#[test]
fn words_separated_by_style_stay_apart() {
    let made = text(
        "<p><span>$12.50</span><span>with tax</span> <span>H</span><span>i</span> na<b>me</b></p>",
    );

    assert_eq!(made, "$12.50 with tax Hi name");
}

#[test]
fn only_the_header_of_the_page_is_dropped() {
    let made = text(&format!(
        "<body><header><p>Log in</p></header><article><header><h1>Kilns</h1></header>{}</article>",
        story()
    ));

    assert_kept_and_left(&made, &["Kilns"], &["Log in"]);
}

#[test]
fn a_page_with_almost_no_visible_text_is_read_from_its_hidden_text() {
    let hidden = read(format!("<p>Wait</p><div hidden><h1>Kilns</h1>{}</div>", story()).as_bytes());
    assert_kept_and_left(&hidden.text, &["A kiln is"], &[]);
    assert!(
        hidden.warnings.iter().any(|it| it.contains("hidden content")),
        "{:?}",
        hidden.warnings
    );

    let spare =
        format!("<title>T</title><p>Wait</p><noscript><h1>Kilns</h1>{}</noscript>", story());
    let spare = read(spare.as_bytes());
    assert_kept_and_left(&spare.text, &["A kiln is"], &[]);
    assert!(
        spare.warnings.iter().any(|it| it.contains("noscript content")),
        "{:?}",
        spare.warnings
    );

    let shown = read(format!("<main>{}<noscript>{0}</noscript></main>", story()).as_bytes());
    assert!(shown.warnings.is_empty(), "{:?}", shown.warnings);
}

#[test]
fn the_title_excludes_the_site_name() {
    let head = "<title>Kilns | Clay</title><meta property=og:title content='Kilns at home | Clay'>\
        <meta property=og:site_name content=Clay><meta property=og:type content=article>";
    let title = |body: &str| read(format!("{head}{body}").as_bytes()).title;

    assert_eq!(title("<h1>Kilns for you</h1><p>x").as_deref(), Some("Kilns for you"));
    assert_eq!(title("<p>x").as_deref(), Some("Kilns at home"));
    assert_eq!(title("<h1>Clay</h1><p>x").as_deref(), Some("Kilns at home"));
    let several = "<h1>Shop</h1><main><h1>Kilns for all</h1><p>x</main>";
    assert_eq!(title(several).as_deref(), Some("Kilns for all"));
}

#[test]
fn an_unrelated_heading_is_not_the_title() {
    let page = |heading: &str| {
        let title = "How to fire a kiln at night | Clay";
        let head = format!("<title>{title}</title><meta property=og:site_name content=Clay>");
        read(format!("<head>{head}</head><h1>{heading}</h1>{}", story()).as_bytes()).title
    };

    assert_eq!(page("Contact us").as_deref(), Some("How to fire a kiln at night"));
    assert_eq!(page("Fire kilns at night").as_deref(), Some("Fire kilns at night"));
}

#[test]
fn author_and_date_fall_back_to_visible_text() {
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
fn the_site_name_is_recognized_from_the_host() {
    let title = |head: &str| read(head.as_bytes()).title;

    for (head, expected) in [
        ("<title>Firing at night | Kiln Supplies</title><p>x", "Firing at night"),
        ("<title>Firing at night - Kiln</title><h1>Kiln</h1><p>x", "Firing at night"),
        ("<title>Firing | at night</title><p>x", "Firing | at night"),
        ("<title>Firing at night</title><h1>Fir\u{ad}ing at night</h1><p>x", "Firing at night"),
        (
            "<meta property=og:title content='Ten ways to warm up'><title>How to fire at night</title>\
             <h1>How to fire at night</h1><p>x",
            "How to fire at night",
        ),
    ] {
        assert_eq!(title(head).as_deref(), Some(expected), "{head}");
    }
}

#[test]
fn a_byline_yields_its_name() {
    let by = "<div class='post-author'>";
    for body in [
        "<p class=postAuthor>Posted by: Ann Lee</p>",
        &format!("{by}<p>The Author</p><a href=/>Red Pots</a><p class=name>Ann Lee</p></div>"),
        &format!("{by}<img><a href=/ann>Ann Lee</a> has fired pots since May</div>"),
        "<p><a href=/authors/ann-lee>Ann Lee</a></p>",
        "<p>Written by</p><p>Ann Lee</p>",
        "<p>Words by <b>Ann Lee</b></p>",
        "<meta name=author content='By Ann Lee'>",
        "<script type='application/ld+json'>{\"@type\": \"Article\", \"author\":
            {\"@type\": \"Organization\", \"name\": \"Clay\"}}</script><i rel=author>Ann Lee</i>",
        "<script type='application/ld+json'>{\"@type\": \"WebPage\", \"mainEntity\":
            {\"@type\": \"Article\", \"author\": {\"name\": \"Ann Lee\"}}}</script>",
    ] {
        let made = read(format!("{body}<h1>Kilns</h1><p>x").as_bytes());
        assert_eq!(made.author.as_deref(), Some("Ann Lee"), "{body}");
    }
    let paper = "<meta name=citation_author content='Ann Lee'><meta name=citation_author content='Bo Ray'>\
        <meta name=citation_publication_date content='2025 Jan 29'><p>x";
    let paper = read(paper.as_bytes());
    assert_eq!(paper.author.as_deref(), Some("Ann Lee, Bo Ray"));
    assert_eq!(paper.published_at.as_deref(), Some("2025-01-29"));
}

#[test]
fn reviewers_are_not_authors() {
    let cards = "<div><a class=author>Ann Lee</a> <i class=date>Jan 29, 2025</i></div>".repeat(4);
    for body in [
        "<div class=review><p class=author>Ann Lee</p><p class=date></p></div>",
        "<div itemscope itemtype='https://schema.org/Review'><meta itemprop=author content='Ann Lee'>\
         <meta itemprop=datePublished content=2025-01-29></div>",
        "<script type='application/ld+json'>{\"@type\": \"Product\"}</script><p class=author>Ann Lee",
        "<p class=release-date><i class=date>Jan 29, 2025</i></p>",
        "<script type='application/ld+json'>{\"@type\": \"WebPage\", \"datePublished\":
            \"2025-01-29\"}</script>",
        "<label>Written by <input></label><ul><li>By Ann Lee</ul>",
        &cards,
    ] {
        let made = read(format!("<h1>Kilns</h1>{body}<p>x").as_bytes());
        assert_eq!((made.author, made.published_at), (None, None), "{body}");
    }
}

#[test]
fn a_discussions_author_wrote_its_first_post() {
    let post = |name: &str| {
        let user = format!("<div class=user><a class=username>{name}</a> <i>31 posts</i></div>");
        format!("<form><div>{user}<time datetime=2025-01-29></time><p>Which clay?</div></form>")
    };
    let posts: String = ["fired42", "Ann", "Bo", "Cy", "Di"].iter().map(|it| post(it)).collect();
    let talk = "<div itemscope itemtype='https://schema.org/QAPage'>";

    let made = read(format!("{talk}<h1>Clay</h1>{posts}</div>").as_bytes());

    assert_eq!(made.author.as_deref(), Some("fired42"));
    assert_eq!(made.published_at.as_deref(), Some("2025-01-29"));
}

#[test]
fn a_day_is_written_as_iso_8601_and_may_stand_alone_beside_the_heading() {
    for page in [
        "<meta name=date content='Jan 29, 2025'><h1>Kilns</h1><p>x",
        "<p>Jan 29, 2025<h1>Kilns</h1><p>x",
        "<h1>Kilns</h1><p>For beginners<p>29 Jan 2025 - 4 minutes<p>x",
        "<h1>Kilns</h1><p class=postDate>Jan 29, 2025<p>x",
    ] {
        assert_eq!(read(page.as_bytes()).published_at.as_deref(), Some("2025-01-29"), "{page}");
    }
    let listed = format!("<h1>Kilns</h1>{}", "<div class=card>Jan 29, 2025</div>".repeat(4));
    assert_eq!(read(listed.as_bytes()).published_at, None);
}

#[test]
fn a_page_put_together_from_parts_is_still_utf_8() {
    let made = read(b"<p>na\xc3\xafve caf\xc3\xa9 \xe2\x80\x94 d\xc3\xa9j\xc3\xa0 vu, \xc3\xa0 la carte, \xc3\xbcber, \xc3\xa9t\xc3\xa9, no\xc3\xabl, fa\xc3\xa7ade, \
        \xc3\xa9clair, cr\xc3\xa8me, br\xc3\xbbl\xc3\xa9e, p\xc3\xa2t\xc3\xa9, ma\xc3\xaetre, h\xc3\xb4tel, r\xc3\xb4le, na\xc3\xafvet\xc3\xa9: \x92</p>");

    assert!(made.text.starts_with("naïve café — déjà vu"), "{}", made.text);
}

#[test]
fn lines_above_the_heading_are_dropped() {
    let lead = "<p>For two thousand years people fired their clay in pits.</p>";
    let made = text(&format!(
        "<main><div>Home / Clay</div><p>Free delivery</p>{lead}<h1>Kilns</h1>{}</main>",
        story()
    ));

    assert_kept_and_left(&made, &["in pits.", "Kilns"], &["Home / Clay", "Free delivery"]);
}

#[test]
fn author_boxes_are_dropped() {
    let made = text(&format!(
        "<main><h1>Kilns</h1><div>{}<div class='user-content'><p>Ask for bricks.</p></div></div>\
         <div class='author-box'><p>Ada has fired pots since 1990.</p></div>\
         <div class='post__user'><p>Joined in May</p></div></main>",
        story()
    ));

    assert_kept_and_left(&made, &["Ask for bricks"], &["Ada has fired", "Joined in May"]);
}

#[test]
fn customer_reviews_are_not_product_content() {
    let page = |head: &str| {
        format!(
            "<head>{head}</head><main><h1>Kilns</h1>{}<div class='product-reviews'>\
             <p>Mine came broken.</p><p>Mine did not.</p></div></main>",
            story()
        )
    };
    let sold =
        r#"<script type="application/ld+json">{"@type": "Product", "name": "Kiln"}</script>"#;

    assert_kept_and_left(&text(&page(sold)), &["an oven for clay"], &["came broken"]);
    assert_kept_and_left(&text(&page("")), &["an oven for clay", "came broken"], &[]);
}

#[test]
fn lines_that_are_only_a_link_are_dropped_outside_the_text() {
    let button = "<div><a href=/buy>Buy the book</a></div>";
    let beside = text(&format!("<main><h1>Kilns</h1><div>{}</div>{button}</main>", story()));
    let among = text(&format!("<main><h1>Kilns</h1>{}{button}</main>", story()));
    let made_of =
        text(&format!("<main><h1>Kilns</h1>{}</main>", links("div", "A kiln of bricks", 30)));

    assert_kept_and_left(&beside, &["an oven for clay"], &["Buy the book"]);
    assert_kept_and_left(&among, &["an oven for clay", "Buy the book"], &[]);
    assert_kept_and_left(&made_of, &["A kiln of bricks 7", "A kiln of bricks 29"], &[]);
}

#[test]
fn content_in_several_sections_is_kept_whole() {
    let section = |name: &str| format!("<div class=s><h2>{name}</h2>{}</div>", story());
    let table = format!("<table><tr><td>{}<td>{}</table>", story(), story());
    let made = text(&format!(
        "<div id=page><div>{}{}<div>{table}</div></div></div>\
         <div>{}</div>",
        section("Pits"),
        section("Ovens"),
        links("p", "Page", 9)
    ));

    assert_kept_and_left(&made, &["Pits", "Ovens", " | "], &["Page 3"]);
}

#[test]
fn a_large_menu_is_dropped() {
    let menu = links("div", "Kilns of kind", 200);
    // Without a paragraph no part stands out, and the whole page is looked at.
    let lines = story().replace("p>", "div>");
    let made = text(&format!("<body><header>{menu}</header><h2>Kilns</h2>{lines}</body>"));

    assert_kept_and_left(&made, &["an oven for clay"], &["of kind 7"]);
}

#[test]
fn text_excludes_image_captions() {
    let body = format!(
        "<main><h1>Kilns</h1>{}<figure><img src=k.png alt=Kiln><figcaption>A kiln at dawn</figcaption>\
         </figure><figure><pre>fire()</pre><figcaption>A program</figcaption></figure></main>",
        story()
    );
    let options = Item::get(URL)
        .formats([Format::Text, Format::Markdown])
        .check(&Limits::default())
        .expect("an item");
    let page = Document::new(body.as_bytes(), URL, &options).with_content_type(Some("text/html"));

    let made = HtmlExtractor.extract(page).expect("a page");

    assert_kept_and_left(&made.text, &["A program"], &["at dawn"]);
    let markdown = made.content[&Format::Markdown].as_str().expect("markdown");
    assert!(markdown.contains("A kiln at dawn"), "{markdown}");
}

/// A page that sells a kiln, as its structured data says.
fn sold(body: &str) -> String {
    let data =
        r#"<script type="application/ld+json">{"@type": "Product", "name": "Kiln"}</script>"#;
    text(&format!("<head>{data}</head><main><h1>Kilns</h1>{}{body}</main>", story()))
}

#[test]
fn links_and_banners_of_a_product_page_are_dropped() {
    let more = "<div class='top-carousel'><p><a href=/o>Ovens for bread</a>, cheap.</p></div>";
    let shelf = r#"<script type="application/ld+json">[{"@type": "Product"}, {"@type": "ItemList"}]</script>"#;

    let thing = sold(more);
    let list = text(&format!("<head>{shelf}</head><main><h1>Kilns</h1>{}{more}</main>", story()));

    assert_kept_and_left(&thing, &["an oven for clay"], &["Ovens for bread"]);
    assert_kept_and_left(&list, &["Ovens for bread"], &[]);
}

#[test]
fn repeated_product_text_appears_once_and_equal_values_stay() {
    let specs = "<div>Holds 90 pots</div><div>Needs 9 hours</div><div>Weighs 200 kg</div>";
    let made = sold(&format!(
        "{specs}<div>Width</div><div>2 m</div><div>Depth</div><div>2 m</div>{specs}"
    ));

    assert_eq!(made.matches("Holds 90 pots").count(), 1, "{made}");
    assert_eq!(made.matches("2 m").count(), 2, "{made}");
}

#[test]
fn a_post_excludes_its_labels() {
    let post = |number: u32, text: &str| {
        format!(
            "<div><div>Posts: {number}</div><div>#{number}</div><div><p>{text}</p></div>\
             <div>Quote</div></div>"
        )
    };
    let asked = "How long must a kiln of that size cool down before anyone may open its door?";
    let made = text(&format!(
        "<html itemscope itemtype='https://schema.org/QAPage'><main><h1>Kilns</h1>{}{}{}</main>",
        post(7, asked),
        post(21, "A day."),
        post(3, &format!("{asked}<p>Two, if it rains.</p>"))
    ));

    assert_kept_and_left(&made, &["A day.", "Two, if it rains."], &["Posts", "#", "Quote"]);
    assert_eq!(made.matches(asked).count(), 1, "{made}");
}

#[test]
fn calls_to_action_are_dropped_if_they_are_links() {
    let made = text(&format!(
        "<main><h1>Kilns</h1>{}<div><a href=/more>Load more</a></div><p>Share</p>\
         <p>Share the heat of one kiln among two.</p><p><a href=/l.pdf>Download the list</a></p>\
         <div><p>Pots in red</p><a href=/pots>Compare all</a></div></main>",
        story()
    ));

    let kept = ["Share\n", "Share the heat of one kiln", "Download the list"];
    assert_kept_and_left(&made, &kept, &["Load more", "Compare all"]);
}

#[test]
fn controls_are_dropped() {
    let form = "<form><p>Ask for a quote</p><input name=name></form>";
    let posted = "<form><input type=hidden><p>Ours took two days.</p></form>";
    let made = text(&format!(
        "<main><h1>Kilns</h1><div><label>Size <input></label></div>\
         <div><input type=checkbox id=w><label for=w>Who needs one</label><div>You.</div></div>{form}{posted}{}\
         <section class=buy-btn>Order it today <button>Buy</button></section>\
         <section class=compare-tools>Pick two.</section></main>",
        story()
    ));

    let left = ["Ask for", "Size", "Order it"];
    assert_kept_and_left(&made, &["Who needs", "two days", "Pick two."], &left);

    let whole = format!("<form><input name=state><main><h1>Kilns</h1>{}</main></form>", story());
    assert_kept_and_left(&text(&whole), &["A kiln is"], &[]);
}

#[test]
fn a_menu_is_recognized_by_its_links() {
    let made = text(&format!(
        "<main><h1>Kilns</h1>{}{0}{0}<section class=tabs-menu>{0}<p>In every tab</section>\
         <section id=menu><p>Soup first.</section>\
         <section class=top-menu><a href=/>Home</a> and <a href=/away>away</a></section></main>",
        story()
    ));

    assert_kept_and_left(&made, &["every tab", "Soup first."], &["Home and away"]);
}

#[test]
fn a_url_marks_a_discussion() {
    let talks = |url: &str| {
        let body = format!("<main><h1>Clay</h1>{}{0}{1}", story(), comments());
        read_at(url, body.as_bytes()).text.contains("I disagree")
    };

    assert!(talks("https://kiln.example/index.php?topic=12.0"));
    assert!(talks("https://kiln.example/r/clay/comments/1/which_clay"));
    assert!(!talks("https://kiln.example/clay?tropic=12"));
}

#[test]
fn a_part_that_arrives_late_is_read_where_it_belongs() {
    let page = |number: &str| {
        text(&format!(
            "<main><h1>Kilns</h1>{0}<!--$?--><template id=\"B:{number}\"></template>\
             <p>Loading the bricks</p><!--/$--><p>The end.</p></main><footer>Imprint</footer>\
             <div hidden id=\"S:1\"><p>Bricks are laid.</p></div>",
            story()
        ))
    };

    let made = page("1");
    let bricks = made.find("Bricks are laid").expect("the part");
    assert!(bricks < made.find("The end").expect("the rest"), "{made}");
    assert_kept_and_left(&made, &[], &["Loading the bricks", "Imprint"]);
    assert_kept_and_left(&page("2"), &["Loading the bricks"], &["Bricks are laid"]);
}

#[test]
fn circular_parts_are_read_once() {
    let part = |inner: u32, own: u32| {
        format!(
            "<div hidden id=\"S:{own}\"><p>Part {own}</p><template id=\"B:{inner}\"></template></div>"
        )
    };
    let round = text(&format!("<main>{}{}{}</main>", story(), part(1, 2), part(2, 1)));
    let mut chain: String = "<template id=\"B:0\"></template>".to_owned();
    for number in 0..1_500 {
        chain.push_str(&part(number + 1, number));
    }

    assert_kept_and_left(&round, &["an oven for clay"], &[]);
    assert_kept_and_left(
        &text(&format!("<main>{}{chain}</main>", story())),
        &["an oven for clay", "Part 7"],
        &[],
    );
}

#[test]
fn a_collapsed_answer_is_content() {
    let made = text(&format!(
        "<main><h1>Kilns</h1>{}<div><div class=faq__question>Is it hot?</div>\
         <div class=faq__answer style='display: none'>It is, for a day.</div></div></main>",
        story()
    ));

    assert_kept_and_left(&made, &["It is, for a day."], &[]);
}

#[test]
fn a_part_named_as_text_is_the_content() {
    let page = |parts: &str| {
        text(&format!(
            "<main><h1>Kilns</h1><p>By Ada, in May, for potters and all their friends.</p>{parts}</main>"
        ))
    };
    let part = |class: &str| format!("<div class='{class}'>{}</div>", story());

    assert_kept_and_left(&page(&part("wide blog_entry-content")), &["an oven"], &["By Ada"]);
    assert_kept_and_left(&page(&part("discontent")), &["an oven", "By Ada"], &[]);
    assert_kept_and_left(&page(&part("post-body").repeat(2)), &["an oven", "By Ada"], &[]);
    let little = format!("<div class=rte>Hot.</div>{}", part("wide"));
    assert_kept_and_left(&page(&little), &["an oven", "By Ada"], &[]);
}
