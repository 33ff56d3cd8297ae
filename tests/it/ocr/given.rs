//! Images, and requests to read them. `tests/images/draw.py` drew the files.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use rungs::core::request::{Item, Limits};
use rungs::ports::fetch::{DocumentRequest, FetchError, Fetched, OcrEngine, OcrText};

pub(crate) const BREAD: [(&str, &[u8]); 5] = [
    ("png", include_bytes!("../../images/bread.png")),
    ("jpg", include_bytes!("../../images/bread.jpg")),
    ("webp", include_bytes!("../../images/bread.webp")),
    ("tif", include_bytes!("../../images/bread.tif")),
    ("gif", include_bytes!("../../images/bread.gif")),
];
pub(crate) const BREAD_PNG: &[u8] = BREAD[0].1;
pub(crate) const BREAD_TEXT: &str = "Bread needs four things:\nflour, water, salt, time.";
pub(crate) const CHEESE_PNG: &[u8] = include_bytes!("../../images/cheese.png");
/// `bread.png` upside down, with eight bits per pixel and without filters.
pub(crate) const UPSIDE_DOWN_PNG: &[u8] = include_bytes!("../../images/upside-down.png");
pub(crate) const PAGES_TIFF: &[u8] = include_bytes!("../../images/pages.tif");

/// Deadline of a reading that is not about deadlines.
const PATIENCE: Duration = Duration::from_mins(4);

pub(crate) fn request(image: &[u8], language: &str) -> DocumentRequest {
    let mut item = Item::get("https://example.com/image");
    item.ocr_language = language.parse().expect("codes");
    let options = item.check(&Limits::default()).expect("a plain item passes");
    DocumentRequest::new(Arc::new(Fetched::new(200, image)), Arc::new(options), PATIENCE)
}

pub(crate) async fn read(reader: &dyn OcrEngine, image: &[u8]) -> Result<OcrText, FetchError> {
    reader.recognize(request(image, "eng")).await
}

/// Draws a gray PNG of this size full of digits, which takes long to read.
pub(crate) fn digits(width: u32, height: u32) -> Vec<u8> {
    const GLYPHS: [[&str; 7]; 2] = [
        [" ### ", "#   #", "    #", "   # ", "  #  ", " #   ", "#####"],
        ["   # ", "  ## ", " # # ", "#  # ", "#####", "   # ", "   # "],
    ];
    const SCALE: u32 = 4;
    png(width, height, |x, y| {
        let (column, row) = (x / SCALE, y / SCALE);
        let glyph = GLYPHS[(column / 7 % 2) as usize].get((row % 12) as usize);
        glyph.and_then(|it| it.as_bytes().get((column % 7) as usize)) == Some(&b'#')
    })
}

/// Draws a blank gray PNG of this size, which is read quickly if there is enough memory.
pub(crate) fn blank(width: u32, height: u32) -> Vec<u8> {
    png(width, height, |_, _| false)
}

fn png(width: u32, height: u32, is_black: impl Fn(u32, u32) -> bool) -> Vec<u8> {
    let mut pixels = ZlibEncoder::new(Vec::new(), Compression::fast());
    for y in 0..height {
        // Each row starts with its filter: none.
        let mut line = vec![0];
        line.extend((0..width).map(|x| if is_black(x, y) { 0 } else { u8::MAX }));
        pixels.write_all(&line).expect("writing to memory succeeds");
    }
    let mut head = [width.to_be_bytes(), height.to_be_bytes()].concat();
    head.extend([8, 0, 0, 0, 0]);
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    let parts = [
        (b"IHDR", head),
        (b"IDAT", pixels.finish().expect("writing to memory succeeds")),
        (b"IEND", Vec::new()),
    ];
    for (name, bytes) in parts {
        let named = [&name[..], &bytes].concat();
        let mut sum = flate2::Crc::new();
        sum.update(&named);
        png.extend(u32::try_from(bytes.len()).expect("a small image").to_be_bytes());
        png.extend(&named);
        png.extend(sum.sum().to_be_bytes());
    }
    png
}

/// Returns the gray pixels of [`UPSIDE_DOWN_PNG`], 560 per row.
fn upside_down_pixels() -> Vec<u8> {
    let at = UPSIDE_DOWN_PNG.windows(4).position(|it| it == b"IDAT").expect("pixels");
    let mut rows = Vec::new();
    let mut decoder = flate2::read::ZlibDecoder::new(&UPSIDE_DOWN_PNG[at + 4..]);
    std::io::Read::read_to_end(&mut decoder, &mut rows).expect("pixels");
    rows.chunks(561).flat_map(|row| &row[1..]).copied().collect()
}

/// Returns `bread.png` turned by quarters clockwise.
pub(crate) fn turned(quarters: usize) -> Vec<u8> {
    let upright: Vec<u8> = upside_down_pixels().into_iter().rev().collect();
    let pixel = |x: usize, y: usize| upright[y * 560 + x] == 0;
    match quarters {
        0 => png(560, 160, |x, y| pixel(x as usize, y as usize)),
        1 => png(160, 560, |x, y| pixel(y as usize, 159 - x as usize)),
        2 => png(560, 160, |x, y| pixel(559 - x as usize, 159 - y as usize)),
        _ => png(160, 560, |x, y| pixel(559 - y as usize, x as usize)),
    }
}

/// Returns a TIFF of `bread.png` whose letters are opaque black and whose background is transparent black.
pub(crate) fn transparent_tiff() -> Vec<u8> {
    let pixels: Vec<u8> = upside_down_pixels().into_iter().rev().collect();
    let size = 560 * 160 * 2;
    let tags: [(u16, u32); 9] = [
        (256, 560),
        (257, 160),
        (258, 8 | 8 << 16),
        (262, 1),
        (273, 8),
        (277, 2),
        (278, 160),
        (279, size),
        (338, 2),
    ];
    let mut tiff = b"II*\0".to_vec();
    tiff.extend((size + 8).to_le_bytes());
    tiff.extend(pixels.iter().flat_map(|gray| [0, u8::MAX - gray]));
    tiff.extend(9_u16.to_le_bytes());
    for (tag, value) in tags {
        let (kind, count): (u16, u32) = if tag == 258 { (3, 2) } else { (4, 1) };
        tiff.extend(tag.to_le_bytes());
        tiff.extend(kind.to_le_bytes());
        tiff.extend(count.to_le_bytes());
        tiff.extend(value.to_le_bytes());
    }
    tiff.extend([0; 4]);
    tiff
}
