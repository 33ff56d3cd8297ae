//! The outbox: delivers the notifications of ended batches, each with its own retries, one id and one
//! body.
//!
//! Up to [`Settings::deliveries`] run at the same time, and a slot that becomes free is filled at once.
//! One receiver gets at most [`Settings::deliveries_per_receiver`] of them, so that a receiver that hangs
//! delays its own notifications and no others.
//!
//! A claimed notification whose receiver is busy waits in memory, without a slot. It goes back to the
//! store when too many wait, or when its lease would end before an attempt could.
//!
//! [`Settings::deliveries`]: crate::engine::Settings::deliveries
//! [`Settings::deliveries_per_receiver`]: crate::engine::Settings::deliveries_per_receiver

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;

use crate::core::batch::{DeliveryAttempt, Notification, NotificationState};
use crate::core::record::{Queue, Record};
use crate::core::time::Timestamp;
use crate::engine::changes::{PutBack, RecordDelivery};
use crate::engine::shared::Shared;
use crate::ports::notify::{DeliveryOutcome, DeliveryRequest, MAX_RESPONSE_BODY_CHARS};

/// Claimed notifications that wait for their receiver; beyond this number, some are returned to the store.
const MAX_WAITING: usize = 256;
/// The longest sleep, because another process may have ended a batch.
const POLL_INTERVAL: Duration = Duration::from_secs(5);
/// The deadline of an attempt. A notifier must keep one of 10 seconds; this is for a notifier that does not.
const ATTEMPT_DEADLINE: Duration = Duration::from_secs(15);
/// The assumed duration of a receiver's attempts until one has ended.
const UNKNOWN_ATTEMPT: Duration = Duration::from_secs(1);
/// The shortest and longest time for which a notification is returned to the store.
const PUT_BACK_FOR: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

/// The shortest and longest wait that a receiver's `Retry-After` can ask for. It replaces the scheduled wait.
const RETRY_AFTER: (Duration, Duration) = (Duration::from_secs(1), Duration::from_hours(10));

/// Delivers until the engine stops, then waits for the attempts that are running.
pub(super) async fn run(shared: Arc<Shared>) {
    let (receivers, waiting) = (HashMap::new(), VecDeque::new());
    let mut outbox = Outbox { shared, running: JoinSet::new(), receivers, waiting };
    while !outbox.shared.lifecycle.stopping.is_cancelled() {
        if let Err(error) = outbox.shared.set_clock_once().await {
            tracing::error!(%error, "reading the time of the store failed");
            outbox.shared.sleep_unless_stopping(POLL_INTERVAL).await;
            continue;
        }
        outbox.start_waiting();
        outbox.put_back_late().await;
        if outbox.has_slot() && outbox.claim().await {
            continue;
        }
        outbox.wait().await;
    }
    let now = outbox.shared.now();
    let waiting = std::mem::take(&mut outbox.waiting);
    outbox.put_back(waiting.into_iter().map(|it| (it, now))).await;
    while outbox.running.join_next().await.is_some() {}
}

/// A receiver that is being delivered to.
#[derive(Debug)]
struct Receiver {
    permits: Arc<Semaphore>,
    /// The number of permits, taken ones included.
    most: usize,
    /// The duration of the attempt that ended last.
    last_attempt: Duration,
}

impl Receiver {
    fn new(most: usize) -> Self {
        let most = most.min(Semaphore::MAX_PERMITS);
        Self { permits: Arc::new(Semaphore::new(most)), most, last_attempt: UNKNOWN_ATTEMPT }
    }

    /// Returns the time after which `waiting` notifications should have been delivered.
    fn time_for(&self, waiting: usize) -> Duration {
        let rounds = u32::try_from(waiting.div_ceil(self.most)).unwrap_or(u32::MAX);
        let (shortest, longest) = PUT_BACK_FOR;
        self.last_attempt.saturating_mul(rounds).clamp(shortest, longest)
    }
}

/// A claimed notification whose receiver is busy.
#[derive(Debug)]
struct Waiting {
    notification: Notification,
    receiver: String,
}

