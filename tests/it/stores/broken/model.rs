//! A small store that keeps every promise of the port, but for the one that its [`Fault`] breaks.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rungs::core::claims::Shares;
use rungs::core::job::Job;
use rungs::core::record::{Claim, Key, Queue, Record, RecordKind};
use rungs::core::time::Timestamp;
use rungs::ports::BoxFuture;
use rungs::ports::store::{
    Bodies, Decide, ListQuery, Retries, Store, StoreError, Version, Versioned, Write,
    has_duplicate_keys,
};
use rungs::testkit::store::sample::{self, with};
use tokio::task::yield_now;

use crate::stores::broken::apply::{apply, let_others_in};
use crate::stores::broken::bodies::Kept;
use crate::stores::broken::disk;
use crate::stores::broken::fault::Fault;

/// A store in memory. Clones share their records.
#[derive(Clone, Debug)]
pub(crate) struct Model(pub(crate) Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) fault: Fault,
    pub(crate) dir: Option<PathBuf>,
    pub(crate) state: Mutex<State>,
    busy: AtomicBool,
}

/// The record key of each index entry, by queue, time and key.
type Due = BTreeMap<(Queue, i128, Vec<u8>), Vec<u8>>;

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) records: BTreeMap<Vec<u8>, Versioned>,
    pub(crate) due: Due,
    pub(crate) bodies: Kept,
    /// Removed and first versions, which only broken stores read.
    pub(crate) graves: BTreeMap<Vec<u8>, Versioned>,
    first: HashMap<Vec<u8>, Versioned>,
    locked: HashSet<Vec<u8>>,
    /// The writes of the last commit, by the store that applies them with the next one.
    late: Vec<Write>,
    counter: Version,
}

impl Model {
    pub(crate) fn new(fault: Fault) -> Self {
        let mut state = State::default();
        if fault == Fault::FillsAFreshStore {
            let batch = sample::batch(500, None);
            state.put(fault, Key::Batch(batch.id).to_bytes(), Some(Record::Batch(batch)));
        }
        Self::of(fault, None, state)
    }

    pub(crate) fn open(fault: Fault, dir: &Path) -> Self {
        Self::of(fault, Some(dir.to_owned()), disk::read(fault, dir))
    }

    fn of(fault: Fault, dir: Option<PathBuf>, state: State) -> Self {
        let (state, busy) = (Mutex::new(state), AtomicBool::new(false));
        Self(Arc::new(Inner { fault, dir, state, busy }))
    }

