//! Webhooks: signs notifications and sends them to their receivers.
//!
//! Each call is one delivery attempt. The engine decides about retries and records every attempt.

mod client;
mod sign;

pub use client::Webhooks;
pub use sign::{ParseSecretError, WebhookSecret};
