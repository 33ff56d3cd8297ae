//! The actions that are possible in a world, and the worlds that follow.

use std::sync::Arc;

use rungs::core::batch::NotificationState;
use rungs::core::credits::Credits;
use rungs::core::failure::{ErrorCode, JobError};
use rungs::core::id::{JobId, NotificationId, WorkerId};
use rungs::core::job::{Attempt, BodyRef, Fence, Finding, Job, JobState};
use rungs::core::record::{Claim, Key, Queue, Record};
use rungs::core::step::StepInput;
use rungs::core::tier::Tier;
use rungs::core::time::Timestamp;
use rungs::core::verdict::Verdict;
use rungs::testkit::store::sample::with;

use crate::model::changes::{self, Heard};
use crate::model::setup::{Fault, LEASE, Processes, Setup, TICK, WAIT};
use crate::model::world::{Cancel, Decision, Held, Pending, Post, Submission, Task, World};

/// One thing that can happen; numbers name workers and submissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// The application submits its batch: the engine reads the records and decides the writes.
    Submit(usize),
    CommitSubmission(usize),
    StartCancel,
    CommitCancel,
    Claim(usize, JobId),
    /// The worker has its page, reads the newest records and decides the writes.
    Decide(usize, Decision),
    /// The sender reads the records again and decides anew.
    DecideAgain(usize),
    Commit(usize),
    /// The commit succeeds, and its response is lost.
    CommitUnheard(usize),
    ClaimEvent(usize, NotificationId),
    Send(usize, Answer),
    Book(usize),
    Tick,
    CrashWorker(usize),
    /// All in the process is lost; the store is opened anew and gives leases back at once.
    CrashProcess,
}

/// The receiver's reaction to a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Accepts,
    /// The receiver accepts, and its response is lost.
    AcceptsUnheard,
    Fails,
    IsGone,
}

impl Answer {
    const ALL: [Self; 4] = [Self::Accepts, Self::AcceptsUnheard, Self::Fails, Self::IsGone];
}

/// Everything that can happen in `world`.
pub(crate) fn possible(setup: &Setup, world: &World, actions: &mut Vec<Action>) {
    for (nth, submission) in world.submissions.iter().enumerate() {
        match submission {
            Submission::Unsent => actions.push(Action::Submit(nth)),
            Submission::Pending(_) => actions.push(Action::CommitSubmission(nth)),
            Submission::Answered => {}
        }
    }
    match world.cancel {
        Cancel::Pending(_) => actions.push(Action::CommitCancel),
        Cancel::Unsent if world.accepted.is_some() && world.left.cancels > 0 => {
            actions.push(Action::StartCancel);
        }
        Cancel::Unsent => {}
    }
    for at in 0..world.workers.len() {
        working(setup, world, at, actions);
        // One process has one sender.
        if at == 0 || setup.processes == Processes::Two {
            sending(world, at, actions);
        }
        if world.left.crashes > 0 && setup.processes == Processes::Two {
            actions.push(Action::CrashWorker(at));
        }
    }
    if world.left.crashes > 0 {
        actions.push(Action::CrashProcess);
    }
    if waits(world) {
        actions.push(Action::Tick);
    }
}

fn working(setup: &Setup, world: &World, at: usize, actions: &mut Vec<Action>) {
    match &world.workers[at].task {
        Task::Idle => {
            for job in jobs(world) {
                let key = Key::Job(job.id);
                let withheld =
                    setup.fault == Fault::NeverReclaims && job.state == JobState::Processing;
                if world.store.is_due(&key, &claim(world, at, Queue::Jobs)) && !withheld {
                    actions.push(Action::Claim(at, job.id));
                }
            }
        }
        Task::Working(held) => {
            actions.extend([Decision::Succeed, Decision::Fail].map(|it| Action::Decide(at, it)));
            let job = world.job(held.job).expect("it was claimed");
            if job.trail.len() < setup.retries {
                actions.push(Action::Decide(at, Decision::Reschedule));
            }
            // A lease that could not be made longer now is not renewed.
            if job.lease.is_none_or(|it| it.until < world.now.after(LEASE)) {
                actions.push(Action::Decide(at, Decision::Renew));
            }
        }
        Task::Decided(..) => actions.push(Action::DecideAgain(at)),
        Task::Pending(..) => {
            actions.push(Action::Commit(at));
            if world.left.unheard > 0 {
                actions.push(Action::CommitUnheard(at));
            }
        }
    }
}

