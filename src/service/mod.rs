//! The REST surface: what clients of the batch API send and get.

pub mod wire;
