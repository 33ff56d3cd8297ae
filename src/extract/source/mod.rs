//! From the bytes of a response to a bounded tree.
//!
//! [`decode`] turns bytes into text, [`bound`] limits what reaches the parser, and [`tree`] parses it.

pub(crate) mod bound;
pub(crate) mod decode;
mod formula;
mod prescan;
mod streamed;
pub(crate) mod tree;
pub(crate) mod xhtml;
