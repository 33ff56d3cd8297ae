//! Images, read by the real program: `tests/run.sh` installs it.
#![cfg(all(feature = "ocr", feature = "html"))]

mod given;
mod pages;
mod processes;
mod reading;

use rungs::fetch::Tesseract;

rungs::ocr_engine_conformance!(conformance, Tesseract::new());
