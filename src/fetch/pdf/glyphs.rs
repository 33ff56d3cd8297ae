//! Collects the text that a page draws, with its positions. Nothing is rendered.

use hayro_interpret::font::{Glyph, GlyphRun};
use hayro_interpret::hayro_cmap::BfString;
use hayro_interpret::hayro_syntax::object::{Dict, String as PdfString};
use hayro_interpret::kurbo::{Affine, BezPath, Point, Rect, Vec2};
use hayro_interpret::{
    BlendMode, ClipPath, Device, DrawMode, DrawProps, Image, ImageDrawProps, SoftMask,
};

use super::scans::ScanImages;
use super::words::text_string;

/// Maximum number of glyphs of one page. A densely printed newspaper page has some 40,000.
const MAX_GLYPHS: usize = 400_000;
/// Font weight from which text counts as bold: CSS and OpenType call 600 semi-bold.
const BOLD_WEIGHT: u32 = 600;
/// Units of glyph space per unit of text space (PDF 32000-1, 9.2.4).
const GLYPH_UNITS: f64 = 1_000.0;
/// Advance of a glyph whose font gives none: half an em, about the average of Latin text.
const DEFAULT_ADVANCE: f32 = 500.0;
/// Height in points below which text is illegible and ignored.
const MIN_SIZE: f64 = 0.1;
/// Distance, in font heights, within which a stroked glyph repeats the filled one: rounding only.
const SAME_PLACE: f64 = 0.05;

/// The text of one glyph: a character, or several for a ligature.
#[derive(Clone, Debug)]
pub(super) struct TextGlyph {
    pub(super) text: String,
    /// Start and end on the baseline, in points from the page's upper left corner.
    pub(super) from: Point,
    pub(super) to: Point,
    /// Height of the font in points.
    pub(super) size: f64,
    pub(super) is_bold: bool,
}

/// A marked-content sequence.
enum MarkedContent {
    Plain,
    /// `ActualText` replaces what the sequence draws. `None` once it was used.
    Replaced {
        text: Option<String>,
    },
}

/// Properties that the glyphs of one run share.
#[derive(Clone, Copy)]
struct RunStyle {
    is_vertical: bool,
    is_bold: bool,
}

/// Collects the text of a page, and the images of one that may be a scan.
pub(super) struct TextCollector {
    pub(super) glyphs: Vec<TextGlyph>,
    pub(super) images: ScanImages,
    /// The page has more glyphs than the limit.
    pub(super) is_truncated: bool,
    /// Some characters were guessed from their codes.
    pub(super) is_guessed: bool,
    bounds: Rect,
    marked_content: Vec<MarkedContent>,
}

impl TextCollector {
    /// Creates a collector for a page with these bounds. Text outside is ignored.
    pub(super) fn new(bounds: Rect, images: ScanImages) -> Self {
        Self {
            glyphs: Vec::new(),
            images,
            is_truncated: false,
            is_guessed: false,
            bounds,
            marked_content: Vec::new(),
        }
    }

    fn add(&mut self, glyph: &Glyph<'_>, transform: Affine, style: RunStyle) {
        if self.glyphs.len() >= MAX_GLYPHS {
            self.is_truncated = true;
            return;
        }
        let advance = match glyph {
            Glyph::Outline(glyph) => glyph.advance_width(),
            Glyph::Type3(glyph) => glyph.advance_width(),
        };
        let advance = if style.is_vertical {
            Vec2::new(0.0, -GLYPH_UNITS)
        } else {
            Vec2::new(f64::from(advance.unwrap_or(DEFAULT_ADVANCE)), 0.0)
        };
        let from = transform * Point::ZERO;
        let to = transform * advance.to_point();
        let size = (transform * Point::new(0.0, GLYPH_UNITS) - from).hypot();
        let text = match self.replacement() {
            Some(text) => text,
            None => match glyph.as_unicode() {
                Some(BfString::Char(character)) => character.to_string(),
                Some(BfString::String(text)) => text,
                None => match self.guess(glyph) {
                    Some(character) => character.to_string(),
                    None => return,
                },
            },
        };
        // Text outside the page is not visible.
        let is_visible = size > MIN_SIZE && self.bounds.contains(from);
        if from.is_finite() && to.is_finite() && is_visible {
            self.glyphs.push(TextGlyph { text, from, to, size, is_bold: style.is_bold });
        }
    }

