//! The core's step over accounts, batches and jobs, compared with independent records.
//!
//! The records here contain the owner of each job, the holds and the ended jobs. Each operation is decided from them
//! first. The core must reach the same result and change nothing else.

use std::sync::Arc;
use std::time::Duration;

use rungs::core::batch::{BatchRecord, BatchStatus, Notification, NotificationState, Tally};
use rungs::core::credits::Credits;
use rungs::core::failure::{ErrorCode, JobError};
use rungs::core::id::{AccountId, NotificationId, WorkerId};
use rungs::core::job::{Attempt, BodyRef, Fence, Finding, Job, JobState, Lease, Outcome};
use rungs::core::ledger::{Account, Booking, LedgerEntry};
use rungs::core::step::{Ending, MIN_RETENTION, Records, StepError, StepInput, step};
use rungs::core::tier::Tier;
use rungs::core::time::Timestamp;
use rungs::core::verdict::Verdict;
use rungs::ports::notify::NotificationFormat;
use rungs::service::wire::WebhookBody;
use rungs::testkit::store::sample::{self, with};

use super::bytes::Bytes;

const MAX_BATCHES: usize = 4;
const MAX_JOBS: usize = 4;
const MAX_OPERATIONS: usize = 300;

pub fn run(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let mut world = World::new(bytes.flag());
    for _ in 0..MAX_OPERATIONS {
        if bytes.is_empty() {
            break;
        }
        world.act(&mut bytes);
        world.check();
    }
}

/// The records of one job.
struct Page {
    hold: u64,
    /// Every claim there was; the last is the one that counts while `held`.
    fences: Vec<Fence>,
    until: u64,
    held: bool,
    /// The record at its end, and its charge.
    end: Option<(Job, u64)>,
}

struct Shelf {
    batch: BatchRecord,
    jobs: Vec<Job>,
    pages: Vec<Page>,
    entries: Vec<LedgerEntry>,
    notices: Vec<Notification>,
}

struct World {
    now: u64,
    account: Account,
    granted: u64,
    unlimited: bool,
    shelves: Vec<Shelf>,
}

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

impl World {
    fn new(unlimited: bool) -> Self {
        let id = AccountId::default();
        let account = if unlimited { Account::unlimited(id) } else { Account::limited(id) };
        Self { now: 0, account, granted: 0, unlimited, shelves: Vec::new() }
    }

    fn act(&mut self, bytes: &mut Bytes<'_>) {
        match bytes.below(10) {
            0 => self.now = bytes.number(),
            1 => self.grant(bytes.number()),
            2 | 3 => self.submit(bytes),
            4 | 5 => self.claim(bytes),
            6 => self.abandon(bytes),
            _ => self.step(bytes),
        }
    }

    fn grant(&mut self, amount: u64) {
        let fits = self.granted.checked_add(amount);

        assert_eq!(self.account.grant(Credits(amount)), fits.is_some());

        self.granted = fits.unwrap_or(self.granted);
    }

    fn held(&self) -> u64 {
        let open = self.shelves.iter().flat_map(|it| &it.pages).filter(|it| it.end.is_none());
        open.map(|it| it.hold).sum()
    }

    fn spent(&self) -> u64 {
        let ended = self.shelves.iter().flat_map(|it| &it.pages).filter_map(|it| it.end.as_ref());
        ended.map(|it| it.1).sum()
    }

    fn submit(&mut self, bytes: &mut Bytes<'_>) {
        let count = 1 + bytes.below(MAX_JOBS);
        let holds: Vec<u64> = (0..count).map(|_| bytes.number()).collect();
        let webhook = bytes.flag().then(|| "https://example.com/hook".to_owned());
        let sum = holds.iter().try_fold(0_u64, |sum, it| sum.checked_add(*it));
        let Some(estimate) = sum.filter(|_| self.shelves.len() < MAX_BATCHES) else { return };
        let free = self.granted - self.held() - self.spent();
        let lacking = estimate.saturating_sub(free);
        let covered = lacking == 0 || self.unlimited && self.granted.checked_add(lacking).is_some();
        let before = self.account.clone();

        let answer = self.account.hold(Credits(estimate));

        assert_eq!(answer.is_ok(), covered, "{estimate} of {free}");
        if !covered {
            assert_eq!(self.account, before, "a refused hold changed the account");
            return;
        }
        self.granted += if self.unlimited { lacking } else { 0 };
        let number = self.shelves.len() as u64 + 1;
        self.shelves.push(Shelf::new(number, &holds, webhook, self.now));
    }

