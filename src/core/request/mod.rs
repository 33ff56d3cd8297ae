//! What a host asks for: one item a URL, with every option, and the check that makes it a request.

mod check;
mod item;
mod options;

pub use check::{Flaw, Limits};
pub use item::{Item, JobRequest};
pub use options::{
    Advanced, Cache, CostControls, Format, Location, Method, Mode, Profile, RenderJs, UnknownWord,
    WaitCondition,
};