    /// Guesses the character of a glyph that its font does not map to Unicode: a space if it draws nothing, or
    /// else the character with its code, which is right for fonts that were made from Unicode.
    fn guess(&mut self, glyph: &Glyph<'_>) -> Option<char> {
        if let Glyph::Outline(outline) = glyph
            && outline.outline().elements().is_empty()
        {
            return Some(' ');
        }
        let character = char::from_u32(glyph.char_code()).filter(|guess| !guess.is_control())?;
        self.is_guessed = true;
        Some(character)
    }

    /// Returns the text that replaces the glyph: all of it for the first glyph of a sequence, none for the rest.
    fn replacement(&mut self) -> Option<String> {
        self.marked_content.iter_mut().find_map(|content| match content {
            MarkedContent::Replaced { text } => Some(text.take().unwrap_or_default()),
            MarkedContent::Plain => None,
        })
    }

    /// Returns `true` if the run repeats the glyphs that were added last.
    fn repeats_last_run(&self, run: &GlyphRun<'_, '_>, props: &DrawProps<'_>) -> bool {
        let Some(first) = run.glyphs().first() else { return true };
        let start = props.transform * first.transform() * Point::ZERO;
        let last_run = self.glyphs.len().saturating_sub(run.glyphs().len());
        self.glyphs[last_run..]
            .iter()
            .any(|glyph| (glyph.from - start).hypot() < glyph.size * SAME_PLACE)
    }
}

fn is_bold(run: &GlyphRun<'_, '_>) -> bool {
    let font = run.glyphs().first().and_then(|glyph| match &**glyph {
        Glyph::Outline(outline) => outline.font_data(),
        Glyph::Type3(_) => None,
    });
    font.is_some_and(|font| {
        let name = font.postscript_name.unwrap_or_default();
        font.weight.is_some_and(|weight| weight >= BOLD_WEIGHT)
            || name.contains("Bold")
            || name.contains("Black")
    })
}

impl<'a> Device<'a> for TextCollector {
    fn draw_path(&mut self, _: &BezPath, _: DrawProps<'a>, _: &DrawMode) {}

    fn push_clip_path(&mut self, _: &ClipPath) {}

    fn push_transparency_group(&mut self, _: f32, _: Option<SoftMask<'a>>, _: BlendMode) {}

    fn draw_glyph_run(&mut self, run: &GlyphRun<'_, 'a>, props: DrawProps<'a>, mode: &DrawMode) {
        // Text that is filled and stroked is drawn twice.
        if matches!(mode, DrawMode::Stroke(_)) && self.repeats_last_run(run, &props) {
            return;
        }
        let is_vertical = run.writing_mode() == hayro_interpret::hayro_cmap::WritingMode::Vertical;
        let style = RunStyle { is_vertical, is_bold: is_bold(run) };
        for glyph in run.glyphs() {
            self.add(glyph, props.transform * glyph.transform(), style);
        }
    }

    fn draw_image(&mut self, image: Image<'a, '_>, props: ImageDrawProps<'a>) {
        self.images.add(&image, props.transform);
    }

    fn pop_clip(&mut self) {}

    fn pop_transparency_group(&mut self) {}

    fn begin_marked_content(&mut self, _: &[u8], properties: Option<&Dict<'_>>) {
        let text = properties.and_then(|properties| properties.get::<PdfString<'_>>(b"ActualText"));
        self.marked_content.push(match text {
            Some(text) => MarkedContent::Replaced { text: Some(text_string(text.as_bytes())) },
            None => MarkedContent::Plain,
        });
    }

    fn end_marked_content(&mut self) {
        self.marked_content.pop();
    }
}
