//! The names that most applications need, for `use rungs::prelude::*`.
//!
//! [`rungs::Error`](crate::Error) is not among them: a glob import of `Error` would be mistaken for
//! [`std::error::Error`].

pub use crate::core::backoff::RetrySchedule;
pub use crate::core::batch::{BatchStatus, ItemEvents, NotificationState};
pub use crate::core::claims::Priority;
pub use crate::core::crawl::{CrawlStatus, SitemapUse};
pub use crate::core::credits::Credits;
pub use crate::core::failure::{ErrorCode, JobError};
pub use crate::core::id::{AccountId, BatchId, CrawlId, JobId, NotificationId};
pub use crate::core::job::JobState;
pub use crate::core::ledger::{Account, Booking, LedgerEntry};
pub use crate::core::request::{
    Action, Cache, ContentType, CostControls, Country, Format, Item, Language, Limits, Location,
    Method, Mode, OcrLanguage, PdfFormat, Profile, RenderJs, WaitCondition,
};
pub use crate::core::tier::Tier;
pub use crate::core::time::Timestamp;
pub use crate::stores::Memory;

#[cfg(feature = "engine")]
pub use crate::engine::{
    Batch, BatchHandle, BatchReport, Crawl, CrawlHandle, Engine, EngineBuilder, JobReport, Map,
    Pacing, Page, ProgressEvent, Retry, RobotsPolicy, Settings, SiteMap, SubmitError,
};
#[cfg(feature = "browser")]
pub use crate::fetch::Chrome;
#[cfg(feature = "http")]
pub use crate::fetch::Http;
#[cfg(feature = "pdf")]
pub use crate::fetch::Pdf;
#[cfg(feature = "ocr")]
pub use crate::fetch::Tesseract;
#[cfg(feature = "llm")]
pub use crate::llm::{Chat, ChatModel};
#[cfg(feature = "http")]
pub use crate::net::{NetPolicy, ProxyUrl};
#[cfg(feature = "journal")]
pub use crate::stores::Journal;
#[cfg(feature = "objects")]
pub use crate::stores::Objects;
#[cfg(feature = "sled")]
pub use crate::stores::Sled;
#[cfg(feature = "http")]
pub use crate::webhook::Webhooks;