fn sending(world: &World, at: usize, actions: &mut Vec<Action>) {
    match world.workers[at].post {
        None => {
            for record in world.store.records() {
                let Record::Notification(notice) = record else { continue };
                if world.store.is_due(&record.key(), &claim(world, at, Queue::Notifications)) {
                    actions.push(Action::ClaimEvent(at, notice.id));
                }
            }
        }
        Some(Post { heard: None, .. }) => {
            actions.extend(Answer::ALL.map(|it| Action::Send(at, it)));
        }
        Some(_) => actions.push(Action::Book(at)),
    }
}

pub(crate) fn jobs(world: &World) -> impl Iterator<Item = &Job> {
    world.store.records().filter_map(|it| match it {
        Record::Job(job) => Some(job),
        _ => None,
    })
}

/// Returns `true` if only the passing of time can enable another action.
fn waits(world: &World) -> bool {
    let due =
        |it: &Record| it.due().is_some_and(|(queue, at)| queue != Queue::Expiry && at > world.now);
    world.store.records().any(due)
}

fn claim(world: &World, at: usize, queue: Queue) -> Claim {
    let (now, until) = (world.now, world.now.after(LEASE));
    Claim::new(queue, world.workers[at].id, now, until, 1)
}

/// The world after `action`.
pub(crate) fn after(setup: &Setup, world: &World, action: Action) -> World {
    let mut next = world.clone();
    match action {
        Action::Submit(nth) => submit(setup, &mut next, nth),
        Action::CommitSubmission(nth) => commit_submission(setup, &mut next, nth),
        Action::StartCancel => start_cancel(setup, &mut next),
        Action::CommitCancel => commit_cancel(setup, &mut next),
        Action::Claim(at, job) => claim_job(&mut next, at, job),
        Action::Decide(at, decision) => {
            let held = next.workers[at].task.held().expect("it works on a job");
            decide(setup, &mut next, at, held, decision);
        }
        Action::DecideAgain(at) => {
            let Task::Decided(held, decision) = next.workers[at].task else { return next };
            decide(setup, &mut next, at, held, decision);
        }
        Action::Commit(at) => commit(setup, &mut next, at, true),
        Action::CommitUnheard(at) => commit(setup, &mut next, at, false),
        Action::ClaimEvent(at, event) => claim_event(&mut next, at, event),
        Action::Send(at, answer) => send(&mut next, at, answer),
        Action::Book(at) => book(setup, &mut next, at),
        Action::Tick => next.now = next.now.after(TICK),
        Action::CrashWorker(at) => crash_worker(&mut next, at),
        Action::CrashProcess => crash_process(&mut next),
    }
    watch(world, &mut next);
    next.identify();
    next
}

/// Records facts that a state alone does not show: changes of ended jobs, and the number of notifications created.
fn watch(before: &World, after: &mut World) {
    for job in jobs(before).filter(|it| it.state.is_ended()) {
        if after.job(job.id) != Some(job) {
            after.seen.broken = Some("an ended job changed");
        }
    }
    let events = |world: &World| {
        world.store.records().filter(|it| matches!(it, Record::Notification(_))).count()
    };
    let new = events(after).saturating_sub(events(before));
    after.seen.events += u8::try_from(new).expect("few");
}

