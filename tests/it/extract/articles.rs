//! Parts around and between the paragraphs of an article, and the names of its author and title.

use rungs::core::request::{Format, Item, Limits};
use rungs::extract::HtmlExtractor;
use rungs::ports::extract::{Document, Extracted, Extractor};

const URL: &str = "https://kiln.example/2025/how-to-fire-a-kiln";

fn read(body: &str) -> Extracted {
    read_at(URL, body)
}

fn read_at(url: &str, body: &str) -> Extracted {
    let formats = [Format::Text, Format::Markdown];
    let options = Item::get(url).formats(formats).check(&Limits::default()).expect("an item");
    let page = Document::new(body.as_bytes(), url, &options).with_content_type(Some("text/html"));
    HtmlExtractor.extract(page).expect("a page")
}

/// About 1,700 bytes of text.
fn story() -> String {
    let lines: Vec<String> = (1..=12)
        .map(|it| {
            format!(
                "<p>In hour {it} of the firing the stoker adds wood on both sides, waits until the flames \
                 reach the chimney, and notes the color of the cone.</p>"
            )
        })
        .collect();
    lines.concat()
}

/// Reads an article with a part between its paragraphs.
fn with(part: &str) -> Extracted {
    read(&format!(
        "<main><h1>How to fire</h1>{}{part}<p>Then the door is opened, slowly, by two people.</p></main>",
        story()
    ))
}

/// Reads an article with a part behind its last paragraph.
fn ending(part: &str) -> Extracted {
    read(&format!("<main><h1>How to fire</h1>{}{part}</main>", story()))
}

#[track_caller]
fn assert_kept(made: &Extracted, words: &str) {
    let markdown = made.content[&Format::Markdown].as_str().expect("markdown");
    assert!(markdown.contains(words), "{words} is not in {markdown}");
}

#[track_caller]
fn assert_dropped(made: &Extracted, words: &str) {
    let markdown = made.content[&Format::Markdown].as_str().expect("markdown");
    assert!(!markdown.contains(words), "{words} is in {markdown}");
    assert!(!made.text.contains(words), "{words} is in {}", made.text);
}

#[test]
fn boxes_with_other_stories_are_dropped_from_an_article() {
    let titles = "<ul><li><a href=/2025/why-glazes-crack-at-night>MARKER crack at night</a></li>\
        <li><a href=https://www.kiln.example/2025/ten-ways-to-stack-pots>Ten ways to stack pots</a></li></ul>";
    for part in [
        titles,
        &format!("<h4>More:</h4>{titles}"),
        &format!("<figure><h4><a href=/topics/glazes>Glazes</a></h4>{titles}</figure>"),
        // A card: the image and the title lead to one story, its teaser is no link.
        "<aside><a href=/2025/a-potter-finds-old-bricks><img src=b.jpg></a>\
         <h6><a href=/2025/a-potter-finds-old-bricks>MARKER finds old bricks</a></h6>\
         <p>The bricks were under the floor of the shed, and nobody knows who put them there.</p></aside>",
        "<div><a href=/story/20251129><div><img src=b.jpg></div><div>MARKER of the old brick shed</div></a></div>",
        "<h3>Related post: <a href=/2025/pots-for-the-winter-months>MARKER for the winter months</a></h3>",
        "<p>(Read also: <a href=/2025/pots-for-the-winter-months>MARKER for the winter months</a>)</p>",
    ] {
        let made = with(part);
        assert_dropped(&made, "MARKER");
        assert_dropped(&made, "Ten ways");
        assert_dropped(&made, "More:");
        assert_kept(&made, "hour 12");
        assert_kept(&made, "opened, slowly");
    }
}

#[test]
fn links_that_the_text_introduces_stay_in_an_article() {
    let titles = "<ul><li><a href=/2025/why-glazes-crack-at-night>MARKER crack at night</a></li>\
        <li><a href=/2025/ten-ways-to-stack-pots>Ten ways to stack pots</a></li></ul>";
    for part in [
        &format!("<p>Three of our guides go into more detail, and belong to this one:</p>{titles}"),
        &format!("<h2>Resources</h2>{titles}"),
        &format!("<h2>Resources</h2><div>{titles}</div>"),
        // Another site, a file, a short address, a part of the page.
        "<ul><li><a href=https://clay.example/why-glazes-crack-at-night>MARKER crack at night</a></li></ul>",
        "<ul><li><a href=/why-glazes-crack-at-night.pdf>MARKER crack at night</a></li></ul>",
        "<ul><li><a href=/glazes>MARKER that crack at night</a></li></ul>",
        "<ul><li><a href=#why-glazes-crack-at-night>MARKER crack at night</a></li></ul>",
        "<p><a href=/2025/why-glazes-crack-at-night>MARKER crack at night</a> was our first guide.</p>",
        "<div><a href=/2025/why-glazes-crack-at-night>MARKER crack at night</a> has the theory, with the \
         tables and the figures that the firing needs.</div>",
        "<table><tr><td><a href=/2025/why-glazes-crack-at-night>MARKER crack at night</a></td></tr></table>",
    ] {
        assert_kept(&with(part), "MARKER");
    }
}

