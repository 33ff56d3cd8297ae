//! Webhooks: signing and posting.

mod post;
pub mod sign;

pub use post::Webhooks;
