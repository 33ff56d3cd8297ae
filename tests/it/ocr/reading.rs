//! Images that are read, and images that are refused.

use rungs::fetch::ocr::{OcrLimits, PageSegmentation, Tesseract};
use rungs::ports::fetch::{FetchErrorKind as Kind, OcrEngine};

use crate::ocr::given::{
    BREAD, BREAD_PNG, BREAD_TEXT, CHEESE_PNG, PAGES_TIFF, blank, read, request, transparent_tiff,
    turned,
};

#[tokio::test]
async fn all_five_formats_are_read_exactly() {
    let reader = Tesseract::new();
    for (format, image) in BREAD {
        let read = read(&reader, image).await.unwrap_or_else(|why| panic!("{format}: {why}"));

        assert_eq!(read.text, BREAD_TEXT, "{format}");
        let words: Vec<&str> = read.words.iter().map(|it| it.text.as_str()).collect();
        assert_eq!(words, BREAD_TEXT.split_whitespace().collect::<Vec<_>>(), "{format}");
        for word in &read.words {
            let [left, top, width, height] = word.bbox;
            assert!(width > 0 && height > 0 && left + width <= 560 && top + height <= 160);
            assert!((50.0..=100.0).contains(&word.confidence), "{word:?}");
        }
        let lines: Vec<bool> = read.words.iter().map(|it| it.bbox[1] > 70).collect();
        assert_eq!(lines, [false, false, false, false, true, true, true, true], "{format}");
    }
}

#[tokio::test]
async fn every_page_of_a_tiff_is_read() {
    let read = read(&Tesseract::new(), PAGES_TIFF).await.expect("read");

    assert_eq!(read.text, "The first page\n\nThe second page");
}

#[tokio::test]
async fn the_requested_language_is_used() {
    let reader = Tesseract::new();
    let german = "Schöne Grüße aus Köln,\nder Käse wäre süß.";

    for language in ["deu", "deu+eng"] {
        let read = reader.recognize(request(CHEESE_PNG, language)).await.expect("read");
        assert_eq!(read.text, german, "{language}");
    }
    let english = reader.recognize(request(CHEESE_PNG, "eng")).await.expect("read");
    assert_ne!(english.text, german);
}

#[tokio::test]
async fn a_missing_language_is_reported_with_its_package() {
    for language in ["eng+tlh", "/etc/passwd", "script/Tengwar"] {
        let error = Tesseract::new().recognize(request(BREAD_PNG, language)).await;
        let error = error.expect_err("not installed");

        assert_eq!(error.kind(), Kind::Unavailable);
        let missing = language.trim_start_matches("eng+");
        let said = error.to_string();
        assert!(
            said.contains(&format!("`{missing}`")) && said.contains("tesseract-ocr-"),
            "{said}"
        );
    }
}

#[tokio::test]
async fn a_missing_program_is_reported_with_its_package() {
    let nowhere = std::env::temp_dir().join("rungs-no-such-dir/tesseract");
    for reader in [Tesseract::at("rungs-no-such-program"), Tesseract::at(nowhere)] {
        let error = read(&reader, BREAD_PNG).await.expect_err("not there");
        let looked = reader.installed().await.expect_err("not there");

        for error in [error, looked] {
            assert_eq!(error.kind(), Kind::Unavailable);
            assert!(error.to_string().contains("apt-get install tesseract-ocr"), "{error}");
        }
    }
}

#[tokio::test]
async fn a_file_that_is_not_a_program_is_reported() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let error = read(&Tesseract::at(file.path()), BREAD_PNG).await.expect_err("not started");

    assert_eq!(error.kind(), Kind::Unavailable, "{error}");
    assert!(error.to_string().contains("cannot be started"), "{error}");
}

#[tokio::test]
async fn the_installed_version_and_languages_are_reported() {
    let installed = Tesseract::new().installed().await.expect("installed");

    assert!(installed.program.is_absolute() && installed.version.starts_with("tesseract "));
    for language in ["deu", "eng"] {
        assert!(installed.languages.iter().any(|it| it == language), "{installed:?}");
    }
}

/// The program takes bytes of an unknown format for a list of files, and opens each.
#[tokio::test]
async fn a_list_of_files_is_not_opened() {
    let list = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/images/bread.png\n");

    let error = read(&Tesseract::new(), list.as_bytes()).await.expect_err("no image");

    assert!(error.to_string().contains("not a PNG, JPEG, WebP, TIFF or GIF"), "{error}");
}

