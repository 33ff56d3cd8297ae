//! A connection that breaks at a commit: nobody knows yet whether it was applied.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use rungs::core::record::Record;
use rungs::ports::store::StoreError;
use rungs::testkit::store::{Scratch, get, put, sample};

use crate::support::postgres::{Server, block_on, client, new_url, open};

/// The command as the driver sends it: a query message of 11 bytes.
const COMMIT: &[u8] = b"Q\0\0\0\x0bCOMMIT\0";

/// The moment at which the connection breaks.
#[derive(Clone, Copy, Debug)]
enum Cut {
    /// The server never sees the command.
    Before,
    /// The server's response is lost.
    After,
    /// The server never sees the command, nor that the connection is gone.
    Held,
}

/// A Unix socket before the server's. It cuts a connection at the next commits.
struct Proxy {
    _scratch: Scratch,
    dir: PathBuf,
    cuts: Arc<AtomicUsize>,
    /// While it is set, new connections are closed.
    is_closed: Arc<AtomicBool>,
}

impl Proxy {
    fn start(server: &Path, cut: Cut) -> Self {
        let scratch = Scratch::new();
        let dir = scratch.path().to_owned();
        let listener = UnixListener::bind(dir.join(".s.PGSQL.5432")).expect("a short path");
        let cuts = Arc::new(AtomicUsize::new(0));
        let (server, left) = (server.join(".s.PGSQL.5432"), Arc::clone(&cuts));
        let is_closed = Arc::<AtomicBool>::default();
        let closed = Arc::clone(&is_closed);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if closed.load(Ordering::SeqCst) {
                    continue;
                }
                let (server, left) = (server.clone(), Arc::clone(&left));
                thread::spawn(move || forward(client, &server, cut, &left));
            }
        });
        Self { _scratch: scratch, dir, cuts, is_closed }
    }
}

fn forward(mut client: UnixStream, server: &Path, cut: Cut, left: &AtomicUsize) {
    let mut server = UnixStream::connect(server).expect("the server runs");
    let (mut from, mut to) =
        (server.try_clone().expect("a handle"), client.try_clone().expect("a handle"));
    thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
    });
    let mut bytes = vec![0; 65_536];
    while let Ok(count @ 1..) = client.read(&mut bytes) {
        let sent = &bytes[..count];
        let is_cut = sent.ends_with(COMMIT)
            && left
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |it| it.checked_sub(1))
                .is_ok();
        if is_cut {
            // Closed first, so that no response passes.
            let _ = client.shutdown(Shutdown::Both);
            if matches!(cut, Cut::After) {
                let _ = server.write_all(sent);
                // The server commits whatever becomes of the connection.
                let _ = server.shutdown(Shutdown::Write);
            }
            if !matches!(cut, Cut::Before) {
                let _ = server.read_to_end(&mut Vec::new());
            }
            let _ = server.shutdown(Shutdown::Both);
            return;
        }
        if server.write_all(sent).is_err() {
            return;
        }
    }
    let _ = server.shutdown(Shutdown::Both);
}

/// Starts a proxy before the server that the URL names, and returns it with the URL of the same database through it.
fn through(url: &str, cut: Cut) -> (Proxy, String) {
    let (start, rest) = url.split_once('@').expect("a user");
    let (host, rest) = rest.split_once('/').expect("a database");
    let proxy = Proxy::start(Path::new(&host.replace("%2F", "/")), cut);
    let host = proxy.dir.display().to_string().replace('/', "%2F");
    let url = format!("{start}@{host}/{rest}");
    (proxy, url)
}

/// Begins a transaction, and returns its number.
async fn next_number(client: &tokio_postgres::Client) -> u64 {
    let sql = "SELECT pg_current_xact_id()::text";
    let row = client.query_one(sql, &[]).await.expect("a number");
    row.get::<_, String>(0).parse().expect("a number")
}

/// A server that crashes forgets the numbers of transactions that were not on its disk, and gives them to others.
#[test]
fn a_commit_lost_in_a_crash_is_not_taken_for_one_with_its_number() {
    let server = Server::start();
    let (proxy, url) = through(&server.url(), Cut::Held);
    let store = open(&url);
    let account = |granted| Record::Account(sample::account("a", granted));
    let lost = block_on(async {
        put(&store, account(1), None).await.expect("committed");
        next_number(&client(&server.url()).await).await + 1
    });

    proxy.is_closed.store(true, Ordering::SeqCst);
    proxy.cuts.store(1, Ordering::SeqCst);
    let putting = {
        let store = store.clone();
        let record = account(2);
        thread::spawn(move || block_on(put(&store, record, Some(1))))
    };
    while proxy.cuts.load(Ordering::SeqCst) > 0 {
        thread::yield_now();
    }
    server.stop("immediate");
    server.start_again();
    block_on(async {
        let client = client(&server.url()).await;
        while next_number(&client).await <= lost {}
    });
    proxy.is_closed.store(false, Ordering::SeqCst);

    let put = putting.join().expect("no panic");
    let found = block_on(get(&store, account(0).key())).expect("present").version;
    match put {
        Ok(()) => assert_eq!(found, 2, "it was acknowledged"),
        Err(StoreError::Unavailable { .. }) => assert_eq!(found, 1, "it was refused"),
        Err(error) => panic!("{error:?}"),
    }
}

#[test]
fn a_commit_whose_response_was_lost_is_looked_up() {
    for cut in [Cut::Before, Cut::After] {
        let (proxy, url) = through(&new_url(), cut);
        let store = open(&url);
        let account = |granted| Record::Account(sample::account("a", granted));

        block_on(async {
            put(&store, account(1), None).await.expect("committed");
            for version in 1..=5 {
                proxy.cuts.store(1, Ordering::SeqCst);
                put(&store, account(version + 1), Some(version))
                    .await
                    .unwrap_or_else(|error| panic!("{cut:?}, version {version}: {error:?}"));
                assert_eq!(proxy.cuts.load(Ordering::SeqCst), 0, "{cut:?}: the connection was cut");

                let found = get(&store, account(0).key()).await.expect("present");
                assert_eq!(
                    (found.version, found.record),
                    (version + 1, account(version + 1)),
                    "{cut:?}"
                );
            }
        });
    }
}
