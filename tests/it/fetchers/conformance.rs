//! The built-in fetchers, and small ones made here, pass the conformance kits.

use crate::support::fetchers::{Browser, Sheets, Signs, http};
use rungs::testkit::fetcher::{browser, http, ocr, pdf};

rungs::http_fetcher_conformance!(built_in, http());

rungs::browser_fetcher_conformance!(small_browser, Browser::default());

rungs::pdf_reader_conformance!(small_pdf, Sheets);

rungs::ocr_engine_conformance!(small_ocr, Signs);

#[test]
fn the_kits_have_not_shrunk() {
    let counts = [http::CHECKS.len(), browser::CHECKS.len(), pdf::CHECKS.len(), ocr::CHECKS.len()];

    assert!(counts.iter().zip([36, 20, 10, 9]).all(|(it, least)| *it >= least), "{counts:?}");
}
