//! The JSON of the REST API.
//!
//! Only this module and `crate::wire`, which writes the body of notifications below the engine, name its fields.
//!
//! Reading is as lenient as the format: any optional field may be null, and unknown fields are ignored ([`KnownFields`]
//! reports them). A wrong type or an unknown word is an error that names its field. Bounds and conflicts between options are checked at submission, by
//! the same code for every caller.
//!
//! Options have the same names in Rust and in JSON, so an error's `field` names both. `request::json_path` maps the
//! exceptions.

mod known;
mod request;

#[cfg(feature = "server")]
mod error_codes;
#[cfg(feature = "server")]
mod openapi;
#[cfg(feature = "server")]
mod problem;
#[cfg(feature = "server")]
mod response;
#[cfg(feature = "server")]
mod socket;
#[cfg(feature = "server")]
mod warnings;

pub use crate::wire::WebhookBody;
pub use known::{KnownFields, UnknownField};
pub use request::{
    WireBatch, WireCrawl, WireExtract, WireGrant, WireMap, WireRetry, WireScrape,
    WireValidationError, read_batch, read_crawl, read_extract, read_grant, read_item,
    read_item_with_defaults, read_map, read_retry, read_scrape,
};

#[cfg(feature = "server")]
pub(super) use request::{read_session, read_session_refresh, read_session_update};
#[cfg(feature = "server")]
pub use {
    openapi::openapi,
    response::{
        ResultLine, WireCredits, grant_body, read_granted, result_line, scrape_object, site_map,
    },
};
#[cfg(feature = "server")]
pub(crate) use {
    openapi::openapi_html, problem::*, request::ItemList, response::*, socket::*, warnings::*,
};