fn submit(setup: &Setup, world: &mut World, nth: usize) {
    let (batch, jobs) = setup.submission(nth);
    let mut draft = world.store.draft();
    let new = changes::accept(&mut draft, &batch, &jobs, setup.fault, world.now);
    let writes = draft.writes();
    world.submissions[nth] =
        if new { Submission::Pending(Arc::new(writes)) } else { Submission::Answered };
}

fn commit_submission(setup: &Setup, world: &mut World, nth: usize) {
    let Submission::Pending(writes) = world.submissions[nth].clone() else { return };
    if store(setup, world, &writes) {
        world.accepted = Some(setup.submission(nth).0.id);
        world.submissions[nth] = Submission::Answered;
    } else {
        submit(setup, world, nth);
    }
}

fn start_cancel(setup: &Setup, world: &mut World) {
    let batch = world.accepted.expect("only then it can be cancelled");
    let mut draft = world.store.draft();
    changes::cancel(&mut draft, setup, batch, world.now);
    let writes = draft.writes();
    // With nothing left to end it is answered at once.
    world.cancel =
        if writes.is_empty() { Cancel::Unsent } else { Cancel::Pending(Arc::new(writes)) };
    if matches!(world.cancel, Cancel::Unsent) {
        world.left.cancels -= 1;
    }
}

fn commit_cancel(setup: &Setup, world: &mut World) {
    let Cancel::Pending(writes) = world.cancel.clone() else { return };
    if store(setup, world, &writes) {
        world.cancel = Cancel::Unsent;
        world.left.cancels -= 1;
        unseat_ended(world);
    } else {
        start_cancel(setup, world);
    }
}

/// Commits the writes; with the fault, even over newer versions.
fn store(setup: &Setup, world: &mut World, writes: &Pending) -> bool {
    if setup.fault == Fault::NoVersionCheck {
        world.store.overwrite(writes);
        return true;
    }
    world.store.commit(writes).is_ok()
}

fn claim_job(world: &mut World, at: usize, id: JobId) {
    let claim = claim(world, at, Queue::Jobs);
    let Some(Record::Job(job)) = world.store.claim(&Key::Job(id), &claim) else { return };
    unseat(world, id);
    world.workers[at].task = Task::Working(Held { job: id, claim: job.claims, rightful: true });
}

/// From now on no earlier claim of the job is rightful.
fn unseat(world: &mut World, job: JobId) {
    let held = world.workers.iter_mut().filter_map(|it| it.task.held_mut());
    for held in held.filter(|it| it.job == job) {
        held.rightful = false;
    }
}

fn unseat_ended(world: &mut World) {
    let ended: Vec<_> = jobs(world).filter(|it| it.state.is_ended()).map(|it| it.id).collect();
    for job in ended {
        unseat(world, job);
    }
}

fn decide(setup: &Setup, world: &mut World, at: usize, held: Held, decision: Decision) {
    let fence = Fence { worker: world.workers[at].id, claim: held.claim };
    let mut draft = world.store.draft();
    let input = input(decision, changes::job(&draft, held.job), world.now);
    let decided = changes::advance(&mut draft, setup, held.job, Some(fence), input, world.now);
    let writes = draft.writes();
    world.workers[at].task = match decided {
        Ok(()) => Task::Pending(held, decision, Arc::new(writes)),
        Err(_) if held.rightful => {
            world.seen.broken = Some("a rightful claim was refused");
            Task::Idle
        }
        Err(_) => Task::Idle,
    };
}

fn input(decision: Decision, job: &Job, now: Timestamp) -> StepInput {
    let attempts = vec![with(
        Attempt::new(Tier::Curl, Finding::Judged(Verdict::Usable), String::new(), now),
        |made| {
            made.status = Some(200);
        },
    )];
    match decision {
        Decision::Renew => StepInput::Renew { until: now.after(LEASE) },
        // The first job costs a part of its hold, the others all of it.
        Decision::Succeed => StepInput::Succeed {
            tier: Tier::Curl,
            charged: if job.index == 0 { Credits(4) } else { job.hold },
            body: BodyRef("body".to_owned()),
            cached: false,
            attempts,
        },
        Decision::Fail => {
            StepInput::Fail { error: JobError::new(ErrorCode::Timeout, "too late"), attempts }
        }
        Decision::Reschedule => {
            StepInput::Reschedule { ready_at: now.after(WAIT), used: TICK, attempts }
        }
    }
}

