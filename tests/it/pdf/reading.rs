//! Intact documents: reading order, headings, tables, metadata.

use rungs::fetch::Pdf;

use crate::pdf::given::{Draft, drawn, page, read};

const LEFT: [&str; 6] = [
    "The first column tells of flour and how it",
    "was milled from wheat that grew on a hill",
    "behind the house, where the wind is strong",
    "and the rain comes late in every year, but",
    "comes all the same, as the miller likes to",
    "say to whoever asks him for a lower price.",
];
const RIGHT: [&str; 6] = [
    "The second column tells of water, which is",
    "drawn from the well at four in the morning",
    "because it is cold then, and cold water is",
    "what makes a dough rise slowly, and a slow",
    "dough is the better one, says the baker to",
    "his apprentice, who would rather be in bed",
];

#[tokio::test]
async fn columns_are_read_one_after_the_other() {
    let mut lines = vec![(72.0, 740.0, 20.0, "Of flour and of water, a tale in two columns")];
    // Drawn across, as some programs do.
    for (row, (left, right)) in (0_u8..).zip(LEFT.iter().zip(RIGHT)) {
        let y = 700.0 - 14.0 * f64::from(row);
        lines.extend([(72.0, y, 11.0, *left), (320.0, y, 11.0, right)]);
    }

    let read = read(&Pdf::new(), page(&lines)).await.expect("an intact document");

    let text = format!("{}\n\n{}\n\n{}", lines[0].3, LEFT.join("\n"), RIGHT.join("\n"));
    assert_eq!(read.pages, [text]);
}

#[tokio::test]
async fn headings_lists_and_hyphenated_words_become_markdown() {
    let lines = [
        (72.0, 740.0, 20.0, "Bread"),
        (72.0, 700.0, 11.0, "Bread is made of few things, and of time, which is the most im-"),
        (72.0, 686.0, 11.0, "portant of them all. It costs 2*3 and_more."),
        (72.0, 660.0, 14.0, "What it needs"),
        (72.0, 640.0, 11.0, "- flour"),
        (72.0, 626.0, 11.0, "- water"),
        (72.0, 600.0, 11.0, "1. Mix what you have."),
        (72.0, 586.0, 11.0, "2. Wait."),
    ];

    let read = read(&Pdf::new(), page(&lines)).await.expect("an intact document");

    assert_eq!(
        read.markdown.concat(),
        "# Bread\n\nBread is made of few things, and of time, which is the most important of them \
         all. It costs 2\\*3 and\\_more.\n\n## What it needs\n\n- flour\n- water\n1. Mix what you \
         have.\n2. Wait."
    );
    assert!(read.pages[0].contains("im-\nportant"), "the text keeps its lines: {}", read.pages[0]);
}

#[tokio::test]
async fn aligned_cells_become_a_table() {
    let rows = [
        ["what", "how much", "from"],
        ["flour", "500 g", "the mill"],
        ["water", "", "the well"],
        ["salt", "10 g", "the sea"],
    ];
    let mut lines =
        vec![(72.0, 740.0, 11.0, "What goes into a loaf of bread, by weight and by place:")];
    for (row, cells) in (0_u8..).zip(rows) {
        let y = 700.0 - 16.0 * f64::from(row);
        let places = [72.0, 200.0, 330.0].into_iter().zip(cells);
        lines.extend(places.filter(|it| !it.1.is_empty()).map(|(x, cell)| (x, y, 11.0, cell)));
    }

    let read = read(&Pdf::new(), page(&lines)).await.expect("an intact document");

    let table = "| what | how much | from |\n| --- | --- | --- |\n| flour | 500 g | the mill |\n\
        | water |  | the well |\n| salt | 10 g | the sea |";
    assert!(read.markdown[0].ends_with(table), "{}", read.markdown[0]);
    assert!(
        read.pages[0].ends_with("flour  500 g  the mill\nwater  the well\nsalt  10 g  the sea")
    );
}

#[tokio::test]
async fn metadata_and_links_are_read() {
    let mut draft = Draft::new();
    let link = |address: &str| {
        format!(
            "<< /Type /Annot /Subtype /Link /Rect [0 0 9 9] /A << /S /URI /URI ({address}) >> >>"
        )
    };
    let links =
        ["https://example.com/flour", "https://example.com/water", "https://example.com/flour"];
    let links: Vec<String> = links.map(link).to_vec();
    draft.page(
        &drawn(&[(72.0, 700.0, 12.0, "See there.")]),
        &format!("/Annots [{}]", links.join(" ")),
    );
    // The title is UTF-16, the author in the encoding of PDF itself.
    let about = draft.add(
        "<< /Title <FEFF004200720065006100640020201300200031> /Author (J\\366rg \\204quoted\\215) \
         /CreationDate (D:20240229081500+05'30') /ModDate (D:20240301120000Z) >>",
    );
    draft.trailer(&format!("/Info {about} 0 R"));

    let read = read(&Pdf::new(), draft.finish()).await.expect("an intact document");

    assert_eq!(read.title.as_deref(), Some("Bread – 1"));
    assert_eq!(read.author.as_deref(), Some("Jörg —quoted“"));
    assert_eq!(read.created.as_deref(), Some("2024-02-29T08:15:00+05:30"));
    assert_eq!(read.modified.as_deref(), Some("2024-03-01T12:00:00Z"));
    assert_eq!(read.links, ["https://example.com/flour", "https://example.com/water"]);
    assert_eq!(read.page_count, 1);
}

