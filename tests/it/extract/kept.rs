//! Everything that a reader would miss stays: no class, id, heading or short line costs prose.

use proptest::prelude::{ProptestConfig, any, prop, proptest};
use rungs::core::request::{Format, Item, Limits};
use rungs::extract::HtmlExtractor;
use rungs::ports::extract::{Document, Extracted, Extractor};

const URL: &str = "https://kiln.example/a/page.html";
const STORY: &str = "<p>A kiln is an oven for clay, built of bricks that stand the heat, and it is fired \
    for a day and a night.</p><p>The pots are stacked from the back, with a hand's width between them, \
    and nobody opens the door before the second morning.</p>";

fn read(body: &str) -> Extracted {
    let formats = [Format::Text, Format::Markdown, Format::Html, Format::JsonV2, Format::Rag];
    let options = Item::get(URL).formats(formats).check(&Limits::default()).expect("an item");
    let page = Document::new(body.as_bytes(), URL, &options).with_content_type(Some("text/html"));
    HtmlExtractor.extract(page).expect("a page")
}

/// Reads a part inside an article.
fn article(part: &str) -> Extracted {
    read(&format!("<main><h1>Kilns</h1>{STORY}{STORY}{part}<p>Then on.</p></main>"))
}

fn markdown(made: &Extracted) -> &str {
    made.content[&Format::Markdown].as_str().expect("markdown")
}

#[track_caller]
fn assert_in_every_format(made: &Extracted, words: &str) {
    assert!(made.text.contains(words), "{words} is not in the text: {}", made.text);
    for (format, value) in &made.content {
        assert!(value.to_string().contains(words), "{words} is not in {format:?}: {value}");
    }
}

/// Names that frames of pages have too.
const NAMES: &[&str] = &[
    "ad",
    "ad-free",
    "author",
    "banner-size",
    "breadcrumb",
    "btn",
    "byline",
    "cart-api",
    "comment",
    "comments",
    "consent",
    "cookie",
    "cookies",
    "copyright-law",
    "disclaimer",
    "facet",
    "filter-rules",
    "footer",
    "gdpr",
    "legal",
    "login-flow",
    "menu",
    "modal-verbs",
    "nav-mesh",
    "newsletter",
    "pagination",
    "popup",
    "print",
    "print:block",
    "promo-code",
    "rating-scale",
    "recommended",
    "related",
    "related-work",
    "review",
    "search",
    "share-price",
    "sidebar",
    "signature",
    "skip-to",
    "social-science",
    "sponsor",
    "subscription",
    "timestamp",
    "toolbar",
    "tools",
    "tooltip",
    "user",
    "users",
    "widget",
];
/// Headings that stand over frames of pages too.
const HEADINGS: &[&str] = &[
    "Advertisement",
    "Comments",
    "Cookies",
    "Menu",
    "More from the yard",
    "Newsletter",
    "Read more about it",
    "Recommended settings",
    "Related objects",
    "Share this",
    "Sign up",
    "Similar tools",
    "Social accounts",
    "Sponsored work",
    "Subscribe",
    "Trending topics",
    "Weitere Themen",
    "You may also like",
];
const TAGS: &[&str] =
    &["div", "section", "aside", "article", "blockquote", "figure", "p", "footer"];

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn prose_in_an_article_survives_any_name_and_heading(
        tag in prop::sample::select(TAGS),
        class in prop::sample::select(NAMES),
        id in prop::sample::select(NAMES),
        heading in prop::sample::select(HEADINGS),
        headed in any::<bool>(),
        paragraphs in 1_usize..4,
    ) {
        let heading = if headed { format!("<h2>{heading}</h2>") } else { String::new() };
        let prose = (0..paragraphs)
            .map(|it| format!("<p>Sentence {it} says something that a reader would miss.</p>"))
            .collect::<Vec<_>>()
            .concat();
        let part = match tag {
            "p" => format!(
                "{heading}<p class='{class}' id='{id}'>Sentence 0 says something that a reader would \
                 miss.</p>"
            ),
            tag => format!("{heading}<{tag} class='{class}' id='{id}'>{prose}</{tag}>"),
        };

        let made = article(&part);

        assert_in_every_format(&made, "Sentence 0 says something that a reader would miss.");
    }
}

#[test]
fn inline_elements_stay_whatever_their_class() {
    for part in [
        "Thanks to <a class='user-mention' href=/ann>WORD</a> for it.",
        "The <span class=tooltip>WORD</span> is hot.",
        "Press <kbd class=btn>WORD</kbd> or <code class=filter>x</code>.",
        "By <span class=byline>WORD</span>, who fired it.",
    ] {
        assert_in_every_format(&article(&format!("<p>{part}</p>")), "WORD");
    }
}

#[test]
fn cells_terms_headings_code_and_quotes_stay_whatever_their_class() {
    for part in [
        "<table><tr><th class=user>WORD<th>Age<tr><td class=user>Ann<td>5</table>",
        "<dl><dt class=user>WORD<dd>who logs in</dl>",
        "<h2 class=search-title>WORD</h2><p>Found.</p>",
        "<pre class=toolbar-example><code>WORD</code></pre>",
        "<blockquote class=related-quote><p>WORD was said.</p></blockquote>",
        "<ul class=tools><li>A rib<li>WORD</ul>",
    ] {
        assert_in_every_format(&article(part), "WORD");
    }
}

#[test]
fn sections_of_a_manual_stay_whatever_their_ids() {
    let section = |id: &str| {
        format!(
            "<section id={id}><h2>{id}</h2><p>What the interface does with {id} is told here, in \
                 one sentence of some length, and with every case.</p></section>"
        )
    };
    let ids = ["cookies", "menu", "related", "social", "tools", "users"];
    let page: String = ids.into_iter().map(section).collect();

    let made = read(&format!("<main><h1>Manual</h1>{page}</main>"));

    for id in ids {
        assert_in_every_format(&made, &format!("does with {id} is told"));
    }
}

