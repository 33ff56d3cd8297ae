//! What a host asks for: one item a URL, with every option, and the check that makes it a request.

mod check;
mod item;
mod options;
mod text;
mod unmet;

pub use check::{Limits, ValidationError};
pub use item::{Item, JobRequest, MAX_RESPONSE_BYTES};
pub use options::{
    Action, ActionKind, Advanced, BlockKind, Cache, ContentType, CostControls, Format, Location,
    Method, Mode, ParseOptionError, PdfFormat, Profile, Provider, RenderJs, SectionFilter,
    WaitCondition,
};
pub use text::{Country, Language, OcrLanguage, ParseTextError};
pub use unmet::{Produced, unmet_options};
