//! Claims: one after another on a connection of their own.
//!
//! A claim reads the jobs that are due without their records, lets the core pick, and then writes the leases of those
//! that no other process took meanwhile. No lock is held between two statements.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_postgres::types::Type;

use crate::core::record::{Claim, ClaimClock, Queue, Record};
use crate::core::slots::Slot;
use crate::core::time::Timestamp;
use crate::ports::store::{StoreError, Version, Versioned};
use crate::stores::codec;

use super::candidates::{Candidates, Query};
use super::config::Target;
use super::error::{Failure, ended, from_codec};
use super::floor::Floors;
use super::link::{Link, PATIENCE, Session};
use super::row::{in_order, millis, version};
use super::statements::Statements;

/// The most claims that wait. Callers beyond it wait for room.
const QUEUE: usize = 64;
/// The number of times that a claim looks again after other processes took what it had picked.
const ROUNDS: usize = 4;
/// The records that are read for each one that is claimed, if some are left to other slots.
const CHOICE_PER_RECORD: usize = 4;

struct Pending {
    claim: Claim,
    deadline: Instant,
    reply: oneshot::Sender<Result<Vec<Versioned>, StoreError>>,
}

/// Sends claims to the task that makes them.
#[derive(Debug)]
pub(super) struct Claimer {
    queue: mpsc::Sender<Pending>,
}

impl Claimer {
    pub(super) fn start(
        target: &Arc<Target>,
        statements: &Arc<Statements>,
        floors: &Arc<Floors>,
    ) -> Self {
        let (queue, mut inbox) = mpsc::channel::<Pending>(QUEUE);
        let (link, statements) = (Link::start(target, "claimer"), Arc::clone(statements));
        let floors = Arc::clone(floors);
        tokio::spawn(async move {
            let mut task = Task { link, statements, floors, candidates: Candidates::default() };
            while let Some(Pending { claim, deadline, reply }) = inbox.recv().await {
                if reply.is_closed() {
                    continue;
                }
                // If the caller is gone by now, the leases expire.
                let _ = reply.send(task.claim(claim, deadline).await);
            }
        });
        Self { queue }
    }

    pub(super) async fn claim(&self, claim: Claim) -> Result<Vec<Versioned>, StoreError> {
        if claim.limit == 0 {
            return Ok(Vec::new());
        }
        let (reply, result) = oneshot::channel();
        let deadline = Instant::now() + PATIENCE;
        self.queue.send(Pending { claim, deadline, reply }).await.map_err(|_| ended())?;
        result.await.map_err(|_| ended())?
    }
}

/// Returns the slots of a claim for the database: none for all.
pub(super) fn slots_of(claim: &Claim) -> Option<Vec<i16>> {
    let number = |it: Slot| i16::try_from(it.number()).unwrap_or_default();
    (!claim.slots.is_all()).then(|| claim.slots.iter().map(number).collect())
}

/// Returns the time of a claim for the database: none if it takes its own.
fn time_of(claim: &Claim) -> Option<i64> {
    (claim.clock == ClaimClock::Caller).then(|| millis(claim.now))
}

/// Moves a claim to the database's time, if it is to be carried out by that.
pub(super) fn by_the_database(claim: &mut Claim, now: i64) {
    if claim.clock == ClaimClock::Store {
        let now = Timestamp::from_millis(u64::try_from(now).unwrap_or_default());
        let shares = std::mem::take(&mut claim.shares);
        *claim = claim.clone().at(now).with_shares(shares);
    }
}

/// A record with the key under which it is stored.
struct Found {
    key: Vec<u8>,
    found: Versioned,
}

struct Task {
    link: Link,
    statements: Arc<Statements>,
    floors: Arc<Floors>,
    candidates: Candidates,
}

impl Task {
    async fn claim(
        &mut self,
        claim: Claim,
        deadline: Instant,
    ) -> Result<Vec<Versioned>, StoreError> {
        loop {
            let session = self.link.session(deadline).await?;
            let claimed = match claim.queue {
                Queue::Jobs => self.claim_jobs(&session, claim.clone()).await,
                _ => self.claim_records(&session, claim.clone()).await,
            };
            match claimed {
                Ok(claimed) => return Ok(claimed),
                // Leases that were written in spite of it expire.
                Err(failure) => session.may_retry(failure, deadline)?,
            }
        }
    }

    async fn claim_jobs(
        &mut self,
        session: &Session,
        mut claim: Claim,
    ) -> Result<Vec<Versioned>, Failure> {
        let limit = claim.limit;
        let (mut claimed, mut passed) = (Vec::new(), HashSet::new());
        for _ in 0..ROUNDS {
            let picked = self.pick(session, &mut claim, &passed).await?;
            if picked.is_empty() {
                break;
            }
            let found = self.load(session, &picked).await?;
            let taken = self.lease(session, &claim, found).await?;
            let is_short = taken.len() < picked.len();
            if is_short {
                let ours: HashSet<_> = taken.iter().map(|it| it.key.as_slice()).collect();
                passed.extend(picked.into_iter().filter(|it| !ours.contains(it.as_slice())));
            }
            for it in taken {
                count(&mut claim, &it.found.record);
                claimed.push(it.found);
            }
            claim.limit = limit.saturating_sub(claimed.len());
            // A second round would not know what the first took of each slot.
            if !is_short || claim.limit == 0 || claim.per_slot < limit {
                break;
            }
        }
        Ok(claimed)
    }

