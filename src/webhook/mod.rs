//! Webhooks: signing and posting.
