//! An embeddable scraping engine: it takes batches of URLs and returns pages, settled credits and one signed completion
//! webhook per batch.
//!
//! Each URL of a batch becomes a job. rungs fetches every page with the cheapest method that works, escalates to a more
//! expensive tier only when a page is blocked, empty or needs rendering, and converts it to text, Markdown, HTML and
//! structured JSON. Job states survive crashes. The highest possible cost is held at submission, and the price of the tier
//! that succeeded is charged. Each batch ends with exactly one notification.
//!
//! # Example
//!
//! ```
//! use rungs::prelude::*;
//!
//! #[tokio::main]
//! async fn main() -> Result<(), rungs::Error> {
//!     let engine = Engine::builder()
//!         .store(Memory::default()) // or Sled::open("data")? to survive a crash
//!         .http(Http::new())
//!         .build()?;
//!
//!     // An item is checked at submission: an invalid one is refused, and nothing is charged.
//!     let refused = engine.submit(Batch::new([Item::get("ftp://example.com/")])).await;
//!     assert!(matches!(refused, Err(SubmitError::Item { index: 0, .. })));
//!
//!     // A submission holds the price of the most expensive allowed tier.
//!     let estimate = engine.estimate(Item::get("https://example.com/").max_tier(Tier::Http)).await?;
//!     assert!(estimate.credits <= estimate.hold);
//!
//!     engine.shutdown().await;
//!     Ok(())
//! }
//! ```
//!
//! `examples/quickstart.rs` fetches two pages and reads the report; the README shows it.
//!
//! # Modules
//!
//! | module | role |
//! |---|---|
//! | [`prelude`] | everything that the examples use, in one `use` |
//! | [`core`] | decides: states, ladder, prices, ledger; pure, without I/O or a clock |
//! | [`ports`] | the traits that an application may implement: stores, fetchers, readers, extractor, notifier |
//! | [`engine`] | runs: the only place that loops or waits |
//! | [`net`] | the guarded outbound client and its [`NetPolicy`](net::NetPolicy), used for every connection |
//! | [`fetch`] | the built-in fetchers and readers: HTTP, Chromium, PDF, OCR |
//! | [`extract`] | pages to text, Markdown, HTML and JSON |
//! | [`stores`] | the built-in stores: memory, sled, a journal and PostgreSQL |
//! | [`webhook`], [`llm`](./llm/index.html) | delivery of notifications, and answers to `extraction_prompt` |
//! | [`service`] | the REST API, as a router and as a server |
//! | [`testkit`](./testkit/index.html) | conformance kits and fixture sites for an application's own stores and fetchers |
//!
//! # Features
//!
//! Features only add: enabling one changes nothing until its types are used.
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `http` | yes | tiers 1 to 3.5 and webhooks, over hyper |
//! | `html` | yes | the built-in extractor |
//! | `sled` | yes | the embedded store on sled |
//! | `journal` | yes | the embedded store on one append-only log |
//! | `postgres` | no | the store in a PostgreSQL database, for many processes |
//! | `engine` | by `http`, `sled` and `journal` | the engine itself, on tokio |
//! | `browser` | no | tier 4, with the program `chromium`; Unix only |
//! | `headless_chrome` | no | a second driver of Chromium; takes minutes to build |
//! | `pdf` | no | PDFs as text and Markdown |
//! | `ocr` | no | text on images, with the program `tesseract` |
//! | `llm` | no | `extraction_prompt`, answered through a chat completions API |
//! | `html2text` | no | plain text laid out for a width |
//! | `server` | no | the REST service |
//! | `cli` | no | the `rungs` program, with all of the above but `headless_chrome` |
//! | `typed` | no | fields as values of your own types |
//! | `testkit` | no | the conformance kits and fixtures |
//!
//! Without any feature, the crate contains [`core`], [`ports`] and the memory store, and does not depend on tokio.
//!
//! # Further reading
//!
//! * `docs/README.md`: the guide, from getting started to operations, with every error code.
//! * `docs/CORRECTNESS.md`: the guarantees and their checks.
//! * `ARCHITECTURE.md`: how the parts fit together and what is deliberately absent.

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod core;
#[cfg(feature = "engine")]
pub mod engine;
#[cfg(feature = "engine")]
mod error;
#[cfg(feature = "html")]
pub mod extract;
#[cfg(any(feature = "http", feature = "ocr", feature = "pdf"))]
pub mod fetch;
#[cfg(all(
    doctest,
    feature = "browser",
    feature = "journal",
    feature = "llm",
    feature = "objects",
    feature = "ocr",
    feature = "pdf",
    feature = "postgres",
    feature = "sled",
    feature = "testkit"
))]
mod guide_doctests;
#[cfg(feature = "llm")]
pub mod llm;
#[cfg(feature = "http")]
pub mod net;
#[cfg(all(feature = "http", feature = "html", feature = "sled"))]
mod open;
pub mod ports;
pub mod prelude;
#[cfg(any(feature = "html", feature = "llm"))]
mod schema;
pub mod service;
pub mod stores;
#[cfg(feature = "testkit")]
pub mod testkit;
#[cfg(feature = "typed")]
mod typed;
#[cfg(feature = "http")]
pub mod webhook;
mod wire;
#[cfg(feature = "html2text")]
mod wrapped;

#[cfg(feature = "engine")]
pub use crate::error::Error;
#[cfg(feature = "typed")]
pub use crate::typed::FieldsError;

#[cfg(feature = "engine")]
pub use crate::engine::{
    Batch, BatchHandle, Engine, EngineError, ProgressEvent, Retry, Settings, SubmitError,
};
