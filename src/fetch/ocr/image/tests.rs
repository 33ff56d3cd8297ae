use super::*;
use crate::ports::fetch::FetchErrorKind as Kind;

const PNG: &[u8] = include_bytes!("../../../../tests/images/bread.png");
const JPEG: &[u8] = include_bytes!("../../../../tests/images/bread.jpg");
const WEBP: &[u8] = include_bytes!("../../../../tests/images/bread.webp");
const TIFF: &[u8] = include_bytes!("../../../../tests/images/bread.tif");
const GIF: &[u8] = include_bytes!("../../../../tests/images/bread.gif");
const PAGES: &[u8] = include_bytes!("../../../../tests/images/pages.tif");

fn max_pixels(pixels: u64) -> OcrLimits {
    OcrLimits::default().with_max_pixels(pixels)
}

fn kind(body: &[u8], limits: &OcrLimits) -> Option<Kind> {
    inspect(body, limits).err().map(|error| error.kind())
}

fn webp(chunk: &[u8], data: &[u8]) -> Vec<u8> {
    [b"RIFF\0\0\0\0WEBP", chunk, &[0; 4], data, &[0; 10]].concat()
}

#[test]
fn the_header_of_every_format_gives_its_pixels() {
    for (body, pixels) in [
        (PNG, 560 * 160),
        (JPEG, 560 * 160),
        (WEBP, 560 * 160),
        (TIFF, 560 * 160),
        (GIF, 560 * 160),
        (PAGES, 2 * 560 * 100),
        (&webp(b"VP8L", &[0x2f, 0x09, 0x40, 0x02, 0]), 10 * 10),
        (&webp(b"VP8X", &[0, 0, 0, 0, 9, 0, 0, 19, 0, 0]), 10 * 20),
    ] {
        assert_eq!(kind(body, &max_pixels(pixels)), None, "{pixels} pixels just fit");
        assert_eq!(kind(body, &max_pixels(pixels - 1)), Some(Kind::TooLarge), "{pixels} pixels");
    }
}

#[test]
fn no_truncated_or_altered_header_panics() {
    for body in [PNG, JPEG, WEBP, TIFF, GIF, PAGES] {
        for at in 0..body.len() {
            inspect(&body[..at], &OcrLimits::default()).ok();
            let mut altered = body.to_vec();
            for byte in [0, 1, 0x7f, 0x80, 0xff] {
                altered[at] = byte;
                inspect(&altered, &OcrLimits::default()).ok();
            }
        }
        assert!(inspect(&body[..10], &OcrLimits::default()).is_err());
    }
}

#[test]
fn a_document_of_another_format_is_damaged() {
    let limits = OcrLimits::default();
    let noise: Vec<u8> = (0..=u8::MAX).cycle().take(5_000).collect();
    for body in [&b""[..], b"/etc/hostname\n", b"%PDF-1.7", b"<html>", &noise, b"GIF88a", b"BM6"] {
        assert_eq!(kind(body, &limits), Some(Kind::Broken));
    }
}

#[test]
fn an_image_over_the_byte_limit_is_too_large() {
    let limits = OcrLimits::default().with_max_image_bytes(PNG.len() - 1);

    assert_eq!(kind(PNG, &limits), Some(Kind::TooLarge));
}

#[test]
fn a_side_over_the_programs_limit_is_too_large() {
    let sized = |width: u32, height: u32| {
        let mut png = PNG.to_vec();
        png[16..20].copy_from_slice(&width.to_be_bytes());
        png[20..24].copy_from_slice(&height.to_be_bytes());
        png
    };
    let limits = max_pixels(u64::MAX);

    assert_eq!(kind(&sized(32_767, 1), &limits), None);
    assert_eq!(kind(&sized(32_768, 1), &limits), Some(Kind::TooLarge));
    assert_eq!(kind(&sized(u32::MAX, u32::MAX), &limits), Some(Kind::TooLarge));
    assert_eq!(kind(&sized(0, 1), &limits), Some(Kind::Broken));
}

