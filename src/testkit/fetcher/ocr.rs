//! Checks of every [`OcrEngine`].

use std::sync::Arc;

use super::document::{self, text};
use super::samples::{IMAGE_SIZE, blank_png, written_png};
use crate::ports::fetch::OcrEngine;
use crate::testkit::kit::{must, must_eq};

/// A fetcher as the engine holds it.
pub type AnyOcrEngine = Arc<dyn OcrEngine>;

/// Calls a macro with every check's name; for the macros of this kit.
#[doc(hidden)]
#[macro_export]
macro_rules! each_ocr_check {
    ($then:path, $($arg:tt)*) => {
        $then! { ($($arg)*) [
            a_blank_image_has_no_words
            words_are_inside_the_image
            an_empty_image_is_an_error
            a_document_that_is_not_an_image_is_an_error
            damage_does_not_panic
            the_same_image_reads_the_same
            a_zero_deadline_is_a_timeout
            concurrent_readings_do_not_mix
            a_dropped_attempt_does_not_affect_the_next
        ] }
    };
}

crate::each_ocr_check!(super::table, OcrEngine);

/// A blank image gives no text and no error.
pub async fn a_blank_image_has_no_words(fetcher: AnyOcrEngine) {
    let read = text(&fetcher, blank_png()).await;

    must_eq!(
        (read.text.trim(), read.words.len()),
        ("", 0),
        "the text and the number of words of a blank image"
    );
}

/// Each word is inside the image, part of the text, and has a confidence of 0 to 100.
pub async fn words_are_inside_the_image(fetcher: AnyOcrEngine) {
    let read = text(&fetcher, written_png()).await;

    must!(
        !read.words.is_empty(),
        "the reader found no words on an image of three black digits",
        "find them"
    );
    for word in &read.words {
        let [left, top, width, height] = word.bbox.map(u64::from);
        must!(width > 0 && height > 0, "{word:?} has no extent", "have a width and a height");
        let fits =
            left + width <= u64::from(IMAGE_SIZE.0) && top + height <= u64::from(IMAGE_SIZE.1);
        must!(fits, "{word:?} lies outside of the image", "lie within it");
        must!(
            (0.0..=100.0).contains(&word.confidence),
            "{word:?} has a confidence beyond 100",
            "have one from 0 to 100"
        );
        must!(read.text.contains(&word.text), "{word:?} is not in the text", "be part of it");
    }
}

/// An empty document is an error.
pub async fn an_empty_image_is_an_error(fetcher: AnyOcrEngine) {
    document::nothing_is_refused(&fetcher).await;
}

/// Other kinds of documents, noise and truncated headers are errors.
pub async fn a_document_that_is_not_an_image_is_an_error(fetcher: AnyOcrEngine) {
    document::other_documents_are_refused(&fetcher, &[b"\x89PNG\r\n\x1a\n", b"%PDF-1.7\n%%EOF\n"])
        .await;
}

/// A truncated or corrupted document gives text or an error, within the deadline.
pub async fn damage_does_not_panic(fetcher: AnyOcrEngine) {
    document::damage_ends_with_text_or_an_error(&fetcher, &written_png()).await;
}

/// Reading is deterministic.
pub async fn the_same_image_reads_the_same(fetcher: AnyOcrEngine) {
    document::reading_is_deterministic(&fetcher, &written_png()).await;
}

/// A zero deadline is a timeout: the job's time may be used up.
pub async fn a_zero_deadline_is_a_timeout(fetcher: AnyOcrEngine) {
    document::a_deadline_of_zero_is_a_timeout(&fetcher, &written_png()).await;
}

/// Images and garbage can be read concurrently.
pub async fn concurrent_readings_do_not_mix(fetcher: AnyOcrEngine) {
    document::readings_are_kept_apart(fetcher, &written_png()).await;
}

/// Dropping an attempt at any point does not affect the next.
pub async fn a_dropped_attempt_does_not_affect_the_next(fetcher: AnyOcrEngine) {
    document::dropped_attempts_do_not_affect_the_next(&fetcher, &written_png()).await;
}
