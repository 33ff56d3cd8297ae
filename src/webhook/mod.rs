//! Webhooks: signs notifications and sends them to their receivers.

mod client;
pub mod sign;

pub use client::Webhooks;
