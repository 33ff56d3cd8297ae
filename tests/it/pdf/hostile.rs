//! Documents that are encrypted, damaged, huge or malicious.

use std::time::Duration;

use rungs::core::request::Item;
use rungs::fetch::Pdf;
use rungs::fetch::pdf::PdfLimits;
use rungs::ports::fetch::{FetchError, FetchErrorKind as Kind, PdfReader, PdfText};

use crate::pdf::given::{Draft, drawn, packed, packed_spaces, page, read, request};

fn assert_refused(result: Result<PdfText, FetchError>, kind: Kind, message: &str) {
    let error = result.expect_err("it was read");
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(message), "{error}");
}

/// Builds a document with an intact first page and a second page added by `draw`.
fn second_page(draw: impl FnOnce(&mut Draft)) -> Vec<u8> {
    let mut draft = Draft::new();
    draft.page(&drawn(&[(72.0, 700.0, 12.0, "The first page is intact")]), "");
    draw(&mut draft);
    draft.finish()
}

#[tokio::test]
async fn only_a_document_without_a_password_is_read() {
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
        assert_refused(read(&Pdf::new(), pdf).await, Kind::Broken, "needs a password");
    }
}

#[tokio::test]
async fn a_document_without_a_valid_xref_table_is_read() {
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
async fn a_header_alone_is_not_a_document() {
    for pdf in [&b"%PDF-1.7\n"[..], b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog"] {
        assert_refused(read(&Pdf::new(), pdf).await, Kind::Broken, "no readable pages");
    }
    assert_refused(read(&Pdf::new(), b"<html>").await, Kind::Broken, "not a PDF");
}

#[tokio::test]
async fn a_decompression_bomb_ends_only_its_reader() {
    let limits = PdfLimits::default().with_max_memory_bytes(200 << 20);
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

    assert_eq!(after_a_page.pages, ["The first page is intact"]);
    assert_eq!(after_a_page.page_count, 2);
    let warning = &after_a_page.warnings[0];
    assert!(
        warning.starts_with("1 of 2 pages were read") && warning.contains("200 MiB"),
        "{warning}"
    );
    assert_refused(alone, Kind::Broken, "the process that read the PDF died");
    let intact = read(&reader, page(&[(72.0, 700.0, 12.0, "as ever")])).await;
    assert_eq!(intact.expect("the reader still works").pages, ["as ever"]);
}

/// Adds a page of nested forms that each draw the next one ten times: interpreting it never ends.
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
async fn an_endless_page_ends_at_the_deadline() {
    let mut draft = Draft::new();
    endless(&mut draft);

    let result = read_within(draft.finish(), Duration::from_secs(1)).await;

    assert_refused(result, Kind::Timeout, "not read before the deadline");
}

#[tokio::test]
async fn the_pages_before_an_endless_one_are_kept() {
    let document = second_page(endless);

    // On a busy machine the first page may take longer than the first deadlines.
    let mut result = read_within(document.clone(), Duration::from_secs(2)).await;
    for seconds in [8, 32] {
        if result.is_err() {
            result = read_within(document.clone(), Duration::from_secs(seconds)).await;
        }
    }

    let read = result.expect("the first page");
    assert_eq!(read.pages, ["The first page is intact"]);
    assert!(read.warnings[0].contains("not read before the deadline"), "{:?}", read.warnings);
}

/// Waits for the reader whose task has this limit of pages, which no other test uses.
#[cfg(target_os = "linux")]
fn reader_of(max_pages: usize) -> String {
    let task = format!("\"max_pages\":{max_pages},");
    loop {
        let all = std::fs::read_dir("/proc").expect("Linux has it").filter_map(Result::ok);
        let found = all.filter_map(|it| it.file_name().into_string().ok()).find(|pid| {
            let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            String::from_utf8_lossy(&environment).contains(&task)
        });
        if let Some(pid) = found {
            return pid;
        }
        std::thread::yield_now();
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_reader_that_a_signal_ends_is_interrupted() {
    let reader = Pdf::new().limits(PdfLimits::default().with_max_pages(7_777));
    let reading = tokio::spawn(async move { read(&reader, second_page(endless)).await });

    let pid = tokio::task::spawn_blocking(|| reader_of(7_777)).await.expect("it starts");
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    let sent = std::process::Command::new("kill").args(["-TERM", &pid]).status();

    assert!(sent.expect("kill runs").success());
    let interrupted = reading.await.expect("no panic");
    assert_refused(interrupted, Kind::Interrupted, "ended from outside");
    let group = stat.rsplit(')').next().and_then(|it| it.split_whitespace().nth(2));
    assert_eq!(group, Some(pid.as_str()), "it has no process group of its own");
}

async fn read_within(document: Vec<u8>, deadline: Duration) -> Result<PdfText, FetchError> {
    let mut request = request(document, Item::get("https://example.com/document"));
    request.deadline = deadline;
    PdfReader::read(&Pdf::new(), request).await
}

#[tokio::test]
async fn a_document_over_a_limit_is_refused_or_cut() {
    let three = {
        let mut draft = Draft::new();
        for text in ["one", "two", "three"] {
            draft.page(&drawn(&[(72.0, 700.0, 12.0, text)]), "");
        }
        draft.finish()
    };
    let with = |limits: PdfLimits| Pdf::new().limits(limits);
    let bytes = with(PdfLimits::default().with_max_document_bytes(three.len() - 1));
    let pages = with(PdfLimits::default().with_max_pages(2));
    let output = with(PdfLimits::default().with_max_output_bytes(100));

    assert_refused(read(&bytes, three.clone()).await, Kind::TooLarge, "over the limit of");
    assert_refused(
        read(&output, three.clone()).await,
        Kind::TooLarge,
        "yields more than 100 bytes",
    );
    let cut = read(&pages, three).await.expect("two pages");

    assert_eq!((cut.pages.len(), cut.page_count), (2, 3));
    assert_eq!(cut.warnings, ["2 of 3 pages were read, which is the limit"]);
}

#[tokio::test]
async fn a_form_that_contains_itself_is_drawn_once() {
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
async fn a_truncated_stream_yields_its_beginning() {
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
async fn a_reading_process_starts_from_the_test_program() {
    Pdf::new().check().await.expect("this program contains the reader");
}
