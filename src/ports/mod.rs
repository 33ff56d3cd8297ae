//! The traits that your application may implement, and the types that they exchange.
//!
//! # Architecture invariants
//!
//! * No tokio and no adapter: every trait here can be implemented on any runtime.
//! * Every trait is dyn compatible; asynchronous methods return a [`BoxFuture`].

use std::future::Future;
use std::pin::Pin;

mod apply;
pub mod clock;
pub mod extract;
pub mod fetch;
mod fetcher_fn;
mod job_scratch;
pub mod key_directory;
pub mod notify;
pub mod prompt;
mod redirect_check;
pub mod session;
pub mod store;
mod truncation;

/// A boxed future: one allocation per call, and no macro in implementations.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