#[test]
fn an_animation_is_cut_after_its_first_frame() {
    let frame = b",\0\0\0\0\x02\0\x03\0\0\x02\x01\x44\0";
    let comment = b"!\xfe\x02hi\0";
    let start = [&b"GIF89a\x02\0\x03\0\x80\0\0"[..], &[0; 6], comment, frame].concat();
    let animation = [&start[..], frame, frame, b";"].concat();

    let image = inspect(&animation, &max_pixels(6)).expect("the first frame has six pixels");

    assert_eq!(image.parts.concat(), [&start[..], b";"].concat());
}

#[test]
fn an_animated_webp_is_refused() {
    let error = inspect(&webp(b"VP8X", &[2]), &OcrLimits::default()).expect_err("not read");

    assert!(error.to_string().contains("animated"), "{error}");
}

#[test]
fn a_circular_chain_of_pages_ends() {
    let mut body = b"II*\0\x08\0\0\0\x02\0".to_vec();
    body.extend([0, 1, 3, 0, 1, 0, 0, 0, 1, 0, 0, 0]);
    body.extend([1, 1, 4, 0, 1, 0, 0, 0, 1, 0, 0, 0]);
    body.extend([8, 0, 0, 0]);

    assert_eq!(kind(&body, &OcrLimits::default()), Some(Kind::TooLarge));
    let last = body.len() - 4;
    body[last] = 0;
    assert_eq!(kind(&body, &OcrLimits::default()), None);
}

/// Returns `bread.jpg` with Exif data that have this orientation, in either byte order.
fn turned(orientation: u8, big_endian: bool) -> Vec<u8> {
    let tiff: &[u8] = if big_endian {
        &[
            b'M',
            b'M',
            0,
            42,
            0,
            0,
            0,
            8,
            0,
            1,
            1,
            18,
            0,
            3,
            0,
            0,
            0,
            1,
            0,
            orientation,
            0,
            0,
            0,
            0,
            0,
            0,
        ]
    } else {
        &[
            b'I',
            b'I',
            42,
            0,
            8,
            0,
            0,
            0,
            1,
            0,
            18,
            1,
            3,
            0,
            1,
            0,
            0,
            0,
            orientation,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
        ]
    };
    let length = u16::try_from(tiff.len() + 8).expect("short").to_be_bytes();
    [&JPEG[..2], &[0xff, 0xe1], &length, b"Exif\0\0", tiff, &JPEG[2..]].concat()
}

#[test]
fn a_turned_photograph_is_passed_as_a_tiff() {
    for is_big_endian in [false, true] {
        let upright = turned(1, is_big_endian);
        let sideways = turned(6, is_big_endian);
        let limits = OcrLimits::default();
        let upright = inspect(&upright, &limits).expect("an image").parts.concat();
        let sideways_tiff = inspect(&sideways, &limits).expect("an image").parts.concat();

        assert!(upright.starts_with(&[0xff, 0xd8]));
        assert!(sideways_tiff.ends_with(&sideways));
        assert_eq!(tiff::pages(&sideways_tiff, 1), Ok(vec![(560, 160)]));
        assert_eq!(tiff::orientation(&sideways_tiff), Some(6));
    }
    assert!(
        inspect(&turned(9, false), &OcrLimits::default()).expect("an image").parts[0].is_empty()
    );
}

#[test]
fn transparent_pixels_of_a_tiff_are_white() {
    let tags: [[u16; 6]; 8] = [
        [256, 3, 1, 0, 2, 0],
        [257, 3, 1, 0, 1, 0],
        [258, 3, 1, 0, 8, 0],
        [273, 4, 1, 0, 110, 0],
        [277, 3, 1, 0, 2, 0],
        [279, 4, 1, 0, 4, 0],
        [284, 3, 1, 0, 1, 0],
        [338, 3, 1, 0, 2, 0],
    ];
    let mut image = b"II*\0\x08\0\0\0\x08\0".to_vec();
    image.extend(tags.iter().flatten().flat_map(|it| it.to_le_bytes()));
    image.extend([0; 4]);
    assert_eq!(image.len(), 110);
    // A transparent and an opaque black pixel.
    image.extend([0, 0, 0, 255]);

    let passed = inspect(&image, &OcrLimits::default()).expect("an image").parts.concat();

    assert_eq!(passed[110..], [255, 255, 0, 255]);
}
