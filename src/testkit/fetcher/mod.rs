//! Conformance kits for fetchers and readers: one for each trait of [`crate::ports::fetch`].
//!
//! The kits for [`HttpFetcher`] and [`BrowserFetcher`] start their own fixture sites on 127.0.0.1, so the
//! fetcher under test must be allowed to connect there. The macros make each check a `#[test]` of its own:
//! [`crate::http_fetcher_conformance!`], [`crate::browser_fetcher_conformance!`],
//! [`crate::pdf_reader_conformance!`] and [`crate::ocr_engine_conformance!`]; the functions run
//! all of them: [`check_http`], [`check_browser`], [`check_pdf`] and [`check_ocr`]. The checks
//! themselves are not part of the public API.
//!
//! No check measures time. If an attempt must end at its deadline, the site never ends by itself,
//! and the kit waits far longer than the deadline before the check fails.
//!
//! ```
//! use rungs::fetch::Http;
//! use rungs::testkit::fetcher::check_http;
//!
//! let report = check_http(|| Http::new().allow_network("127.0.0.0/8").expect("a network"));
//!
//! assert!(report.failed.is_empty(), "{report}");
//! ```

#[doc(hidden)]
pub mod browser;
mod document;
#[doc(hidden)]
pub mod http;
#[doc(hidden)]
pub mod ocr;
#[doc(hidden)]
pub mod pdf;
pub mod samples;
mod shared;
mod sites;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::core::request::{Item, Limits};
use crate::core::tier::Tier;
use crate::ports::fetch::{BrowserFetcher, FetchRequest, HttpFetcher, OcrEngine, PdfReader};
use crate::testkit::kit::{self, CHECK_LIMIT, KitReport, breach};

/// The deadline of an attempt that should be fast; a browser starts within it.
const AMPLE: Duration = Duration::from_secs(40);
/// A deadline that must expire.
const SHORT: Duration = Duration::from_millis(400);
/// The time that the kit waits beyond a deadline, or for a connection to close.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running check.
#[doc(hidden)]
pub type Checking = Pin<Box<dyn Future<Output = ()>>>;

/// Returns a plain `GET` of `url` with ample limits, as the engine would make it.
#[doc(hidden)]
pub fn request(url: &str, tier: Tier) -> FetchRequest {
    let options = Item::get(url).check(&Limits::default()).expect("a plain item passes");
    let request = FetchRequest::new(Arc::new(options), tier);
    FetchRequest { deadline: AMPLE, max_bytes: 1_000_000, ..request }
}

/// Waits for what must end long before.
async fn ends<T>(limit: Duration, what: &str, future: impl Future<Output = T>) -> T {
    let limit = limit + PATIENCE;
    let ended = tokio::time::timeout(limit, future).await;
    ended.unwrap_or_else(|_| {
        let seconds = limit.as_secs();
        breach!("{what} did not end within {seconds} s", "end by then")
    })
}

macro_rules! kits {
    ($($kit:ident $check_all:ident $port:ident;)+) => {
        $(
            /// Runs every check of this kit against a fetcher that `open` makes anew for each.
            pub fn $check_all<F: $port + 'static>(
                open: impl Fn() -> F + Clone + Send + 'static,
            ) -> KitReport {
                let checks = $kit::CHECKS.iter().map(|&(name, check)| {
                    let open = open.clone();
                    (name, move || check(Arc::new(open())))
                });
                kit::report(CHECK_LIMIT, checks)
            }
        )+
    };
}

kits! {
    http check_http HttpFetcher;
    browser check_browser BrowserFetcher;
    pdf check_pdf PdfReader;
    ocr check_ocr OcrEngine;
}

/// A kit's table of its checks, from the list of their names.
macro_rules! table {
    (($port:ident) [$($check:ident)*]) => {
        /// Every check of this kit by its name.
        pub const CHECKS: &[(&str, fn(std::sync::Arc<dyn $port>) -> super::Checking)] =
            &[$((stringify!($check), |fetcher| Box::pin($check(fetcher)))),*];
    };
}
use table;

/// Makes tests of a list of checks; for the macros of these kits.
#[doc(hidden)]
#[macro_export]
macro_rules! fetcher_tests {
    (($kit:ident $suite:ident, $open:expr) [$($check:ident)*]) => {
        mod $suite {
            #[allow(unused_imports)]
            use super::*;
            $(
                #[test]
                fn $check() {
                    $crate::testkit::must_pass(|| {
                        $crate::testkit::fetcher::$kit::$check(::std::sync::Arc::new($open))
                    });
                }
            )*
        }
    };
}

/// Makes every check of an [`HttpFetcher`] a `#[test]` of its own, in a module named by the first
/// argument. The second is an expression for a fetcher that may go to 127.0.0.1.
///
/// ```
/// use rungs::fetch::Http;
///
/// rungs::http_fetcher_conformance!(http, Http::new().allow_network("127.0.0.0/8").expect("one"));
/// ```
#[macro_export]
macro_rules! http_fetcher_conformance {
    ($suite:ident, $open:expr) => {
        $crate::each_http_check!($crate::fetcher_tests, http $suite, $open);
    };
}

/// Makes every check of a [`BrowserFetcher`] a `#[test]` of its own, in a module named by the first
/// argument. The second is an expression for a fetcher that may go to 127.0.0.1.
#[macro_export]
macro_rules! browser_fetcher_conformance {
    ($suite:ident, $open:expr) => {
        $crate::each_browser_check!($crate::fetcher_tests, browser $suite, $open);
    };
}

/// Makes every check of a [`PdfReader`] a `#[test]` of its own, in a module named by the first
/// argument. The second is an expression for a fetcher.
#[macro_export]
macro_rules! pdf_reader_conformance {
    ($suite:ident, $open:expr) => {
        $crate::each_pdf_check!($crate::fetcher_tests, pdf $suite, $open);
    };
}

/// Makes every check of an [`OcrEngine`] a `#[test]` of its own, in a module named by the first
/// argument. The second is an expression for a fetcher.
#[macro_export]
macro_rules! ocr_engine_conformance {
    ($suite:ident, $open:expr) => {
        $crate::each_ocr_check!($crate::fetcher_tests, ocr $suite, $open);
    };
}
