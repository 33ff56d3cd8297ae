//! The index of unfinished jobs by account, priority and site.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap};
use std::sync::Arc;

use crate::core::claims::{Priority, Shares};
use crate::core::id::{AccountId, JobId};
use crate::core::record::{Claim, Record};
use crate::core::slots::{Slot, Slots};
use crate::core::time::Timestamp;

/// The jobs of one account and site with one priority.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Lane {
    account: AccountId,
    priority: Priority,
    site: String,
    slot: Slot,
}

/// The first job of each lane of an account, by the time at which it is due, for each priority.
type Heads = [BTreeSet<(Timestamp, Arc<Lane>)>; Priority::ALL.len()];

/// Every unfinished job, indexed by when it is due and whose turn it is.
///
/// A store that runs in one process keeps one beside its records: some 100 bytes a job. A small store may
/// also build one for each claim.
///
/// A claim takes time in proportion to the jobs that it picks, the accounts that have something due, and
/// the sites that [`Shares`] lists; the number of jobs that wait does not matter.
#[derive(Clone, Debug, Default)]
pub struct JobIndex {
    jobs: HashMap<JobId, (Arc<Lane>, Timestamp)>,
    lanes: BTreeMap<Arc<Lane>, BTreeSet<(Timestamp, JobId)>>,
    accounts: BTreeMap<AccountId, Heads>,
}

impl JobIndex {
    /// Adds a record, or moves it to where it belongs now. Only jobs that have not ended are kept.
    pub fn put(&mut self, record: &Record) {
        let Record::Job(job) = record else { return };
        self.remove(job.id);
        if let Some((_, at)) = record.due() {
            let site = job.request.page().site();
            self.insert(job.id, job.account.clone(), job.priority, site, at);
        }
    }

    /// Adds a job that the index does not contain, by its parts: for a store that keeps them beside its records.
    pub fn insert(
        &mut self,
        id: JobId,
        account: AccountId,
        priority: Priority,
        site: String,
        at: Timestamp,
    ) {
        let slot = Slot::of(site.as_bytes());
        let lane = Lane { account, priority, site, slot };
        let lane = match self.lanes.get_key_value(&lane) {
            Some((known, _)) => Arc::clone(known),
            None => Arc::new(lane),
        };
        self.jobs.insert(id, (Arc::clone(&lane), at));
        self.change(&lane, |jobs| {
            jobs.insert((at, id));
        });
    }

    /// Removes a job.
    pub fn remove(&mut self, id: JobId) {
        let Some((lane, at)) = self.jobs.remove(&id) else { return };
        self.change(&lane, |jobs| {
            jobs.remove(&(at, id));
        });
    }

    /// Changes a lane and keeps its head in step.
    fn change(&mut self, lane: &Arc<Lane>, change: impl FnOnce(&mut BTreeSet<(Timestamp, JobId)>)) {
        let jobs = self.lanes.entry(Arc::clone(lane)).or_default();
        let old = jobs.first().map(|it| it.0);
        change(jobs);
        let new = jobs.first().map(|it| it.0);
        if jobs.is_empty() {
            self.lanes.remove(lane);
        }
        if old == new {
            return;
        }
        let heads = self.accounts.entry(lane.account.clone()).or_default();
        let of_priority = &mut heads[lane.priority as usize];
        if let Some(old) = old {
            of_priority.remove(&(old, Arc::clone(lane)));
        }
        if let Some(new) = new {
            of_priority.insert((new, Arc::clone(lane)));
        }
        if heads.iter().all(BTreeSet::is_empty) {
            self.accounts.remove(&lane.account);
        }
    }

    /// Returns the jobs that `claim` takes, in the order of their turns.
    pub fn pick(&self, claim: &Claim) -> Vec<JobId> {
        let mut turns = Turns::new(self, claim);
        std::iter::from_fn(|| turns.next()).take(claim.limit).collect()
    }
}

/// The next turn of an account.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct AccountTurn<'a> {
    load: u64,
    /// `true` if the account comes before or is the one that was served last.
    is_served: bool,
    account: &'a AccountId,
}

/// The next turn of a lane among those of its account.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct LaneTurn<'a> {
    priority: Priority,
    /// The jobs of the site in hand when the turn was queued.
    load: usize,
    at: Timestamp,
    job: JobId,
    lane: &'a Arc<Lane>,
}

/// The turns of one claim.
struct Turns<'a> {
    index: &'a JobIndex,
    shares: &'a Shares,
    /// The slots to take jobs from, and the most of each.
    slots: &'a Slots,
    per_slot: usize,
    now: Timestamp,
    /// The lanes to look at per priority and account: those that are passed over are of listed sites.
    most_lanes: usize,
    accounts: BinaryHeap<Reverse<AccountTurn<'a>>>,
    /// The lanes of each account that has had a turn, and the jobs taken for it.
    lanes: HashMap<&'a AccountId, (BinaryHeap<Reverse<LaneTurn<'a>>>, usize)>,
    /// The jobs taken of each site.
    taken: HashMap<&'a str, usize>,
    /// The jobs taken of each slot.
    taken_of_slots: HashMap<Slot, usize>,
}

