//! An embeddable scraping engine: batches of URLs in; pages, settled credits and one completion
//! webhook out.
//!
//! # Layout
//!
//! * [`core`] decides: states, ladder, prices, ledger. No I/O, no clock.
//! * [`ports`] promise: the traits that a host may implement.
//! * `engine` runs: the only place that loops or waits.
//! * `fetch`, `extract`, `llm`, [`stores`] and `webhook` are the built-in parts.
//! * [`service`] knows the wire format.
//! * `testkit` checks a host's own parts.

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
#[cfg(feature = "http")]
pub mod webhook;
mod wire;
#[cfg(feature = "html2text")]
mod wrapped;

#[cfg(feature = "engine")]
pub use crate::error::Error;

#[cfg(feature = "engine")]
pub use crate::engine::{
    Batch, BatchHandle, Engine, EngineError, ProgressEvent, Settings, SubmitError,
};

/// The README's example is compiled and run with the doctests.
#[cfg(all(doctest, feature = "testkit", feature = "html", feature = "ocr"))]
#[doc = include_str!("../README.md")]
pub struct Readme;
