//! The faults that a store can have with `apply`, and with several handles.

use rungs::core::record::{Claim, ClaimClock, Key, Queue, Record, RecordKind};
use rungs::core::slots::Slots;
use rungs::core::time::Timestamp;
use rungs::ports::BoxFuture;
use rungs::ports::store::{Decide, ListQuery, Retries, Store, StoreError, Versioned, Write};
use rungs::stores::Memory;
use rungs::testkit::store::SharedHandle;
use tokio::task::yield_now;

use crate::stores::broken::fault::Fault;
use crate::support::delegate::delegate;

/// Yields to concurrent tasks. Once is not enough: a thread that is faster than its producers finds no other task.
pub(crate) async fn let_others_in() {
    for _ in 0..200 {
        yield_now().await;
    }
}

/// Applies like the default, but for the fault.
pub(crate) async fn apply(
    store: &dyn Store,
    fault: Fault,
    keys: Vec<Key>,
    mut decide: Decide<'_>,
    mut retries: Retries<'_>,
) -> Result<(), StoreError> {
    loop {
        let mut found = store.load(keys.clone()).await?;
        if fault == Fault::DecidesInTheOrderOfKeys {
            found.sort_by_key(|it| it.as_ref().map(|it| it.record.key()));
        }
        let before = found.clone();
        let mut writes = decide(found);
        if fault != Fault::Nothing {
            let_others_in().await;
        }
        match fault {
            Fault::TouchesWhatItLocks if writes.is_empty() => {
                let touched = before.into_iter().flatten().map(|it| Write {
                    key: it.record.key(),
                    expected: Some(it.version),
                    record: Some(it.record),
                });
                writes.extend(touched);
            }
            Fault::AppliesUnchecked => {
                let keys = writes.iter().map(|it| it.key.clone()).collect();
                let now = store.load(keys).await?.into_iter();
                writes
                    .iter_mut()
                    .zip(now)
                    .for_each(|(it, now)| it.expected = now.map(|it| it.version));
            }
            _ => {}
        }
        match store.commit(writes).await {
            Err(StoreError::Conflict) if fault == Fault::TriesOnce => {
                return Err(StoreError::Conflict);
            }
            Err(StoreError::Conflict) if retries.wait().await => {}
            done => return done,
        }
    }
}

/// One handle on a store that several processes share, with one mistake.
#[derive(Clone, Debug)]
pub(crate) struct Flawed {
    inner: SharedHandle,
    fault: Fault,
}

impl Flawed {
    pub(crate) fn new(fault: Fault) -> Self {
        Self { inner: SharedHandle::new(Memory::new()), fault }
    }

    /// Opens another handle.
    pub(crate) async fn open(self) -> Self {
        if self.fault == Fault::KeepsHandlesApart {
            return Self::new(self.fault);
        }
        let inner = self.inner.open();
        if self.fault == Fault::ReleasesLeasesOfTheLiving {
            let jobs = inner.list(ListQuery::new(RecordKind::Job, 100)).await.expect("listed");
            let freed = jobs.into_iter().filter_map(|it| {
                let (key, expected) = (it.record.key(), Some(it.version));
                Some(Write {
                    key,
                    expected,
                    record: Some(it.record.abandoned(Timestamp::default())?),
                })
            });
            inner.commit(freed.collect()).await.expect("nobody else writes");
        }
        Self { inner, fault: self.fault }
    }

    fn is(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    /// Claims jobs that were queued a while ago, although another claim may have taken them.
    async fn claim_late(&self, claim: &Claim) -> Result<Vec<Versioned>, StoreError> {
        let mut jobs = self.inner.list(ListQuery::new(RecordKind::Job, usize::MAX)).await?;
        jobs.retain(|it| matches!(&it.record, Record::Job(job) if job.lease.is_none()));
        jobs.truncate(claim.limit);
        yield_now().await;
        let mut taken = Vec::new();
        for it in jobs {
            let Some(record) = it.record.claimed(claim) else { continue };
            let key = record.key();
            let now = self.inner.load(vec![key.clone()]).await?;
            let expected = now.into_iter().flatten().next().map(|it| it.version);
            let write = Write { key, expected, record: Some(record.clone()) };
            self.inner.commit(vec![write]).await?;
            taken.push(Versioned { version: expected.unwrap_or_default() + 1, record });
        }
        Ok(taken)
    }
}

impl Store for Flawed {
    delegate!(inner: load, list, commit, due, bodies);

    fn claim(&self, mut claim: Claim) -> BoxFuture<'_, Result<Vec<Versioned>, StoreError>> {
        match self.fault {
            Fault::ClaimsLate if claim.queue == Queue::Jobs => {
                return Box::pin(async move { self.claim_late(&claim).await });
            }
            Fault::TrustsTheCallersClock => claim.clock = ClaimClock::Caller,
            Fault::ClaimsFromEverySlot => claim.slots = Slots::ALL,
            Fault::TakesAllOfASlot => claim.per_slot = usize::MAX,
            _ => {}
        }
        self.inner.claim(claim)
    }

    fn apply<'a>(
        &'a self,
        keys: Vec<Key>,
        decide: Decide<'a>,
        retries: Retries<'a>,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(apply(&self.inner, self.fault, keys, decide, retries))
    }

    fn is_shared(&self) -> bool {
        !self.is(Fault::DeniesThatItIsShared)
    }

    fn changed(&self, queue: Queue) -> BoxFuture<'_, ()> {
        if self.is(Fault::NeverWakes) || (self.is(Fault::WakesForJobsOnly) && queue != Queue::Jobs)
        {
            return Box::pin(std::future::pending());
        }
        self.inner.changed(queue)
    }

    fn now(&self) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        if self.is(Fault::HasNoClock) {
            return Box::pin(std::future::ready(Ok(None)));
        }
        self.inner.now()
    }
}
