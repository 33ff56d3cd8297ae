//! The built-in extractor: documents in, formats and fields out.

mod articles;
mod content;
mod documents;
mod embedded_state;
mod fields;
mod formats;
mod html5lib;
mod kept;
mod readers;
mod schemas;