#[tokio::test]
async fn rotated_text_is_read_in_its_direction() {
    let mut draft = Draft::new();
    let along = "BT /F1 12 Tf 0 1 -1 0 100 72 Tm (upwards along the side) Tj ET";
    draft.page(along, "/Rotate 90");
    draft.page(along, "");

    let read = read(&Pdf::new(), draft.finish()).await.expect("an intact document");

    assert_eq!(read.pages, ["upwards along the side"; 2]);
}

#[tokio::test]
async fn a_thousand_pages_are_read_in_order() {
    let mut draft = Draft::new();
    for number in 1..=1_000 {
        draft.page(&drawn(&[(72.0, 700.0, 12.0, &format!("This is page {number}"))]), "");
    }

    let read = read(&Pdf::new(), draft.finish()).await.expect("an intact document");

    let expected: Vec<String> = (1..=1_000).map(|it| format!("This is page {it}")).collect();
    assert_eq!(read.pages, expected);
    assert!(read.warnings.is_empty(), "{:?}", read.warnings);
}

#[tokio::test]
async fn text_drawn_twice_for_weight_is_read_once() {
    let twice = [(72.0, 700.0, 12.0, "heavy"), (72.3, 700.0, 12.0, "heavy")];

    let read = read(&Pdf::new(), page(&twice)).await.expect("an intact document");

    assert_eq!(read.pages, ["heavy"]);
}

/// Draws a text with this spacing between its characters, in points.
fn spaced(text: &str, spacing: f64) -> Vec<u8> {
    let mut draft = Draft::new();
    draft.page(&format!("BT /F1 20 Tf {spacing} Tc 72 700 Td ({text}) Tj ET"), "");
    draft.finish()
}

#[tokio::test]
async fn letter_spacing_does_not_break_words() {
    for (drawn, spacing, expected) in [
        ("spaced letters of a headline", 4.0, "spaced letters of a headline"),
        ("OPENING HOURS OF THE MUSEUM", 8.0, "OPENING HOURS OF THE MUSEUM"),
        ("H A R B O R   M U S E U M", 0.0, "HARBOR MUSEUM"),
        ("H A R B O R", 0.0, "HARBOR"),
        ("A B C D E F G H", 0.0, "A B C D E F G H"),
    ] {
        let read = read(&Pdf::new(), spaced(drawn, spacing)).await.expect("a page");
        assert_eq!(read.pages[0].trim(), expected, "{drawn} with {spacing}");
    }
}

/// A document of forty pages.
fn forty_pages() -> Vec<u8> {
    let mut draft = Draft::new();
    for number in 1..=40 {
        let text = format!("This is page number {number} of the long book.");
        draft.page(&drawn(&[(72.0, 700.0, 12.0, &text)]), "");
    }
    draft.finish()
}

#[tokio::test]
async fn a_file_that_is_cut_off_is_read_with_a_warning() {
    let whole = forty_pages();
    for percent in [30, 60, 90] {
        let cut = &whole[..whole.len() * percent / 100];

        let read = read(&Pdf::new(), cut).await.expect("some pages");

        assert!(read.pages[0].contains("page number 1 of"), "{percent} %: {:?}", read.pages);
        assert_eq!(read.page_count, 40, "{percent} %");
        assert!(read.warnings[0].contains("cut off"), "{percent} %: {:?}", read.warnings);
    }
    let read = read(&Pdf::new(), whole).await.expect("forty pages");
    assert_eq!((read.pages.len(), read.warnings.len()), (40, 0));
}

#[tokio::test]
async fn pages_without_a_page_tree_are_found() {
    let whole = forty_pages();
    let tree = |bytes: &[u8]| bytes.windows(7).position(|it| it == b"3 0 obj").expect("a font");
    // The catalog and the page tree come first in the file.
    let headless = [b"%PDF-1.7\n", &whole[tree(&whole)..]].concat();
    let cut = &headless[..headless.len() * 6 / 10];

    let read = read(&Pdf::new(), cut).await.expect("some pages");

    assert!(read.pages[0].contains("page number 1 of"), "{:?}", read.pages);
    assert!(read.pages.len() > 10, "{} pages", read.pages.len());
    assert!(read.warnings[0].contains("cut off"), "{:?}", read.warnings);
}

#[tokio::test]
async fn a_stream_without_an_end_is_read() {
    let text = String::from_utf8(forty_pages()).expect("ASCII");
    let open = text.replace("endstream\n", "");

    let read = read(&Pdf::new(), open).await.expect("forty pages");

    assert_eq!((read.pages.len(), read.warnings.len()), (40, 0), "{:?}", read.warnings);
    assert!(read.pages[39].contains("page number 40 of"), "{:?}", read.pages[39]);
}

#[tokio::test]
async fn a_file_that_ends_before_its_pages_says_so() {
    let whole = forty_pages();

    let error = read(&Pdf::new(), &whole[..150]).await.expect_err("no page");

    assert!(error.to_string().contains("its end is missing"), "{error}");
}

#[tokio::test]
async fn bytes_before_a_document_are_skipped() {
    let junk = b"HTTP/1.1 200 OK\r\nContent-Type: application/pdf\r\n\r\n".repeat(6);
    let document = [junk, forty_pages()].concat();

    let read = read(&Pdf::new(), document).await.expect("forty pages");

    assert_eq!((read.pages.len(), read.warnings.len()), (40, 0), "{:?}", read.warnings);
}