    fn choose(&self, bytes: &mut Bytes<'_>) -> Option<(usize, usize)> {
        let shelf = bytes.below(MAX_BATCHES);
        let job = bytes.below(MAX_JOBS);
        self.shelves.get(shelf)?.jobs.get(job).map(|_| (shelf, job))
    }

    fn claim(&mut self, bytes: &mut Bytes<'_>) {
        let Some((shelf, job)) = self.choose(bytes) else { return };
        let worker = WorkerId(bytes.below(3) as u64);
        let until = self.now.saturating_add(bytes.number());
        let Shelf { jobs, pages, .. } = &mut self.shelves[shelf];
        let page = &mut pages[job];
        let free = page.end.is_none() && (!page.held || page.until <= self.now);

        let claimed = jobs[job].claimed(worker, at(self.now), at(until));

        assert_eq!(claimed.is_some(), free, "a claim of {:?}", jobs[job]);
        let Some(claimed) = claimed else { return };
        let fence = Fence { worker, claim: claimed.claims };
        assert!(page.fences.iter().all(|it| it.claim < fence.claim), "a claim number came twice");
        assert!(claimed.is_held_by(fence) && claimed.state == JobState::Processing);
        page.fences.push(fence);
        (page.held, page.until) = (true, until);
        jobs[job] = claimed;
    }

    fn abandon(&mut self, bytes: &mut Bytes<'_>) {
        let Some((shelf, job)) = self.choose(bytes) else { return };
        let Shelf { jobs, pages, .. } = &mut self.shelves[shelf];

        let abandoned = jobs[job].abandoned(at(self.now));

        assert_eq!(abandoned.is_some(), pages[job].held);
        let Some(abandoned) = abandoned else { return };
        assert_eq!((abandoned.state, abandoned.lease), (JobState::Queued, None));
        pages[job].held = false;
        jobs[job] = abandoned;
    }

    fn step(&mut self, bytes: &mut Bytes<'_>) {
        let Some((shelf, job)) = self.choose(bytes) else { return };
        let shelf = &mut self.shelves[shelf];
        let fence = shelf.pages[job].fence(bytes);
        let input = input(bytes, shelf.pages[job].hold);
        let page = &shelf.pages[job];
        let current = page.held.then(|| page.fences.last().copied()).flatten();
        let expected = match &input {
            StepInput::Cancel if page.end.is_some() => Err("illegal"),
            StepInput::Cancel => Ok(()),
            _ if fence.is_none() || fence != current => Err("stale"),
            StepInput::Succeed { charged, .. } if charged.0 > page.hold => Err("above the hold"),
            _ => Ok(()),
        };
        let records =
            Records { job: &shelf.jobs[job], batch: &shelf.batch, account: &self.account };

        let answer = step(records, fence, input.clone(), at(self.now), MIN_RETENTION);

        let named = answer.as_ref().map(|_| ()).map_err(|why| match why {
            StepError::Stale => "stale",
            StepError::Illegal(_) => "illegal",
            StepError::AboveHold { .. } => "above the hold",
            other => panic!("a new way to refuse: {other}"),
        });
        assert_eq!(named, expected, "{input:?} to {:?}", shelf.jobs[job]);
        let Ok(transition) = answer else { return };
        if let Some(ending) = transition.ending {
            shelf.end(job, &transition.job, &input, &ending, self.now);
            self.account = ending.account;
        } else {
            shelf.go_on(job, &transition.job, &input);
        }
        shelf.jobs[job] = transition.job;
    }

    /// The account adds up, and so does every batch.
    fn check(&self) {
        let account = &self.account;
        assert_eq!(account.granted().0, self.granted);
        assert_eq!(account.held().0, self.held());
        assert_eq!(account.spent().0, self.spent());
        let parts = [account.free().0, account.held().0, account.spent().0];
        assert_eq!(parts.map(u128::from).iter().sum::<u128>(), u128::from(self.granted));
        self.shelves.iter().for_each(Shelf::check);
    }
}

