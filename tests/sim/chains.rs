//! Retries and the notifications of items, as the oracle knows them.

use std::collections::BTreeMap;

use rungs::core::batch::BatchRecord;
use rungs::core::id::{BatchId, JobId, NotificationId};
use rungs::core::job::{Job, JobState};
use rungs::core::record::{Key, Record};

use super::oracle::Oracle;

/// Retries, and the notifications of items.
#[derive(Default)]
pub(crate) struct Chains {
    /// The batch that repeats each batch.
    retries: BTreeMap<BatchId, BatchId>,
    /// The notification of each item as receivers were given it.
    told: BTreeMap<JobId, (String, String)>,
}

impl Oracle {
    /// An application was told that `new` repeats `old`.
    pub(crate) fn retried(&mut self, old: BatchId, new: BatchId) {
        self.note("batch retried");
        let first = *self.chains.retries.entry(old).or_insert(new);
        self.check(11, first == new, || format!("{old} is repeated by {first} and by {new}"));
        let (Some(before), Some(after)) = (self.batch(old), self.batch(new)) else { return };
        let urls = |batch, is_wanted: fn(&Job) -> bool| {
            let jobs = self.jobs(batch).filter(|it| is_wanted(it));
            jobs.map(|it| it.request.page().as_str().to_owned()).collect::<Vec<_>>()
        };
        let failed = urls(before, |it| it.state == JobState::Failed);
        let repeated = urls(after, |_| true);
        let right = after.retry_of == Some(old) && failed == repeated && !failed.is_empty();
        self.check(1, right, || format!("{new} repeats {repeated:?} of {old}, not {failed:?}"));
    }

    /// Each ended job has the notification that its batch wants for it, and no other job has one.
    pub(crate) fn items(&mut self, batch: &BatchRecord, jobs: &[Job]) {
        for job in jobs {
            let (word, is_wanted) = match job.state {
                JobState::Succeeded => ("succeeded", batch.item_events.completed),
                JobState::Failed => ("failed", batch.item_events.failed),
                _ => ("", false),
            };
            let is_wanted = is_wanted && batch.webhook.is_some();
            let id = NotificationId::from_bytes(*job.id.as_bytes());
            let found = self.records.get(&Key::Notification(id)).cloned();
            self.check(7, found.is_some() == is_wanted, || {
                format!("{} is {}; it has an event: {}", job.id, job.state, found.is_some())
            });
            if let Some(Record::Notification(event)) = found {
                let said = told_of(&event.body);
                let right = (job.id.to_string(), word.to_owned());
                self.check(7, said.as_ref() == Some(&right), || format!("an item says {said:?}"));
            }
        }
    }

    /// A receiver was given the notification of an item.
    pub(crate) fn told_item(&mut self, id: String, body: String) {
        let job = told_of(&body).and_then(|it| it.0.parse::<JobId>().ok());
        let Some(job) = job else { return self.fail(7, format!("a body of nothing: {body}")) };
        // Its batch may be gone.
        let live = self.job(job).is_some_and(|it| !it.state.is_ended());
        self.check(7, !live, || format!("{job} was told before it ended"));
        self.note("item told");
        let event = (id, body);
        let first = self.chains.told.entry(job).or_insert_with(|| event.clone()).clone();
        self.check(7, first == event, || format!("{job} was told in two ways"));
    }
}

/// Returns the job and its state in an item's notification.
fn told_of(body: &str) -> Option<(String, String)> {
    let body: serde_json::Value = serde_json::from_str(body).ok()?;
    let text = |name: &str| body["data"][name].as_str().map(str::to_owned);
    Some((text("job_id")?, text("status")?))
}

/// Returns the status and the counts in a notification's body.
pub(crate) fn said(body: &str) -> Option<(String, usize, usize, usize)> {
    let body: serde_json::Value = serde_json::from_str(body).ok()?;
    let data = &body["data"];
    let number = |name: &str| usize::try_from(data[name].as_u64()?).ok();
    let status = data["status"].as_str()?.to_owned();
    Some((status, number("total")?, number("completed")?, number("failed")?))
}
