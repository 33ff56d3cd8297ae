//! The requests to an object store: one object each, within a deadline.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::atomic::AtomicU64;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{BackoffConfig, ObjectStore, ObjectStoreExt, PutPayload, RetryConfig};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::core::id::BatchId;
use crate::stores::objects::error::{Explainer, Failed};
use crate::stores::objects::location::{Location, ObjectName, batch_path};
use crate::stores::objects::packs::Packs;
use crate::stores::objects::place::{Place, Provider};
use crate::stores::objects::recent::Recent;
use crate::stores::objects::transport::{Transport, observed};
use crate::stores::objects::{ObjectsError, ObjectsOptions};
use crate::stores::sync_ancestors;

/// The number of objects that are deleted with one request where the provider can.
const DELETE_AT_ONCE: usize = 1_000;
/// The waits between two tries of a request.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// The maximum number of attempts to remove a batch's directory while another process adds files to it.
const REMOVALS: usize = 3;

/// An object store and the objects that this handle writes to it.
#[derive(Debug)]
pub(super) struct Bucket {
    store: Box<dyn ObjectStore>,
    explainer: Explainer,
    permits: Semaphore,
    limit: Duration,
    /// A random number in the names of this handle's objects.
    pub(super) writer: u64,
    pub(super) objects_put: AtomicU64,
    pub(super) packs: Packs,
    pub(super) recent: Recent,
}

impl Bucket {
    pub(super) fn open(url: &str, options: ObjectsOptions) -> Result<Self, ObjectsError> {
        let place = Place::parse(url)?;
        let values = options.values(place.provider.variables());
        let limit = options.timeout;
        let explainer = Explainer::new(place.clone(), &values, limit);
        let permits = options.max_requests.clamp(1, Semaphore::MAX_PERMITS);
        let opened = match place.provider {
            Provider::Directory => {
                let created = std::fs::create_dir_all(&place.dir);
                // Files sync their own directories, up to this one.
                let created = created.and_then(|()| sync_ancestors(&place.dir));
                created.map_err(|error| explainer.other(&error.to_string()))?;
                directory(&place)
            }
            Provider::S3 => s3(&place, &values, options),
            Provider::Gcs => gcs(&place, &values, options),
            Provider::Azure => azure(&place, &values, options),
        };
        let store = opened.map_err(|error| explainer.settings(&error))?;
        let writer = getrandom::u64().map_err(|error| explainer.other(&error.to_string()))?;
        Ok(Self {
            store,
            explainer,
            permits: Semaphore::new(permits),
            limit,
            writer,
            objects_put: AtomicU64::new(0),
            packs: Packs::default(),
            recent: Recent::default(),
        })
    }

    fn place(&self) -> &Place {
        &self.explainer.place
    }

    fn path(&self, batch: BatchId, object: ObjectName) -> Path {
        batch_path(&self.place().prefix, batch).join(object.to_string())
    }

    /// Runs an operation within the deadline, which includes the wait for a permit.
    async fn request<T>(
        &self,
        request: impl Future<Output = object_store::Result<T>>,
    ) -> Result<Result<T, Failed>, ObjectsError> {
        let permitted = async {
            // The semaphore is never closed, so this cannot fail.
            let _permit = self.permits.acquire().await;
            request.await
        };
        match observed(timeout(self.limit, permitted)).await {
            (Ok(Ok(done)), _) => Ok(Ok(done)),
            (Ok(Err(error)), failure) => Ok(Err(Failed { error, failure })),
            (Err(_), failure) => Err(self.explainer.timeout(failure)),
        }
    }

    pub(super) async fn put_object(
        &self,
        batch: BatchId,
        object: ObjectName,
        bytes: Bytes,
    ) -> Result<(), ObjectsError> {
        self.put_path(&self.path(batch, object), bytes).await
    }

    async fn put_path(&self, path: &Path, bytes: Bytes) -> Result<(), ObjectsError> {
        let payload = PutPayload::from_bytes(bytes);
        match self.request(self.store.put(path, payload)).await? {
            Ok(_) => Ok(()),
            Err(failed) => Err(self.explainer.operation(failed)),
        }
    }

    /// Returns the bytes at a location, or `None` if there is no such object.
    pub(super) async fn get(&self, location: &Location) -> Result<Option<Bytes>, ObjectsError> {
        if let Some(bytes) = self.recent.get(location) {
            return Ok(Some(bytes));
        }
        let path = self.path(location.batch, location.object);
        let range = location.offset..location.offset.saturating_add(u64::from(location.length));
        match self.request(self.store.get_range(&path, range)).await? {
            Ok(bytes) => Ok(Some(bytes)),
            Err(failed) if Explainer::is_missing_object(&failed) => {
                // If the directory itself is missing, a missing object proves nothing.
                let is_gone =
                    self.place().provider == Provider::Directory && !self.place().dir.is_dir();
                if is_gone { Err(self.explainer.no_container()) } else { Ok(None) }
            }
            Err(failed) => Err(self.explainer.operation(failed)),
        }
    }

    /// Deletes every object of a batch.
    pub(super) async fn remove(&self, batch: BatchId) -> Result<(), ObjectsError> {
        self.recent.remove(batch);
        let path = batch_path(&self.place().prefix, batch);
        if self.place().provider == Provider::Directory {
            // Also removes unfinished files of killed processes, which `list` omits.
            return self.remove_dir(&path).await;
        }
        let mut objects = self.store.list(Some(&path));
        let mut chunk = Vec::new();
        while let Some(object) = self.next(&mut objects).await? {
            chunk.push(object.map_err(|it| self.explainer.operation(it))?.location);
            if chunk.len() == DELETE_AT_ONCE {
                self.delete(std::mem::take(&mut chunk)).await?;
            }
        }
        if chunk.is_empty() { Ok(()) } else { self.delete(chunk).await }
    }

