//! A document to its pages. This runs in a process of its own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use hayro_interpret::hayro_syntax::page::Page;
use hayro_interpret::hayro_syntax::{DecryptionError, LoadPdfError, Pdf};
use hayro_interpret::kurbo::{Affine, Rect};
use hayro_interpret::{Context, InterpreterCache, InterpreterSettings, interpret_page};

use super::about;
use super::frame::{Flaw, Frame, Sheet, Task};
use super::glyphs::Collector;
use super::layout;
use super::scan::Images;

/// Reads `bytes` and tells what it finds, page by page.
pub(super) fn read(bytes: Vec<u8>, task: &Task, tell: &mut dyn FnMut(Frame)) {
    let began = Instant::now();
    let pdf = match Pdf::new(bytes) {
        Ok(pdf) => pdf,
        Err(why) => return tell(Frame::Flaw(flaw(why))),
    };
    let pages = pdf.pages();
    tell(Frame::About(about::about(&pdf)));
    let cache = InterpreterCache::new();
    for (number, page) in pages.iter().enumerate().take(task.max_pages) {
        if began.elapsed() >= Duration::from_millis(task.millis) {
            return tell(Frame::Late);
        }
        // A page that cannot be read is no reason to lose the others.
        let made = catch_unwind(AssertUnwindSafe(|| {
            let sheet = sheet(&pdf, &cache, page);
            let is_scan = sheet.has_images && sheet.blocks.is_empty();
            let images =
                if task.wants_images && is_scan { images(&pdf, &cache, page) } else { Vec::new() };
            (sheet, images)
        }));
        let Ok((sheet, images)) = made else {
            tell(Frame::Sheet(Sheet { is_broken: true, ..Sheet::default() }));
            continue;
        };
        tell(Frame::Sheet(sheet));
        for image in images {
            tell(Frame::Image { page: number, bytes: image });
        }
    }
    tell(Frame::End);
}

fn flaw(why: LoadPdfError) -> Flaw {
    match why {
        LoadPdfError::Decryption(DecryptionError::PasswordProtected) => Flaw::Password,
        LoadPdfError::Decryption(_) => Flaw::Encryption,
        LoadPdfError::Invalid => Flaw::NoDocument,
    }
}

fn sheet<'a>(pdf: &'a Pdf, cache: &InterpreterCache<'a>, page: &Page<'a>) -> Sheet {
    let seen = draw(pdf, cache, page, Images::default());
    let links = about::links(page);
    let blocks = layout::blocks(&seen.letters);
    let has_images = matches!(seen.scans, Images::Seen);
    let (was_cut, was_guessed) = (seen.was_cut, seen.was_guessed);
    Sheet { blocks, links, has_images, is_broken: false, was_cut, was_guessed }
}

fn images<'a>(pdf: &'a Pdf, cache: &InterpreterCache<'a>, page: &Page<'a>) -> Vec<Vec<u8>> {
    match draw(pdf, cache, page, Images::Kept(Vec::new())).scans {
        Images::Kept(images) => images,
        Images::Unseen | Images::Seen => Vec::new(),
    }
}

fn draw<'a>(
    pdf: &'a Pdf,
    cache: &InterpreterCache<'a>,
    page: &Page<'a>,
    images: Images,
) -> Collector {
    let (width, height) = page.render_dimensions();
    let bounds = Rect::new(0.0, 0.0, f64::from(width), f64::from(height));
    let turned = Affine::new(page.initial_transform(true).as_coeffs());
    let mut context =
        Context::new(turned, bounds, cache, pdf.xref(), InterpreterSettings::default());
    let mut seen = Collector::new(bounds.inflate(1.0, 1.0), images);
    interpret_page(page, &mut context, &mut seen);
    seen
}