impl<'a> Turns<'a> {
    fn new(index: &'a JobIndex, claim: &'a Claim) -> Self {
        let (shares, now) = (&claim.shares, claim.now);
        let is_due =
            |heads: &Heads| heads.iter().any(|it| it.first().is_some_and(|(at, _)| *at <= now));
        let due = index.accounts.iter().filter(|it| is_due(it.1));
        let accounts = due.map(|(account, _)| {
            let share = shares.of_account(account);
            let is_served = shares.after.as_ref().is_some_and(|it| account <= it);
            Reverse(AccountTurn { load: share.load(share.in_hand), is_served, account })
        });
        Self {
            index,
            shares,
            slots: &claim.slots,
            per_slot: claim.per_slot,
            now,
            most_lanes: claim.limit.saturating_add(shares.sites.len()),
            accounts: accounts.collect(),
            lanes: HashMap::new(),
            taken: HashMap::new(),
            taken_of_slots: HashMap::new(),
        }
    }

    fn next(&mut self) -> Option<JobId> {
        while let Some(Reverse(turn)) = self.accounts.pop() {
            let account = turn.account;
            let share = self.shares.of_account(account);
            let (mut lanes, taken) =
                self.lanes.remove(account).unwrap_or_else(|| (self.lanes_of(account), 0));
            if share.in_hand.saturating_add(taken) >= share.most {
                continue;
            }
            let Some(job) = self.next_of(&mut lanes) else { continue };
            self.lanes.insert(account, (lanes, taken + 1));
            let load = share.load(share.in_hand.saturating_add(taken + 1));
            self.accounts.push(Reverse(AccountTurn { load, ..turn }));
            return Some(job);
        }
        None
    }