#[test]
fn short_lines_stay() {
    for line in ["Close", "View from the hill", "Download", "Next Tuesday at nine", "Reply by Ann"]
    {
        assert_in_every_format(&article(&format!("<p>{line}</p><p>More.</p>")), line);
        assert_in_every_format(
            &article(&format!("<div><div>{line}</div><div>188</div></div>")),
            line,
        );
    }
}

#[test]
fn asides_notes_and_sources_in_an_article_stay() {
    for part in [
        "<aside class=note><strong>Note:</strong> Keep the lid SHUT.</aside>",
        "<div role=complementary><p>Keep the lid SHUT.</p></div>",
        "<footer><ol><li id=f1>By twelve, SHUT.</ol></footer>",
        "<figure><blockquote><p>Fire serves.</p></blockquote><footer>Bo Ray, SHUT</footer></figure>",
    ] {
        assert_in_every_format(&article(part), "SHUT");
    }
}

#[test]
fn links_in_the_text_stay() {
    let made = article(
        "<h2>Documents</h2><p><a href=/plan.pdf>Site plan</a></p><div><a href=/b>Log book</a></div>\
         <ul><li><a href=/1>Fire safety sheet</a><li><a href=/2>Clay supplier list</a>\
         <li><a href=/3>Kiln log template</a></ul>",
    );

    for words in ["Site plan", "Log book", "Fire safety sheet", "Kiln log template"] {
        assert_in_every_format(&made, words);
    }
}

#[test]
fn a_button_that_is_a_heading_or_a_card_is_content() {
    for part in [
        "<dl><dt><button>What is WORD?</button><dd>This.</dl>",
        "<h3><button aria-expanded=false>WORD</button></h3><p>This.</p>",
        "<div role=tablist><button role=tab>WORD</button><button role=tab>yarn</button></div>",
        "<button class=card><h3>WORD</h3><p>Words of the card.</p></button>",
    ] {
        assert_in_every_format(&article(part), "WORD");
    }
    assert!(!article("<button>Copy</button>").text.contains("Copy"));
}

#[test]
fn comments_and_quotes_are_never_taken_for_the_entry() {
    let comment = "<div class=comment><p>I disagree, because the wall of my oven, which is thick, cools \
        slowly, and so does yours.</p></div>";
    let comments =
        format!("<div class=entry><h1>Kilns</h1>{STORY}</div><div>{}</div>", comment.repeat(12));
    let quote = format!(
        "<main><h1>Courses</h1>{STORY}<article><p>{}</p><p>Bo, who was here</p></article></main>",
        "I came without having touched clay in my life, and after three days I carried home a bowl. "
            .repeat(3)
    );

    assert_in_every_format(&read(&comments), "A kiln is an oven");
    assert_in_every_format(&read(&quote), "A kiln is an oven");
}

#[test]
fn text_that_no_reader_sees_is_dropped() {
    for style in [
        "font-size:0",
        "opacity: 0",
        "position:absolute; left:-9999px",
        "clip-path: inset(100%)",
        "height:0;overflow:hidden",
        "text-indent:-9999px",
    ] {
        let made = article(&format!("<p style='{style}'>HIDDEN</p>"));
        assert!(!made.text.contains("HIDDEN"), "{style}");
    }
    let fades_in = "<p style='opacity:0;transform:translateY(20px)'>It comes in slowly.</p>";
    assert_in_every_format(&article(fades_in), "It comes in slowly.");
    let mail = "<div style='font-size:0'><p style='font-size:14px'>Of its own size.</p></div>";
    assert_in_every_format(&article(mail), "Of its own size.");
}

#[test]
fn the_parts_that_were_dropped_are_listed_with_their_rule() {
    let item = Item::get(URL).formats([Format::Text]).explain_content();
    let options = item.check(&Limits::default()).expect("an item");
    let comments =
        "<li class=comment>I disagree with all of it, and so does my neighbor.".repeat(4);
    let body = format!(
        "<body><nav><a href=/>Home</a></nav><main><h1>Kilns</h1>{}<ol>{comments}</ol></main></body>",
        STORY.repeat(9)
    );

    let made =
        HtmlExtractor.extract(Document::new(body.as_bytes(), URL, &options)).expect("a page");

    let found: Vec<(bool, &str)> =
        made.content_parts.iter().map(|it| (it.kept, it.rule.as_str())).collect();
    assert_eq!(found, [(true, "chosen"), (false, "outside"), (false, "comments")]);
    assert!(made.content_parts[0].share > 0.8, "{:?}", made.content_parts);
    assert!(made.content_parts[2].snippet.starts_with("I disagree"), "{:?}", made.content_parts);
}

#[test]
fn a_page_that_loses_much_prose_carries_a_warning() {
    let aside = format!("<div class=sidebar>{}</div>", STORY.repeat(2));
    let page = |more: &str| {
        read(&format!("<main><h1>Kilns</h1><div>{}</div>{more}</main>", STORY.repeat(4))).warnings
    };

    assert!(page(&aside).iter().any(|it| it.contains("explain_content")), "{:?}", page(&aside));
    assert_eq!(page(""), Vec::<String>::new());
}

#[test]
fn a_sections_edit_link_is_dropped() {
    let made = article(
        "<div><h2>Types</h2><span class=edit><span>[</span><a href='/w?action=edit'>edit</a>\
         <span>]</span></span></div><p>Two.</p>",
    );

    assert!(!markdown(&made).contains("edit"), "{}", markdown(&made));
}
