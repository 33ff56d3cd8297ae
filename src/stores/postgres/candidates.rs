//! The due jobs among which the core picks.
//!
//! The earliest due jobs of all accounts are read first. If that is all that is due, the pick is exact. With a longer
//! queue they may all belong to one account, or to sites that are busy. Then some jobs of other accounts and sites are
//! read by walking from lane to lane (account, priority, slot, site) in the index, so that nobody waits behind a queue
//! of others. The number of jobs that wait does not matter for either.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use tokio::time::Instant;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use crate::core::claims::{JobIndex, Priority};
use crate::core::id::{AccountId, JobId};
use crate::core::record::{Claim, Key, Queue};
use crate::core::slots::Slot;
use crate::core::time::Timestamp;
use crate::ports::store::StoreError;

use super::claimer::{by_the_database, slots_of};
use super::error::{Failure, invalid};
use super::floor::Floors;
use super::link::Session;
use super::statements::Statements;

/// The due jobs to choose from: at least this many, and a multiple of the limit.
const LEAST_CHOICE: usize = 64;
const CHOICE_PER_JOB: usize = 4;
/// The most due jobs to choose from.
const MOST_CHOICE: usize = 4_096;
/// The most accounts that are served by one claim besides those of the earliest jobs.
const MOST_ACCOUNTS: usize = 64;
/// The most lanes that one claim walks over, those of busy sites and without a due job included: some 20 microseconds
/// each.
const MOST_LANES: usize = 512;
/// The least number of lanes for each account.
const LEAST_LANES: usize = 8;
/// The time for which the list of accounts with unfinished jobs is kept.
const ACCOUNTS_LAST: Duration = Duration::from_millis(500);
/// The number of slots: the end of a walk over all lanes.
const SLOTS: i16 = Slot::COUNT.cast_signed();

/// The accounts with unfinished jobs, as they were a moment ago.
#[derive(Debug, Default)]
struct KnownAccounts {
    accounts: Vec<Vec<u8>>,
    after: Vec<u8>,
    /// `true` if there were fewer accounts than could be listed.
    is_complete: bool,
    read_at: Option<Instant>,
}

/// Reads due jobs.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    known: KnownAccounts,
}

/// The jobs that were read for one claim.
struct Choice {
    index: JobIndex,
    seen: HashSet<Vec<u8>>,
}

impl Choice {
    /// Adds the jobs of rows, except those in `passed`.
    fn add(&mut self, rows: &[Row], passed: &HashSet<Vec<u8>>) -> Result<(), Failure> {
        for row in rows {
            let key: Vec<u8> = row.get("key");
            if passed.contains(&key) || self.seen.contains(&key) {
                continue;
            }
            let (id, account, priority, site, at) = parts(row, &key).map_err(Failure::Refused)?;
            self.index.insert(id, account, priority, site, at);
            self.seen.insert(key);
        }
        Ok(())
    }

    fn pick(&self, claim: &Claim) -> Vec<Vec<u8>> {
        self.index.pick(claim).into_iter().map(|it| Key::Job(it).to_bytes()).collect()
    }
}

/// A claim, as the database sees it.
pub(super) struct Query<'a> {
    pub(super) session: &'a Session,
    pub(super) statements: &'a Statements,
    pub(super) floors: &'a Floors,
    /// The time of the claim; none for the database's own.
    pub(super) now: Option<i64>,
    /// The jobs that other processes have taken.
    pub(super) passed: &'a HashSet<Vec<u8>>,
}

impl Candidates {
    /// Returns the keys of the jobs whose turn it is. Moves the claim to the database's time first.
    pub(super) async fn pick(
        &mut self,
        query: &Query<'_>,
        claim: &mut Claim,
    ) -> Result<Vec<Vec<u8>>, Failure> {
        let choice = claim.limit.saturating_mul(CHOICE_PER_JOB).clamp(LEAST_CHOICE, MOST_CHOICE);
        let choice = long(choice.saturating_add(query.passed.len()));
        let (now, floor) = (query.now, query.floors.of(Queue::Jobs));
        let slots = slots_of(claim);
        let params = [
            (&now as _, Type::INT8),
            (&floor as _, Type::INT8),
            (&choice as _, Type::INT8),
            (&slots as _, Type::INT2_ARRAY),
        ];
        let mut rows = query.session.query(&query.statements.due_jobs, &params).await?;
        let Some(first) = rows.first() else { return Ok(Vec::new()) };
        let now: i64 = first.get("now");
        by_the_database(claim, now);
        query.floors.scanned(Queue::Jobs, floor, first.get("at"), now);
        rows.retain(|it| it.get::<_, Option<&[u8]>>("key").is_some());
        let mut found = Choice { index: JobIndex::default(), seen: HashSet::new() };
        found.add(&rows, query.passed)?;
        let picked = found.pick(claim);
        if long(rows.len()) < choice {
            return Ok(picked);
        }
        // There is more than was read.
        let mut seen: BTreeSet<Vec<u8>> = rows.iter().filter_map(|it| it.get("account")).collect();
        if picked.len() < claim.limit {
            // The earliest jobs are of busy sites or accounts, which may have others behind them.
            seen.clear();
        }
        let accounts = self.accounts(query, claim).await?;
        let unseen: Vec<_> = accounts.into_iter().filter(|it| !seen.contains(it)).collect();
        if unseen.is_empty() {
            return Ok(picked);
        }
        walk(query, claim, now, &unseen, &mut found).await?;
        Ok(found.pick(claim))
    }

