//! The store that `--store` names: a directory with sled, or `journal:` and a directory.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rungs::ports::store::{Store, StoreError};
use rungs::stores::{Journal, Sled};

use crate::error::CliError;

/// The prefix of a journal's directory.
const JOURNAL: &str = "journal:";

/// A value of `--store`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StorePath {
    pub(crate) dir: PathBuf,
    is_journal: bool,
}

impl StorePath {
    pub(crate) fn parse(given: &Path) -> Self {
        match given.to_str().and_then(|it| it.strip_prefix(JOURNAL)) {
            Some(dir) => Self { dir: PathBuf::from(dir), is_journal: true },
            None => Self { dir: given.to_owned(), is_journal: false },
        }
    }

    /// Opens the store, creating it if it is missing.
    pub(crate) fn open(&self) -> Result<Arc<dyn Store>, OpenError> {
        let (dir, shown) = (&self.dir, self.dir.display());
        if dir.as_os_str().is_empty() {
            let message = "--store: the directory is missing: use --store journal:DIR";
            return Err(OpenError::Usage(message.to_owned()));
        }
        let opened: Result<Arc<dyn Store>, StoreError> = if self.is_journal {
            Journal::open(dir).map(|it| Arc::new(it) as _)
        } else {
            Sled::open(dir).map(|it| Arc::new(it) as _)
        };
        opened.map_err(|error| match error {
            StoreError::OtherStore { .. } if self.is_journal => OpenError::Usage(format!(
                "--store: {shown} holds a sled store: use --store {shown}"
            )),
            StoreError::OtherStore { .. } => OpenError::Usage(format!(
                "--store: {shown} holds a journal: use --store {JOURNAL}{shown}"
            )),
            error => OpenError::Store(error),
        })
    }

    /// Returns `true` if there is something to open.
    pub(crate) fn exists(&self) -> bool {
        self.dir.is_dir()
    }
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