    pub(crate) fn is(&self, fault: Fault) -> bool {
        self.0.fault == fault
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts everything on disk, where there is one.
    pub(crate) fn save(&self, state: &State) {
        if let Some(dir) = &self.0.dir {
            disk::write(self.0.fault, dir, state);
        }
    }

    async fn wait_for_a_turn(&self) {
        while self.0.busy.swap(true, Ordering::SeqCst) {
            yield_now().await;
        }
        yield_now().await;
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let (Fault::WritesWhenItIsClosed, Some(dir)) = (self.fault, &self.dir) {
            let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
            disk::write(Fault::Nothing, dir, state);
        }
    }
}

/// Returns a key in the form by which this store distinguishes keys.
fn name(fault: Fault, key: &Key) -> Vec<u8> {
    let mut bytes = key.to_bytes();
    match (fault, key) {
        (Fault::FoldsCase, Key::Site(_)) => bytes.make_ascii_lowercase(),
        (Fault::CutsKeys, _) => bytes.truncate(255),
        (Fault::JoinsKeyParts, Key::IdempotencyRecord(..)) => bytes.retain(|it| *it != 0),
        (Fault::SortsNumbersAsText, Key::LedgerEntry(batch, number)) => {
            bytes = [&[RecordKind::LedgerEntry as u8], batch.as_bytes().as_slice()].concat();
            bytes.extend(number.to_string().into_bytes());
        }
        _ => {}
    }
    bytes
}

/// Returns a time in the form by which this store orders times.
fn moment(fault: Fault, at: Timestamp) -> i128 {
    let at = at.as_millis();
    if fault == Fault::SignsMoments { i128::from(at.cast_signed()) } else { i128::from(at) }
}

fn entry(fault: Fault, record: &Record, old: Option<&Versioned>) -> Option<(Queue, i128)> {
    let (mut queue, mut at) = match (fault, record) {
        (Fault::ForgetsCachedAnswers, Record::CacheEntry(_))
        | (Fault::ForgetsDays, Record::Usage(_)) => return None,
        (Fault::IndexesOnlyTheNew, _) if old.is_some_and(|it| it.record.due().is_none()) => {
            return None;
        }
        (Fault::IndexesWhatEnded, Record::Job(job)) if record.due().is_none() => {
            (Queue::Jobs, job.ready_at)
        }
        (Fault::IndexesWhatEnded, Record::Notification(it)) if record.due().is_none() => {
            (Queue::Notifications, it.ready_at)
        }
        _ => record.due()?,
    };
    if fault == Fault::MixesQueues && queue == Queue::Notifications {
        queue = Queue::Jobs;
    }
    if let (Fault::PutsLostLeasesLast, Record::Job(Job { lease: Some(lease), .. })) =
        (fault, record)
    {
        at = lease.until.after(std::time::Duration::from_millis(300));
    }
    if let (Fault::NeverEndsALease, Record::Job(Job { lease: Some(_), .. })) = (fault, record) {
        return None;
    }
    Some((queue, moment(fault, at)))
}

/// Returns the part of a record that this store keeps.
fn kept(fault: Fault, record: Record) -> Record {
    match (fault, record) {
        (Fault::TrimsText, Record::Notification(it)) => {
            let body = it.body.trim_matches(['\0', ' ', '\n']).to_owned();
            Record::Notification(with(it, |made| made.body = body))
        }
        (Fault::SignsAmounts, Record::Batch(mut it)) => {
            it.charged.0 = it.charged.0.min(i64::MAX.cast_unsigned());
            Record::Batch(it)
        }
        (Fault::DropsTheTrail, Record::Job(it)) => {
            Record::Job(with(it, |made| made.trail = Vec::new()))
        }
        (Fault::CutsLongLists, Record::BatchJobs(mut it)) => {
            it.jobs.truncate(10_000);
            Record::BatchJobs(it)
        }
        (_, record) => record,
    }
}

fn fits(fault: Fault, write: &Write, found: Option<Version>) -> bool {
    let is_same = found == write.expected;
    let both = found.zip(write.expected);
    match fault {
        Fault::IgnoresVersions => true,
        Fault::AcceptsOlderVersions => is_same || both.is_some_and(|(found, it)| it < found),
        Fault::AcceptsNewerVersions => is_same || both.is_some_and(|(found, it)| it > found),
        Fault::CreatesOverWhatIsThere => is_same || write.expected.is_none(),
        Fault::RemovesUnchecked => is_same || write.record.is_none(),
        Fault::FailsToRemoveNothing => is_same && (found.is_some() || write.record.is_some()),
        _ => is_same,
    }
}

impl State {
    fn version(&self, key: &[u8]) -> Option<Version> {
        self.records.get(key).map(|it| it.version)
    }

    fn next_version(&mut self, fault: Fault, key: &[u8], old: Option<&Versioned>) -> Version {
        self.counter += 1;
        match (fault, old) {
            (Fault::CountsOneVersionForAll, _) => self.counter,
            (Fault::KeepsVersionsOfTheRemoved, None) => {
                self.graves.get(key).map_or(1, |it| it.version + 1)
            }
            (_, old) => old.map_or(1, |it| it.version + 1),
        }
    }

    pub(crate) fn index(
        &mut self,
        fault: Fault,
        key: &[u8],
        old: Option<&Versioned>,
        new: &Record,
    ) {
        if let Some((queue, at)) = entry(fault, new, old) {
            let unique =
                if fault == Fault::KeepsOneEntryAMoment { Vec::new() } else { key.to_vec() };
            self.due.insert((queue, at, unique), key.to_vec());
        }
    }