#[test]
fn the_label_of_an_advertisement_is_dropped() {
    for label in ["Advertisement", "- Anzeige -", "PUBLICITÉ"] {
        let made = with(&format!("<div class=x1><div>{label}</div><div id=slot7></div></div>"));
        assert_dropped(&made, label.trim_matches(['-', ' ']));
    }
    for part in [
        "<h2>Advertisement</h2><p>MARKER is what the paper lives on.</p>",
        "<ul><li>Advertisement</li><li>MARKER</li></ul>",
        "<p>MARKER: the Advertisement of 1911.</p>",
    ] {
        let made = with(part);
        assert_kept(&made, "Advertisement");
        assert_kept(&made, "MARKER");
    }
}

#[test]
fn a_heading_over_nothing_but_boilerplate_is_dropped() {
    let form = "<form><label>Mail <input name=m></label><button>Send</button></form>";
    for part in [
        format!("<h3>Stay warm MARKER</h3>{form}"),
        "<h3>Related MARKER</h3><div id=later></div>".to_owned(),
        "<h3>Comments MARKER</h3>".to_owned(),
    ] {
        assert_dropped(&ending(&part), "MARKER");
    }
    for part in [
        "<h3>Plan MARKER</h3><img src=plan.png alt=Plan>",
        "<h3>Film MARKER</h3><iframe src=/film></iframe>",
        "<h3>Part MARKER</h3><h4>Wood</h4><p>Pine burns fast.</p>",
        "<h3>To come MARKER</h3>",
    ] {
        assert_kept(&ending(part), "MARKER");
    }
}

#[test]
fn notes_on_the_author_and_the_rights_end_an_article() {
    let head = "<meta name=author content='Ann Lee'>";
    for note in [
        "<p><em>Ann Lee is the MARKER of the kiln and writes about clay.</em></p>",
        "<p>Write to Ann Lee at MARKER@kiln.example</p>",
        "<p>© 2025 MARKER. Written permission must be obtained before reprint.</p>",
        "<p>Follow MARKER on <a href=https://twitter.com/kiln>Twitter</a> and \
         <a href=https://www.facebook.com/kiln>Facebook</a>.</p>",
    ] {
        assert_dropped(&ending(&format!("{head}{note}")), "MARKER");
    }
    for last in [
        "<p>“Never open the door,” MARKER Ann Lee says.</p>",
        "<p>Copies of the MARKER are on <a href=/shelf>our shelf</a>.</p>",
        "<p>The copyright of the plans ended in MARKER.</p>",
    ] {
        assert_kept(&ending(&format!("{head}{last}")), "MARKER");
    }
    let first =
        format!("{head}<main><h1>Kilns</h1><p>Ann Lee is the MARKER of it.</p>{}</main>", story());
    assert_kept(&read(&first), "MARKER");
}

#[test]
fn the_text_excludes_captions_without_a_figure() {
    let long = "A film of the whole night, from the first match to the last log.";
    for part in [
        // A script adds the image.
        format!("<figure><span>Copyright Ann Lee</span><figcaption>{long} MARKER</figcaption></figure>"),
        "<div class=x2><a href=/big.jpg><img src=b.jpg></a><div><span>The shed MARKER</span></div></div>"
            .to_owned(),
    ] {
        let made = with(&part);
        assert!(!made.text.contains("MARKER"), "{}", made.text);
        assert_kept(&made, "MARKER");
    }
    for part in [
        "<figure><pre>fire()</pre><figcaption>MARKER</figcaption></figure>",
        "<p><img src=b.jpg> Press MARKER to begin.</p>",
        "<div><h3>Ann MARKER</h3><img src=a.jpg><div>Stoker</div></div>",
    ] {
        let made = with(part);
        assert!(made.text.contains("MARKER"), "{}", made.text);
    }
}

/// A box of the text alone, which is chosen as the content.
fn text_box() -> String {
    format!("<div class=entry-content>{}</div>", story())
}

