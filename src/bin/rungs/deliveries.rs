//! Waits for the webhooks of a run: a process that ends sends no more of them.

use std::time::Duration;

use rungs::core::batch::{Notification, NotificationState};
use rungs::core::id::{BatchId, CrawlId};
use rungs::{Engine, EngineError};
use tokio::time::{Instant, sleep};

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

/// Waits until each webhook was sent once, and says which of them no receiver accepted.
pub(crate) async fn wait(engine: &Engine, ended: &[Ended], has_store: bool) {
    let until = Instant::now() + PATIENCE;
    let mut reasons = Vec::new();
    for it in ended {
        reasons.extend(reason_of(engine, *it, until).await);
    }
    let Some(first) = reasons.first() else { return };
    let remedy = if has_store {
        "the next command with the same --store repeats it"
    } else {
        "use --store, so that a later command can repeat it"
    };
    let (count, all) = (reasons.len(), ended.len());
    eprintln!("rungs: {count} of {all} webhooks not delivered: {first}; {remedy}");
}

/// Returns why a webhook was not delivered, after its first attempt.
async fn reason_of(engine: &Engine, ended: Ended, until: Instant) -> Option<String> {
    loop {
        let notification = match ended.notification(engine).await {
            Ok(found) => found?,
            // Removed since then.
            Err(error) if error.is_not_found() => return None,
            Err(error) => return Some(error.to_string()),
        };
        match (notification.state, notification.attempts.last()) {
            (NotificationState::Delivered | NotificationState::Unaddressed, _) => return None,
            (_, Some(attempt)) => {
                return Some(attempt.error.clone().unwrap_or_else(|| "refused".to_owned()));
            }
            _ if Instant::now() >= until => return Some("not sent in time".to_owned()),
            _ => sleep(LOOK).await,
        }
    }
}