    async fn delete(&self, objects: Vec<Path>) -> Result<(), ObjectsError> {
        let mut deleted = self.store.delete_stream(Box::pin(Iter(objects.into_iter())));
        while let Some(object) = self.next(&mut deleted).await? {
            match object {
                Ok(_) => {}
                // Another process was faster.
                Err(failed) if Explainer::is_missing_object(&failed) => {}
                Err(failed) => return Err(self.explainer.operation(failed)),
            }
        }
        Ok(())
    }

    /// Returns the next item of a list, which may take a request.
    async fn next<T>(
        &self,
        stream: &mut (impl Stream<Item = object_store::Result<T>> + Unpin),
    ) -> Result<Option<Result<T, Failed>>, ObjectsError> {
        let next = poll_fn(|context| Pin::new(&mut *stream).poll_next(context));
        match observed(timeout(self.limit, next)).await {
            (Ok(next), failure) => Ok(next.map(|it| it.map_err(|error| Failed { error, failure }))),
            (Err(_), failure) => Err(self.explainer.timeout(failure)),
        }
    }

    async fn remove_dir(&self, path: &Path) -> Result<(), ObjectsError> {
        let root = self.place().dir.clone();
        let dir = path.parts().fold(root.clone(), |dir, part| dir.join(part.as_ref()));
        let removal = tokio::task::spawn_blocking(move || {
            let mut tries = 1;
            loop {
                match std::fs::remove_dir_all(&dir) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {
                        return root.metadata().map(|_| ());
                    }
                    Err(error)
                        if error.kind() == io::ErrorKind::DirectoryNotEmpty && tries < REMOVALS =>
                    {
                        tries += 1;
                    }
                    done => return done,
                }
            }
        });
        match timeout(self.limit, removal).await.map_err(|_| self.explainer.timeout(None))? {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => {
                Err(self.explainer.no_container())
            }
            Ok(Err(error)) => Err(self.explainer.other(&error.to_string())),
            Err(error) => Err(self.explainer.other(&error.to_string())),
        }
    }

    /// Writes, reads, lists and deletes a small object.
    pub(super) async fn check(&self) -> Result<(), ObjectsError> {
        let dir = self.place().prefix.clone().join("check");
        let path = dir.clone().join(self.next_name().to_string());
        self.put_path(&path, Bytes::copy_from_slice(path.as_ref().as_bytes())).await?;
        let read = self.request(self.store.get_range(&path, 0..path.as_ref().len() as u64)).await?;
        read.map_err(|it| self.explainer.operation(it))?;
        let mut listed = self.store.list(Some(&dir));
        if let Some(Err(failed)) = self.next(&mut listed).await? {
            return Err(self.explainer.operation(failed));
        }
        self.delete(vec![path]).await
    }

    pub(super) fn interrupted(&self) -> ObjectsError {
        self.explainer.other("the write was interrupted")
    }

    pub(super) fn too_large(&self) -> ObjectsError {
        self.explainer.other("a body exceeds 4 GiB: lower `max_response_bytes`")
    }
}

/// Adapts an iterator to a stream.
struct Iter<I>(I);

impl<I: Iterator<Item = Path> + Unpin> Stream for Iter<I> {
    type Item = object_store::Result<Path>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.next().map(Ok))
    }
}

type Opened = object_store::Result<Box<dyn ObjectStore>>;

fn retry(options: &ObjectsOptions) -> RetryConfig {
    let backoff = BackoffConfig { init_backoff: FIRST_WAIT, max_backoff: LONGEST_WAIT, base: 2.0 };
    RetryConfig { backoff, max_retries: options.retries, retry_timeout: options.timeout }
}

/// Applies the values whose names a provider knows. The environment may contain others that begin alike.
macro_rules! configured {
    ($builder:expr, $values:expr) => {
        $values.iter().fold($builder, |builder, (name, value)| match name.parse() {
            Ok(key) => builder.with_config(key, value),
            Err(_) => builder,
        })
    };
}

fn s3(place: &Place, values: &[(String, String)], options: ObjectsOptions) -> Opened {
    let builder = configured!(AmazonS3Builder::new(), values)
        .with_bucket_name(&place.bucket)
        .with_retry(retry(&options))
        .with_http_connector(Transport::new(options));
    Ok(Box::new(builder.build()?))
}

fn gcs(place: &Place, values: &[(String, String)], options: ObjectsOptions) -> Opened {
    let builder = configured!(GoogleCloudStorageBuilder::new(), values)
        .with_bucket_name(&place.bucket)
        .with_retry(retry(&options))
        .with_http_connector(Transport::new(options));
    Ok(Box::new(builder.build()?))
}

fn azure(place: &Place, values: &[(String, String)], options: ObjectsOptions) -> Opened {
    let builder = configured!(MicrosoftAzureBuilder::new(), values)
        .with_container_name(&place.bucket)
        .with_retry(retry(&options))
        .with_http_connector(Transport::new(options));
    Ok(Box::new(builder.build()?))
}

fn directory(place: &Place) -> Opened {
    Ok(Box::new(LocalFileSystem::new_with_prefix(&place.dir)?.with_fsync(true)))
}
