//! Parts that several modules test with.

pub(crate) mod fetchers;
pub(crate) mod paused;