#[test]
fn a_lead_in_a_box_of_its_own_belongs_to_the_article() {
    let lead = "MARKER is the hottest hour of a long night, and two people share the work.";
    for before in [
        format!("<h1>How to fire</h1><div class=excerpt><p>{lead}</p></div>"),
        format!(
            "<h1>How to fire</h1><div><span>By Ada Reed</span></div><div class=intro>{lead}</div>"
        ),
        // Far from the heading it is the lead if it is the description, too.
        format!(
            "<meta name=description content='{lead}'><h1>How to fire</h1><div>{}</div><div><p>{lead}</p></div>",
            "<span>Stoneware and wood</span> ".repeat(20)
        ),
    ] {
        let made = read(&format!("<main>{before}{}<p>Sold out</p></main>", text_box()));
        assert_kept(&made, "MARKER is the hottest");
        assert_kept(&made, "hour 12");
        assert_dropped(&made, "Sold out");
        assert_dropped(&made, "By Ada Reed");
    }
}

#[test]
fn a_paragraph_before_the_text_is_no_lead_if_it_stands_elsewhere() {
    let other = "MARKER answers your questions every morning, and the first call is free.";
    for before in [
        format!("<div><p>{other}</p></div><h1>How to fire</h1>"),
        format!("<h1>How to fire</h1><aside><p>{other}</p></aside>"),
        format!("<h1>How to fire</h1><div class=newsletter><p>{other}</p></div>"),
        format!("<h1>How to fire</h1><form><p>{other}</p><input name=mail></form>"),
        format!(
            "<h1>How to fire</h1><div>{}</div><div><p>{other}</p></div>",
            "<span>Stoneware and wood</span> ".repeat(20)
        ),
        format!("<h1>How to fire</h1><div>{}</div>", format!("<p>{other}</p>").repeat(4)),
    ] {
        let made = read(&format!("<main>{before}{}</main>", text_box()));
        assert_dropped(&made, "MARKER");
        assert_kept(&made, "hour 12");
    }
}

/// A page of one article, with a part behind its text.
fn followed(head: &str, part: &str) -> Extracted {
    read(&format!("{head}<main><h1>How to fire</h1><div>{}</div>{part}</main>", story()))
}

const DATED: &str = "<meta property=article:published_time content=2025-03-01>";

#[test]
fn teasers_of_other_stories_below_an_article_are_dropped() {
    let teaser = |title: &str, image: &str| {
        format!(
            "<div class=c>{image}<h3><a href='/2025/{title}-for-the-winter'>{title} for the winter</a></h3>\
             <p>The potters of the valley make plates that keep a soup warm for an hour.</p></div>"
        )
    };
    let two = [teaser("MARKER one", ""), teaser("MARKER two", "<img src=a.jpg>")].concat();
    for part in [
        format!("<div>{two}</div>"),
        format!("<section><h2>Related</h2><div>{two}</div></section>"),
        // A card in one link, and an address whose last part is short.
        "<div><a href=/pots-for-the-winter-months/7.html><h4>MARKER for winter</h4><p>They keep warm.</p></a>\
         <a href=/bricks-of-the-old-shed/8.html><h4>MARKER of the shed</h4><p>Nobody knows.</p></a></div>"
            .to_owned(),
    ] {
        let made = followed(DATED, &part);
        assert_dropped(&made, "MARKER");
        assert_dropped(&made, "Related");
        assert_kept(&made, "hour 12");
    }
}

#[test]
fn boxes_with_links_below_a_text_stay_if_they_are_no_teasers() {
    let one = "<div><h3><a href=/2025/pots-for-the-winter-months>Pots for the winter</a></h3>\
               <p>MARKER of the valley make plates that keep a soup warm for an hour.</p></div>";
    let two = [one, &one.replace("winter", "summer")].concat();
    let prose =
        "<p>Whoever fires alone should sleep in the afternoon, as the night is long and cold.</p>";
    for part in [
        // One box, boxes before prose, links to other sites, and boxes without a title.
        format!("<div>{one}</div>"),
        format!("<div>{two}</div>{prose}"),
        two.replace("/2025/", "https://pots.example/2025/"),
        two.replace(
            "<h3><a href=/2025/pots-for-the-winter-months>Pots for the winter</a></h3>",
            "",
        ),
        format!("<div>{two}</div>").replace("-for-the-winter-months", ""),
    ] {
        let made = followed(DATED, &part);
        assert_kept(&made, "MARKER");
    }
    // A list that the text announces, and a page that is mostly boxes.
    let list = two.replace("<div>", "<li>").replace("</div>", "</li>");
    assert_kept(&ending(&format!("<p>These pots survived:</p><ul>{list}</ul>")), "MARKER");
    let shelf =
        format!("<main><h1>Pots</h1><p>All of our pots are here.</p><div>{two}</div></main>");
    assert_kept(&read(&format!("{DATED}{shelf}")), "MARKER");
}

