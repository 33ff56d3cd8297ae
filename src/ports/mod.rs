//! The promises: traits that a host may implement, and what travels through them.
//!
//! # Architecture invariants
//!
//! * No tokio and no adapter: a host can implement every trait here on any runtime.
//! * Every trait is dyn compatible; asynchronous methods return a [`BoxFuture`].

use std::future::Future;
use std::pin::Pin;

pub mod clock;
pub mod extract;
pub mod fetch;
pub mod notify;
pub mod prompt;
pub mod store;

/// A boxed future: one allocation an attempt, and no macro in a host's code.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
