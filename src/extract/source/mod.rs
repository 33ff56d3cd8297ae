//! From the bytes of a response to a bounded tree.
//!
//! [`decode`] turns bytes into text, [`bound`] limits what reaches the parser, and [`tree`] chooses the parser: the
//! one-pass reader for ordinary pages, html5ever for the others.

pub(crate) mod bound;
#[cfg(feature = "testkit")]
pub(crate) mod comparison;
pub(crate) mod decode;
mod element_kinds;
mod formula;
mod prescan;
mod streamed;
pub(crate) mod tree;
pub(crate) mod xhtml;
