//! Reads a document page by page. It runs in the reading process.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use hayro_interpret::hayro_syntax::page::Page;
use hayro_interpret::hayro_syntax::{DecryptionError, LoadPdfError, Pdf};
use hayro_interpret::kurbo::{Affine, Rect};
use hayro_interpret::{Context, InterpreterCache, InterpreterSettings, interpret_page};

use super::glyphs::TextCollector;
use super::layout;
use super::metadata;
use super::protocol::{PageContent, ReadTask, ReaderMessage, Unreadable};
use super::scans::ScanImages;

/// Points beyond a page's edge in which a glyph still counts as on the page.
const EDGE_TOLERANCE: f64 = 1.0;

/// Reads `bytes` and sends its content, page by page.
pub(super) fn read(bytes: Vec<u8>, task: &ReadTask, send: &mut dyn FnMut(ReaderMessage)) {
    let started = Instant::now();
    let pdf = match Pdf::new(bytes) {
        Ok(pdf) => pdf,
        Err(error) => return send(ReaderMessage::Unreadable(unreadable(error))),
    };
    let pages = pdf.pages();
    send(ReaderMessage::Info(metadata::document_info(&pdf)));
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