impl Page {
    /// The claim that counts, one that counted once, one that never was, or none.
    fn fence(&self, bytes: &mut Bytes<'_>) -> Option<Fence> {
        match bytes.below(6) {
            0..=2 => self.fences.last().copied(),
            3 if !self.fences.is_empty() => Some(bytes.pick(&self.fences)),
            4 => {
                let worker = WorkerId(bytes.below(3) as u64);
                Some(Fence { worker, claim: u32::from(bytes.byte() % 6) })
            }
            _ => None,
        }
    }
}

fn attempts(bytes: &mut Bytes<'_>) -> Vec<Attempt> {
    let attempt = |bytes: &mut Bytes<'_>| {
        with(
            Attempt::new(
                bytes.pick(&Tier::ALL),
                Finding::Judged(bytes.pick(&[Verdict::Usable, Verdict::Thin])),
                String::new(),
                at(0),
            ),
            |made| {
                made.status = None;
                made.duration = Duration::from_millis(bytes.number());
            },
        )
    };
    (0..bytes.below(3)).map(|_| attempt(bytes)).collect()
}

fn input(bytes: &mut Bytes<'_>, hold: u64) -> StepInput {
    match bytes.below(8) {
        0 => StepInput::Renew { until: at(bytes.number()) },
        1..=3 => StepInput::Succeed {
            tier: bytes.pick(&Tier::ALL),
            charged: Credits(if bytes.flag() { hold / 2 } else { bytes.number() }),
            body: BodyRef("body".to_owned()),
            cached: bytes.flag(),
            attempts: attempts(bytes),
        },
        4 | 5 => StepInput::Fail {
            error: JobError::new(ErrorCode::Timeout, "late"),
            attempts: attempts(bytes),
        },
        6 => StepInput::Reschedule {
            ready_at: at(bytes.number()),
            used: Duration::from_millis(bytes.number()),
            attempts: attempts(bytes),
        },
        _ => StepInput::Cancel,
    }
}

impl Shelf {
    fn new(number: u64, holds: &[u64], webhook: Option<String>, now: u64) -> Self {
        let id = sample::batch_id(number);
        let plain = sample::job(1, at(now));
        let job = |(index, hold): (u32, &u64)| {
            with(plain.clone(), |made| {
                made.id = sample::job_id(number * 100 + u64::from(index));
                made.batch = id;
                made.index = index;
                made.hold = Credits(*hold);
                made.request = Arc::clone(&plain.request);
            })
        };
        let jobs: Vec<Job> = (0..).zip(holds).map(job).collect();
        let total = u32::try_from(jobs.len()).expect("a few jobs");
        let page =
            |hold: &u64| Page { hold: *hold, fences: Vec::new(), until: 0, held: false, end: None };
        let batch = with(sample::batch(number, None), |made| {
            made.inline_jobs = jobs.iter().map(|it| it.id).collect();
            made.tally = Tally { total, ..Tally::default() };
            made.estimate = holds.iter().map(|it| Credits(*it)).sum();
            made.webhook = webhook;
            made.event = NotificationId::new(at(number), 0, number);
            made.entries = 1;
        });
        let pages = holds.iter().map(page).collect();
        Self { batch, jobs, pages, entries: Vec::new(), notices: Vec::new() }
    }

    /// A step that ended nothing.
    fn go_on(&mut self, job: usize, after: &Job, input: &StepInput) {
        let (page, before) = (&mut self.pages[job], &self.jobs[job]);
        match input {
            StepInput::Renew { until } => {
                let lease = before.lease.expect("who renews holds a lease");
                let until = lease.until.max(*until);
                let expected =
                    with(before.clone(), |made| made.lease = Some(Lease { until, ..lease }));
                assert_eq!(*after, expected);
                page.until = until.as_millis();
            }
            StepInput::Reschedule { ready_at, used, attempts } => {
                let expected = with(before.clone(), |made| {
                    made.state = JobState::Queued;
                    made.lease = None;
                    made.ready_at = *ready_at;
                    let used = Duration::from_millis(used.as_millis() as u64);
                    made.used = before.used.saturating_add(used);
                    made.trail = [before.trail.as_slice(), attempts].concat();
                });
                assert_eq!(*after, expected);
                page.held = false;
            }
            other => panic!("{other:?} should have ended the job"),
        }
    }

