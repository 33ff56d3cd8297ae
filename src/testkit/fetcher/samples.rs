//! Generated documents for the readers, small and with known text.

use async_compression::tokio::bufread::GzipEncoder;
use tokio::io::AsyncReadExt;

/// `bytes` as gzip.
pub(super) async fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    let mut encoder = GzipEncoder::new(bytes);
    encoder.read_to_end(&mut packed).await.expect("memory takes all that is written");
    packed
}

/// The title of [`pdf`].
pub const PDF_TITLE: &str = "A sample of two pages";
/// A line of each page of [`pdf`].
pub const PDF_LINES: [&str; 2] = ["The first page is short", "The second page is last"];

/// A PDF of two pages with a line of text each, uncompressed.
pub fn pdf() -> Vec<u8> {
    let page = |content: u32| {
        format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {content} 0 R \
             /Resources << /Font << /F1 7 0 R >> >> >>"
        )
    };
    let content = |line: &str| {
        let drawn = format!("BT /F1 24 Tf 72 720 Td ({line}) Tj ET");
        format!("<< /Length {} >>\nstream\n{drawn}\nendstream", drawn.len())
    };
    objects(&[
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R 4 0 R] /Count 2 >>".to_owned(),
        page(5),
        page(6),
        content(PDF_LINES[0]),
        content(PDF_LINES[1]),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
            .to_owned(),
        format!("<< /Title ({PDF_TITLE}) >>"),
    ])
}

/// Returns a PDF whose catalog contains deeply nested arrays.
pub fn deep_pdf() -> Vec<u8> {
    const DEPTH: usize = 50_000;
    let nested = format!("{}{}", "[".repeat(DEPTH), "]".repeat(DEPTH));
    objects(&[
        format!("<< /Type /Catalog /Pages 2 0 R /Deep {nested} >>"),
        "<< /Type /Pages /Kids [] /Count 0 >>".to_owned(),
    ])
}

/// Returns a PDF of these objects, numbered from 1. The first is the catalog, the eighth contains the title.
fn objects(objects: &[String]) -> Vec<u8> {
    let mut out = b"%PDF-1.4\n".to_vec();
    let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for (number, object) in (1..).zip(objects) {
        table.push_str(&format!("{:010} 00000 n \n", out.len()));
        out.extend(format!("{number} 0 obj\n{object}\nendobj\n").into_bytes());
    }
    let info = if objects.len() >= 8 { " /Info 8 0 R" } else { "" };
    let start = out.len();
    let size = objects.len() + 1;
    let tail =
        format!("trailer\n<< /Size {size} /Root 1 0 R{info} >>\nstartxref\n{start}\n%%EOF\n");
    out.extend(table.into_bytes());
    out.extend(tail.into_bytes());
    out
}

/// Width and height of the images.
pub const IMAGE_SIZE: (u32, u32) = (640, 200);

/// Returns a blank PNG.
pub fn blank_png() -> Vec<u8> {
    png(|_, _| true)
}

/// A PNG with the digits 1, 2 and 4 on it, black on white.
pub fn written_png() -> Vec<u8> {
    const SCALE: u32 = 16;
    const GLYPHS: [[&str; 7]; 3] = [
        ["  #  ", " ##  ", "# #  ", "  #  ", "  #  ", "  #  ", "#####"],
        [" ### ", "#   #", "    #", "   # ", "  #  ", " #   ", "#####"],
        ["   # ", "  ## ", " # # ", "#  # ", "#####", "   # ", "   # "],
    ];
    png(|x, y| {
        let (column, row) = (x.wrapping_sub(80) / SCALE, y.wrapping_sub(40) / SCALE);
        let glyph = GLYPHS.get((column / 7) as usize);
        let line = glyph.and_then(|it| it.get(row as usize));
        line.and_then(|it| it.as_bytes().get((column % 7) as usize)).is_none_or(|it| *it != b'#')
    })
}

/// Returns a gray PNG of [`IMAGE_SIZE`], with white pixels where `is_white` returns `true`.
fn png(is_white: impl Fn(u32, u32) -> bool) -> Vec<u8> {
    let (width, height) = IMAGE_SIZE;
    let mut pixels = Vec::new();
    for y in 0..height {
        // Each row begins with its filter: none.
        pixels.push(0);
        pixels.extend((0..width).map(|x| if is_white(x, y) { u8::MAX } else { 0 }));
    }
    let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut head = [width.to_be_bytes(), height.to_be_bytes()].concat();
    head.extend([8, 0, 0, 0, 0]);
    chunk(&mut out, *b"IHDR", &head);
    chunk(&mut out, *b"IDAT", &stored(&pixels));
    chunk(&mut out, *b"IEND", &[]);
    out
}

fn chunk(out: &mut Vec<u8>, name: [u8; 4], bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).expect("a sample is small");
    let named = [&name, bytes].concat();
    out.extend(length.to_be_bytes());
    out.extend(&named);
    out.extend(crc(&named).to_be_bytes());
}

/// A zlib stream that compresses nothing.
fn stored(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0x78, 0x01];
    let blocks = bytes.chunks(usize::from(u16::MAX));
    let last = blocks.len().saturating_sub(1);
    for (at, block) in blocks.enumerate() {
        let length = u16::try_from(block.len()).expect("a block is cut to fit");
        out.push(u8::from(at == last));
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend(block);
    }
    let (mut low, mut high) = (1_u32, 0_u32);
    for byte in bytes {
        low = (low + u32::from(*byte)) % 65_521;
        high = (high + low) % 65_521;
    }
    out.extend((high << 16 | low).to_be_bytes());
    out
}

/// Returns the checksum of a PNG chunk.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |it, _| {
            if it & 1 == 1 { 0xedb8_8320 ^ it >> 1 } else { it >> 1 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_png() {
        assert_eq!(crc(b"IEND"), 0xae42_6082);
    }

    #[test]
    fn the_xref_table_of_the_pdf_points_at_its_objects() {
        let pdf = pdf();
        let text = String::from_utf8_lossy(&pdf).into_owned();
        let places = text.lines().filter_map(|it| it.strip_suffix(" 00000 n ")?.parse().ok());

        for (number, at) in (1..).zip(places.collect::<Vec<usize>>()) {
            assert!(text[at..].starts_with(&format!("{number} 0 obj")), "object {number} at {at}");
        }
    }
}
