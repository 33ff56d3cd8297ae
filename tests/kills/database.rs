//! A database under the processes that are killed, and what happens to it meanwhile.

use std::thread;
use std::time::Duration;

use rungs::core::record::{Record, RecordKind};
use rungs::core::time::Timestamp;
use rungs::ports::store::{ListQuery, Store, Write};
use rungs::testkit::run;

use crate::Dice;
use crate::postgres::{Server, block_on, client};

/// A fault of the database while a child works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    None,
    /// All connections are closed by the server.
    Disconnected,
    /// The server crashes, and is started again.
    Crashed,
}

impl Fault {
    pub(crate) fn draw(dice: &mut Dice) -> Self {
        match dice.roll(4) {
            0 => Self::None,
            1 | 2 => Self::Disconnected,
            _ => Self::Crashed,
        }
    }
}

/// Brings the fault about after a while. The thread ends when the server works again.
pub(crate) fn inflict<'scope>(
    server: &'scope Server,
    fault: Fault,
    dice: &mut Dice,
    scope: &'scope thread::Scope<'scope, '_>,
) -> thread::ScopedJoinHandle<'scope, ()> {
    let delay = Duration::from_micros(dice.roll(150_000));
    scope.spawn(move || {
        thread::sleep(delay);
        match fault {
            Fault::None => {}
            Fault::Disconnected => disconnect(server),
            Fault::Crashed => {
                server.stop("immediate");
                server.start_again();
            }
        }
    })
}

/// Closes all connections of the processes.
pub(crate) fn disconnect(server: &Server) {
    block_on(async {
        let client = client(&server.url()).await;
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                   WHERE application_name = 'rungs'";
        client.batch_execute(end).await.expect("a superuser may");
    });
}

/// Releases the leases of the processes that were killed, which would expire within 30 seconds.
pub(crate) fn release_leases(store: &dyn Store) {
    for kind in [RecordKind::Job, RecordKind::Notification] {
        let found = run(store.list(ListQuery::new(kind, usize::MAX))).expect("readable");
        let now = |record: &Record| record.due().map_or(Timestamp::default(), |(_, at)| at);
        let freed = found.into_iter().filter_map(|it| {
            // The time of the lease's end is the database's.
            let record = it.record.abandoned(earlier(now(&it.record)))?;
            Some(Write { key: record.key(), expected: Some(it.version), record: Some(record) })
        });
        run(store.commit(freed.collect())).expect("nobody else writes");
    }
}

fn earlier(at: Timestamp) -> Timestamp {
    Timestamp::from_millis(at.as_millis().saturating_sub(60_000))
}
