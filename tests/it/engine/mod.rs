//! The engine end to end, with fetchers of the tests' own or sites on loopback.

mod batches;
mod cancel;
mod changes;
mod clock;
mod crawl;
mod crawl_waits;
mod escalation;
mod expiry;
mod extractions;
mod fairness;
mod item_events;
mod labels;
mod options;
mod outages;
mod permits;
mod prices;
mod results;
mod retry;
mod robots;
mod scheduling;
mod sessions;
mod several;
mod stopping;
mod store_calls;
mod stubs;
mod truncation;