    /// Puts `record` where `key` is, with its version and its entry in the index.
    pub(crate) fn put(
        &mut self,
        fault: Fault,
        key: Vec<u8>,
        record: Option<Record>,
    ) -> Option<Versioned> {
        let old = self.records.remove(&key);
        let keeps = match fault {
            Fault::KeepsEntriesOfTheRemoved => record.is_none(),
            Fault::KeepsEntriesOfTheChanged => record.is_some(),
            _ => false,
        };
        let of_old = old.as_ref().filter(|_| !keeps).and_then(|it| entry(fault, &it.record, None));
        if let Some((queue, at)) = of_old {
            self.due.retain(|it, of| (it.0, it.1) != (queue, at) || *of != key);
        }
        let Some(record) = record else {
            self.graves.extend(old.map(|it| (key, it)));
            return None;
        };
        let version = self.next_version(fault, &key, old.as_ref());
        let new = Versioned { version, record: kept(fault, record) };
        self.index(fault, &key, old.as_ref(), &new.record);
        if let (Fault::AddsEntriesTwice, Some((queue, at))) = (fault, new.record.due()) {
            let unique = [key.as_slice(), &version.to_be_bytes()].concat();
            self.due.insert((queue, moment(fault, at), unique), key.clone());
        }
        self.first.entry(key.clone()).or_insert_with(|| new.clone());
        self.records.insert(key, new.clone());
        Some(new)
    }

    fn check(&mut self, fault: Fault, writes: &[Write]) -> Result<(), StoreError> {
        for write in writes {
            let key = name(fault, &write.key);
            if !fits(fault, write, self.version(&key)) {
                return Err(StoreError::Conflict);
            }
            if let (Fault::IndexesBeforeItChecks, Some(record)) = (fault, &write.record) {
                self.index(fault, &key, None, record);
            }
        }
        Ok(())
    }

    fn apply(&mut self, fault: Fault, writes: Vec<Write>) {
        for write in writes {
            let key = name(fault, &write.key);
            if write.record.is_some() || self.records.contains_key(&key) {
                self.put(fault, key, write.record);
            }
        }
    }

    fn list(&self, fault: Fault, list: &ListQuery) -> Vec<Versioned> {
        let after = list.after.as_ref().map(|it| name(fault, it));
        let is_behind = |key: &Vec<u8>| match &after {
            Some(after) if fault == Fault::ListsTheKeyItIsBehind && key == after => true,
            Some(after) if fault == Fault::NeedsTheKeyItIsBehind => {
                let is_there = self.records.contains_key(after);
                is_there && if list.descending { key < after } else { key > after }
            }
            Some(after) if list.descending => key < after,
            Some(after) => key > after,
            None => true,
        };
        let is_of_kind = |key: &[u8]| match fault {
            Fault::ListsPastItsKind => key[0] >= list.kind as u8,
            Fault::ListsAllButTheLastKey => {
                key[0] == list.kind as u8 && key[1..].iter().any(|it| *it != u8::MAX)
            }
            _ => key[0] == list.kind as u8,
        };
        let mut found: Vec<_> =
            self.records.iter().filter(|(key, _)| is_of_kind(key) && is_behind(key)).collect();
        if list.descending && fault != Fault::ListsUpwardsOnly {
            found.reverse();
        }
        let limit =
            if fault == Fault::ListsMoreThanItsLimit { list.limit.max(10) } else { list.limit };
        let mut out = Vec::new();
        if fault == Fault::ReservesTheLimit {
            out.reserve(limit);
        }
        let first = |key: &Vec<u8>| self.first.get(key).cloned();
        out.extend(found.into_iter().take(limit).map(|(key, it)| {
            let old = (fault == Fault::ListsWhatWasFirstWritten).then(|| first(key)).flatten();
            old.unwrap_or_else(|| it.clone())
        }));
        out
    }

    fn due_until(&self, fault: Fault, claim: &Claim) -> Vec<Vec<u8>> {
        let now = moment(fault, claim.now)
            + match fault {
                Fault::ClaimsTooEarly => 1,
                Fault::ClaimsTooLate => -1,
                _ => 0,
            };
        let mut found: Vec<_> = self
            .due
            .iter()
            .filter(|((queue, at, _), _)| *queue == claim.queue && *at <= now)
            .map(|((_, at, _), key)| (*at, key.clone()))
            .collect();
        let limit =
            if fault == Fault::ClaimsBeyondItsLimit { claim.limit.max(10) } else { claim.limit };
        match fault {
            Fault::ClaimsInTheOrderOfKeys => found.sort_by(|one, two| one.1.cmp(&two.1)),
            Fault::LimitsBeforeItSorts => {
                found.sort_by(|one, two| one.1.cmp(&two.1));
                found.truncate(limit);
                found.sort();
            }
            _ => {}
        }
        let mut keys: Vec<_> = found.into_iter().map(|it| it.1).take(limit).collect();
        if claim.queue == Queue::Jobs && claim.shares != Shares::default() {
            keys = self.picked(fault, claim);
        }
        if fault == Fault::RenewsItsOwnLease {
            let own = self.records.iter().filter(|(_, it)| match &it.record {
                Record::Job(job) => job.lease.is_some_and(|it| it.worker == claim.worker),
                _ => false,
            });
            keys.extend(own.map(|it| it.0.clone()).take(limit));
        }
        keys
    }