    /// Returns the keys of the jobs whose turn it is.
    async fn pick(
        &mut self,
        session: &Session,
        claim: &mut Claim,
        passed: &HashSet<Vec<u8>>,
    ) -> Result<Vec<Vec<u8>>, Failure> {
        let (statements, floors) = (&*self.statements, &*self.floors);
        let query = Query { session, statements, floors, now: time_of(claim), passed };
        self.candidates.pick(&query, claim).await
    }

    /// Loads records in the order of their keys' list.
    async fn load(&self, session: &Session, keys: &[Vec<u8>]) -> Result<Vec<Found>, Failure> {
        let rows = session.query(&self.statements.load, &[(&keys, Type::BYTEA_ARRAY)]).await?;
        let found = in_order(keys, &rows).map_err(Failure::Refused)?;
        let found = keys.iter().zip(found);
        Ok(found
            .filter_map(|(key, found)| Some(Found { key: key.clone(), found: found? }))
            .collect())
    }

    async fn claim_records(
        &self,
        session: &Session,
        mut claim: Claim,
    ) -> Result<Vec<Versioned>, Failure> {
        let (queue, now) = (claim.queue as i16, time_of(&claim));
        let floor = self.floors.of(claim.queue);
        let choice = if claim.slots.is_all() && claim.per_slot >= claim.limit {
            claim.limit
        } else {
            claim.limit.saturating_mul(CHOICE_PER_RECORD)
        };
        let limit = i64::try_from(choice).unwrap_or(i64::MAX);
        let slots = slots_of(&claim);
        let params = [
            (&now as _, Type::INT8),
            (&queue as _, Type::INT2),
            (&floor as _, Type::INT8),
            (&limit as _, Type::INT8),
            (&slots as _, Type::INT2_ARRAY),
        ];
        let rows = session.query(&self.statements.due_records, &params).await?;
        if let Some(row) = rows.first() {
            let now = row.get("now");
            by_the_database(&mut claim, now);
            self.floors.scanned(claim.queue, floor, row.get("at"), now);
        }
        let (mut found, mut taken_of) = (Vec::new(), HashMap::<Slot, usize>::new());
        for row in rows.iter().filter(|it| it.get::<_, Option<&[u8]>>("key").is_some()) {
            let value = codec::decode(row.get("body"));
            let value = value.map_err(|it| Failure::Refused(from_codec(it)))?;
            let of_slot = taken_of.entry(value.record.slot()).or_default();
            if found.len() < claim.limit && *of_slot < claim.per_slot {
                *of_slot += 1;
                found.push(Found { key: row.get("key"), found: value });
            }
        }
        let taken = self.lease(session, &claim, found).await?;
        Ok(taken.into_iter().map(|it| it.found).collect())
    }

    /// Writes the leases of records that are due, and returns those that no other transaction has, in their order.
    async fn lease(
        &self,
        session: &Session,
        claim: &Claim,
        found: Vec<Found>,
    ) -> Result<Vec<Found>, Failure> {
        let (mut keys, mut expected, mut bodies, mut ats) = (vec![], vec![], vec![], vec![]);
        let mut taken = Vec::with_capacity(found.len());
        let is_due = |record: &Record| record.due().is_some_and(|(_, at)| at <= claim.now);
        for Found { key, found } in found.into_iter().filter(|it| is_due(&it.found.record)) {
            let Some(record) = found.record.claimed(claim) else {
                taken.push((false, Found { key, found }));
                continue;
            };
            let leased = leased(found.version, record).map_err(Failure::Refused)?;
            keys.push(key.clone());
            expected.push(leased.expected);
            bodies.push(leased.body);
            ats.push(leased.at);
            taken.push((true, Found { key, found: leased.found }));
        }
        if keys.is_empty() {
            return Ok(taken.into_iter().map(|it| it.1).collect());
        }
        let params = [
            (&keys as _, Type::BYTEA_ARRAY),
            (&expected as _, Type::INT8_ARRAY),
            (&bodies as _, Type::BYTEA_ARRAY),
            (&ats as _, Type::INT8_ARRAY),
        ];
        let rows = session.query(&self.statements.claim, &params).await?;
        let ours: HashSet<Vec<u8>> = rows.iter().map(|it| it.get(0)).collect();
        let taken =
            taken.into_iter().filter(|(is_leased, it)| !is_leased || ours.contains(&it.key));
        Ok(taken.map(|it| it.1).collect())
    }
}

/// A record under its new lease, as columns.
struct Leased {
    expected: i64,
    body: Vec<u8>,
    at: Option<i64>,
    found: Versioned,
}

fn leased(old: Version, record: Record) -> Result<Leased, StoreError> {
    let new = old.saturating_add(1);
    let body = codec::encode(new, &record).map_err(from_codec)?;
    let at = record.due().map(|(_, at)| millis(at));
    Ok(Leased { expected: version(old), body, at, found: Versioned { version: new, record } })
}

/// Counts a job that was taken, for the next round of the same claim.
fn count(claim: &mut Claim, record: &Record) {
    let Record::Job(job) = record else { return };
    let shares = &mut claim.shares;
    let site = job.request.page().site();
    let mut of_site = shares.of_site(&site);
    of_site.in_hand = of_site.in_hand.saturating_add(1);
    let mut of_account = shares.of_account(&job.account);
    of_account.in_hand = of_account.in_hand.saturating_add(1);
    shares.sites.insert(site, of_site);
    shares.accounts.insert(job.account.clone(), of_account);
    shares.after = Some(job.account.clone());
}
