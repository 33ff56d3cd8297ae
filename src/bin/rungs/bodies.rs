//! The stores that `--store` and `--bodies` name.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use rungs::engine::EngineBuilder;
use rungs::ports::store::{Store, StoreError};
use rungs::stores::{Memory, Objects, ObjectsError, SealedSessions, SealingKeys};

use crate::error::CliError;
use crate::store::StorePath;

/// Adds the store that `--store` names, or one in memory, the sessions in it if there are keys for them, and the object
/// store that `--bodies` names.
pub(crate) async fn add_stores(
    builder: EngineBuilder,
    store: Option<&Path>,
    url: Option<&str>,
    session_keys: Option<SealingKeys>,
) -> Result<EngineBuilder, CliError> {
    let opened: Arc<dyn Store> = match store {
        Some(path) => StorePath::parse(path).open().await?,
        None => Arc::new(Memory::default()),
    };
    let builder = match session_keys {
        Some(keys) => builder.sessions(SealedSessions::new(Arc::clone(&opened), keys)),
        None => builder,
    };
    match store {
        Some(_) => attach(builder, opened, url).await,
        None => Ok(refuse(builder, url)?.store(opened)),
    }
}

/// Adds the store, and the object store if there is one. It is checked first, so that a wrong URL or wrong credentials
/// end the program at once instead of failing every page.
///
/// Results that the store itself holds, from before `--bodies` was given, are still read and removed.
async fn attach(
    builder: EngineBuilder,
    store: Arc<dyn Store>,
    url: Option<&str>,
) -> Result<EngineBuilder, CliError> {
    let previous = store.bodies();
    let builder = builder.store(store);
    let Some(url) = url else { return Ok(builder) };
    let objects = Objects::open(url).map_err(|it| failed(&it))?;
    objects.check().await.map_err(|it| failed(&it))?;
    Ok(builder.bodies(match previous {
        Some(previous) => objects.with_previous(previous),
        None => objects,
    }))
}

/// Refuses an object store beside a store in memory: nothing would remove its objects after the end of the process.
fn refuse(builder: EngineBuilder, url: Option<&str>) -> Result<EngineBuilder, CliError> {
    if url.is_none() {
        return Ok(builder);
    }
    let message =
        "--bodies: the jobs are in memory, so nothing would remove the results later: add --store";
    Err(CliError::Usage(message.to_owned()))
}

fn failed(error: &StoreError) -> CliError {
    let source = error.source().and_then(|it| it.downcast_ref::<ObjectsError>());
    match source {
        Some(error @ (ObjectsError::Url { .. } | ObjectsError::Settings { .. })) => {
            CliError::Usage(format!("--bodies: {error}"))
        }
        Some(error) => CliError::Failed(format!("--bodies: {error}")),
        None => CliError::failed(error),
    }
}
