//! Fetchers: what gets a page.

pub mod guard;
pub mod http;

pub use http::Http;
