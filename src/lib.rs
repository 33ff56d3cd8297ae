//! An embeddable scraping engine: batches of URLs in; pages, settled credits and one completion
//! webhook out.

pub mod core;
#[cfg(feature = "engine")]
pub mod engine;
#[cfg(feature = "html")]
pub mod extract;
#[cfg(feature = "http")]
pub mod fetch;
pub mod ports;
pub mod service;
pub mod stores;
#[cfg(feature = "testkit")]
pub mod testkit;
#[cfg(feature = "http")]
pub mod webhook;

#[cfg(feature = "engine")]
pub use crate::engine::{Batch, BatchHandle, Engine, EngineError, Event, Settings, SubmitError};

/// The README's example is compiled and run with the doctests.
#[cfg(all(doctest, feature = "testkit", feature = "html"))]
#[doc = include_str!("../README.md")]
pub struct Readme;
