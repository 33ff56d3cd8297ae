//! The store that `--store` names: a directory with sled, `journal:` and a directory, or the URL of a database.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rungs::ports::store::{Store, StoreError};
use rungs::stores::{Journal, Postgres, Sled};

use crate::error::CliError;

/// The prefix of a journal's directory.
const JOURNAL: &str = "journal:";

/// The beginnings of a database's URL.
const POSTGRES: [&str; 2] = ["postgres://", "postgresql://"];

/// A value of `--store`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StorePath {
    /// The directory of a sled store.
    Sled(PathBuf),
    /// The directory of a journal.
    Journal(PathBuf),
    /// The URL of a database.
    Postgres(String),
}

impl StorePath {
    pub(crate) fn parse(given: &Path) -> Self {
        let text = given.to_str().unwrap_or_default();
        if let Some(dir) = text.strip_prefix(JOURNAL) {
            Self::Journal(PathBuf::from(dir))
        } else if POSTGRES.iter().any(|it| text.starts_with(it)) {
            Self::Postgres(text.to_owned())
        } else {
            Self::Sled(given.to_owned())
        }
    }

    /// Opens the store, creating it if it is missing.
    pub(crate) async fn open(&self) -> Result<Arc<dyn Store>, OpenError> {
        let opened: Result<Arc<dyn Store>, StoreError> = match self {
            Self::Sled(dir) | Self::Journal(dir) if dir.as_os_str().is_empty() => {
                let message = "--store: the directory is missing: use --store journal:DIR";
                return Err(OpenError::Usage(message.to_owned()));
            }
            Self::Sled(dir) => Sled::open(dir).map(|it| Arc::new(it) as _),
            Self::Journal(dir) => Journal::open(dir).map(|it| Arc::new(it) as _),
            Self::Postgres(url) => Postgres::connect(url).await.map(|it| Arc::new(it) as _),
        };
        opened.map_err(|error| match (self, error) {
            (Self::Journal(dir), StoreError::OtherStore { .. }) => {
                let shown = dir.display();
                OpenError::Usage(format!(
                    "--store: {shown} holds a sled store: use --store {shown}"
                ))
            }
            (Self::Sled(dir), StoreError::OtherStore { .. }) => {
                let shown = dir.display();
                OpenError::Usage(format!(
                    "--store: {shown} holds a journal: use --store {JOURNAL}{shown}"
                ))
            }
            (_, error) => OpenError::Store(error),
        })
    }

    /// Opens a store that exists. Creating a missing one would hide a mistyped path or schema.
    pub(crate) async fn open_existing(&self) -> Result<Arc<dyn Store>, OpenError> {
        match self {
            Self::Sled(dir) | Self::Journal(dir) if !dir.is_dir() => {
                let dir = dir.display();
                Err(OpenError::Usage(format!(
                    "no store in {dir}: check the path of --store, or start `rungs serve` on it once"
                )))
            }
            Self::Sled(_) | Self::Journal(_) => self.open().await,
            Self::Postgres(url) => Ok(Arc::new(open_database(url).await?)),
        }
    }

    /// Returns `true` if several processes may have the store open.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }
}

/// Opens a database that has the tables of a store.
pub(crate) async fn open_database(url: &str) -> Result<Postgres, OpenError> {
    Postgres::connect_existing(url).await.map_err(|error| match error {
        StoreError::Missing { place, .. } => OpenError::Usage(format!(
            "no store in {place}: check the URL of --store (its schema is `rungs` unless `?schema=NAME` names \
             another), or start `rungs serve` on it once"
        )),
        error => OpenError::Store(error),
    })
}

/// An error of opening a store.
#[derive(Debug)]
pub(crate) enum OpenError {
    /// The option names the wrong kind of store.
    Usage(String),
    /// The store cannot be opened.
    Store(StoreError),
}

impl From<OpenError> for CliError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Usage(message) => Self::Usage(message),
            OpenError::Store(error) => Self::failed(&error),
        }
    }
}
