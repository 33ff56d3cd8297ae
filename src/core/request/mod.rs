//! What a host asks for: one item a URL, with every option, and the check that makes it a request.

#[cfg(any(feature = "html", feature = "llm"))]
pub(crate) mod asked;
mod check;
mod item;
mod options;
mod text;
mod unmet;

pub use check::{Flaw, Limits};
pub use item::{Item, JobRequest, MAX_RESPONSE_BYTES};
pub use options::{
    Action, ActionKind, Advanced, BlockKind, Cache, ContentType, CostControls, Format, Location,
    Method, Mode, PdfFormat, Profile, Provider, RenderJs, SectionFilter, UnknownWord,
    WaitCondition,
};
pub use text::{BadText, Country, Language, OcrLanguage};
pub use unmet::{Came, unmet};
