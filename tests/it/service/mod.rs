//! The REST service over real sockets, with real sites behind it.
#[cfg(feature = "browser")]
mod artifacts;
mod batches;
mod bodies;
mod connections;
mod crawls;
mod crowds;
mod deliveries;
mod described;
mod events;
mod extract;
mod grants;
mod guarded;
mod http;
mod keys;
#[cfg(feature = "cli")]
mod labels;
mod manual;
mod money;
#[cfg(feature = "cli")]
mod objects;
mod outage;
#[cfg(feature = "browser")]
mod page;
#[cfg(feature = "cli")]
mod program;
mod refusals;
mod retry;
#[cfg(all(unix, feature = "cli", feature = "postgres"))]
mod roles;
mod scrapes;
#[cfg(feature = "cli")]
mod sealed;
mod sessions;
#[cfg(feature = "cli")]
mod settings;
#[cfg(feature = "cli")]
mod sockets;
mod traces;
mod warnings;
#[cfg(feature = "cli")]
mod webhooks;
mod websites;
mod world;
