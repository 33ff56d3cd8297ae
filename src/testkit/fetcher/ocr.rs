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
            words_lie_within_the_image
            no_bytes_are_no_image
            what_is_no_image_is_an_error
            damage_is_no_panic
            the_same_image_reads_the_same
            no_time_at_all_is_a_timeout
            readings_at_once_are_kept_apart
            a_dropped_attempt_leaves_it_in_order
        ] }
    };
}

crate::each_ocr_check!(super::table, OcrEngine);

/// Nothing to read is no error, and no text either.
pub async fn a_blank_image_has_no_words(fetcher: AnyOcrEngine) {
    let read = text(&fetcher, blank_png()).await;

    must_eq!(
        (read.text.trim(), read.words.len()),
        ("", 0),
        "the text and the number of words of a blank image"
    );
}

/// Each word has a place on the image, is in the text, and is as sure as a percentage can be.
pub async fn words_lie_within_the_image(fetcher: AnyOcrEngine) {
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

/// Nothing came, so there is nothing to read.
pub async fn no_bytes_are_no_image(fetcher: AnyOcrEngine) {
    document::nothing_is_refused(&fetcher).await;
}

/// Other kinds, noise, and heads without an image.
pub async fn what_is_no_image_is_an_error(fetcher: AnyOcrEngine) {
    document::other_things_are_refused(&fetcher, &[b"\x89PNG\r\n\x1a\n", b"%PDF-1.7\n%%EOF\n"])
        .await;
}

/// Cut anywhere or with a byte turned: text or an error, within the deadline.
pub async fn damage_is_no_panic(fetcher: AnyOcrEngine) {
    document::damage_has_an_answer(&fetcher, &written_png()).await;
}

/// No clock and no chance in it.
pub async fn the_same_image_reads_the_same(fetcher: AnyOcrEngine) {
    document::reading_again_gives_the_same(&fetcher, &written_png()).await;
}

/// The engine may have used up the ladder's time by then.
pub async fn no_time_at_all_is_a_timeout(fetcher: AnyOcrEngine) {
    document::no_time_is_a_timeout(&fetcher, &written_png()).await;
}

/// Images and garbage side by side.
pub async fn readings_at_once_are_kept_apart(fetcher: AnyOcrEngine) {
    document::readings_are_kept_apart(fetcher, &written_png()).await;
}

/// Wherever the caller goes away, the next attempt is as good as the first.
pub async fn a_dropped_attempt_leaves_it_in_order(fetcher: AnyOcrEngine) {
    document::dropped_attempts_leave_it_in_order(&fetcher, &written_png()).await;
}
