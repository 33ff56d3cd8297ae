//! A PostgreSQL server of its own for a bench, on a Unix socket.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio_postgres::{Client, NoTls};

/// The server. It ends with the process.
pub struct Server {
    dir: PathBuf,
    /// Shows that the server is in use.
    _users: File,
    schemas: AtomicU32,
}

impl Server {
    /// Starts a server with the script of the tests: fsync is on.
    ///
    /// # Panics
    ///
    /// Panics if PostgreSQL is not installed.
    pub fn start() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/postgres.sh");
        let owner = std::process::id().to_string();
        let output = Command::new("bash").arg(script).args(["own", &owner, "bench"]).output();
        let output = output.expect("bash runs");
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{errors}");
        let dir = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
        let users = File::open(dir.with_file_name("users")).expect("the script made it");
        users.lock_shared().expect("locked");
        Self { dir, _users: users, schemas: AtomicU32::new(0) }
    }

    fn address(&self) -> String {
        let host = self.dir.display().to_string().replace('/', "%2F");
        format!("postgres://rungs@{host}/postgres")
    }

    /// Returns the URL of a store that nothing else uses.
    pub fn new_url(&self) -> String {
        let number = self.schemas.fetch_add(1, Ordering::Relaxed);
        format!("{}?schema=bench_{number}", self.address())
    }

    /// Opens a connection that belongs to no store.
    ///
    /// # Panics
    ///
    /// Panics if the server has ended.
    pub async fn client(&self) -> Client {
        let (client, driver) =
            tokio_postgres::connect(&self.address(), NoTls).await.expect("the server runs");
        tokio::spawn(driver);
        client
    }
}
