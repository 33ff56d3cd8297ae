//! The schema of an installation: created by the first process, checked by every other.

use tokio_postgres::types::Type;

use crate::ports::store::StoreError;

use super::STORE;
use super::config::Target;
use super::error::{Failure, invalid};
use super::link::Session;

/// The version of the schema that this release reads and writes.
const VERSION: i32 = 1;
/// The oldest server that has every function that the statements use.
const OLDEST_SERVER: i32 = 140_000;
/// The first half of the key of the advisory lock under which a schema is created. The second is a hash of its name.
const LOCK: i32 = 0x7275_6e67;

/// Checks the server, and creates the schema if it is missing.
pub(super) async fn prepare(session: &Session, target: &Target) -> Result<(), StoreError> {
    check_server(session).await.map_err(Failure::into_store_error)?;
    if is_created(session, target).await? {
        return Ok(());
    }
    session.execute("BEGIN").await.map_err(Failure::into_store_error)?;
    let created = create(session, target).await;
    let end = if created.is_ok() { "COMMIT" } else { "ROLLBACK" };
    let ended = session.execute(end).await.map_err(Failure::into_store_error);
    created.and(ended)
}

/// Checks the server, and that the schema exists.
pub(super) async fn check(session: &Session, target: &Target) -> Result<(), StoreError> {
    check_server(session).await.map_err(Failure::into_store_error)?;
    if is_created(session, target).await? {
        return Ok(());
    }
    Err(StoreError::Missing { store: STORE, place: target.to_string() })
}

async fn check_server(session: &Session) -> Result<(), Failure> {
    let sql = "SELECT current_setting('server_version_num')::integer, current_setting('server_version'), \
               current_setting('server_encoding')";
    let rows = session.query(sql, &[]).await?;
    let row = rows.first().ok_or_else(|| Failure::Refused(invalid("the server has no version")))?;
    let (number, name, encoding): (i32, String, String) = (row.get(0), row.get(1), row.get(2));
    if number < OLDEST_SERVER {
        return Err(Failure::Refused(invalid(format!(
            "the server is PostgreSQL {name}: use version 14 or later"
        ))));
    }
    tracing::debug!(version = name, encoding, "the database is connected");
    Ok(())
}

/// Returns `true` if the schema exists.
///
/// # Errors
///
/// [`StoreError::Backend`] if it has another version.
async fn is_created(session: &Session, target: &Target) -> Result<bool, StoreError> {
    let schema = target.quoted_schema();
    // Not `to_regclass`: after a wait for a lock, the server may answer it from a cache of before.
    let sql = "SELECT EXISTS (SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
               WHERE n.nspname = $1 AND c.relname = 'version')";
    let name = [(&target.schema as _, Type::TEXT)];
    let rows = session.query(sql, &name).await.map_err(Failure::into_store_error)?;
    if !rows.first().is_some_and(|it| it.get::<_, bool>(0)) {
        return Ok(false);
    }
    let sql = format!("SELECT max(number) FROM {schema}.version");
    let rows = session.query(&sql, &[]).await.map_err(Failure::into_store_error)?;
    let found: Option<i32> = rows.first().and_then(|it| it.get(0));
    match found {
        Some(VERSION) => Ok(true),
        Some(newer) if newer > VERSION => Err(invalid(format!(
            "the schema `{}` has version {newer}, and this release uses version {VERSION}: use the release that \
             created it, or another schema",
            target.schema
        ))),
        _ => Err(invalid(format!(
            "the schema `{}` has no version that this release knows: restore it from a backup, or use another schema",
            target.schema
        ))),
    }
}

async fn create(session: &Session, target: &Target) -> Result<(), StoreError> {
    let schema = target.quoted_schema();
    let lock = format!("SELECT pg_advisory_xact_lock({LOCK}, hashtext('{schema}'))");
    session.execute(&lock).await.map_err(Failure::into_store_error)?;
    // Another process may have created it while this one waited.
    if is_created(session, target).await? {
        return Ok(());
    }
    // Only if it is missing: the server asks for the permission to create it even if there is nothing to do.
    let sql = "SELECT NOT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = $1)";
    let name = [(&target.schema as _, Type::TEXT)];
    let rows = session.query(sql, &name).await.map_err(Failure::into_store_error)?;
    if rows.first().is_some_and(|it| it.get(0)) {
        let sql = format!("CREATE SCHEMA {schema}");
        session.execute(&sql).await.map_err(Failure::into_store_error)?;
    }
    let sql = include_str!("schema.sql").replace("{schema}", &schema);
    session.execute(&sql).await.map_err(Failure::into_store_error)
}
