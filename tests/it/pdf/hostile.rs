//! Documents that are locked, damaged, huge, or made to hurt.

use std::time::Duration;

use rungs::core::request::Item;
use rungs::fetch::Pdf;
use rungs::fetch::pdf::PdfLimits;
use rungs::ports::fetch::{FetchError, FetchErrorKind as Kind, PdfReader, PdfText};

use crate::pdf::given::{Draft, drawn, packed, packed_spaces, page, read, request};

fn refused(read: Result<PdfText, FetchError>, kind: Kind, says: &str) {
    let error = read.expect_err("it was read");
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(says), "{error}");
}

/// A sound first page, and then `draw` as the content of a second.
fn second_page(draw: impl FnOnce(&mut Draft)) -> Vec<u8> {
    let mut draft = Draft::new();
    draft.page(&drawn(&[(72.0, 700.0, 12.0, "The first page is sound")]), "");
    draw(&mut draft);
    draft.finish()
}

#[tokio::test]
async fn an_encrypted_document_is_read_if_it_opens_without_a_password() {
    let open: [&[u8]; 3] = [
        include_bytes!("files/open-40.pdf"),
        include_bytes!("files/open-128.pdf"),
        include_bytes!("files/open-256.pdf"),
    ];
    let locked: [&[u8]; 3] = [
        include_bytes!("files/locked-40.pdf"),
        include_bytes!("files/locked-128.pdf"),
        include_bytes!("files/locked-256.pdf"),
    ];

    for pdf in open {
        let read = read(&Pdf::new(), pdf).await.expect("it needs no password");
        assert_eq!(read.pages, ["The secret is in the flour"]);
    }
    for pdf in locked {
        refused(read(&Pdf::new(), pdf).await, Kind::Broken, "with a password only");
    }
}

#[tokio::test]
async fn a_document_without_its_table_is_read_from_its_objects() {
    let whole = page(&[(72.0, 700.0, 12.0, "found all the same")]);
    let table = whole.windows(5).position(|it| it == b"xref\n").expect("a table");
    let cut = whole[..table].to_vec();
    let mut wrong = whole.clone();
    for byte in &mut wrong[table + 10..table + 60] {
        *byte = b'7';
    }

    for pdf in [cut, wrong] {
        let read = read(&Pdf::new(), pdf).await.expect("its objects are there");
        assert_eq!(read.pages, ["found all the same"]);
    }
}

#[tokio::test]
async fn a_head_alone_is_no_document() {
    for pdf in [&b"%PDF-1.7\n"[..], b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog"] {
        refused(read(&Pdf::new(), pdf).await, Kind::Broken, "no pages can be found");
    }
    refused(read(&Pdf::new(), b"<html>").await, Kind::Broken, "no PDF");
}

#[tokio::test]
async fn what_unpacks_without_end_ends_the_reader_and_not_the_host() {
    let limits = PdfLimits { memory: 200 << 20, ..PdfLimits::default() };
    let reader = Pdf::new().limits(limits);
    let content = packed_spaces(400);
    let bomb = |draft: &mut Draft| {
        let content = draft.stream("/Filter /FlateDecode", &content);
        draft.page_of(content, "");
    };

    let after_a_page = read(&reader, second_page(bomb)).await.expect("the first page");
    let mut alone = Draft::new();
    bomb(&mut alone);
    let alone = read(&reader, alone.finish()).await;

    assert_eq!(after_a_page.pages, ["The first page is sound"]);
    assert_eq!(after_a_page.page_count, 2);
    let said = &after_a_page.warnings[0];
    assert!(said.starts_with("1 of 2 pages were read") && said.contains("200 MiB"), "{said}");
    refused(alone, Kind::Broken, "the process that read the PDF died");
    let sound = read(&reader, page(&[(72.0, 700.0, 12.0, "as ever")])).await;
    assert_eq!(sound.expect("the reader is in order").pages, ["as ever"]);
}