    fn take(
        &mut self,
        fault: Fault,
        key: Vec<u8>,
        found: Versioned,
        claim: &Claim,
    ) -> Option<Versioned> {
        let mut claim = claim.clone();
        if fault == Fault::RoundsLeases {
            claim.until = Timestamp::from_millis(claim.until.as_millis().next_multiple_of(10));
        }
        let under_lease = match (fault, &found.record) {
            (Fault::NeverLeases, _) => None,
            (Fault::RenewsItsOwnLease, Record::Job(it)) if it.lease.is_some() => {
                let free = it.abandoned(claim.now)?;
                free.claimed(claim.worker, claim.now, claim.until).map(Record::Job)
            }
            (_, record) => record.claimed(&claim),
        };
        let Some(record) = under_lease else {
            if fault == Fault::WritesWhatExpires {
                return self.put(fault, key, Some(found.record));
            }
            return Some(found);
        };
        let new = self.put(fault, key.clone(), Some(record))?;
        match fault {
            Fault::ReturnsTheVersionBefore => Some(Versioned { version: found.version, ..new }),
            Fault::KeepsTheVersionAtClaims => {
                let same = Versioned { version: found.version, ..new };
                self.records.insert(key, same.clone());
                Some(same)
            }
            _ => Some(new),
        }
    }
}

impl Model {
    fn commit_at_once(&self, writes: Vec<Write>) -> Result<(), StoreError> {
        let mut state = self.lock();
        match self.0.fault {
            Fault::WritesUpToTheConflict => {
                for write in writes {
                    state.check(self.0.fault, std::slice::from_ref(&write))?;
                    state.apply(self.0.fault, vec![write]);
                }
            }
            Fault::WritesBeforeItChecks => {
                let checked = state.check(self.0.fault, &writes);
                if checked.is_err() {
                    disk::write_ahead(self.0.dir.as_deref(), &state, writes);
                    return checked;
                }
                state.apply(self.0.fault, writes);
            }
            Fault::WritesOneCommitBehind => {
                state.check(self.0.fault, &writes)?;
                self.save(&state);
                state.apply(self.0.fault, writes);
                return Ok(());
            }
            fault => {
                state.check(fault, &writes)?;
                state.apply(fault, writes);
            }
        }
        self.save(&state);
        Ok(())
    }

    /// The commits that let others run in the middle.
    async fn commit_in_two_steps(&self, mut writes: Vec<Write>) -> Result<(), StoreError> {
        let fault = self.0.fault;
        match fault {
            Fault::StopsHalfWay => {
                let rest = writes.split_off(writes.len() / 2);
                {
                    let mut state = self.lock();
                    state.check(fault, &writes)?;
                    state.check(fault, &rest)?;
                    state.apply(fault, writes);
                }
                let_others_in().await;
                self.lock().apply(fault, rest);
            }
            Fault::ChecksAndWritesApart => {
                self.lock().check(fault, &writes)?;
                let_others_in().await;
                self.lock().apply(fault, writes);
            }
            Fault::ConflictsWithAnyOther => {
                if self.0.busy.swap(true, Ordering::SeqCst) {
                    return Err(StoreError::Conflict);
                }
                yield_now().await;
                let done = self.commit_at_once(writes);
                self.0.busy.store(false, Ordering::SeqCst);
                return done;
            }
            Fault::LocksRecordByRecord => {
                for write in &writes {
                    while !self.lock().locked.insert(write.key.to_bytes()) {
                        yield_now().await;
                    }
                    yield_now().await;
                }
                let keys: Vec<_> = writes.iter().map(|it| it.key.to_bytes()).collect();
                let done = self.commit_at_once(writes);
                self.lock().locked.retain(|it| !keys.contains(it));
                return done;
            }
            Fault::WritesLater => {
                let mut state = self.lock();
                state.check(fault, &writes)?;
                let earlier = std::mem::replace(&mut state.late, writes);
                state.apply(fault, earlier);
            }
            _ => {
                self.wait_for_a_turn().await;
                let done = self.commit_at_once(writes);
                self.0.busy.store(false, Ordering::SeqCst);
                return done;
            }
        }
        Ok(())
    }