    /// Returns the next accounts that have unfinished jobs, in the order of their turns.
    async fn accounts(
        &mut self,
        query: &Query<'_>,
        claim: &Claim,
    ) -> Result<Vec<Vec<u8>>, Failure> {
        let after = claim.shares.after.as_ref().map(|it| it.as_str().as_bytes().to_vec());
        let after = after.unwrap_or_default();
        let most = MOST_ACCOUNTS.min(claim.limit.max(LEAST_LANES));
        let known = &self.known;
        let is_fresh = known.read_at.is_some_and(|it| it.elapsed() < ACCOUNTS_LAST);
        let are_next = known.after == after && known.accounts.len() >= most;
        if is_fresh && (known.is_complete || are_next) {
            return Ok(known.accounts.clone());
        }
        let mut accounts = Self::accounts_after(query, &after, most).await?;
        if accounts.len() < most && !after.is_empty() {
            // Round the ring, to the account that was served last.
            let rest = Self::accounts_after(query, &[], most - accounts.len()).await?;
            accounts.extend(rest.into_iter().take_while(|it| *it <= after));
        }
        let is_complete = accounts.len() < most;
        self.known = KnownAccounts { accounts, after, is_complete, read_at: Some(Instant::now()) };
        Ok(self.known.accounts.clone())
    }

    async fn accounts_after(
        query: &Query<'_>,
        after: &[u8],
        most: usize,
    ) -> Result<Vec<Vec<u8>>, Failure> {
        let most = long(most);
        let params = [(&after as _, Type::BYTEA), (&most as _, Type::INT8)];
        let rows = query.session.query(&query.statements.accounts, &params).await?;
        Ok(rows.iter().map(|it| it.get(0)).collect())
    }
}

/// Adds due jobs of these accounts, from lane to lane, beginning at a random slot.
async fn walk(
    query: &Query<'_>,
    claim: &Claim,
    now: i64,
    accounts: &[Vec<u8>],
    found: &mut Choice,
) -> Result<(), Failure> {
    let shares = &claim.shares;
    let busy = shares.sites.iter().filter(|(_, share)| share.in_hand >= share.most);
    let busy: Vec<&[u8]> = busy.map(|(site, _)| site.as_bytes()).collect();
    let lanes = (MOST_LANES / accounts.len()).max(LEAST_LANES);
    let jobs = (claim.limit.saturating_mul(2) / accounts.len()).max(LEAST_LANES);
    let (lanes, jobs, per_site) = (long(lanes), long(jobs), long(shares.per_site.min(claim.limit)));
    let slots = slots_of(claim);
    let start = random_slot();
    for (from, to) in [(start, SLOTS), (0, start)] {
        let params = [
            (&now as _, Type::INT8),
            (&accounts as _, Type::BYTEA_ARRAY),
            (&busy as _, Type::BYTEA_ARRAY),
            (&slots as _, Type::INT2_ARRAY),
            (&from as _, Type::INT2),
            (&to as _, Type::INT2),
            (&per_site as _, Type::INT8),
            (&jobs as _, Type::INT8),
            (&lanes as _, Type::INT8),
        ];
        let rows = query.session.query(&query.statements.lanes, &params).await?;
        found.add(&rows, query.passed)?;
    }
    Ok(())
}

fn long(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Returns a slot at which a walk begins. Walks that all began at the first would favor its sites.
fn random_slot() -> i16 {
    let random = getrandom::u32().unwrap_or_default() % u32::from(SLOTS.unsigned_abs());
    i16::try_from(random).unwrap_or_default()
}

/// Reads the parts of a job that `JobIndex` needs.
fn parts(
    row: &Row,
    key: &[u8],
) -> Result<(JobId, AccountId, Priority, String, Timestamp), StoreError> {
    let text =
        |name: &str| row.get::<_, Option<Vec<u8>>>(name).and_then(|it| String::from_utf8(it).ok());
    let id = key.get(1..).and_then(|it| it.try_into().ok()).map(JobId::from_bytes);
    let account = text("account").and_then(|it| AccountId::new(it).ok());
    let priority = row.get::<_, Option<i16>>("priority");
    let priority = Priority::ALL.into_iter().find(|it| Some(*it as i16) == priority);
    let at = Timestamp::from_millis(u64::try_from(row.get::<_, i64>("at")).unwrap_or_default());
    match (id, account, priority, text("site")) {
        (Some(id), Some(account), Some(priority), Some(site)) => {
            Ok((id, account, priority, site, at))
        }
        _ => Err(invalid("a job in the index is damaged: restore the database from a backup")),
    }
}