/// Forms that draw forms, ten times each: nobody sees the end of it.
fn endless(draft: &mut Draft) {
    let mut inner = draft.stream("/Type /XObject /Subtype /Form /BBox [0 0 9 9]", b"0 0 m");
    for _ in 0..20 {
        let entries = format!(
            "/Type /XObject /Subtype /Form /BBox [0 0 9 9] \
             /Resources << /XObject << /X {inner} 0 R >> >>"
        );
        inner = draft.stream(&entries, "/X Do ".repeat(10).as_bytes());
    }
    let content = draft.stream("", b"/X Do");
    let kids = format!("/Resources << /XObject << /X {inner} 0 R >> >>");
    draft.page_of(content, &kids);
}

#[tokio::test]
async fn what_takes_for_ever_ends_at_the_deadline_with_the_pages_so_far() {
    let item = Item::get("https://example.com/document");
    let mut ask = request(second_page(endless), item.clone());
    ask.deadline = Duration::from_secs(3);
    let after_a_page = PdfReader::read(&Pdf::new(), ask).await.expect("the first page");
    let mut alone = Draft::new();
    endless(&mut alone);
    let mut ask = request(alone.finish(), item);
    ask.deadline = Duration::from_secs(1);
    let alone = PdfReader::read(&Pdf::new(), ask).await;

    assert_eq!(after_a_page.pages, ["The first page is sound"]);
    assert!(after_a_page.warnings[0].contains("not read within its time"));
    refused(alone, Kind::Timeout, "not read within its time");
}

#[tokio::test]
async fn what_is_over_a_limit_is_refused_or_cut_and_said() {
    let three = {
        let mut draft = Draft::new();
        for text in ["one", "two", "three"] {
            draft.page(&drawn(&[(72.0, 700.0, 12.0, text)]), "");
        }
        draft.finish()
    };
    let with = |limits: PdfLimits| Pdf::new().limits(limits);
    let bytes = with(PdfLimits { max_bytes: three.len() - 1, ..PdfLimits::default() });
    let pages = with(PdfLimits { max_pages: 2, ..PdfLimits::default() });
    let output = with(PdfLimits { output: 100, ..PdfLimits::default() });

    refused(read(&bytes, three.clone()).await, Kind::TooLarge, "over the limit of");
    refused(read(&output, three.clone()).await, Kind::TooLarge, "yields more than 100 bytes");
    let cut = read(&pages, three).await.expect("two pages");

    assert_eq!((cut.pages.len(), cut.page_count), (2, 3));
    assert_eq!(cut.warnings, ["2 of 3 pages were read, which is the limit"]);
}

#[tokio::test]
async fn what_names_itself_as_its_part_is_read_once() {
    let mut draft = Draft::new();
    let own =
        "/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X 4 0 R >> >>";
    draft.stream(own, b"/X Do");
    let content = draft.stream("", b"/X Do BT /F1 12 Tf 72 700 Td (and then the text) Tj ET");
    let kids = "/Resources << /XObject << /X 4 0 R >> /Font << /F1 3 0 R >> >>";
    draft.page_of(content, kids);

    let read = read(&Pdf::new(), draft.finish()).await.expect("a page");

    assert_eq!(read.pages, ["and then the text"]);
}

#[tokio::test]
async fn packed_text_is_unpacked_and_a_stream_that_ends_early_gives_what_it_has() {
    let text: String = drawn(&[(72.0, 700.0, 12.0, "at the head of the stream")]);
    let whole = packed([text.as_bytes(), &b" 0 0 m".repeat(20_000)].concat().as_slice());
    let mut draft = Draft::new();
    for bytes in [&whole[..], &whole[..whole.len() - 20]] {
        let content = draft.stream("/Filter /FlateDecode", bytes);
        draft.page_of(content, "");
    }

    let read = read(&Pdf::new(), draft.finish()).await.expect("two pages");

    assert_eq!(read.pages, ["at the head of the stream"; 2]);
}

#[tokio::test]
async fn a_reading_process_starts_from_here() {
    Pdf::new().check().await.expect("this program holds the reader");
}
