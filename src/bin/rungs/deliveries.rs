//! Waits for the webhooks of a run: a process that ends sends no more of them.

use std::time::Duration;

use rungs::core::batch::{Notification, NotificationState};
use rungs::core::id::{BatchId, CrawlId};
use rungs::core::time::Timestamp;
use rungs::{Engine, EngineError};
use tokio::time::sleep;

/// The time for the first attempts of all webhooks; one attempt ends within 15 s.
const PATIENCE: Duration = Duration::from_secs(30);
/// The time between two looks at a webhook that has not been sent.
const LOOK: Duration = Duration::from_millis(20);

/// A batch or a crawl with a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Batch(BatchId),
    Crawl(CrawlId),
}

impl Ended {
    async fn notification(self, engine: &Engine) -> Result<Option<Notification>, EngineError> {
        match self {
            Self::Batch(id) => engine.batch_notification(id).await,
            Self::Crawl(id) => engine.crawl_notification(id).await,
        }
    }
}

/// A webhook that no receiver accepted.
struct Undelivered {
    reason: String,
    /// `true` if there is no further attempt.
    is_given_up: bool,
}

/// Waits until each webhook was sent once since `began`, and says which of them no receiver accepted. One that is due later,
/// after attempts of an earlier run, is not waited for.
pub(crate) async fn wait(engine: &Engine, ended: &[Ended], began: Timestamp, has_store: bool) {
    let until = engine.now().after(PATIENCE);
    let mut undelivered = Vec::new();
    for it in ended {
        undelivered.extend(undelivered_of(engine, *it, (began, until)).await);
    }
    let Some(first) = undelivered.first() else { return };
    let remedy = match undelivered.iter().all(|it| it.is_given_up) {
        true => "no attempt follows",
        false if has_store => "a later command with the same --store repeats it",
        false => "use --store, so that a later command can repeat it",
    };
    let (count, all, reason) = (undelivered.len(), ended.len(), &first.reason);
    eprintln!("rungs: {count} of {all} webhooks not delivered: {reason}; {remedy}");
}

/// Returns why a webhook was not delivered, after its first attempt since `began`.
async fn undelivered_of(
    engine: &Engine,
    ended: Ended,
    (began, until): (Timestamp, Timestamp),
) -> Option<Undelivered> {
    let because = |reason, is_given_up| Some(Undelivered { reason, is_given_up });
    loop {
        let notification = match ended.notification(engine).await {
            Ok(found) => found?,
            // Removed since then.
            Err(error) if error.is_not_found() => return None,
            Err(error) => return because(error.to_string(), false),
        };
        let last = notification.attempts.last();
        let reason = last.and_then(|it| it.error.clone());
        let reason = || reason.unwrap_or_else(|| "it was not sent in time".to_owned());
        let is_tried = last.is_some_and(|it| it.at >= began);
        match notification.state {
            NotificationState::Delivered | NotificationState::Unaddressed => return None,
            NotificationState::GivenUp => return because(reason(), true),
            NotificationState::Pending
                if is_tried || notification.ready_at > until || engine.now() >= until =>
            {
                return because(reason(), false);
            }
            NotificationState::Pending => sleep(LOOK).await,
        }
    }
}
