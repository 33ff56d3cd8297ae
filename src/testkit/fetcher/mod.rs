//! What every fetcher must do, as checks a host runs against its own.
//!
//! A kit for each kind: [`html`], [`js`], [`pdf`] and [`ocr`]. The first two start their own fixture
//! sites on 127.0.0.1, so the fetcher under test must be allowed to go there. Each check takes a
//! fetcher and panics with the promise that was broken. The macros make each a `#[test]` of its own:
//! [`crate::html_fetcher_conformance!`], [`crate::js_fetcher_conformance!`],
//! [`crate::pdf_fetcher_conformance!`] and [`crate::ocr_fetcher_conformance!`]; the functions run
//! all of them: [`check_html`], [`check_js`], [`check_pdf`] and [`check_ocr`].
//!
//! Nothing here measures time. Where an attempt must end at its deadline, the site would go on for
//! ever, and the kit waits far longer than the deadline before it says so.
//!
//! ```
//! use rungs::fetch::Http;
//! use rungs::testkit::fetcher::check_html;
//!
//! let report = check_html(|| Http::new().allow_network("127.0.0.0/8").expect("a network"));
//!
//! assert!(report.failed.is_empty(), "{report}");
//! ```

mod document;
pub mod html;
pub mod js;
pub mod ocr;
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
use crate::testkit::kit::{self, CHECK_LIMIT, KitReport};

/// How long an attempt may take that has no reason to be slow; a browser starts within it.
const AMPLE: Duration = Duration::from_secs(20);
/// A deadline that is there to pass.
const SHORT: Duration = Duration::from_millis(400);
/// How long the kit waits beyond a deadline, or for a connection to close.
const PATIENCE: Duration = Duration::from_secs(10);

/// A check on its way.
pub type Checking = Pin<Box<dyn Future<Output = ()>>>;

/// A plain `GET` of `url` with ample limits, as the engine would ask for it.
pub fn request(url: &str, tier: Tier) -> FetchRequest {
    let options = Item::get(url).check(&Limits::default()).expect("a plain item passes");
    let request = FetchRequest::new(Arc::new(options), tier);
    FetchRequest { deadline: AMPLE, max_bytes: 1_000_000, ..request }
}

/// Waits for what must end long before.
async fn ends<T>(limit: Duration, what: &str, future: impl Future<Output = T>) -> T {
    let limit = limit + PATIENCE;
    let ended = tokio::time::timeout(limit, future).await;
    ended.unwrap_or_else(|_| panic!("{what} did not end within {} s", limit.as_secs()))
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
    html check_html HttpFetcher;
    js check_js BrowserFetcher;
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
/// rungs::html_fetcher_conformance!(http, Http::new().allow_network("127.0.0.0/8").expect("one"));
/// ```
#[macro_export]
macro_rules! html_fetcher_conformance {
    ($suite:ident, $open:expr) => {
        $crate::each_html_check!($crate::fetcher_tests, html $suite, $open);
    };
}

/// Makes every check of a [`BrowserFetcher`] a `#[test]` of its own, in a module named by the first
/// argument. The second is an expression for a fetcher that may go to 127.0.0.1.
#[macro_export]
macro_rules! js_fetcher_conformance {
    ($suite:ident, $open:expr) => {
        $crate::each_js_check!($crate::fetcher_tests, js $suite, $open);
    };
}

/// Makes every check of a [`PdfReader`] a `#[test]` of its own, in a module named by the first
/// argument. The second is an expression for a fetcher.
#[macro_export]
macro_rules! pdf_fetcher_conformance {
    ($suite:ident, $open:expr) => {
        $crate::each_pdf_check!($crate::fetcher_tests, pdf $suite, $open);
    };
}

/// Makes every check of an [`OcrEngine`] a `#[test]` of its own, in a module named by the first
/// argument. The second is an expression for a fetcher.
#[macro_export]
macro_rules! ocr_fetcher_conformance {
    ($suite:ident, $open:expr) => {
        $crate::each_ocr_check!($crate::fetcher_tests, ocr $suite, $open);
    };
}
