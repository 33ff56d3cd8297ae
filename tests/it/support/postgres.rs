//! PostgreSQL servers: one that all tests of a run share, and others for tests that stop theirs.

use std::fs::File;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, Stdio};
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
    script_with(arguments, "")
}

/// Runs the script with this standard input.
fn script_with(arguments: &[&str], input: &str) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/postgres.sh");
    let mut command = Command::new("bash");
    command.arg(script).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("bash runs");
    let mut stdin = child.stdin.take().expect("piped");
    // The script may end without having read it.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().expect("bash ends");
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

/// Returns the URL of a schema on the server whose socket is in this directory.
pub(crate) fn url(server: &Path, schema: &str) -> String {
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

    /// Starts a server that listens on the port of 127.0.0.1 that is returned, with this certificate and its key.
    pub(crate) fn with_tls(pem: &str) -> (Self, u16) {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("tls-{}-{number}", process::id());
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = free.local_addr().expect("bound").port();
        drop(free);
        let arguments = ["tls", &owner(), &name, &port.to_string()];
        let dir = PathBuf::from(script_with(&arguments, pem));
        let lock = lock(&dir);
        (Self { dir, _lock: lock }, port)
    }

    /// Returns the directory of its socket.
    #[allow(dead_code, reason = "used by one of the programs that share this file")]
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
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

/// A pooler between the tests and the server that they share.
pub(crate) struct Pooler {
    child: Child,
    dir: PathBuf,
}

impl Pooler {
    pub(crate) fn start(mode: &str) -> Self {
        let server = shared();
        let dir = PathBuf::from(format!("{}.{mode}", server.display()));
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/postgres.sh");
        let child = Command::new("bash").arg(script).arg("pool").arg(server).arg(mode).spawn();
        let mut pooler = Self { child: child.expect("bash runs"), dir };
        // Its socket exists a moment before it listens.
        while UnixStream::connect(pooler.dir.join(".s.PGSQL.6432")).is_err() {
            let ended = pooler.child.try_wait().expect("a child");
            assert!(ended.is_none(), "the pooler ended: {ended:?}");
            std::thread::yield_now();
        }
        pooler
    }

    /// A URL through the pooler, for a schema that nothing else uses.
    pub(crate) fn new_url(&self) -> String {
        let host = shared().display().to_string().replace('/', "%2F");
        let pooled = self.dir.display().to_string().replace('/', "%2F");
        new_url().replacen(&format!("{host}/"), &format!("{pooled}:6432/"), 1)
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}
