//! The outbox: delivers committed events, each with its own retries, one id and one body.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::task::AbortOnDropHandle;

use crate::core::batch::{DeliveryAttempt, Notification, NotificationState};
use crate::core::record::{Claim, Queue, Record};
use crate::core::time::Timestamp;
use crate::engine::Shared;
use crate::engine::changes::Deliver;
use crate::ports::notify::{DeliveryOutcome, DeliveryRequest, MAX_RESPONSE_BODY_CHARS};

/// Events delivered at the same time.
const AT_ONCE: usize = 16;
/// The longest sleep: another process may have ended a batch.
const LOOK: Duration = Duration::from_secs(5);
/// A notifier owes its answer within 10 seconds; this is for the one that forgets.
const PATIENCE: Duration = Duration::from_secs(15);

/// Delivers until the engine stops.
pub(super) async fn run(shared: Arc<Shared>) {
    while !shared.stopping.is_cancelled() {
        let now = shared.clock.now();
        // Longer than an attempt can take: who delivers still holds the lease when it books.
        let until = now.after(shared.settings.lease.max(PATIENCE * 2));
        let (queue, worker) = (Queue::Notifications, shared.worker);
        let claim = Claim { queue, worker, now, until, limit: AT_ONCE };
        let claimed = match shared.store.claim(claim).await {
            Ok(claimed) => claimed,
            Err(error) => {
                tracing::error!(%error, "claiming events failed");
                Vec::new()
            }
        };
        if claimed.is_empty() {
            shared.rest(Queue::Notifications, &shared.notifications_ready, LOOK).await;
            continue;
        }
        let mut posts = tokio::task::JoinSet::new();
        for found in claimed {
            if let Record::Notification(notice) = found.record {
                let shared = Arc::clone(&shared);
                posts.spawn(async move { deliver(shared, notice).await });
            }
        }
        while posts.join_next().await.is_some() {}
    }
}

async fn deliver(shared: Arc<Shared>, notice: Notification) {
    let attempt = u32::try_from(notice.attempts.len()).unwrap_or(u32::MAX).saturating_add(1);
    let at = shared.clock.now();
    let delivered = match &notice.url {
        Some(url) => {
            let delivery = DeliveryRequest {
                id: notice.id,
                account: notice.account.clone(),
                event: notice.event.as_str(),
                url: url.clone(),
                body: notice.body.clone(),
                sent_at: at.as_millis() / 1_000,
                attempt,
            };
            attempted(&shared, delivery).await
        }
        None => DeliveryOutcome::Refused {
            status: None,
            reason: "the event has no address".to_owned(),
            response_body: None,
        },
    };
    let booked = book(&shared, &notice, attempt, at, delivered);
    if let Err(error) = shared.writer.apply(booked).await {
        // The lease ends, and it is delivered again: at least once is what is promised.
        tracing::error!(%error, "booking a delivery failed");
    }
}

/// One attempt in a task of its own: whatever the notifier does, the attempt is booked.
async fn attempted(shared: &Arc<Shared>, delivery: DeliveryRequest) -> DeliveryOutcome {
    let notifying = Arc::clone(shared);
    let task = AbortOnDropHandle::new(tokio::spawn(async move {
        let notifier = notifying.notifier.as_ref()?;
        Some(notifier.deliver(delivery).await)
    }));
    let failed = |what: &str| DeliveryOutcome::Failed {
        status: None,
        reason: what.to_owned(),
        response_body: None,
    };
    tokio::select! {
        biased;
        answer = task => match answer {
            Ok(Some(delivered)) => delivered,
            Ok(None) => failed("nothing here delivers webhooks"),
            Err(_) => failed("the notifier panicked"),
        },
        () = shared.clock.sleep(PATIENCE) => failed("the notifier gave no answer in time"),
    }
}

fn book(
    shared: &Shared,
    notice: &Notification,
    attempt: u32,
    at: Timestamp,
    delivered: DeliveryOutcome,
) -> Deliver {
    let retry = shared.settings.webhook_retry;
    let (state, status, error, response_body) = match delivered {
        DeliveryOutcome::Accepted { status, response_body } => {
            (NotificationState::Delivered, Some(status), None, response_body)
        }
        DeliveryOutcome::Refused { status, reason, response_body } => {
            (NotificationState::GivenUp, status, Some(reason), response_body)
        }
        DeliveryOutcome::Failed { status, reason, response_body } if attempt > retry.retries => {
            (NotificationState::GivenUp, status, Some(reason), response_body)
        }
        DeliveryOutcome::Failed { status, reason, response_body } => {
            (NotificationState::Pending, status, Some(reason), response_body)
        }
    };
    let response_body = response_body.map(|it| presentable(&it)).filter(|it| !it.is_empty());
    tracing::info!(batch = %notice.batch, delivery = %notice.id, attempt, ?state, "webhook");
    Deliver {
        notice: notice.id,
        worker: shared.worker,
        attempt: DeliveryAttempt { at, status, error, response_body },
        state,
        wait: retry.exact(attempt, 4),
    }
}

/// The beginning of a text that a stranger wrote, without what a terminal or a page would obey: control
/// characters, and those that turn the direction of what stands around them.
fn presentable(text: &str) -> String {
    let obeyed = |it: char| {
        it.is_control() && !matches!(it, '\n' | '\t')
            || matches!(it, '\u{61c}' | '\u{200e}' | '\u{200f}')
            || matches!(it, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let plain = text.trim().chars().take(MAX_RESPONSE_BODY_CHARS);
    plain.map(|it| if obeyed(it) { char::REPLACEMENT_CHARACTER } else { it }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_receiver_says_is_kept_short_and_obeyed_by_nothing() {
        assert_eq!(presentable("  try\tlater\n"), "try\tlater");
        assert_eq!(presentable("\u{1b}[31mred\r\0"), "\u{fffd}[31mred\u{fffd}\u{fffd}");
        assert_eq!(presentable("a\u{202e}b\u{2066}c"), "a\u{fffd}b\u{fffd}c");
        assert_eq!(presentable(&"é".repeat(5_000)), "é".repeat(MAX_RESPONSE_BODY_CHARS));
    }
}
