//! The shortest way to an engine: every default, in one line.

use std::path::Path;

use crate::error::Error;
use crate::fetch::Http;
use crate::stores::Sled;
use crate::{Engine, engine::EngineBuilder};

impl Engine {
    /// Opens an engine on the sled store in `dir` with the built-in parts: HTTP tiers 1, 2 and 3.5
    /// and the built-in extractor. Webhooks and proxies need [`Engine::builder`].
    ///
    /// It blocks while the store is opened, and must be called inside a tokio runtime.
    ///
    /// # Example
    ///
    /// ```
    /// # let dir = std::env::temp_dir().join(format!("rungs-open-{}", std::process::id()));
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// let engine = rungs::Engine::open(&dir)?;
    /// assert!(engine.batches(None, 10).await?.is_empty());
    /// engine.shutdown().await;
    /// # Ok::<(), rungs::Error>(())
    /// # })?;
    /// # std::fs::remove_dir_all(&dir).ok();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, Error> {
        let store = Sled::open(dir.as_ref())?;
        let builder: EngineBuilder = Self::builder().store(store).http(Http::new());
        Ok(builder.build()?)
    }
}
