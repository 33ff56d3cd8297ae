//! PDFs, read by real processes: this test program, started again, becomes the reader.
#![cfg(all(feature = "pdf", feature = "html"))]

use rungs::fetch::Pdf;

rungs::pdf_fetcher_conformance!(conformance, Pdf::new());