#[test]
fn the_article_with_the_heading_is_the_content() {
    let card = |it: usize| {
        format!(
            "<article><h3><a href=/{it}>Story {it}</a></h3><p>MARKER of another story.</p></article>"
        )
    };
    let page = format!(
        "<p>Clay and fire since 1911, and MARKER.</p><article><h1>How to fire</h1>{}</article>{}{}{}",
        story(),
        card(1),
        card(2),
        card(3)
    );
    let made = read(&page);
    assert_dropped(&made, "MARKER");
    assert_kept(&made, "hour 12");

    // A list of entries with headings of their own is content as a whole.
    let entry = |it: usize| format!("<article><h1>Entry {it}</h1>{}</article>", story());
    let made = read(&format!("<main>{}{}</main>", entry(1), entry(2)));
    assert_kept(&made, "Entry 1");
    assert_kept(&made, "Entry 2");
}

#[test]
fn an_article_among_long_menus_is_the_content() {
    let entry = |it: usize| format!("<li><a href=/{it}>Kiln of the town {it}</a>");
    let menu = (0..900).map(entry).collect::<Vec<_>>().concat();
    let page = format!(
        "<div><ul>{menu}</ul></div><div class=t>{}</div><div><ul>{menu}</ul></div>",
        story()
    );

    let made = read(&page);

    assert_dropped(&made, "Kiln of the town");
    assert_kept(&made, "hour 12");
}

#[test]
fn the_headline_of_the_data_picks_the_heading_and_ends_its_kicker() {
    let title = |headline: &str, body: &str| {
        let data = format!("{{\"@type\": \"NewsArticle\", \"headline\": \"{headline}\"}}");
        let head = "<title>Firing guide for everyone | Clay</title>";
        read(&format!("{head}<script type='application/ld+json'>{data}</script>{body}{}", story()))
            .title
    };

    let two = "<h1>The Clay Blog</h1><h1>Kilns that burn all night</h1>";
    assert_eq!(
        title("Kilns that burn all night", two).as_deref(),
        Some("Kilns that burn all night")
    );
    let kicker = "<h1><span>Night work:</span> Kilns that burn</h1>";
    assert_eq!(title("Kilns that burn", kicker).as_deref(), Some("Kilns that burn"));
    let button = "<title>Kilns that burn | Clay</title><h1>Kilns that burn <button><b>Copy</b></button></h1>";
    assert_eq!(read(button).title.as_deref(), Some("Kilns that burn"));
}

#[test]
fn a_lower_heading_that_begins_the_title_names_the_page() {
    let page = |rest: &str| {
        read(&format!("<title>Kilns at night : Red Pots | Clay and fire</title>{rest}{}", story()))
            .title
    };

    assert_eq!(page("<h1>Red Pots</h1><h3>Kilns at night</h3>").as_deref(), Some("Kilns at night"));
    let home = "<title>Kiln Supplies | Home Page</title><h1>Welcome to Kiln Supplies</h1><p>x";
    assert_eq!(read(home).title.as_deref(), Some("Welcome to Kiln Supplies"));
}

#[test]
fn a_title_that_says_more_than_the_heading_names_a_page() {
    let title = |title: &str, heading: &str, head: &str| {
        read(&format!("<title>{title}</title>{head}<h1>{heading}</h1>{}", story())).title
    };
    let long = "Blue stoneware plates for summer";
    let article = "<meta property=og:type content=article>";
    for (own, heading, head, expected) in [
        (long, "Stoneware for summer", "", long),
        ("All about the blue stoneware", "Blue stoneware", "", "All about the blue stoneware"),
        // The rest only follows the heading, the heading has a word of its own or is one word, the title has
        // parts, or the page is an article.
        (long, "Blue stoneware plates", "", "Blue stoneware plates"),
        (long, "Stoneware for hot summer", "", "Stoneware for hot summer"),
        (long, "Stoneware", "", "Stoneware"),
        ("Night baker - Crust careers", "Night baker (f/m)", "", "Night baker (f/m)"),
        (
            "Our plates: blue stoneware for summer",
            "Stoneware for summer",
            "",
            "Stoneware for summer",
        ),
        (long, "Stoneware for summer", article, "Stoneware for summer"),
    ] {
        assert_eq!(title(own, heading, head).as_deref(), Some(expected), "{own} / {heading}");
    }
}