impl Waiting {
    /// Returns `true` if an attempt that starts `now` ends within the lease.
    fn can_start(&self, now: Timestamp) -> bool {
        self.notification.lease.is_some_and(|it| it.until.since(now) >= ATTEMPT_DEADLINE)
    }
}

/// The deliveries of this process.
struct Outbox {
    shared: Arc<Shared>,
    /// The attempts that are running. Each returns its receiver and its duration.
    running: JoinSet<(String, Duration)>,
    /// The receivers of running attempts.
    receivers: HashMap<String, Receiver>,
    /// Oldest first.
    waiting: VecDeque<Waiting>,
}

impl Outbox {
    fn has_slot(&self) -> bool {
        self.running.len() < self.shared.config.settings.deliveries
    }

    /// Starts every waiting notification whose receiver has a permit, while there are slots.
    fn start_waiting(&mut self) {
        let now = self.shared.now();
        for it in std::mem::take(&mut self.waiting) {
            match (self.has_slot() && it.can_start(now))
                .then(|| self.permit(&it.receiver))
                .flatten()
            {
                Some(permit) => self.start(it, permit),
                None => self.waiting.push_back(it),
            }
        }
    }

    fn permit(&mut self, receiver: &str) -> Option<OwnedSemaphorePermit> {
        let most = self.shared.config.settings.deliveries_per_receiver;
        let known = self.receivers.entry(receiver.to_owned());
        let known = known.or_insert_with(|| Receiver::new(most));
        Arc::clone(&known.permits).try_acquire_owned().ok()
    }

    fn start(&mut self, it: Waiting, permit: OwnedSemaphorePermit) {
        let shared = Arc::clone(&self.shared);
        self.running.spawn(async move {
            let _permit = permit;
            let began = shared.monotonic();
            deliver(&shared, it.notification).await;
            (it.receiver, shared.elapsed(began))
        });
    }

    /// Claims due notifications and starts those whose receiver has a permit. Returns `false` if
    /// nothing was due.
    async fn claim(&mut self) -> bool {
        if self.waiting.len() >= MAX_WAITING {
            self.put_back_most_frequent().await;
        }
        let shared = &self.shared;
        // Twice the deadline of an attempt: half to wait for the receiver, half to deliver.
        let lease = shared.config.settings.lease.max(ATTEMPT_DEADLINE * 2);
        let deliveries = shared.config.settings.deliveries;
        let limit = deliveries.min(MAX_WAITING - self.waiting.len());
        let claim = shared.claim(Queue::Notifications, lease, limit);
        let claimed = match shared.claim_due(claim).await {
            Ok(claimed) => claimed,
            Err(error) => {
                tracing::error!(%error, "claiming notifications failed");
                Vec::new()
            }
        };
        let any = !claimed.is_empty();
        let notifications = claimed.into_iter().filter_map(|it| match it.record {
            Record::Notification(notification) => Some(notification),
            _ => None,
        });
        self.waiting.extend(notifications.map(|notification| {
            let receiver = receiver_of(notification.url.as_deref().unwrap_or_default());
            Waiting { notification, receiver }
        }));
        any
    }

    /// Waits until an attempt ends or, if there is a slot, something is due.
    async fn wait(&mut self) {
        let shared = Arc::clone(&self.shared);
        let has_slot = self.has_slot();
        let due = async {
            if has_slot {
                let ready = &shared.scheduling.notifications_ready;
                shared.wait_for_due(Queue::Notifications, ready, POLL_INTERVAL).await;
            } else {
                shared.lifecycle.stopping.cancelled().await;
            }
        };
        tokio::select! {
            biased;
            Some(ended) = self.running.join_next() => {
                if let Ok((receiver, took)) = ended
                    && let Some(known) = self.receivers.get_mut(&receiver)
                {
                    known.last_attempt = took;
                }
                self.receivers.retain(|_, it| it.permits.available_permits() < it.most);
            }
            () = due => {}
        }
    }

