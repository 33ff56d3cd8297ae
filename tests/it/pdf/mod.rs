//! PDFs, read by real processes: this test program, started again, becomes the reader.
mod given;
mod hostile;
mod pages;
mod reading;
#[cfg(feature = "ocr")]
mod scans;

use rungs::fetch::Pdf;

rungs::pdf_reader_conformance!(conformance, Pdf::new());
