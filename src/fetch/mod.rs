//! Fetchers: what gets a page, and what reads it where it is an image or a PDF.

#[cfg(feature = "browser")]
pub mod browser;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "ocr")]
pub mod ocr;
#[cfg(feature = "pdf")]
pub mod pdf;

#[cfg(feature = "http")]
mod header_rules;
#[cfg(any(feature = "browser", feature = "ocr", feature = "pdf"))]
mod program;

#[cfg(feature = "browser")]
pub use browser::Chrome;
#[cfg(feature = "headless_chrome")]
pub use browser::HeadlessChrome;
#[cfg(feature = "http")]
pub use http::Http;
#[cfg(feature = "ocr")]
pub use ocr::Tesseract;
#[cfg(feature = "pdf")]
pub use pdf::Pdf;
