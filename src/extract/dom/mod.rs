//! The tree of a page as one list of nodes, and the queries that every reader shares.
//!
//! Nothing here decides what a page is about or writes a format.

pub(crate) mod address;
pub(crate) mod anchor;
pub(crate) mod code;
pub(crate) mod doc;
pub(crate) mod escape;
pub(crate) mod folding;
pub(crate) mod formula;
pub(crate) mod image;
pub(crate) mod labeled;
pub(crate) mod lines;
mod list;
pub(crate) mod numbering;
pub(crate) mod past_price;
pub(crate) mod selection;
pub(crate) mod spans;
pub(crate) mod superscript;
pub(crate) mod tag;
pub(crate) mod task;
mod visibility;
