//! Errors of the server, with their remedies.

use std::error::Error;

use tokio_postgres::error::SqlState;

use crate::ports::store::StoreError;
use crate::stores::codec::CodecError;

use super::STORE;
use super::config::Target;

/// Returns an error that a retry does not help against.
pub(super) fn invalid(why: impl Into<String>) -> StoreError {
    StoreError::Backend { store: STORE, source: why.into().into() }
}

/// Returns an error for a value that cannot be decoded.
pub(super) fn from_codec(error: CodecError) -> StoreError {
    StoreError::Backend { store: STORE, source: Box::new(error) }
}

/// Returns the error of a store without the runtime that its tasks ran on.
pub(super) fn ended() -> StoreError {
    unavailable("the runtime that opened the store has ended: open the store again")
}

/// Returns the reason in the store's error.
pub(super) fn reason(error: &StoreError) -> String {
    error.source().map_or_else(|| error.to_string(), ToString::to_string)
}

/// Returns an error for a server that cannot be reached. Nothing was written.
pub(super) fn unavailable(why: impl Into<String>) -> StoreError {
    StoreError::Unavailable { store: STORE, source: why.into().into() }
}

/// The reason why a statement failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The connection is gone or of no use. Nothing is known about the statement.
    Lost(String),
    /// Another transaction changed a record first.
    Conflict,
    /// The server refused the statement, and would do so again.
    Refused(StoreError),
}

impl Failure {
    /// Sorts the error of a statement on an open connection.
    pub(super) fn of(error: &tokio_postgres::Error, target: &Target) -> Self {
        let Some(code) = error.code() else {
            // A request that cannot be encoded, or a response that cannot be decoded, does not mean a lost connection.
            return if error.is_closed() || is_io(error) {
                Self::Lost(told(error))
            } else {
                Self::Refused(invalid(told(error)))
            };
        };
        match code.code().get(..2).unwrap_or_default() {
            // Conflicts between transactions: serialization failures and deadlocks.
            "40" => Self::Conflict,
            // Lost connections, a server that ends or begins, and one that became a standby.
            "08" | "57" => Self::Lost(told(error)),
            "25" if *code == SqlState::READ_ONLY_SQL_TRANSACTION => {
                Self::Lost(explained(error, target))
            }
            _ => Self::Refused(invalid(explained(error, target))),
        }
    }

    pub(super) fn into_store_error(self) -> StoreError {
        match self {
            Self::Lost(why) => unavailable(why),
            Self::Conflict => StoreError::Conflict,
            Self::Refused(error) => error,
        }
    }
}

fn is_io(error: &tokio_postgres::Error) -> bool {
    error.source().is_some_and(<dyn Error>::is::<std::io::Error>)
}

/// Returns the error of a connection attempt, with its remedy.
pub(super) fn explained(error: &tokio_postgres::Error, target: &Target) -> String {
    let (user, database) = (target.user(), target.database());
    let remedy = match error.code() {
        Some(it) if *it == SqlState::INVALID_PASSWORD || *it == SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
            format!("check the user `{user}` and the password in the URL, and the server's pg_hba.conf")
        }
        Some(it) if *it == SqlState::INVALID_CATALOG_NAME => {
            format!("create it with `createdb {database}`, or name another database in the URL")
        }
        Some(it) if *it == SqlState::INSUFFICIENT_PRIVILEGE => format!(
            "let an administrator run `GRANT CREATE ON DATABASE \"{database}\" TO \"{user}\"`, or `ALTER SCHEMA \"{}\" \
             OWNER TO \"{user}\"` if the schema exists",
            target.schema
        ),
        Some(it) if *it == SqlState::TOO_MANY_CONNECTIONS => {
            "raise `max_connections` of the server, or put PgBouncer in front of it".to_owned()
        }
        Some(it) if *it == SqlState::READ_ONLY_SQL_TRANSACTION => {
            "name the primary server in the URL, or all servers with `target_session_attrs=read-write`".to_owned()
        }
        Some(it) if *it == SqlState::DISK_FULL => "free space on the server's disk".to_owned(),
        Some(it) if *it == SqlState::UNDEFINED_TABLE || *it == SqlState::INVALID_SCHEMA_NAME => {
            "the schema was removed while it was in use: restart the process".to_owned()
        }
        Some(_) => return told(error),
        None => remedy_of_connection(error),
    };
    format!("{}: {remedy}", told(error))
}

/// Returns the remedy for a connection that was not made.
fn remedy_of_connection(error: &tokio_postgres::Error) -> String {
    let text = told(error);
    if text.contains("certificate") {
        "name its root certificate with `sslrootcert=FILE` in the URL, or the host for which it was issued".to_owned()
    } else if text.contains("does not support TLS") {
        "turn `ssl` on at the server, or add `sslmode=disable` to the URL".to_owned()
    } else if text.contains("password missing") {
        "add the password to the URL: postgres://user:password@host/database".to_owned()
    } else {
        "check the host and the port in the URL, and that the server runs".to_owned()
    }
}

/// Returns the error in words. The driver's own message leaves out the server's.
pub(super) fn told(error: &tokio_postgres::Error) -> String {
    if let Some(it) = error.as_db_error() {
        let detail = it.detail().map(|it| format!(" ({it})")).unwrap_or_default();
        return format!("{}{detail} [{}]", it.message(), it.code().code());
    }
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