/// Performs a worker's commit, whose response may be lost.
fn commit(setup: &Setup, world: &mut World, at: usize, told: bool) {
    let Task::Pending(held, decision, writes) = world.workers[at].task.clone() else { return };
    if !store(setup, world, &writes) {
        // The store refused. The worker reads and decides anew, even if the response is lost.
        return decide(setup, world, at, held, decision);
    }
    if !held.rightful {
        world.seen.broken = Some("a stale claim changed something");
    }
    if decision != Decision::Renew {
        unseat(world, held.job);
    }
    let held = world.workers[at].task.held().expect("it was working");
    world.workers[at].task = match (told, decision) {
        (true, Decision::Renew) => Task::Working(held),
        (true, _) => Task::Idle,
        (false, _) => {
            world.left.unheard -= 1;
            Task::Decided(held, decision)
        }
    };
}

fn claim_event(world: &mut World, at: usize, event: NotificationId) {
    let claim = claim(world, at, Queue::Notifications);
    if world.store.claim(&Key::Notification(event), &claim).is_none() {
        return;
    }
    for post in world.workers.iter_mut().filter_map(|it| it.post.as_mut()) {
        post.rightful = false;
    }
    world.workers[at].post = Some(Post { event, heard: None, rightful: true });
}

fn send(world: &mut World, at: usize, answer: Answer) {
    world.seen.received |= matches!(answer, Answer::Accepts | Answer::AcceptsUnheard);
    let post = world.workers[at].post.as_mut().expect("it holds an event");
    post.heard = Some(match answer {
        Answer::Accepts => Heard::Accepted,
        Answer::AcceptsUnheard | Answer::Fails => Heard::Nothing,
        Answer::IsGone => Heard::Gone,
    });
}

fn book(setup: &Setup, world: &mut World, at: usize) {
    let Some(Post { event, heard: Some(heard), rightful }) = world.workers[at].post else { return };
    let worker: WorkerId = world.workers[at].id;
    let mut draft = world.store.draft();
    changes::deliver(&mut draft, setup, event, worker, heard, world.now);
    let writes = draft.writes();
    if !writes.is_empty() && !rightful {
        world.seen.broken = Some("a delivery was booked after it was taken over");
    }
    if let Some(Record::Notification(notice)) = world.store.get(&Key::Notification(event))
        && notice.state != NotificationState::Pending
        && !writes.is_empty()
    {
        world.seen.broken = Some("a delivery was booked after the last");
    }
    // One record is read and written, so the version reveals every concurrent change.
    world.store.commit(&writes).expect("read just now");
    world.workers[at].post = None;
}

fn crash_worker(world: &mut World, at: usize) {
    world.left.crashes -= 1;
    let worker = &mut world.workers[at];
    worker.id = WorkerId(worker.id.0 + 10);
    (worker.task, worker.post) = (Task::Idle, None);
}

fn crash_process(world: &mut World) {
    world.left.crashes -= 1;
    for worker in &mut world.workers {
        worker.id = WorkerId(worker.id.0 + 10);
        (worker.task, worker.post) = (Task::Idle, None);
    }
    for submission in &mut world.submissions {
        if matches!(submission, Submission::Pending(_)) {
            *submission = Submission::Unsent;
        }
    }
    world.cancel = Cancel::Unsent;
    let freed = world.store.records().filter_map(|it| it.abandoned(world.now));
    for record in freed.collect::<Vec<_>>() {
        world.store.put(record);
    }
}
