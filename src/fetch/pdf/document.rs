//! Reads a document page by page. It runs in the reading process.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hayro_interpret::hayro_syntax::page::Page;
use hayro_interpret::hayro_syntax::{DecryptionError, LoadPdfError, Pdf};
use hayro_interpret::kurbo::{Affine, Rect};
use hayro_interpret::{Context, InterpreterCache, InterpreterSettings, interpret_page};

use super::glyphs::TextCollector;
use super::layout;
use super::metadata;
use super::protocol::{PageContent, ReadTask, ReaderMessage, Unreadable};
use super::repair::{self, find};
use super::scans::ScanImages;

/// The mark at the beginning of a PDF.
const MARK: &[u8] = b"%PDF-";
/// The end of a file, in bytes, that names the position of its table of objects.
const TAIL_BYTES: usize = 2_048;
/// Bytes around a number of pages in which its page tree names itself.
const TREE_BYTES: usize = 512;
/// Digits of a number of pages that is believed.
const MAX_DIGITS: usize = 6;
/// Points beyond a page's edge in which a glyph still counts as on the page.
const EDGE_TOLERANCE: f64 = 1.0;

/// Reads `bytes` and sends its content, page by page.
pub(super) fn read(bytes: Vec<u8>, task: &ReadTask, send: &mut dyn FnMut(ReaderMessage)) {
    let started = Instant::now();
    let is_cut = is_cut(&bytes);
    let announced_pages = is_cut.then(|| announced_pages(&bytes));
    let pdf = match open(bytes) {
        Ok(pdf) => pdf,
        Err(LoadPdfError::Invalid) if is_cut => {
            return send(ReaderMessage::Unreadable(Unreadable::CutOff));
        }
        Err(error) => return send(ReaderMessage::Unreadable(unreadable(error))),
    };
    let pages = pdf.pages();
    send(ReaderMessage::Info(metadata::document_info(&pdf, announced_pages)));
    let cache = InterpreterCache::new();
    for (number, page) in pages.iter().enumerate().take(task.max_pages) {
        if started.elapsed() >= Duration::from_millis(task.millis) {
            return send(ReaderMessage::TimedOut);
        }
        // A page that panics must not lose the others.
        let content = catch_unwind(AssertUnwindSafe(|| {
            let content = page_content(&pdf, &cache, page);
            let is_scan = content.has_images && content.blocks.is_empty();
            let wants_images = task.wants_scans && is_scan;
            let images = if wants_images { scan_images(&pdf, &cache, page) } else { Vec::new() };
            (content, images)
        }));
        let Ok((content, images)) = content else {
            let broken = PageContent { is_broken: true, ..PageContent::default() };
            send(ReaderMessage::Page(broken));
            continue;
        };
        send(ReaderMessage::Page(content));
        for image in images {
            send(ReaderMessage::Image { page: number, bytes: image });
        }
    }
    send(ReaderMessage::End);
}

/// Opens a document with at least one page, repaired if it has to be.
fn open(bytes: Vec<u8>) -> Result<Pdf, LoadPdfError> {
    let bytes = Arc::new(repair::ended(&bytes).unwrap_or(bytes));
    match open_whole(&bytes) {
        Ok(pdf) if !pdf.pages().is_empty() => return Ok(pdf),
        Ok(_) | Err(LoadPdfError::Invalid) => {}
        Err(error) => return Err(error),
    }
    let repaired = Pdf::new(repair::with_catalog(&bytes))?;
    if repaired.pages().is_empty() { Err(LoadPdfError::Invalid) } else { Ok(repaired) }
}

/// Opens a document. Bytes before its mark, such as those of a mail, are removed: the positions in a PDF count from the
/// mark.
fn open_whole(bytes: &Arc<Vec<u8>>) -> Result<Pdf, LoadPdfError> {
    let junk = find(bytes, MARK).unwrap_or(0);
    // Some programs count from the first byte all the same.
    let whole = || Pdf::new(Arc::clone(bytes));
    if junk == 0 {
        return whole();
    }
    match Pdf::new(bytes[junk..].to_vec()) {
        Ok(pdf) if !pdf.pages().is_empty() => Ok(pdf),
        _ => whole(),
    }
}

/// Returns `true` if the end of the file is missing.
fn is_cut(bytes: &[u8]) -> bool {
    let tail = &bytes[bytes.len().saturating_sub(TAIL_BYTES)..];
    !bytes.is_empty() && find(tail, b"%%EOF").is_none() && find(tail, b"startxref").is_none()
}

/// Returns the largest number of pages that a page tree in the file announces; 0 if none does.
fn announced_pages(bytes: &[u8]) -> usize {
    let mut most = 0;
    let mut rest = bytes;
    while let Some(at) = find(rest, b"/Count") {
        let around = &rest[at.saturating_sub(TREE_BYTES)..rest.len().min(at + TREE_BYTES)];
        let digits = rest[at + 6..].trim_ascii_start();
        let length = digits.iter().take_while(|it| it.is_ascii_digit()).count().min(MAX_DIGITS);
        let count = std::str::from_utf8(&digits[..length]).ok().and_then(|it| it.parse().ok());
        if find(around, b"/Pages").is_some() {
            most = most.max(count.unwrap_or(0));
        }
        rest = &rest[at + 6..];
    }
    most
}

fn unreadable(error: LoadPdfError) -> Unreadable {
    match error {
        LoadPdfError::Decryption(DecryptionError::PasswordProtected) => Unreadable::Password,
        LoadPdfError::Decryption(_) => Unreadable::Encryption,
        LoadPdfError::Invalid => Unreadable::NoPages,
    }
}

fn page_content<'a>(pdf: &'a Pdf, cache: &InterpreterCache<'a>, page: &Page<'a>) -> PageContent {
    let collected = interpret(pdf, cache, page, ScanImages::default());
    PageContent {
        blocks: layout::blocks(&collected.glyphs),
        links: metadata::links(page),
        has_images: matches!(collected.images, ScanImages::Present),
        is_broken: false,
        is_truncated: collected.is_truncated,
        is_guessed: collected.is_guessed,
    }
}

fn scan_images<'a>(pdf: &'a Pdf, cache: &InterpreterCache<'a>, page: &Page<'a>) -> Vec<Vec<u8>> {
    match interpret(pdf, cache, page, ScanImages::Extracted(Vec::new())).images {
        ScanImages::Extracted(images) => images,
        ScanImages::Absent | ScanImages::Present => Vec::new(),
    }
}

fn interpret<'a>(
    pdf: &'a Pdf,
    cache: &InterpreterCache<'a>,
    page: &Page<'a>,
    images: ScanImages,
) -> TextCollector {
    let (width, height) = page.render_dimensions();
    let bounds = Rect::new(0.0, 0.0, f64::from(width), f64::from(height));
    let transform = Affine::new(page.initial_transform(true).as_coeffs());
    let mut context =
        Context::new(transform, bounds, cache, pdf.xref(), InterpreterSettings::default());
    let mut collector = TextCollector::new(bounds.inflate(EDGE_TOLERANCE, EDGE_TOLERANCE), images);
    interpret_page(page, &mut context, &mut collector);
    collector
}