    /// Returns the lanes of an account that have something due and room at their site.
    fn lanes_of(&self, account: &AccountId) -> BinaryHeap<Reverse<LaneTurn<'a>>> {
        let heads = self.index.accounts.get(account).into_iter().flatten();
        let lanes = heads.flat_map(move |heads| {
            let due = heads.iter().take_while(move |(at, _)| *at <= self.now);
            due.map(|(_, lane)| lane).filter(move |it| self.has_room(it)).take(self.most_lanes)
        });
        lanes.filter_map(|lane| self.turn(lane, None)).map(Reverse).collect()
    }

    /// Takes the next job of an account whose site has room.
    fn next_of(&mut self, lanes: &mut BinaryHeap<Reverse<LaneTurn<'a>>>) -> Option<JobId> {
        while let Some(Reverse(turn)) = lanes.pop() {
            let lane = turn.lane;
            if !self.has_room(lane) {
                continue;
            }
            let load = self.load(&lane.site);
            if turn.load != load {
                // Another account or lane took a job of this site meanwhile.
                lanes.push(Reverse(LaneTurn { load, ..turn }));
                continue;
            }
            *self.taken.entry(&lane.site).or_default() += 1;
            *self.taken_of_slots.entry(lane.slot).or_default() += 1;
            lanes.extend(self.turn(lane, Some((turn.at, turn.job))).map(Reverse));
            return Some(turn.job);
        }
        None
    }

    /// Returns the turn of the lane's first due job behind `after`.
    fn turn(&self, lane: &'a Arc<Lane>, after: Option<(Timestamp, JobId)>) -> Option<LaneTurn<'a>> {
        use std::ops::Bound::{Excluded, Unbounded};

        let jobs = self.index.lanes.get(lane)?;
        let &(at, job) = jobs.range((after.map_or(Unbounded, Excluded), Unbounded)).next()?;
        let (priority, load) = (lane.priority, self.load(&lane.site));
        (at <= self.now).then_some(LaneTurn { priority, load, at, job, lane })
    }

    fn load(&self, site: &str) -> usize {
        let taken = self.taken.get(site).copied().unwrap_or_default();
        self.shares.of_site(site).in_hand.saturating_add(taken)
    }

    fn has_room(&self, lane: &Lane) -> bool {
        let of_slot = self.taken_of_slots.get(&lane.slot).copied().unwrap_or_default();
        self.slots.contains(lane.slot)
            && of_slot < self.per_slot
            && self.load(&lane.site) < self.shares.of_site(&lane.site).most
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::claims::{AccountShare, SiteShare};
    use crate::core::fixtures::{MINE, at, job};
    use crate::core::job::{Job, JobState};
    use crate::core::record::Queue;
    use crate::core::request::{Item, Limits};

    /// Numbers without a pattern, the same in each run.
    struct Draws(u64);

    impl Draws {
        fn below(&mut self, most: u64) -> u64 {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) % most
        }
    }

    fn account(number: u64) -> AccountId {
        AccountId::new(format!("account {number}")).expect("a valid name")
    }

    fn drawn_job(draws: &mut Draws, number: u64) -> Job {
        let url = format!("http://{}.test/{number}", draws.below(6));
        let request = Item::get(url).check(&Limits::default()).expect("a plain item passes");
        Job {
            id: JobId::new(at(0), 0, number << 2),
            account: account(draws.below(4)),
            priority: Priority::ALL[usize::try_from(draws.below(3)).expect("below 3")],
            ready_at: at(draws.below(20)),
            request: Arc::new(request),
            ..job()
        }
    }

    fn drawn_claim(draws: &mut Draws) -> Claim {
        let mut draw = |most| usize::try_from(draws.below(most)).expect("small");
        let mut shares =
            Shares { per_site: 1 + draw(4), per_account: draw(9), ..Shares::default() };
        for site in 0..draw(6) {
            let share = SiteShare { in_hand: draw(3), most: draw(5) };
            shares.sites.insert(format!("{site}.test"), share);
        }
        for number in 0..draw(4) {
            let weight = u32::try_from(draw(4)).expect("small");
            let share = AccountShare { in_hand: draw(4), most: draw(9), weight };
            shares.accounts.insert(account(number as u64), share);
        }
        shares.after = (draw(2) == 0).then(|| account(draw(4) as u64));
        let (limit, per_slot) = (draw(12), draw(5));
        let slots =
            if draw(2) == 0 { Slots::ALL } else { Slot::all().filter(|_| draw(2) == 0).collect() };
        Claim::new(Queue::Jobs, MINE, at(15), at(60), limit)
            .with_shares(shares)
            .within(slots, if per_slot == 0 { usize::MAX } else { per_slot })
    }

    /// Picks as [`JobIndex::pick`] does, by looking at every job each time.
    fn picked_plainly(jobs: &[Job], claim: &Claim) -> Vec<JobId> {
        let shares = &claim.shares;
        let mut taken: Vec<&Job> = Vec::new();
        while taken.len() < claim.limit {
            let of_site = |site: &str| {
                let now = taken.iter().filter(|it| it.request.page().site() == site).count();
                shares.of_site(site).in_hand + now
            };
            let of_account = |account: &AccountId| {
                let now = taken.iter().filter(|it| it.account == *account).count();
                shares.of_account(account).in_hand + now
            };
            let slot_of = |it: &Job| Slot::of(it.request.page().site().as_bytes());
            let may = |it: &&Job| {
                let site = it.request.page().site();
                let slot = slot_of(it);
                let of_slot = taken.iter().filter(|it| slot_of(it) == slot).count();
                it.ready_at <= claim.now
                    && claim.slots.contains(slot)
                    && of_slot < claim.per_slot
                    && !taken.iter().any(|other| other.id == it.id)
                    && of_site(&site) < shares.of_site(&site).most
                    && of_account(&it.account) < shares.of_account(&it.account).most
            };
            let turn = |it: &&Job| {
                let share = shares.of_account(&it.account);
                let is_served = shares.after.as_ref().is_some_and(|after| it.account <= *after);
                let load = share.load(of_account(&it.account));
                let site = of_site(&it.request.page().site());
                (load, is_served, it.account.clone(), it.priority, site, it.ready_at, it.id)
            };
            let Some(next) = jobs.iter().filter(may).min_by_key(turn) else { break };
            taken.push(next);
        }
        taken.iter().map(|it| it.id).collect()
    }

    #[test]
    fn the_index_picks_what_a_look_at_every_job_picks() {
        let mut draws = Draws(7);
        for round in 0..500 {
            let count = draws.below(40);
            let jobs: Vec<_> = (0..count).map(|it| drawn_job(&mut draws, it)).collect();
            let mut index = JobIndex::default();
            for job in &jobs {
                // A job that moves is found where it is now.
                index.put(&Record::Job(Job { ready_at: at(99), ..job.clone() }));
                index.put(&Record::Job(job.clone()));
            }
            let claim = drawn_claim(&mut draws);

            assert_eq!(index.pick(&claim), picked_plainly(&jobs, &claim), "round {round}");
        }
    }

    #[test]
    fn nothing_is_left_of_jobs_that_ended_or_are_gone() {
        let mut draws = Draws(1);
        let mut index = JobIndex::default();
        for number in 0..50 {
            let job = drawn_job(&mut draws, number);
            index.put(&Record::Job(job.clone()));
            if number % 2 == 0 {
                index.put(&Record::Job(Job { state: JobState::Failed, ..job }));
            } else {
                index.remove(job.id);
            }
        }

        assert!(index.jobs.is_empty() && index.lanes.is_empty() && index.accounts.is_empty());
    }
}
