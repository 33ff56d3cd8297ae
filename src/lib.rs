//! An embeddable scraping engine: batches of URLs in; pages, settled credits and one completion
//! webhook out.

pub mod core;
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
