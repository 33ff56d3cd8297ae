//! The umbrella error for an application's `?`.

use crate::core::failure::JobError;
use crate::core::id::ParseIdError;
use crate::core::request::{ParseOptionError, ParseTextError, ValidationError};
use crate::core::tier::ParseTierError;
use crate::core::url::ParseUrlError;
use crate::engine::{BuildError, EngineError, ExtractionError, SubmitError};
use crate::ports::fetch::FetchError;
use crate::ports::store::StoreError;

/// Any error that setting up and using rungs can return.
///
/// Its message and `source()` are those of the wrapped error. A failed page is not an error of the call. It becomes
/// [`Error::Job`] only where an application propagates a job's result, as in `report.result()?`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The engine could not be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// A submission was refused.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// An extraction has no result.
    #[error(transparent)]
    Extraction(#[from] ExtractionError),
    /// A call to the engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A store could not be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A page failed.
    #[error(transparent)]
    Job(#[from] JobError),
    /// A program or a reader that a fetcher needs is not available.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// An item has an invalid option.
    #[error(transparent)]
    Validation(#[from] ValidationError),
    /// Text is not an id.
    #[error(transparent)]
    Id(#[from] ParseIdError),
    /// Text is not the URL of a page.
    #[error(transparent)]
    Url(#[from] ParseUrlError),
    /// Text is not a tier.
    #[error(transparent)]
    Tier(#[from] ParseTierError),
    /// Text is not a value of an option.
    #[error(transparent)]
    Option(#[from] ParseOptionError),
    /// Text is not a country, a language or a list of OCR languages.
    #[error(transparent)]
    Text(#[from] ParseTextError),
    /// Text is not a network.
    #[cfg(feature = "http")]
    #[error(transparent)]
    Network(#[from] crate::net::ParseNetworkError),
    /// Text is not the URL of a proxy.
    #[cfg(feature = "http")]
    #[error(transparent)]
    Proxy(#[from] crate::net::ParseProxyError),
    /// Text is not a user agent.
    #[cfg(feature = "http")]
    #[error(transparent)]
    UserAgent(#[from] crate::fetch::http::UserAgentError),
    /// A file is not a key that signs requests.
    #[cfg(feature = "http")]
    #[error(transparent)]
    BotKey(#[from] crate::net::ParseBotKeyError),
    /// Text is not the URL of an agent.
    #[cfg(feature = "http")]
    #[error(transparent)]
    AgentUrl(#[from] crate::net::AgentUrlError),
    /// Root certificates could not be read.
    #[cfg(feature = "http")]
    #[error(transparent)]
    Roots(#[from] crate::net::RootCertificateError),
    /// Text is not the base URL of a language model.
    #[cfg(feature = "llm")]
    #[error(transparent)]
    BaseUrl(#[from] crate::llm::ParseBaseUrlError),
    /// The API keys of the service could not be read.
    #[cfg(feature = "server")]
    #[error(transparent)]
    ApiKeys(#[from] crate::service::ApiKeysError),
    /// A call for a session failed.
    #[error(transparent)]
    Session(#[from] crate::engine::SessionError),
    /// Text is not the domain of a session.
    #[error(transparent)]
    SessionDomain(#[from] crate::core::session::ParseDomainError),
    /// Text has no key that seals sessions.
    #[cfg(feature = "http")]
    #[error(transparent)]
    SealingKey(#[from] crate::stores::ParseSealingKeyError),
    /// The fields of a page are not a value of a type.
    #[cfg(feature = "typed")]
    #[error(transparent)]
    Fields(#[from] crate::typed::FieldsError),
    /// JSON could not be read or written.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// A file, a socket or a process failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl From<&JobError> for Error {
    fn from(error: &JobError) -> Self {
        Self::Job(error.clone())
    }
}