    /// Returns notifications to the store whose lease would end before an attempt could.
    async fn put_back_late(&mut self) {
        let now = self.shared.now();
        let (early, late): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut self.waiting).into_iter().partition(|it| it.can_start(now));
        self.waiting = early;
        self.put_back_for_a_while(late, now).await;
    }

    /// Makes room: returns the waiting notifications of the receiver with the most of them to the store.
    async fn put_back_most_frequent(&mut self) {
        let mut counts = HashMap::<&str, usize>::new();
        for it in &self.waiting {
            *counts.entry(&it.receiver).or_default() += 1;
        }
        let most = counts.into_iter().max_by_key(|&(receiver, count)| (count, receiver));
        let Some(receiver) = most.map(|(receiver, _)| receiver.to_owned()) else { return };
        let (theirs, others): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut self.waiting).into_iter().partition(|it| it.receiver == receiver);
        self.waiting = others;
        self.put_back_for_a_while(theirs, self.shared.now()).await;
    }

    /// Returns notifications to the store until their receivers should have a permit.
    async fn put_back_for_a_while(&self, put_back: VecDeque<Waiting>, now: Timestamp) {
        let count = put_back.len();
        let put_back = put_back.into_iter().map(|it| {
            let receiver = self.receivers.get(&it.receiver);
            let wait = receiver.map_or(PUT_BACK_FOR.0, |receiver| receiver.time_for(count));
            (it, now.after(wait))
        });
        self.put_back(put_back).await;
    }

    /// Gives up the leases of notifications and makes each due at its time.
    async fn put_back(&self, put_back: impl Iterator<Item = (Waiting, Timestamp)>) {
        let leases = put_back.filter_map(|(it, ready_at)| {
            Some((it.notification.id, it.notification.lease?, ready_at))
        });
        let put_back = PutBack(leases.collect());
        if put_back.0.is_empty() {
            return;
        }
        if let Err(error) = self.shared.writer.apply(put_back).await {
            // They become due again when their leases end.
            tracing::error!(%error, "returning notifications to the store failed");
        }
    }
}

/// Returns the host and port of a webhook URL.
fn receiver_of(url: &str) -> String {
    let parsed = url::Url::parse(url).ok();
    let receiver =
        parsed.as_ref().and_then(|it| Some((it.host_str()?, it.port_or_known_default())));
    match receiver {
        Some((host, port)) => format!("{host}:{}", port.unwrap_or_default()),
        None => url.to_owned(),
    }
}

/// Makes one attempt and records it.
async fn deliver(shared: &Arc<Shared>, notification: Notification) {
    let attempt = u32::try_from(notification.attempts.len()).unwrap_or(u32::MAX).saturating_add(1);
    let at = shared.now();
    let outcome = match &notification.url {
        Some(url) => {
            let request = DeliveryRequest {
                id: notification.id,
                account: notification.account.clone(),
                event: notification.event.as_str(),
                url: url.clone(),
                body: notification.body.clone(),
                sent_at: at,
                attempt,
                trace: notification.trace.clone(),
            };
            let span = shared.config.traces.delivery_span(&notification, attempt);
            attempted(shared, request).instrument(span).await
        }
        None => DeliveryOutcome::Refused {
            status: None,
            reason: "the batch has no webhook URL".to_owned(),
            response_body: None,
        },
    };
    let delivery = recorded(shared, &notification, attempt, at, outcome);
    if let Err(error) = shared.writer.apply(delivery).await {
        // It is delivered again when the lease ends: the guarantee is at least once.
        tracing::error!(%error, "recording a delivery attempt failed");
    }
}

/// Makes one attempt in its own task, so that it is recorded even if the notifier panics or hangs.
async fn attempted(shared: &Arc<Shared>, request: DeliveryRequest) -> DeliveryOutcome {
    let notifying = Arc::clone(shared);
    let delivering = async move {
        let notifier = notifying.adapters.notifier.as_ref()?;
        Some(notifier.deliver(request).await)
    };
    let task = AbortOnDropHandle::new(tokio::spawn(delivering.in_current_span()));
    let failed = |reason: &str| DeliveryOutcome::Failed {
        status: None,
        reason: reason.to_owned(),
        response_body: None,
        retry_after: None,
    };
    tokio::select! {
        biased;
        outcome = task => match outcome {
            Ok(Some(outcome)) => outcome,
            Ok(None) => failed("the engine has no notifier: build it with `.webhooks(...)`"),
            Err(_) => failed("the notifier panicked"),
        },
        () = shared.sleep(ATTEMPT_DEADLINE) => failed(&format!(
            "the notifier did not return within {} seconds",
            ATTEMPT_DEADLINE.as_secs()
        )),
    }
}