#[tokio::test]
async fn a_damaged_image_does_not_affect_the_next() {
    let reader = Tesseract::new();
    for (format, image) in BREAD {
        let mut noise = image[..image.len() / 4].to_vec();
        noise.extend((0..3_000_u32).map(|it| (it * 7_919 % 251) as u8));
        for damaged in [&image[..image.len() / 2], &image[..image.len() / 8], &noise] {
            // Some decoders accept half of an image.
            if let Err(error) = read(&reader, damaged).await {
                assert_eq!(error.kind(), Kind::Broken, "{format}: {error}");
            }
        }
    }
    let half = &BREAD_PNG[..BREAD_PNG.len() / 2];
    let error = read(&reader, half).await.expect_err("half a PNG is none");
    assert!(error.to_string().contains("png"), "not the program's message: {error}");
    assert_eq!(read(&reader, BREAD_PNG).await.expect("a whole image").text, BREAD_TEXT);
}

#[tokio::test]
async fn an_image_over_a_limit_starts_no_process() {
    let nothing = Tesseract::at("rungs-no-such-program");
    let mut bomb = BREAD_PNG.to_vec();
    bomb[16..20].copy_from_slice(&30_000_u32.to_be_bytes());
    bomb[20..24].copy_from_slice(&30_000_u32.to_be_bytes());
    let small = OcrLimits::default().with_max_image_bytes(100);
    let single = OcrLimits::default().with_max_pages(1);

    for (reader, image, named) in [
        (nothing.clone(), &bomb[..], "900000000 pixels"),
        (nothing.clone().limits(small), BREAD_PNG, "limit of 100"),
        (nothing.limits(single), PAGES_TIFF, "more than 1 pages"),
    ] {
        let error = read(&reader, image).await.expect_err("over a limit");

        assert_eq!(error.kind(), Kind::TooLarge, "{error}");
        assert!(error.to_string().contains(named), "{error}");
    }
}

#[tokio::test]
async fn memory_is_limited() {
    let image = blank(6_000, 5_000);
    let reader =
        |memory| Tesseract::new().limits(OcrLimits::default().with_max_memory_bytes(memory));

    let enough = read(&reader(1 << 30), &image).await;
    let error = read(&reader(100 << 20), &image).await.expect_err("30 million pixels in 100 MiB");

    assert_eq!(enough.expect("a gigabyte is enough").words.len(), 0);
    assert_eq!(error.kind(), Kind::Broken);
    assert!(error.to_string().contains("100 MiB of memory"), "{error}");
}

#[tokio::test]
async fn output_is_limited() {
    let limits = OcrLimits::default().with_max_output_bytes(300);

    let error = read(&Tesseract::new().limits(limits), BREAD_PNG).await.expect_err("more is said");

    assert_eq!(error.kind(), Kind::TooLarge, "{error}");
}

#[tokio::test]
async fn page_segmentation_is_passed_on() {
    let word = Tesseract::new().page_segmentation(PageSegmentation::SingleWord);

    let read = read(&word, BREAD_PNG).await.expect("read");

    assert!(read.words.len() < 4, "two lines were looked at as one word: {read:?}");
}

#[tokio::test]
async fn a_turned_image_is_read_upright() {
    let reader = Tesseract::new();
    for quarters in 0..4 {
        let read = read(&reader, &turned(quarters)).await.expect("read");
        assert_eq!(read.text, BREAD_TEXT, "{quarters} quarters");
    }
}

#[tokio::test]
async fn the_orientation_of_a_photograph_is_applied() {
    let tiff =
        [b'M', b'M', 0, 42, 0, 0, 0, 8, 0, 1, 1, 18, 0, 3, 0, 0, 0, 1, 0, 3, 0, 0, 0, 0, 0, 0];
    let jpeg = BREAD[1].1;
    let length = u16::try_from(tiff.len() + 8).expect("short").to_be_bytes();
    let turned = [&jpeg[..2], &[0xff, 0xe1], &length, b"Exif\0\0", &tiff, &jpeg[2..]].concat();
    // Without detection of the orientation, what is read is what the Exif data say: upside down.
    let reader = Tesseract::new().page_segmentation(PageSegmentation::SingleBlock);

    let upright = read(&reader, jpeg).await.expect("read");
    let read = read(&reader, &turned).await.expect("read");

    assert_eq!(upright.text, BREAD_TEXT);
    assert!(!read.text.contains("Bread"), "{}", read.text);
}

#[tokio::test]
async fn a_transparent_background_is_white() {
    let read = read(&Tesseract::new(), &transparent_tiff()).await.expect("read");

    assert_eq!(read.text, BREAD_TEXT);
}
