//! Images, read by the real program: `tests/run.sh` installs it.
mod given;
#[cfg(feature = "cli")]
mod interrupted;
mod pages;
#[cfg(target_os = "linux")]
mod processes;
mod reading;

use rungs::fetch::Tesseract;

rungs::ocr_engine_conformance!(conformance, Tesseract::new());