    async fn claim_in_two_steps(&self, claim: Claim) -> Vec<Versioned> {
        let fault = self.0.fault;
        let found: Vec<_> = {
            let mut state = self.lock();
            let keys = state.due_until(fault, &claim);
            if fault == Fault::LosesADroppedClaim {
                state.due.retain(|_, key| !keys.contains(key));
            }
            let read = |key: Vec<u8>| state.records.get(&key).cloned().map(|it| (key, it));
            keys.into_iter().filter_map(read).collect()
        };
        yield_now().await;
        let mut state = self.lock();
        found.into_iter().filter_map(|(key, it)| state.take(fault, key, it, &claim)).collect()
    }
}

impl Store for Model {
    fn load(&self, keys: Vec<Key>) -> BoxFuture<'_, Result<Vec<Option<Versioned>>, StoreError>> {
        Box::pin(async move {
            let mut keys: Vec<_> = keys.iter().map(|it| name(self.0.fault, it)).collect();
            if self.is(Fault::LoadsInItsOwnOrder) {
                keys.sort();
            }
            let state = self.lock();
            let mut found: Vec<_> = keys.iter().map(|it| state.records.get(it).cloned()).collect();
            if self.is(Fault::LoadsAThousandAtMost) {
                for it in found.iter_mut().skip(1_000) {
                    *it = None;
                }
            }
            Ok(found)
        })
    }

    fn list(&self, list: ListQuery) -> BoxFuture<'_, Result<Vec<Versioned>, StoreError>> {
        Box::pin(async move { Ok(self.lock().list(self.0.fault, &list)) })
    }

    fn claim(&self, claim: Claim) -> BoxFuture<'_, Result<Vec<Versioned>, StoreError>> {
        Box::pin(async move {
            if matches!(self.0.fault, Fault::ClaimsInTwoSteps | Fault::LosesADroppedClaim) {
                return Ok(self.claim_in_two_steps(claim).await);
            }
            let fault = self.0.fault;
            let mut state = self.lock();
            let mut taken = Vec::new();
            for key in state.due_until(fault, &claim) {
                let Some(found) = state.records.get(&key).cloned() else { continue };
                taken.extend(state.take(fault, key, found, &claim));
            }
            self.save(&state);
            Ok(taken)
        })
    }

    fn commit(&self, mut writes: Vec<Write>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            if has_duplicate_keys(&writes) && !self.is(Fault::TakesTheLastOfTwo) {
                return Err(StoreError::Conflict);
            }
            match self.0.fault {
                Fault::RefusesEmptyCommits if writes.is_empty() => {
                    return Err(StoreError::Conflict);
                }
                Fault::ForgetsBeyondAThousand => writes.truncate(1_000),
                Fault::RemovesPastTheFirstNothing => {
                    let first = writes.iter().position(|it| it.record.is_none());
                    writes.truncate(first.map_or(writes.len(), |it| it + 1));
                }
                _ => {}
            }
            match self.0.fault {
                Fault::StopsHalfWay
                | Fault::ChecksAndWritesApart
                | Fault::ConflictsWithAnyOther
                | Fault::LocksRecordByRecord
                | Fault::WritesLater
                | Fault::HangsAfterADroppedCommit => self.commit_in_two_steps(writes).await,
                _ => self.commit_at_once(writes),
            }
        })
    }

    fn apply<'a>(
        &'a self,
        keys: Vec<Key>,
        decide: Decide<'a>,
        retries: Retries<'a>,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(apply(self, self.0.fault, keys, decide, retries))
    }

    fn due(
        &self,
        queue: Queue,
        from: Timestamp,
    ) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        Box::pin(async move {
            let state = self.lock();
            let from = moment(self.0.fault, from);
            let from = if self.is(Fault::ForgetsWhereToBegin) { i128::MIN } else { from };
            let first = state.due.keys().find(|it| it.0 == queue && it.1 >= from);
            let at = first.map(|it| u64::try_from(it.1).unwrap_or_default());
            Ok(at.map(Timestamp::from_millis))
        })
    }

    fn bodies(&self) -> Option<Arc<dyn Bodies>> {
        if self.is(Fault::BringsNewBodiesEachTime) {
            return Some(Arc::new(Model::new(Fault::Nothing)));
        }
        Some(Arc::new(self.clone()))
    }
}
