//! The conformance kits of the fetcher ports, and the proof that they catch mistakes.

mod broken;
mod conformance;
