//! Fetchers: HTTP clients and browsers that fetch pages, and readers of PDFs and images.
//!
//! The HTTP fetcher runs on every platform. The others start child processes and need Unix; their
//! features do not compile elsewhere.

#[cfg(all(feature = "browser", not(unix)))]
compile_error!(
    "feature `browser` needs a Unix system: it ends browsers by process group and talks to them over \
     inherited pipes. Build without `browser` and the features that include it (`headless_chrome`, `cli`)"
);
#[cfg(all(feature = "ocr", not(unix)))]
compile_error!(
    "feature `ocr` needs a Unix system: it limits the memory and CPU time of `tesseract` with a shell's \
     `ulimit`. Build without `ocr` and the features that include it (`cli`)"
);
#[cfg(all(feature = "pdf", not(unix)))]
compile_error!(
    "feature `pdf` needs a Unix system: the process that reads PDFs limits its own memory and CPU time \
     with `setrlimit`. Build without `pdf` and the features that include it (`cli`)"
);

#[cfg(all(feature = "browser", unix))]
pub mod browser;
#[cfg(feature = "http")]
pub mod http;
#[cfg(all(feature = "ocr", unix))]
pub mod ocr;
#[cfg(all(feature = "pdf", unix))]
pub mod pdf;

#[cfg(feature = "http")]
mod header_rules;
#[cfg(all(unix, any(feature = "browser", feature = "ocr", feature = "pdf")))]
mod subprocess;

#[cfg(all(feature = "browser", unix))]
pub use browser::Chrome;
#[cfg(all(feature = "headless_chrome", unix))]
pub use browser::HeadlessChrome;
#[cfg(feature = "http")]
pub use http::Http;
#[cfg(all(feature = "ocr", unix))]
pub use ocr::Tesseract;
#[cfg(all(feature = "pdf", unix))]
pub use pdf::Pdf;
