//! The invariants of every state.

use rungs::core::batch::{BatchRecord, NotificationState};
use rungs::core::credits::Credits;
use rungs::core::job::{Job, JobState, Outcome};
use rungs::core::ledger::{Account, Booking, LedgerEntry};
use rungs::core::record::{Key, Record};
use stateright::Property;

use crate::model::explore::Checked;
use crate::model::setup::HOLD;
use crate::model::world::World;

/// Each law by its name.
pub(crate) fn laws() -> Vec<Property<Checked>> {
    vec![
        Property::always("credits are conserved", |_, world| credits_are_conserved(world)),
        Property::always("each hold is settled once", |_, world| holds_are_settled_once(world)),
        Property::always("no job costs more than its hold", |_, world| {
            jobs(world).all(|it: &Job| it.charged() <= it.hold)
        }),
        Property::always("a tally equals its jobs", |_, world| {
            batches(world).all(|it| counts(world, it))
        }),
        Property::always("a batch that ended has one event, and no other has any", |_, world| {
            one_event_each(world)
        }),
        Property::always("a job has a lease while it is processed", |_, world| {
            jobs(world).all(|it| it.lease.is_some() == (it.state == JobState::Processing))
        }),
        Property::always("one key, one batch, one hold", |_, world| batches(world).count() <= 1),
        Property::always("no accepted job is lost", |_, world| nothing_is_lost(world)),
        Property::always("an event is booked as it was answered", |model, world| {
            events_are_booked(world, model.setup.webhook_retries)
        }),
        Property::always("no step broke a law", |_, world: &World| world.seen.broken.is_none()),
    ]
}

pub(crate) fn jobs(world: &World) -> impl Iterator<Item = &Job> {
    crate::model::actions::jobs(world)
}

pub(crate) fn batches(world: &World) -> impl Iterator<Item = &BatchRecord> {
    world.store.records().filter_map(|it| match it {
        Record::Batch(batch) => Some(batch),
        _ => None,
    })
}

fn entries(world: &World) -> impl Iterator<Item = &LedgerEntry> {
    world.store.records().filter_map(|it| match it {
        Record::LedgerEntry(entry) => Some(entry),
        _ => None,
    })
}

fn account(world: &World) -> &Account {
    let accounts = world.store.records().find_map(|it| match it {
        Record::Account(account) => Some(account),
        _ => None,
    });
    accounts.expect("it was opened at the start")
}

fn credits_are_conserved(world: &World) -> bool {
    let account = account(world);
    let sum = account.free().0 + account.held().0 + account.spent().0;
    let held: Credits = jobs(world).filter(|it| !it.state.is_ended()).map(|it| it.hold).sum();
    let spent: Credits = jobs(world).map(Job::charged).sum();
    let charged: Credits = batches(world).map(|it| it.charged).sum();
    sum == account.granted().0
        && account.held() == held
        && account.spent() == spent
        && charged == spent
}

/// The ledger has one line for the hold and one for each job that ended, and each adds up.
fn holds_are_settled_once(world: &World) -> bool {
    let settled = |job: &Job| {
        let lines =
            entries(world).filter(|it: &&LedgerEntry| it.job == Some(job.id)).map(|it| it.booking);
        match lines.collect::<Vec<_>>()[..] {
            [] => !job.state.is_ended(),
            [Booking::Settle { charged, released }] => {
                job.state.is_ended() && charged == job.charged() && charged.0 + released.0 == HOLD.0
            }
            _ => false,
        }
    };
    let numbered = |batch: &BatchRecord| {
        (0..batch.entries).all(|it| world.store.get(&Key::LedgerEntry(batch.id, it)).is_some())
            && entries(world).filter(|it| it.batch == batch.id).count() == batch.entries as usize
    };
    jobs(world).all(settled) && batches(world).all(numbered)
}

fn counts(world: &World, batch: &BatchRecord) -> bool {
    let ended = |state| jobs(world).filter(|it| it.batch == batch.id && it.state == state).count();
    batch.tally.succeeded as usize == ended(JobState::Succeeded)
        && batch.tally.failed as usize == ended(JobState::Failed)
        && batch.ended_at.is_some() == (batch.tally.pending() == 0)
        && batch.expires_at.is_some() == batch.ended_at.is_some()
}

fn one_event_each(world: &World) -> bool {
    let ended = batches(world).filter(|it| it.tally.pending() == 0);
    let events: Vec<_> = ended.map(|it| it.event).collect();
    let notices = world.store.records().filter(|it| matches!(it, Record::Notification(_))).count();
    notices == events.len()
        && usize::from(world.seen.events) == events.len()
        && events.iter().all(|&it| world.store.get(&Key::Notification(it)).is_some())
}

fn nothing_is_lost(world: &World) -> bool {
    world.accepted.is_none_or(|id| match world.store.get(&Key::Batch(id)) {
        Some(Record::Batch(batch)) => batch.inline_jobs.iter().all(|&it| match world.job(it) {
            Some(job) => job.state.is_ended() == job.outcome.is_some(),
            None => false,
        }),
        _ => false,
    })
}

fn events_are_booked(world: &World, retries: usize) -> bool {
    world.store.records().all(|it| match it {
        Record::Notification(notice) => {
            let delivered = notice.state == NotificationState::Delivered;
            notice.attempts.len() <= retries + 1
                && (!delivered || world.seen.received)
                && (notice.lease.is_none() || notice.state == NotificationState::Pending)
        }
        _ => true,
    })
}

/// Returns `true` if the batch was accepted and all of its jobs have ended.
pub(crate) fn has_ended(world: &World) -> bool {
    world.accepted.is_some()
        && jobs(world)
            .all(|it| matches!(it.outcome, Some(Outcome::Succeeded { .. } | Outcome::Failed(_))))
}

/// Returns `true` if the notification of the batch is in this state.
pub(crate) fn event_is(world: &World, state: NotificationState) -> bool {
    world
        .store
        .records()
        .any(|it| matches!(it, Record::Notification(notice) if notice.state == state))
}
