//! The JSON of the REST API. No other module of rungs knows the names of its fields, but for `crate::wire`, which
//! writes the body of notifications below the engine.
//!
//! Reading is lenient where the format is (any optional field may be null, unknown fields are ignored) and strict where
//! it is not: a wrong type or an unknown word is an error that names its field. Bounds and conflicts between options are
//! checked at submission, alike for every caller.
//!
//! Option names are the same words in Rust and in JSON, so that an error's `field` names both. `request::json_path` maps
//! the exceptions.

mod request;

#[cfg(feature = "server")]
mod openapi;
#[cfg(feature = "server")]
mod problem;
#[cfg(feature = "server")]
mod response;

pub use crate::wire::WebhookBody;
pub use request::{
    WireBatch, WireScrape, WireValidationError, read_batch, read_item, read_item_with_defaults,
    read_scrape,
};

#[cfg(feature = "server")]
pub use {
    openapi::openapi,
    response::{result_line, result_line_job, scrape_object},
};
#[cfg(feature = "server")]
pub(crate) use {openapi::openapi_html, problem::*, request::ItemList, response::*};
