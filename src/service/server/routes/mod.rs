//! Handlers, one file per resource.

pub(super) mod absent;
pub(super) mod account;
pub(super) mod artifacts;
pub(super) mod batch;
pub(super) mod crawl;
pub(super) mod deliveries;
pub(super) mod description;
pub(super) mod events;
pub(super) mod extract;
pub(super) mod grants;
pub(super) mod health;
pub(super) mod key_directory;
pub(super) mod limits;
mod lookup;
pub(super) mod metrics;
pub(super) mod scrape;
pub(super) mod sessions;
pub(super) mod sockets;
mod submission;
