//! Single values as pages write them: numbers, money, dates, durations, availability, JSON.
//!
//! Every function here takes a text or a JSON value and nothing else, so that readers of structured data,
//! scripts and visible text can share it. A value travels with its source as [`provenance::Sourced`].

pub(crate) mod availability;
pub(crate) mod date;
pub(crate) mod duration;
pub(crate) mod lenient_json;
pub(crate) mod money;
pub(crate) mod number;
pub(crate) mod provenance;
pub(crate) mod weight;
