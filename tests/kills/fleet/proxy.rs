//! A proxy between the processes and their database, which loses connections at the worst moments.

use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::thread;
use std::time::Duration;

/// The name of the socket of a server on the default port.
const SOCKET: &str = ".s.PGSQL.5432";
/// The statement after which a connection is lost, as the protocol sends it.
const COMMIT: &[u8] = b"COMMIT\0";

/// A proxy on a Unix socket. It ends with the process.
pub(crate) struct Proxy {
    dir: PathBuf,
    links: Arc<Links>,
}

#[derive(Default)]
struct Links {
    /// Both ends of each connection. They close when the threads that copy between them end.
    open: Mutex<Vec<Weak<UnixStream>>>,
    /// The number of connections to lose once they have sent a commit.
    commits_to_lose: AtomicU64,
    commits_lost: AtomicU64,
    is_stalled: Mutex<bool>,
    resumed: Condvar,
}

impl Links {
    /// Waits while nothing passes.
    fn pass(&self) {
        let stalled = self.is_stalled.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.resumed.wait_while(stalled, |it| *it));
    }

    fn set_stalled(&self, stalled: bool) {
        *self.is_stalled.lock().unwrap_or_else(PoisonError::into_inner) = stalled;
        self.resumed.notify_all();
    }

    /// Takes one of the commits to lose.
    fn takes_commit(&self) -> bool {
        let left = &self.commits_to_lose;
        left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |it| it.checked_sub(1)).is_ok()
    }
}

impl Proxy {
    /// Starts a proxy in `dir`, before the server whose socket is in `server`.
    pub(crate) fn start(dir: &Path, server: &Path) -> Self {
        let listener = UnixListener::bind(dir.join(SOCKET)).expect("a new socket");
        let (links, server) = (Arc::<Links>::default(), server.join(SOCKET));
        let proxy = Self { dir: dir.to_owned(), links: Arc::clone(&links) };
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                // A server that is down refuses: so does the proxy, by closing the connection.
                if let Ok(upstream) = UnixStream::connect(&server) {
                    join(&links, client, upstream);
                }
            }
        });
        proxy
    }

    /// Returns the directory of the socket.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Cuts every connection.
    pub(crate) fn cut(&self) {
        let mut open = self.links.open.lock().unwrap_or_else(PoisonError::into_inner);
        for stream in open.drain(..).filter_map(|it| it.upgrade()) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Cuts the next connections that send a commit, before its response arrives.
    pub(crate) fn cut_after_commits(&self, count: u64) {
        self.links.commits_to_lose.store(count, Ordering::SeqCst);
    }

    /// Returns the number of commits whose response was lost.
    pub(crate) fn commits_lost(&self) -> u64 {
        self.links.commits_lost.load(Ordering::SeqCst)
    }

    /// Lets nothing pass for a while; all connections stay open.
    pub(crate) fn stall(&self, time: Duration) {
        self.links.set_stalled(true);
        thread::sleep(time);
        self.links.set_stalled(false);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.cut();
        let _ = fs::remove_file(self.dir.join(SOCKET));
    }
}

/// Copies between the two ends until one of them closes.
fn join(links: &Arc<Links>, client: UnixStream, upstream: UnixStream) {
    let is_lost = Arc::<AtomicBool>::default();
    let (client, upstream) = (Arc::new(client), Arc::new(upstream));
    {
        let mut open = links.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|it| it.strong_count() > 0);
        open.extend([Arc::downgrade(&client), Arc::downgrade(&upstream)]);
    }
    let (from, to) = (Arc::clone(&client), Arc::clone(&upstream));
    let (shared, lost) = (Arc::clone(links), Arc::clone(&is_lost));
    thread::spawn(move || {
        carry(&from, &to, |bytes| {
            shared.pass();
            let is_commit = bytes.windows(COMMIT.len()).any(|it| it == COMMIT);
            if is_commit && shared.takes_commit() {
                lost.store(true, Ordering::SeqCst);
            }
            true
        });
    });
    let shared = Arc::clone(links);
    thread::spawn(move || {
        carry(&upstream, &client, |_| {
            shared.pass();
            let is_lost = is_lost.load(Ordering::SeqCst);
            if is_lost {
                shared.commits_lost.fetch_add(1, Ordering::SeqCst);
            }
            !is_lost
        });
    });
}

/// Copies one direction while `passes`, and closes both ends then.
fn carry(mut from: &UnixStream, mut to: &UnixStream, mut passes: impl FnMut(&[u8]) -> bool) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if !passes(&buffer[..count]) || to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
