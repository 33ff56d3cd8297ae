//! The formats of a result, each made from the same tree.

pub(crate) mod chunks;
pub(crate) mod html;
pub(crate) mod json;
pub(crate) mod links;
pub(crate) mod markdown;
pub(crate) mod sections;
pub(crate) mod text;
