//! The built-in fetchers, and small ones made here, do what the ports promise.

#![cfg(all(feature = "http", feature = "testkit"))]

mod fixtures;

use fixtures::{Browser, Sheets, Signs, http};
use rungs::testkit::fetcher::{html, js, ocr, pdf};

rungs::html_fetcher_conformance!(built_in, http());

rungs::js_fetcher_conformance!(small_browser, Browser::default());

rungs::pdf_fetcher_conformance!(small_pdf, Sheets);

rungs::ocr_fetcher_conformance!(small_ocr, Signs);

#[test]
fn the_kits_have_not_shrunk() {
    let counts = [html::CHECKS.len(), js::CHECKS.len(), pdf::CHECKS.len(), ocr::CHECKS.len()];

    assert!(counts.iter().zip([36, 20, 10, 9]).all(|(it, least)| *it >= least), "{counts:?}");
}
