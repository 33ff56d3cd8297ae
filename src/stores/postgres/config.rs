//! The URL of a database, and what a connection needs of it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use crate::ports::store::StoreError;

use super::error::invalid;
use super::tls::{Tls, Verification};

/// The schema of an installation whose URL does not name one.
const DEFAULT_SCHEMA: &str = "rungs";
/// The environment variable with the password for a URL without one, as in libpq.
const PASSWORD: &str = "PGPASSWORD";
/// The longest identifier of Postgres, in bytes.
const MAX_IDENTIFIER: usize = 63;
/// The longest wait for one address of the server.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest time for which sent data stays unacknowledged before a connection counts as lost.
const USER_TIMEOUT: Duration = Duration::from_secs(20);
/// The idle time after which a connection is probed.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);

/// A database, and the schema of one installation in it.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) config: Config,
    pub(super) schema: String,
    pub(super) tls: Tls,
}

impl fmt::Debug for Target {
    /// Leaves out the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Target").field(&self.to_string()).finish()
    }
}

impl fmt::Display for Target {
    /// Writes the database, the first host and the schema.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "database `{}`", self.database())?;
        match self.config.get_hosts().first() {
            Some(Host::Tcp(host)) => write!(f, " on {host}")?,
            #[cfg(unix)]
            Some(Host::Unix(dir)) => write!(f, " on {}", dir.display())?,
            None => {}
        }
        write!(f, ", schema `{}`", self.schema)
    }
}

impl Target {
    /// Parses a URL such as `postgres://user:password@host/database?schema=rungs`.
    pub(super) fn parse(url: &str) -> Result<Self, StoreError> {
        let (own, url) = Own::split(url)?;
        let mut config = Config::from_str(&url).map_err(|error| {
            let why = std::error::Error::source(&error).map(ToString::to_string);
            let why = why.unwrap_or_else(|| error.to_string());
            invalid(format!(
                "the URL of the database is invalid ({why}): write postgres://user:password@host/database"
            ))
        })?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(invalid(
                "the URL of the database has no host: write postgres://user@host/database, or \
                 ?host=/directory for a Unix socket",
            ));
        }
        if config.get_password().is_none()
            && let Ok(password) = std::env::var(PASSWORD)
        {
            config.password(password);
        }
        if config.get_application_name().is_none() {
            config.application_name("rungs");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(USER_TIMEOUT);
        }
        config.keepalives_idle(config.get_keepalives_idle().min(KEEPALIVE_IDLE));
        // An attacker who can change packets can also turn an optional TLS off, so only a required one is verified.
        let verification = match config.get_ssl_mode() {
            SslMode::Require => Verification::Full,
            _ if own.roots.is_some() => Verification::Full,
            _ => Verification::None,
        };
        if own.roots.is_some() && config.get_ssl_mode() == SslMode::Prefer {
            config.ssl_mode(SslMode::Require);
        }
        let tls = Tls::new(verification, own.roots.as_deref())?;
        Ok(Self { config, schema: own.schema, tls })
    }

    /// Returns the name of the database.
    pub(super) fn database(&self) -> &str {
        self.config.get_dbname().or(self.config.get_user()).unwrap_or("postgres")
    }

    /// Returns the user, or a word for the user of the process.
    pub(super) fn user(&self) -> &str {
        self.config.get_user().unwrap_or("of this process")
    }

    /// Returns the schema's name as it is written in a statement.
    pub(super) fn quoted_schema(&self) -> String {
        format!("\"{}\"", self.schema)
    }
}

/// The parameters that the driver does not know.
struct Own {
    schema: String,
    roots: Option<PathBuf>,
}

impl Own {
    /// Takes the parameters out of a URL, and rewrites the modes of TLS that the driver does not know.
    fn split(url: &str) -> Result<(Self, String), StoreError> {
        let mut own = Self { schema: DEFAULT_SCHEMA.to_owned(), roots: None };
        let Some((base, query)) = url.split_once('?') else { return Ok((own, url.to_owned())) };
        let mut left = Vec::new();
        for pair in query.split('&').filter(|it| !it.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = percent_decoded(value);
            match name {
                "schema" => own.schema = schema(value)?,
                "sslrootcert" => own.roots = Some(PathBuf::from(value)),
                "sslmode" if matches!(&*value, "verify-full" | "verify-ca") => {
                    left.push("sslmode=require");
                }
                "sslmode" if value == "allow" => left.push("sslmode=prefer"),
                _ => left.push(pair),
            }
        }
        let url =
            if left.is_empty() { base.to_owned() } else { format!("{base}?{}", left.join("&")) };
        Ok((own, url))
    }
}

fn percent_decoded(value: &str) -> String {
    // A form also decodes `+`, which is a character of its own here.
    let value = value.replace('+', "%2B");
    url::form_urlencoded::parse(format!("v={value}").as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

/// Checks the name of a schema. It becomes a part of statements.
fn schema(name: String) -> Result<String, StoreError> {
    let is_name = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '_';
    let is_valid = name.chars().all(is_name)
        && name.starts_with(|it: char| it.is_ascii_lowercase() || it == '_')
        && name.len() <= MAX_IDENTIFIER
        && !name.starts_with("pg_");
    if is_valid {
        Ok(name)
    } else {
        Err(invalid(format!(
            "`{name}` cannot be the schema: use lower-case letters, digits and `_`, at most {MAX_IDENTIFIER}, not \
             beginning with a digit or `pg_`"
        )))
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    fn why(url: &str) -> String {
        let error = Target::parse(url).expect_err("invalid");
        error.source().expect("a cause").to_string()
    }

    #[test]
    fn a_url_names_the_database_and_the_schema() {
        let target = Target::parse(
            "postgres://u:secret@db.example:5433/pages?schema=crawl_2&sslmode=verify-full",
        )
        .expect("valid");

        assert_eq!(target.to_string(), "database `pages` on db.example, schema `crawl_2`");
        assert_eq!(target.config.get_ports(), [5433]);
        assert_eq!(target.config.get_ssl_mode(), SslMode::Require);
        assert!(!format!("{target:?}").contains("secret"), "{target:?}");
        let plain = Target::parse("postgresql:///?host=%2Frun%2Fpg&user=u").expect("valid");
        assert_eq!((plain.schema.as_str(), plain.database()), ("rungs", "u"));
        assert_eq!(plain.config.get_ssl_mode(), SslMode::Prefer);
    }

    #[test]
    fn an_invalid_url_is_refused_with_a_remedy() {
        for schema in ["", "pg_x", "1a", "a\"b", "Rungs", "a;b", "%22", &"x".repeat(64)] {
            let why = why(&format!("postgres://u@h/db?schema={schema}"));
            assert!(why.contains("lower-case letters"), "{schema}: {why}");
        }
        assert!(why("postgres://").contains("no host"));
        assert!(why("postgres://u@h:port/db").contains("postgres://user:password@host/database"));
        assert!(why("postgres://u@h/db?nonsense=1").contains("nonsense"));
        assert!(why("postgres://u@h/db?sslrootcert=/nowhere/ca.pem").contains("/nowhere/ca.pem"));
    }
}
