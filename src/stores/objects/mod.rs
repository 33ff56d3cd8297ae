//! Result bodies in an object store: a bucket of S3, GCS or Azure, or a directory.
//!
//! This module decides how bodies are named, grouped into objects, and removed. Records stay in the store beside it.
//!
//! # Invariants
//!
//! * Every object of a batch is below one path, so that removing the batch also removes the bodies of commits that
//!   failed and of processes that were killed.
//! * The name of an object is never used twice, by any process.
//! * No message contains credentials.

mod bucket;
mod error;
mod location;
mod options;
mod packs;
mod place;
mod recent;
mod transport;

use std::sync::Arc;

use bucket::Bucket;
pub use error::ObjectsError;
use location::{Compressed, Location};
pub use options::ObjectsOptions;

use crate::core::id::BatchId;
use crate::core::job::BodyRef;
use crate::ports::BoxFuture;
use crate::ports::store::{Bodies, StoreError};
use crate::stores::blocking_if_long;
use crate::stores::compress::BodyCodec;

const STORE: &str = "objects";
/// The size of a body, in bytes, up to which it is compressed and hashed without a change of threads.
const SHORT_BYTES: usize = 65_536;

/// Keeps bodies in an object store, which several processes and machines can share.
///
/// Pass it to [`EngineBuilder::bodies`](crate::engine::EngineBuilder::bodies) together with any store of records.
/// Bodies are compressed, and read with a checksum. A body is durable when `put` returns. Bodies of one batch that
/// arrive while another one is being written share an object, so that a busy engine needs fewer requests than pages.
///
/// Credentials and endpoints come from the environment variables of the provider's own tools (`AWS_*`, `GOOGLE_*`,
/// `AZURE_*`), or from [`ObjectsOptions`].
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), rungs::Error> {
/// use rungs::Engine;
/// use rungs::fetch::Http;
/// use rungs::stores::{Memory, Objects};
///
/// # let dir = std::env::temp_dir().join(format!("rungs-objects-{}", std::process::id()));
/// # let url = format!("file://{}", dir.display());
/// let bodies = Objects::open(&url)?; // or s3://bucket/prefix, gs://bucket/prefix, az://container/prefix
/// bodies.check().await?;
/// let engine = Engine::builder().store(Memory::default()).bodies(bodies).http(Http::new()).build()?;
/// # engine.shutdown().await;
/// # std::fs::remove_dir_all(&dir)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Objects {
    bucket: Arc<Bucket>,
    codec: Arc<BodyCodec>,
    previous: Option<Arc<dyn Bodies>>,
}

impl Objects {
    /// Opens `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix` or `file:///directory`, with the
    /// settings of the environment. No request is sent; a missing directory is created.
    ///
    /// # Errors
    ///
    /// [`StoreError::Backend`] with an [`ObjectsError`] if the URL or a setting is invalid.
    pub fn open(url: &str) -> Result<Self, StoreError> {
        Self::open_with(url, ObjectsOptions::new())
    }

    /// Opens an object store with these settings.
    ///
    /// # Errors
    ///
    /// As [`Objects::open`].
    pub fn open_with(url: &str, options: ObjectsOptions) -> Result<Self, StoreError> {
        let bucket = Bucket::open(url, options).map_err(ObjectsError::into_store_error)?;
        let bucket = Arc::new(bucket);
        Ok(Self { bucket, codec: Arc::default(), previous: None })
    }

    /// Reads and removes bodies that are in `previous` and not in the object store, such as those of an engine that
    /// ran without it. New bodies go to the object store.
    #[must_use]
    pub fn with_previous(mut self, previous: Arc<dyn Bodies>) -> Self {
        self.previous = Some(previous);
        self
    }

    /// Checks that objects can be written, read, listed and deleted, with one small object below the path `check`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Backend`] or [`StoreError::Unavailable`], with an [`ObjectsError`] that names the remedy.
    pub async fn check(&self) -> Result<(), StoreError> {
        self.bucket.check().await.map_err(ObjectsError::into_store_error)
    }

    async fn put_body(&self, batch: BatchId, body: Vec<u8>) -> Result<BodyRef, StoreError> {
        let codec = Arc::clone(&self.codec);
        let is_long = body.len() > SHORT_BYTES;
        let compress = move || codec.compress(&body).map(Compressed::new).map_err(failed);
        let compressed = blocking_if_long(is_long, STORE, compress).await?;
        let location = self.bucket.store(batch, compressed).await;
        let location = location.map_err(ObjectsError::into_store_error)?;
        Ok(BodyRef(location.to_string()))
    }

    async fn get_body(&self, body: BodyRef) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(location) = Location::parse(&body.0) else {
            return match &self.previous {
                Some(previous) => previous.get(body).await,
                None => Err(damaged(format!("`{}` names no body", shown(&body.0)))),
            };
        };
        let found = self.bucket.get(&location).await.map_err(ObjectsError::into_store_error)?;
        let Some(compressed) = found else { return Ok(None) };
        let is_long = u64::from(location.length) > SHORT_BYTES as u64;
        let codec = Arc::clone(&self.codec);
        let read = move || {
            if !location.matches(&compressed) {
                return Err(damaged(format!("`{location}` is not what was written")));
            }
            codec.decompress(&compressed).map_err(|it| damaged(it.to_string()))
        };
        blocking_if_long(is_long, STORE, read).await.map(Some)
    }

    async fn remove_bodies(&self, batch: BatchId) -> Result<(), StoreError> {
        if let Some(previous) = &self.previous {
            previous.remove(batch).await?;
        }
        self.bucket.remove(batch).await.map_err(ObjectsError::into_store_error)
    }
}

fn failed(source: std::io::Error) -> StoreError {
    StoreError::Backend { store: STORE, source: Box::new(source) }
}

fn damaged(what: String) -> StoreError {
    StoreError::Damaged { store: STORE, what }
}

fn shown(reference: &str) -> String {
    reference.chars().take(80).collect()
}

impl Bodies for Objects {
    fn put(&self, batch: BatchId, body: Vec<u8>) -> BoxFuture<'_, Result<BodyRef, StoreError>> {
        Box::pin(self.put_body(batch, body))
    }

    fn get(&self, body: BodyRef) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>> {
        Box::pin(self.get_body(body))
    }

    fn remove(&self, batch: BatchId) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.remove_bodies(batch))
    }
}
