//! The model on disk: one file, written whole with every change.

use std::fs;
use std::path::Path;

use rungs::core::id::BatchId;
use rungs::core::job::JobState;
use rungs::core::record::Record;
use rungs::core::time::Timestamp;
use rungs::ports::store::{Versioned, Write};
use rungs::testkit::store::sample::with;

use crate::stores::broken::fault::Fault;
use crate::stores::broken::model::State;

/// When a store is opened, as its released jobs see it.
const NOW: Timestamp = Timestamp::from_millis(1_000_000);

#[derive(Default, serde::Serialize, serde::Deserialize)]
struct File {
    records: Vec<(u64, Record)>,
    bodies: Vec<(BatchId, u64, Vec<u8>)>,
    bodies_put: u64,
}

fn file_of(fault: Fault, state: &State) -> File {
    let mut records: Vec<_> =
        state.records.values().map(|it| (it.version, it.record.clone())).collect();
    if fault == Fault::BringsBackTheRemoved {
        let gone = state.graves.iter().filter(|it| !state.records.contains_key(it.0));
        records.extend(gone.map(|(_, it)| (it.version, it.record.clone())));
    }
    let mut bodies: Vec<_> =
        state.bodies.of.iter().map(|(at, body)| (at.0, at.1, body.clone())).collect();
    if fault == Fault::BringsBackBodies {
        bodies.extend(state.bodies.gone.iter().map(|(at, body)| (at.0, at.1, body.clone())));
    }
    match fault {
        Fault::LosesBeyondAThousand => records.truncate(1_000),
        Fault::LosesBodies => bodies.clear(),
        Fault::LosesLedgerLines => records.retain(|it| !matches!(it.1, Record::Notification(_))),
        Fault::WritesHalfACommit if records.len() % 3 != 1 => {
            records.pop();
        }
        _ => {}
    }
    File { records, bodies, bodies_put: state.bodies.put }
}

fn put(dir: &Path, file: &File) {
    fs::create_dir_all(dir).expect("a directory");
    let json = serde_json::to_vec(file).expect("records are JSON");
    let fresh = dir.join("state.new");
    fs::write(&fresh, json).expect("written");
    fs::rename(fresh, dir.join("state")).expect("renamed");
}

pub(crate) fn write(fault: Fault, dir: &Path, state: &State) {
    if fault != Fault::WritesWhenItIsClosed {
        put(dir, &file_of(fault, state));
    }
}

/// Puts changes on disk that are then refused.
pub(crate) fn write_ahead(dir: Option<&Path>, state: &State, writes: Vec<Write>) {
    let Some(dir) = dir else { return };
    let mut file = file_of(Fault::Nothing, state);
    let new = writes.into_iter().filter(|it| it.expected.is_none());
    file.records.extend(new.filter_map(|it| it.record).map(|it| (1, it)));
    put(dir, &file);
}

/// Returns a record after its store was opened again.
fn released(fault: Fault, version: u64, record: Record) -> (u64, Record) {
    match (fault, &record) {
        (Fault::KeepsLeases, _) => (version, record),
        (Fault::ReleasesWithoutCounting, Record::Job(job)) if job.lease.is_some() => {
            let free = with(job.clone(), |made| {
                made.state = JobState::Queued;
                made.lease = None;
                made.ready_at = NOW;
            });
            (version + 1, Record::Job(free))
        }
        (Fault::ReleasesAtEachOpening, Record::Job(job))
            if job.claims > 0 && !job.state.is_ended() =>
        {
            let lost = job.lost + 1;
            let free = with(job.clone(), |made| {
                made.state = JobState::Queued;
                made.lease = None;
                made.lost = lost;
                made.ready_at = NOW;
            });
            (version + 1, Record::Job(free))
        }
        (Fault::RevivesWhatEnded, Record::Job(job)) if job.state == JobState::Failed => {
            (version + 1, Record::Job(with(job.clone(), |made| made.state = JobState::Queued)))
        }
        (Fault::TouchesWhatWaits, Record::Notification(it)) if record.due().is_some() => {
            let now = Record::Notification(with(it.clone(), |made| {
                made.ready_at = NOW;
                made.lease = None;
            }));
            (version + 1, now)
        }
        (Fault::ReleasesWithoutAWrite, _) => {
            let free = record.abandoned(NOW);
            (version, free.unwrap_or(record))
        }
        (Fault::LosesVersions, _) => (1, record.abandoned(NOW).unwrap_or(record)),
        _ => match record.abandoned(NOW) {
            Some(free) => (version + 1, free),
            None => (version, record),
        },
    }
}

pub(crate) fn read(fault: Fault, dir: &Path) -> State {
    let mut state = State::default();
    let Ok(json) = fs::read(dir.join("state")) else { return state };
    let file: File = serde_json::from_slice(&json).expect("it was written whole");
    for (version, record) in file.records {
        let mut key = record.key().to_bytes();
        if fault == Fault::ReversesItsOrder {
            key[1..].iter_mut().for_each(|it| *it = !*it);
        }
        let (version, record) = released(fault, version, record);
        if fault != Fault::ForgetsItsIndex {
            state.index(fault, &key, None, &record);
        }
        state.records.insert(key, Versioned { version, record });
    }
    let bodies = file.bodies.into_iter().map(|it| ((it.0, it.1), it.2));
    state.bodies.of = bodies.collect();
    state.bodies.put = file.bodies_put;
    put(dir, &file_of(Fault::Nothing, &state));
    state
}