#[test]
fn one_word_of_a_title_picks_no_heading() {
    let page = |title: &str| {
        let heads = "<h1>Stoneware</h1><h1>How to fire</h1>";
        read(&format!("<title>{title}</title><main>{heads}{}</main>", story())).title
    };

    assert_eq!(page("Night: how to fire stoneware well").as_deref(), Some("How to fire"));
    assert_eq!(page("Kilns | Stoneware").as_deref(), Some("Stoneware"));
}

#[test]
fn a_short_form_of_the_address_is_no_part_of_a_title() {
    let title = |name: &str| {
        let page = format!("<title>Blue plates | {name}</title><p>{}", story());
        read_at("https://www.northernpottersguild.example/plates", &page).title
    };

    assert_eq!(title("NPG").as_deref(), Some("Blue plates"));
    // The letters are not in the address, in another order, or no capitals.
    for other in ["NPX", "GPN", "Npg"] {
        assert_eq!(title(other), Some(format!("Blue plates | {other}")));
    }
}

#[test]
fn an_author_is_a_person_with_a_full_name() {
    let named = |name: &str, rest: &str| {
        let data = format!("{{\"@type\": \"Article\", \"author\": {{\"name\": \"{name}\"}}}}");
        let page = format!("<script type='application/ld+json'>{data}</script>{rest}{}", story());
        read_at("https://www.npg.example/plates", &page).author
    };
    // A first name is completed by the name that the page shows, and by no sentence or other word.
    assert_eq!(named("Ann", "<p>Ann Lee</p>").as_deref(), Some("Ann Lee"));
    assert_eq!(named("Ann", "<p>Ann Lee was here.</p><p>Ann writes</p>").as_deref(), Some("Ann"));
    // The name of the site is no author, and the byline is one.
    let byline = "<p>By Ann Lee</p>";
    assert_eq!(named("NPG", byline).as_deref(), Some("Ann Lee"));
    assert_eq!(named("NPG", ""), None);
    assert_eq!(named("NBC", byline).as_deref(), Some("NBC"));

    // Links to the author's other stories repeat one name; those of a list have several.
    let link = |name: &str| format!("<div class=meta><a href=/author/x>{name}</a></div>");
    let listed = |names: [&str; 5]| read(&(names.map(link).concat() + &story())).author;
    assert_eq!(listed(["Ann Lee"; 5]).as_deref(), Some("Ann Lee"));
    assert_eq!(listed(["Ann Lee", "Bo Ray", "Cy Fox", "Di Orr", "Ed May"]), None);
}

#[test]
fn authors_are_read_from_data_that_is_not_clean() {
    let data = |author: &str| {
        format!(
            "<script type='application/ld+json'>{{\"@type\": \"Article\", \"author\": {author}, \"publisher\":
             {{\"@type\": \"Organization\", \"name\": \"Red Pots\"}}}}</script>"
        )
    };
    for (head, expected) in [
        (data("{\"@type\": \"Person\", \"name\": \"von Red Pots\"}"), None),
        (data("{\"@type\": \"Person\", \"name\": \"ann.lee\"}"), Some("Ann Lee")),
        (data("{\"@type\": \"Person\", \"name\": \"kiln.example.com\"}"), None),
        (
            data("[{\"name\": \"By Ann Lee\"}, {\"name\": \"The Potters of the Town Learning Network\"}]"),
            Some("Ann Lee"),
        ),
        ("<meta name=parsely-author content='Ann Lee'>".to_owned(), Some("Ann Lee")),
        ("<meta name=byl content='By Ann Lee'>".to_owned(), Some("Ann Lee")),
        ("<div class=author>Author: <a href=/u?id=5><b>Bo2man</b></a> on May 5</div>".to_owned(), Some("Bo2man")),
        (
            "<h1 class='vcard author'><a class=fn href=/>Red Pots</a></h1><h4 class='vcard author'>from \
             <span class=fn>Potterin</span></h4>"
                .to_owned(),
            Some("Potterin"),
        ),
        ("<div>PARIS LIBBY</div>".to_owned(), None),
        ("<aside><h3>Author</h3><p> Ann Lee</p></aside>".to_owned(), Some("Ann Lee")),
    ] {
        let made = read(&format!("{head}<p>x"));
        assert_eq!(made.author.as_deref(), expected, "{head}");
    }
}
