//! Items: one URL with its options, and the check that turns it into a [`JobRequest`].

mod check;
mod compact;
mod item;
mod job_request;
mod known_hash;
mod options;
mod seconds;
mod text;
mod unmet;

pub(crate) use check::header as check_header;
pub use check::{Limits, ValidationError};
pub use item::{Item, MAX_RESPONSE_BYTES};
pub use job_request::JobRequest;
pub use options::{
    Action, ActionKind, Advanced, BlockKind, Cache, ContentType, CostControls, DocumentType,
    ExtractionCache, Format, Location, Method, Mode, ParseOptionError, PdfFormat, Profile,
    Provider, RenderJs, SectionFilter, WaitCondition,
};
pub use text::{Country, Language, OcrLanguage, ParseTextError};
pub use unmet::{Produced, unmet_options};
