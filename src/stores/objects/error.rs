//! Errors of an object store, with the remedy and without credentials.

use std::fmt;
use std::time::Duration;

use object_store::client::HttpErrorKind;

use crate::ports::store::StoreError;
use crate::stores::objects::STORE;
use crate::stores::objects::place::Place;
use crate::stores::objects::transport::RequestFailure;

/// Maximum number of characters of a reason in a message.
const MAX_REASON_CHARS: usize = 200;
/// The length of a setting from which on its value is removed from messages. Shorter ones are words such as `true`.
const MIN_SECRET_CHARS: usize = 8;
/// Words in the names of settings that are secrets.
const SECRET_WORDS: &[&str] = &["key", "secret", "token", "sas", "password"];
/// The hosts that hand credentials to programs on a cloud's machines.
const METADATA_HOSTS: &[&str] =
    &["169.254.169.254", "169.254.170.2", "169.254.170.23", "metadata.google.internal", "metadata"];

/// The reason for which an object store cannot be used. It is the source of a [`StoreError::Unavailable`] if a
/// later try may succeed, and otherwise of a [`StoreError::Backend`].
///
/// No message contains credentials.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ObjectsError {
    /// The URL names no object store.
    #[error("{url} is not the URL of an object store: {reason}")]
    Url {
        /// The URL, in backquotes.
        url: String,
        /// The part that is wrong, and the remedy.
        reason: String,
    },
    /// A setting is missing or invalid.
    #[error("{place}: invalid settings ({reason}): check the environment variables {variables}*")]
    Settings {
        /// The URL of the object store.
        place: String,
        /// The setting that is wrong.
        reason: String,
        /// The start of the environment variables.
        variables: &'static str,
    },
    /// The bucket, container or directory does not exist.
    #[error("{place}: the {container} does not exist: create it, or check the URL and {endpoint}")]
    NotFound {
        /// The URL of the object store.
        place: String,
        /// The word for it: bucket, container or directory.
        container: &'static str,
        /// The settings that decide where requests are sent.
        endpoint: &'static str,
    },
    /// No credentials are configured, and the machine provides none.
    #[error("{place}: there are no credentials: set {credentials}")]
    NoCredentials {
        /// The URL of the object store.
        place: String,
        /// The environment variables with credentials.
        credentials: &'static str,
    },
    /// The credentials are wrong, expired, or lack a permission.
    #[error(
        "{place}: the credentials were refused ({reason}): check {credentials}, and that they may list, read, write \
         and delete objects"
    )]
    Refused {
        /// The URL of the object store.
        place: String,
        /// The provider's error code, or the status.
        reason: String,
        /// The environment variables with credentials.
        credentials: &'static str,
    },
    /// The endpoint cannot be reached.
    #[error("{place} cannot be reached ({reason}): check {endpoint} and the network")]
    Unreachable {
        /// The URL of the object store.
        place: String,
        /// The host, and the failure of the connection.
        reason: String,
        /// The settings that decide where requests are sent.
        endpoint: &'static str,
    },
    /// The object store took too long.
    #[error("{place}: no response within {limit:?}: check the network, or raise the timeout")]
    Timeout {
        /// The URL of the object store.
        place: String,
        /// The time that the operation had.
        limit: Duration,
    },
    /// The object store is overloaded or failed.
    #[error("{place}: the service failed ({reason}): try again later")]
    Unavailable {
        /// The URL of the object store.
        place: String,
        /// The provider's error code, or the status.
        reason: String,
    },
    /// Any other failure.
    #[error("{place}: the request failed ({reason})")]
    Other {
        /// The URL of the object store.
        place: String,
        /// The provider's error code, or the message of the client.
        reason: String,
    },
}

impl ObjectsError {
    pub(super) fn into_store_error(self) -> StoreError {
        let (store, source) = (STORE, Box::new(self));
        match *source {
            Self::Unreachable { .. } | Self::Timeout { .. } | Self::Unavailable { .. } => {
                StoreError::Unavailable { store, source }
            }
            _ => StoreError::Backend { store, source },
        }
    }
}

/// The failure of an operation: the error of the client, and the last response that was not a success.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) error: object_store::Error,
    pub(super) failure: Option<RequestFailure>,
}

/// The place of an object store, and the values that no message may contain.
#[derive(Clone)]
pub(super) struct Explainer {
    pub(super) place: Place,
    secrets: Vec<String>,
    limit: Duration,
}

impl fmt::Debug for Explainer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Explainer").field(&self.place).finish()
    }
}

impl Explainer {
    pub(super) fn new(place: Place, values: &[(String, String)], limit: Duration) -> Self {
        let is_secret = |name: &str| {
            !name.ends_with("_file") && SECRET_WORDS.iter().any(|it| name.contains(it))
        };
        let values = values.iter().filter(|(name, _)| is_secret(name)).map(|(_, value)| value);
        let mut secrets = Vec::new();
        for value in values {
            // A key of Google is a JSON object, of which an error may repeat a part.
            if let Ok(serde_json::Value::Object(parts)) = serde_json::from_str(value) {
                secrets.extend(parts.values().filter_map(|it| it.as_str()).map(str::to_owned));
            }
            secrets.push(value.clone());
        }
        secrets.retain(|it| it.len() >= MIN_SECRET_CHARS);
        Self { place, secrets, limit }
    }

