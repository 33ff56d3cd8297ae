//! PostgreSQL servers: one that all tests of a run share, and others for tests that stop theirs.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, OnceLock};

use rungs::stores::Postgres;
use tokio::runtime::Runtime;

/// The connections of a store need a runtime that lasts as long as the store: those of the kits end with each check.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(2).enable_all().build().expect("a runtime")
});
static SHARED: OnceLock<(PathBuf, File)> = OnceLock::new();
static NUMBER: AtomicU32 = AtomicU32::new(0);

fn script(arguments: &[&str]) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/postgres.sh");
    let output = Command::new("bash").arg(script).args(arguments).output().expect("bash runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "tests/postgres.sh {arguments:?}: {errors}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// The process for which all tests of this run are started.
fn owner() -> String {
    std::os::unix::process::parent_id().to_string()
}

/// Marks the servers as in use.
fn lock(server: &Path) -> File {
    let users = server.parent().expect("a server is in the directory of its owner").join("users");
    let file = File::open(users).expect("the script made it");
    file.lock_shared().expect("locked");
    file
}

/// Returns the directory of the server that the tests of this run share.
fn shared() -> &'static Path {
    &SHARED
        .get_or_init(|| {
            let server = PathBuf::from(script(&["shared", &owner()]));
            let lock = lock(&server);
            (server, lock)
        })
        .0
}

fn url(server: &Path, schema: &str) -> String {
    let host = server.display().to_string().replace('/', "%2F");
    format!("postgres://rungs@{host}/postgres?schema={schema}")
}

/// A URL with a schema that nothing else uses.
pub(crate) fn new_url() -> String {
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    url(shared(), &format!("t{}_{number}", process::id()))
}

/// Runs `work` on the runtime of the connections.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> T {
    RUNTIME.block_on(work)
}

/// Opens a store.
pub(crate) fn open(url: &str) -> Postgres {
    block_on(Postgres::connect(url)).unwrap_or_else(|error| panic!("{error}: {error:?}"))
}

/// Opens a store on the runtime of the connections, from any other.
pub(crate) async fn connected(url: String) -> Postgres {
    let opened = RUNTIME.spawn(async move { Postgres::connect(&url).await }).await;
    opened.expect("no panic").unwrap_or_else(|error| panic!("{error}: {error:?}"))
}

/// A client that is no store.
pub(crate) async fn client(url: &str) -> tokio_postgres::Client {
    let (url, _) = url.split_once('?').expect("a URL names a schema");
    let opened = tokio_postgres::connect(url, tokio_postgres::NoTls).await;
    let (client, driver) = opened.expect("the server runs");
    RUNTIME.spawn(driver);
    client
}

/// A server of one test, which the test may stop.
pub(crate) struct Server {
    dir: PathBuf,
    _lock: File,
}

impl Server {
    pub(crate) fn start() -> Self {
        // The shared one makes the template, which takes seconds.
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("own-{}-{number}", process::id());
        let dir = PathBuf::from(script(&["own", &owner(), &name]));
        let lock = lock(&dir);
        Self { dir, _lock: lock }
    }

    pub(crate) fn url(&self) -> String {
        url(&self.dir, "rungs")
    }

    pub(crate) fn stop(&self, mode: &str) {
        script(&["stop", &self.dir.display().to_string(), mode]);
    }

    pub(crate) fn start_again(&self) {
        script(&["start", &self.dir.display().to_string()]);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may be stopped already.
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/postgres.sh");
        let stop =
            Command::new("bash").arg(script).arg("stop").arg(&self.dir).arg("immediate").output();
        drop(stop);
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}
