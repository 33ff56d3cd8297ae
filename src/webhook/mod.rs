//! Webhooks: signs notifications and sends them to their receivers.

mod client;
mod sign;

pub use client::Webhooks;
pub use sign::WebhookSecret;
