//! JSON of the API that a layer below the service writes by default.
//!
//! [`crate::service::wire`] shows it with the rest of the wire format. It is a folder of its own because the
//! engine needs it and must not name the service.

mod completion;

pub use completion::WebhookBody;
