//! JSON as clients write it. Nothing else in rungs knows the names of its fields.
//!
//! Reading is lenient where the format is (any optional field may be null, unknown fields are
//! ignored) and exact where it is not: a wrong type or an unknown word is a flaw that names its
//! field. Bounds and conflicts are the core's to check, the same for every surface.

mod advanced;
mod batch;
#[cfg(feature = "engine")]
mod events;
mod field;
mod item;
#[cfg(feature = "engine")]
mod job;
#[cfg(feature = "engine")]
mod money;
#[cfg(feature = "server")]
mod openapi;
mod problem;
#[cfg(feature = "engine")]
mod result;
mod scrape;
#[cfg(feature = "engine")]
mod status;

pub use crate::wire::WebhookBody;
pub use batch::{WireBatch, WireValidationError, list_name, read_batch};
#[cfg(feature = "engine")]
pub use events::{attempted, deliveries, delivery, started};
pub use item::read_item;
#[cfg(feature = "engine")]
pub use job::{job, pending};
#[cfg(feature = "engine")]
pub use money::{Balance, balance, batch_estimate, billing_usage, estimate, ledger, usage};
#[cfg(feature = "server")]
pub use openapi::{openapi, page_of};
pub use problem::{Problem, problem};
#[cfg(feature = "engine")]
pub use result::{billing, scrape_object};
pub use scrape::{WireScrape, read_scrape};
#[cfg(feature = "engine")]
pub use status::{accepted, around_items, bare_item, batches, cancelled, health, item, summary};
