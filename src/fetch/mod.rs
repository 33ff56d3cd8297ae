//! Fetchers: what gets a page, and what reads it where it is an image.

#[cfg(feature = "http")]
pub mod guard;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "ocr")]
pub mod ocr;

#[cfg(feature = "http")]
pub use http::Http;
#[cfg(feature = "ocr")]
pub use ocr::Tesseract;
