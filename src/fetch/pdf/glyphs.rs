//! What a page draws, as letters with their places. Nothing is rendered.

use hayro_interpret::font::{Glyph, GlyphRun};
use hayro_interpret::hayro_cmap::BfString;
use hayro_interpret::hayro_syntax::object::{Dict, String as PdfString};
use hayro_interpret::kurbo::{Affine, BezPath, Point, Rect, Vec2};
use hayro_interpret::{
    BlendMode, ClipPath, Device, DrawMode, DrawProps, Image, ImageDrawProps, SoftMask,
};

use super::scan;
use super::words::text_string;

/// The most letters of one page. What comes after them is left out.
const MAX_LETTERS: usize = 400_000;
/// Bold from this weight on.
const BOLD: u32 = 600;

/// One letter, or the few that one glyph stands for.
#[derive(Clone, Debug)]
pub(super) struct Letter {
    pub(super) text: String,
    /// Where it begins and ends on its base line, in points from the page's upper left.
    pub(super) from: Point,
    pub(super) to: Point,
    /// The height of its font.
    pub(super) size: f64,
    pub(super) is_bold: bool,
}

/// Marked content, and whether another text stands for what it draws.
enum Mark {
    Plain,
    Replaced { by: Option<String> },
}

/// Collects letters, and the images of a page that may be a scan.
pub(super) struct Collector {
    pub(super) letters: Vec<Letter>,
    pub(super) scans: scan::Images,
    pub(super) was_cut: bool,
    pub(super) was_guessed: bool,
    bounds: Rect,
    marks: Vec<Mark>,
}

impl Collector {
    pub(super) fn new(bounds: Rect, scans: scan::Images) -> Self {
        Self {
            letters: Vec::new(),
            scans,
            was_cut: false,
            was_guessed: false,
            bounds,
            marks: Vec::new(),
        }
    }

    fn add(&mut self, glyph: &Glyph<'_>, at: Affine, is_vertical: bool, is_bold: bool) {
        if self.letters.len() >= MAX_LETTERS {
            self.was_cut = true;
            return;
        }
        let advance = match glyph {
            Glyph::Outline(it) => it.advance_width(),
            Glyph::Type3(it) => it.advance_width(),
        };
        let along = if is_vertical {
            Vec2::new(0.0, -1_000.0)
        } else {
            Vec2::new(f64::from(advance.unwrap_or(500.0)), 0.0)
        };
        let from = at * Point::ZERO;
        let to = at * along.to_point();
        let size = (at * Point::new(0.0, 1_000.0) - from).hypot();
        let text = match self.replacement() {
            Some(text) => text,
            None => match glyph.as_unicode() {
                Some(BfString::Char(it)) => it.to_string(),
                Some(BfString::String(it)) => it,
                None => match self.guess(glyph) {
                    Some(it) => it.to_string(),
                    None => return,
                },
            },
        };
        // What lies off the page is not there for who looks at it.
        if from.is_finite() && to.is_finite() && size > 0.1 && self.bounds.contains(from) {
            self.letters.push(Letter { text, from, to, size, is_bold });
        }
    }

    /// The letter of a glyph whose font does not say: a space if nothing is drawn, else what has its
    /// code as a number, which is right for fonts that were made from Unicode.
    fn guess(&mut self, glyph: &Glyph<'_>) -> Option<char> {
        if let Glyph::Outline(it) = glyph
            && it.outline().elements().is_empty()
        {
            return Some(' ');
        }
        let letter = char::from_u32(glyph.char_code()).filter(|it| !it.is_control())?;
        self.was_guessed = true;
        Some(letter)
    }

    /// The text that stands for the glyph: the whole for the first, nothing for the others.
    fn replacement(&mut self) -> Option<String> {
        self.marks.iter_mut().find_map(|it| match it {
            Mark::Replaced { by } => Some(by.take().unwrap_or_default()),
            Mark::Plain => None,
        })
    }
}

fn is_bold(run: &GlyphRun<'_, '_>) -> bool {
    let font = run.glyphs().first().and_then(|it| match &**it {
        Glyph::Outline(it) => it.font_data(),
        Glyph::Type3(_) => None,
    });
    font.is_some_and(|font| {
        let name = font.postscript_name.unwrap_or_default();
        font.weight.is_some_and(|it| it >= BOLD) || name.contains("Bold") || name.contains("Black")
    })
}

impl<'a> Device<'a> for Collector {
    fn draw_path(&mut self, _: &BezPath, _: DrawProps<'a>, _: &DrawMode) {}

    fn push_clip_path(&mut self, _: &ClipPath) {}

    fn push_transparency_group(&mut self, _: f32, _: Option<SoftMask<'a>>, _: BlendMode) {}

    fn draw_glyph_run(&mut self, run: &GlyphRun<'_, 'a>, props: DrawProps<'a>, mode: &DrawMode) {
        // Text that is filled and stroked comes twice.
        if matches!(mode, DrawMode::Stroke(_)) && self.was_just_drawn(run, &props) {
            return;
        }
        let is_vertical = run.writing_mode() == hayro_interpret::hayro_cmap::WritingMode::Vertical;
        let is_bold = is_bold(run);
        for glyph in run.glyphs() {
            self.add(glyph, props.transform * glyph.transform(), is_vertical, is_bold);
        }
    }

    fn draw_image(&mut self, image: Image<'a, '_>, props: ImageDrawProps<'a>) {
        self.scans.see(&image, props.transform);
    }

    fn pop_clip(&mut self) {}

    fn pop_transparency_group(&mut self) {}

    fn begin_marked_content(&mut self, _: &[u8], properties: Option<&Dict<'_>>) {
        let text = properties.and_then(|it| it.get::<PdfString<'_>>(b"ActualText"));
        let text = text.map(|it| text_string(it.as_bytes()));
        self.marks.push(match text {
            Some(text) => Mark::Replaced { by: Some(text) },
            None => Mark::Plain,
        });
    }

    fn end_marked_content(&mut self) {
        self.marks.pop();
    }
}

impl Collector {
    fn was_just_drawn(&self, run: &GlyphRun<'_, '_>, props: &DrawProps<'_>) -> bool {
        let Some(first) = run.glyphs().first() else { return true };
        let at = props.transform * first.transform() * Point::ZERO;
        let before = self.letters.len().saturating_sub(run.glyphs().len());
        self.letters[before..].iter().any(|it| (it.from - at).hypot() < it.size * 0.05)
    }
}