    /// Describes settings that cannot be used.
    pub(super) fn settings(&self, error: &object_store::Error) -> ObjectsError {
        let variables = self.place.provider.variables();
        let reason = match error {
            object_store::Error::Generic { source, .. } => source.to_string(),
            other => other.to_string(),
        };
        let place = self.place.to_string();
        ObjectsError::Settings { place, reason: self.clean(&reason), variables }
    }

    /// Describes an operation that took too long. The failure of its last try says more than the time.
    pub(super) fn timeout(&self, failure: Option<RequestFailure>) -> ObjectsError {
        match failure {
            Some(failure) => self.failure(failure),
            None => ObjectsError::Timeout { place: self.place.to_string(), limit: self.limit },
        }
    }

    pub(super) fn no_container(&self) -> ObjectsError {
        let endpoint = self.place.provider.endpoint();
        let container = self.place.container();
        ObjectsError::NotFound { place: self.place.to_string(), container, endpoint }
    }

    pub(super) fn other(&self, reason: &str) -> ObjectsError {
        ObjectsError::Other { place: self.place.to_string(), reason: self.clean(reason) }
    }

    /// Describes the failure of an operation.
    pub(super) fn operation(&self, failed: Failed) -> ObjectsError {
        match failed.failure {
            Some(failure) => self.failure(failure),
            None => self.other(&failed.error.to_string()),
        }
    }

    /// Returns `true` if an object does not exist, in a bucket that does.
    pub(super) fn is_missing_object(failed: &Failed) -> bool {
        let is_missing = matches!(failed.error, object_store::Error::NotFound { .. });
        is_missing
            && match &failed.failure {
                Some(RequestFailure::Response { host, code, .. }) => {
                    !is_metadata(host) && !is_missing_container(code.as_deref())
                }
                Some(RequestFailure::NoResponse { .. }) => false,
                None => true,
            }
    }

    fn failure(&self, failure: RequestFailure) -> ObjectsError {
        let place = self.place.to_string();
        let credentials = self.place.provider.credentials();
        let endpoint = self.place.provider.endpoint();
        if is_metadata(failure.host()) {
            return ObjectsError::NoCredentials { place, credentials };
        }
        let (status, code) = match failure {
            RequestFailure::NoResponse { host, kind, reason } => {
                let reason = self.clean(&format!("{host}: {reason}"));
                return match kind {
                    HttpErrorKind::Decode => ObjectsError::Other { place, reason },
                    _ => ObjectsError::Unreachable { place, reason, endpoint },
                };
            }
            RequestFailure::Response { status, code, .. } => (status, code),
        };
        let reason = match &code {
            Some(code) => self.clean(code),
            None => format!("status {status}"),
        };
        match (status, code.as_deref().unwrap_or_default()) {
            (_, code) if is_missing_container(Some(code)) => self.no_container(),
            (401 | 403, _) | (_, "ExpiredToken" | "InvalidToken" | "InvalidAccessKeyId") => {
                ObjectsError::Refused { place, reason, credentials }
            }
            (300..=399, _) | (_, "AuthorizationHeaderMalformed" | "PermanentRedirect") => {
                let container = self.place.container();
                let reason = format!("{reason}: the {container} is in another region");
                ObjectsError::Unreachable { place, reason, endpoint }
            }
            (408 | 429 | 500..=599, _) => ObjectsError::Unavailable { place, reason },
            _ => ObjectsError::Other { place, reason },
        }
    }

    /// Returns a message without credentials and control characters.
    fn clean(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.secrets {
            text = text.replace(secret.as_str(), "***");
        }
        let printable = text.chars().map(|it| if it.is_control() { ' ' } else { it });
        printable.take(MAX_REASON_CHARS).collect()
    }
}

/// Returns `true` for a cloud's metadata server: if it fails, there are no credentials.
fn is_metadata(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    METADATA_HOSTS.contains(&name)
}

fn is_missing_container(code: Option<&str>) -> bool {
    matches!(code, Some("NoSuchBucket" | "ContainerNotFound" | "InvalidBucketName"))
}

/// Returns the code in the XML or JSON of an error response.
pub(super) fn code(body: &str) -> Option<String> {
    let xml = body.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
    let found = xml.map(|(code, _)| code.trim().to_owned()).or_else(|| {
        let json = serde_json::from_str::<serde_json::Value>(body).ok()?;
        let error = json.get("error")?;
        let text =
            error.as_str().or_else(|| error.get("status").or(error.get("message"))?.as_str())?;
        Some(text.to_owned())
    })?;
    let is_code = (1..=60).contains(&found.len()) && !found.contains(['<', '&', '\n']);
    is_code.then_some(found)
}
