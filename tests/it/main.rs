//! All tests but those that need a process of their own: one program, so that the crate is linked once.
//! `tests/README.md` says where a test belongs.

// The core alone: `tests/mutants.sh` builds these without any feature.
mod examples;
mod model;
mod request;

#[cfg(feature = "cli")]
mod cli;
#[cfg(feature = "testkit")]
mod engine;
#[cfg(feature = "html")]
mod extract;
#[cfg(feature = "testkit")]
mod fetchers;
#[cfg(all(feature = "testkit", feature = "html"))]
mod fuzz;
#[cfg(feature = "testkit")]
mod http;
#[cfg(all(feature = "llm", feature = "html", feature = "testkit"))]
mod llm;
#[cfg(all(feature = "ocr", feature = "html", feature = "testkit"))]
mod ocr;
#[cfg(all(feature = "pdf", feature = "html", feature = "testkit"))]
mod pdf;
mod platforms;
#[cfg(feature = "testkit")]
mod properties;
#[cfg(all(feature = "server", feature = "testkit"))]
mod service;
#[cfg(feature = "testkit")]
mod stores;
#[cfg(feature = "testkit")]
mod support;
mod tidy;