/// Returns the change that records an attempt and sets the next state.
fn recorded(
    shared: &Shared,
    notification: &Notification,
    attempt: u32,
    at: Timestamp,
    outcome: DeliveryOutcome,
) -> RecordDelivery {
    use NotificationState as State;

    let random = shared.adapters.entropy.random_u64();
    let scheduled = shared.config.settings.webhook_retry.wait(attempt, random);
    let mut wait = scheduled.unwrap_or_default();
    let (state, status, error, response_body) = match outcome {
        DeliveryOutcome::Accepted { status, response_body } => {
            (State::Delivered, Some(status), None, response_body)
        }
        DeliveryOutcome::Refused { status, reason, response_body } => {
            (State::GivenUp, status, Some(reason), response_body)
        }
        DeliveryOutcome::Failed { status, reason, response_body, .. } if scheduled.is_none() => {
            (State::GivenUp, status, Some(reason), response_body)
        }
        DeliveryOutcome::Failed { status, reason, response_body, retry_after } => {
            wait = retry_after.map_or(wait, |it| it.clamp(RETRY_AFTER.0, RETRY_AFTER.1));
            (State::Pending, status, Some(reason), response_body)
        }
    };
    let response_body = response_body.map(|it| presentable(&it)).filter(|it| !it.is_empty());
    let (batch, id) = (notification.batch, notification.id);
    tracing::info!(%batch, notification = %id, attempt, ?state, "delivery attempt");
    RecordDelivery {
        notification: id,
        worker: shared.worker,
        attempt: DeliveryAttempt { at, status, error, response_body },
        state,
        wait,
    }
}

/// Returns the beginning of a receiver's text. Characters that a terminal or a page would interpret are
/// replaced: control characters, and those that change the direction of the surrounding text.
fn presentable(text: &str) -> String {
    let is_active = |it: char| {
        it.is_control() && !matches!(it, '\n' | '\t')
            || matches!(it, '\u{61c}' | '\u{200e}' | '\u{200f}')
            || matches!(it, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let plain = text.trim().chars().take(MAX_RESPONSE_BODY_CHARS);
    plain.map(|it| if is_active(it) { char::REPLACEMENT_CHARACTER } else { it }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_body_is_shortened_and_loses_control_characters() {
        assert_eq!(presentable("  try\tlater\n"), "try\tlater");
        assert_eq!(presentable("\u{1b}[31mred\r\0"), "\u{fffd}[31mred\u{fffd}\u{fffd}");
        assert_eq!(presentable("a\u{202e}b\u{2066}c"), "a\u{fffd}b\u{fffd}c");
        assert_eq!(presentable(&"é".repeat(5_000)), "é".repeat(MAX_RESPONSE_BODY_CHARS));
    }

    #[test]
    fn receivers_differ_by_host_or_port() {
        let receivers = [
            "https://a.example/hook",
            "https://user:secret@A.example:443/other?key=1",
            "https://a.example:8443/hook",
            "no url",
        ];

        let names = receivers.map(receiver_of);

        assert_eq!(names, ["a.example:443", "a.example:443", "a.example:8443", "no url"]);
    }

    #[test]
    fn the_wait_for_a_receiver_follows_from_its_last_attempt() {
        let receiver = |last_attempt| Receiver { last_attempt, ..Receiver::new(4) };

        let waits = [1, 100, 20_000].map(|it| receiver(Duration::from_millis(it)).time_for(40));

        assert_eq!(waits, [PUT_BACK_FOR.0, Duration::from_secs(1), PUT_BACK_FOR.1]);
    }
}
