//! The outbox: delivers committed events, each with its own retries, one id and one body.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::task::AbortOnDropHandle;

use crate::core::batch::{Notice, NoticeAttempt, NoticeState};
use crate::core::record::{Claim, Queue, Record};
use crate::core::time::Timestamp;
use crate::engine::Shared;
use crate::engine::changes::Deliver;
use crate::ports::notify::{Delivered, Delivery};

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
        let (queue, worker) = (Queue::Notices, shared.worker);
        let claim = Claim { queue, worker, now, until, limit: AT_ONCE };
        let claimed = match shared.store.claim(claim).await {
            Ok(claimed) => claimed,
            Err(error) => {
                tracing::error!(%error, "claiming events failed");
                Vec::new()
            }
        };
        if claimed.is_empty() {
            shared.rest(Queue::Notices, &shared.notices_ready, LOOK).await;
            continue;
        }
        let mut posts = tokio::task::JoinSet::new();
        for found in claimed {
            if let Record::Notice(notice) = found.record {
                let shared = Arc::clone(&shared);
                posts.spawn(async move { deliver(shared, notice).await });
            }
        }
        while posts.join_next().await.is_some() {}
    }
}

async fn deliver(shared: Arc<Shared>, notice: Notice) {
    let attempt = u32::try_from(notice.attempts.len()).unwrap_or(u32::MAX).saturating_add(1);
    let at = shared.clock.now();
    let delivered = match &notice.url {
        Some(url) => {
            let delivery = Delivery {
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
        None => Delivered::Refused { reason: "the event has no address".to_owned() },
    };
    let booked = book(&shared, &notice, attempt, at, delivered);
    if let Err(error) = shared.writer.apply(booked).await {
        // The lease ends, and it is delivered again: at least once is what is promised.
        tracing::error!(%error, "booking a delivery failed");
    }
}

/// One attempt in a task of its own: whatever the notifier does, the attempt is booked.
async fn attempted(shared: &Arc<Shared>, delivery: Delivery) -> Delivered {
    let notifying = Arc::clone(shared);
    let task = AbortOnDropHandle::new(tokio::spawn(async move {
        let notifier = notifying.notifier.as_ref()?;
        Some(notifier.deliver(delivery).await)
    }));
    let failed = |what: &str| Delivered::Failed { status: None, reason: what.to_owned() };
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
    notice: &Notice,
    attempt: u32,
    at: Timestamp,
    delivered: Delivered,
) -> Deliver {
    let retry = shared.settings.webhook_retry;
    let (state, status, error) = match delivered {
        Delivered::Accepted { status } => (NoticeState::Delivered, Some(status), None),
        Delivered::Refused { reason } => (NoticeState::GivenUp, None, Some(reason)),
        Delivered::Failed { status, reason } if attempt > retry.retries => {
            (NoticeState::GivenUp, status, Some(reason))
        }
        Delivered::Failed { status, reason } => (NoticeState::Pending, status, Some(reason)),
    };
    tracing::info!(batch = %notice.batch, delivery = %notice.id, attempt, ?state, "webhook");
    Deliver {
        notice: notice.id,
        worker: shared.worker,
        attempt: NoticeAttempt { at, status, error },
        state,
        wait: retry.exact(attempt, 4),
    }
}