    /// A step that ended a job: everything that belongs to its end is there, once.
    fn end(&mut self, job: usize, after: &Job, input: &StepInput, ending: &Ending, now: u64) {
        let page = &mut self.pages[job];
        let charged = match input {
            StepInput::Succeed { charged, tier, .. } => {
                assert_eq!((after.state, after.tier()), (JobState::Succeeded, Some(*tier)));
                charged.0
            }
            StepInput::Fail { .. } | StepInput::Cancel => {
                assert!(matches!(after.outcome, Some(Outcome::Failed(_))));
                assert_eq!(after.state, JobState::Failed);
                0
            }
            other => panic!("{other:?} should have ended nothing"),
        };
        assert!(charged <= page.hold && page.end.is_none(), "an end too many, or too dear");
        assert_eq!((after.lease, after.ended_at), (None, Some(at(now))));
        let released = Credits(page.hold - charged);
        let expected = with(sample::entry(0, 0), |made| {
            made.account = after.account.clone();
            made.batch = self.batch.id;
            made.number = u32::try_from(self.entries.len()).expect("a few") + 1;
            made.job = Some(after.id);
            made.booking = Booking::Settle { charged: Credits(charged), released };
            made.at = at(now);
        });
        assert_eq!(ending.entry, expected);
        page.held = false;
        page.end = Some((after.clone(), charged));
        self.entries.push(ending.entry.clone());
        self.batch = ending.batch.clone();
        let is_last = self.pages.iter().all(|it| it.end.is_some());
        assert_eq!(ending.completion.is_some(), is_last, "the event belongs to the last job's end");
        if let Some(completion) = &ending.completion {
            let body = WebhookBody.body(completion);
            let notice = completion.notification(&self.batch, body);
            self.tells(&notice, now);
            self.notices.push(notice);
        }
    }

    fn counted(&self) -> (u32, u32) {
        let ended = self.pages.iter().filter_map(|it| it.end.as_ref());
        ended.fold((0, 0), |(good, bad), (job, _)| match job.state {
            JobState::Succeeded => (good + 1, bad),
            _ => (good, bad + 1),
        })
    }

    fn status(&self) -> &'static str {
        let (good, bad) = self.counted();
        match (self.pages.len() - good as usize - bad as usize, good, bad) {
            (1.., _, _) => "processing",
            (_, _, 0) => "completed",
            (_, 0, _) => "failed",
            _ => "partial",
        }
    }

    /// Checks that the notification reports the result of the batch.
    fn tells(&self, notice: &Notification, now: u64) {
        let body: serde_json::Value = serde_json::from_str(&notice.body).expect("JSON");
        let (good, bad) = self.counted();
        assert_eq!(body["event"], "batch.completed");
        assert_eq!(body["data"]["status"], self.status());
        assert_eq!(body["data"]["total"], self.pages.len());
        assert_eq!(body["data"]["completed"], good);
        assert_eq!(body["data"]["failed"], bad);
        assert_eq!((notice.id, notice.batch), (self.batch.event, self.batch.id));
        let addressed = self.batch.webhook.is_some();
        assert_eq!(notice.state == NotificationState::Pending, addressed);
        assert_eq!(self.batch.ended_at, Some(at(now)));
        assert_eq!(self.batch.expires_at, Some(at(now).after(MIN_RETENTION)));
    }

    fn check(&self) {
        let (good, bad) = self.counted();
        let total = u32::try_from(self.pages.len()).expect("a few");
        assert_eq!(self.batch.tally, Tally { total, succeeded: good, failed: bad });
        assert_eq!(self.batch.status().as_str(), self.status());
        let ended = self.batch.status() != BatchStatus::Processing;
        assert_eq!(self.notices.len(), usize::from(ended), "one event for one end");
        assert_eq!(self.batch.ended_at.is_some(), ended);
        let charged: u64 = self.pages.iter().filter_map(|it| it.end.as_ref()).map(|it| it.1).sum();
        assert_eq!(self.batch.charged, Credits(charged));
        for (job, page) in self.jobs.iter().zip(&self.pages) {
            assert_eq!(job.state.is_ended(), page.end.is_some());
            assert_eq!(job.state == JobState::Processing, page.held);
            assert!(page.end.as_ref().is_none_or(|(end, _)| end == job), "an ended job changed");
        }
    }
}
