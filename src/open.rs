//! The shortest way to a durable engine.

use std::path::Path;

use crate::Engine;
use crate::engine::EngineBuilder;
use crate::error::Error;
use crate::fetch::Http;
use crate::stores::Sled;

impl Engine {
    /// Opens an engine on the sled store in `dir`, with HTTP tiers 1, 2 and 3.5 and the built-in extractor.
    ///
    /// Use [`EngineBuilder::open`] to add webhooks, proxies or a browser. Both block while the store is opened and must be
    /// called inside a tokio runtime.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] if the store cannot be opened.
    ///
    /// # Example
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), rungs::Error> {
    /// # let dir = std::env::temp_dir().join(format!("rungs-open-{}", std::process::id()));
    /// let engine = rungs::Engine::open(&dir)?;
    /// assert!(engine.batches(None, 10).await?.is_empty());
    /// engine.shutdown().await;
    /// # std::fs::remove_dir_all(&dir)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, Error> {
        Self::builder().open(dir)
    }
}

impl EngineBuilder {
    /// Opens the engine on the sled store in `dir`, instead of calling [`EngineBuilder::store`] and
    /// [`EngineBuilder::build`]. Without a fetcher it uses [`Http::new`].
    ///
    /// # Errors
    ///
    /// [`Error::Store`] if the store cannot be opened, [`Error::Build`] if the parts do not fit together.
    ///
    /// # Example
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), rungs::Error> {
    /// # let dir = std::env::temp_dir().join(format!("rungs-builder-{}", std::process::id()));
    /// use rungs::prelude::*;
    ///
    /// let webhooks = Webhooks::signed_with("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    /// let engine = Engine::builder().webhooks(webhooks).open(&dir)?;
    /// # engine.shutdown().await;
    /// # std::fs::remove_dir_all(&dir)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn open(self, dir: impl AsRef<Path>) -> Result<Engine, Error> {
        let store = Sled::open(dir.as_ref())?;
        let builder = if self.has_fetcher() { self } else { self.http(Http::new()) };
        Ok(builder.store(store).build()?)
    }
}
