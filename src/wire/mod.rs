//! The JSON that a layer below the service writes by default.
//!
//! [`crate::service::wire`] exports it with the rest of the wire format. It is a separate folder because the engine
//! needs it and must not import the service.

mod completion;

pub use completion::WebhookBody;
