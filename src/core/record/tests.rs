use super::*;
use crate::core::batch::NotificationKind;
use crate::core::fixtures::{MINE, OTHERS, account, at, batch, held_job, job};

fn notice() -> Notification {
    Notification {
        id: batch(1).event,
        batch: batch(1).id,
        account: AccountId::default(),
        event: NotificationKind::BatchCompleted,
        url: None,
        body: String::new(),
        state: NotificationState::Pending,
        attempts: Vec::new(),
        ready_at: at(3),
        lease: None,
        trace: None,
    }
}

fn claim() -> Claim {
    Claim::new(Queue::Jobs, MINE, at(5), at(35), 1)
}

#[test]
fn keys_sort_like_their_bytes() {
    let account = |name: &str| AccountId::new(name).expect("a name");
    let keys = [
        Key::Account(account("a")),
        Key::Account(account("ab")),
        Key::Batch(batch(1).id),
        Key::LedgerEntry(batch(1).id, 1),
        Key::LedgerEntry(batch(1).id, 256),
        Key::Job(job().id),
        Key::Notification(notice().id),
        Key::Site("example.com".to_owned()),
        Key::IdempotencyRecord(account("a"), "bc".to_owned()),
        Key::IdempotencyRecord(account("ab"), "c".to_owned()),
        Key::CacheEntry([1; 32]),
        Key::CacheEntry([2; 32]),
        Key::AccountBatch(account("a"), batch(1).id),
        Key::AccountBatch(account("ab"), batch(1).id),
        Key::Usage(account("a"), at(0).day()),
        Key::Usage(account("a"), at(0).day().next()),
        Key::Usage(account("ab"), at(0).day()),
        Key::Grant(account("a"), "bc".to_owned()),
        Key::Grant(account("ab"), "c".to_owned()),
        Key::BatchJobs(batch(1).id),
        Key::Worker(WorkerId(2)),
        Key::Worker(WorkerId(256)),
        Key::Crawl(CrawlId::LAST),
        Key::CrawlChunk(CrawlId::LAST, 1),
        Key::CrawlChunk(CrawlId::LAST, 256),
    ];

    assert!(keys.is_sorted_by(|a, b| a < b));
    let bytes = keys.each_ref().map(Key::to_bytes);
    assert!(bytes.is_sorted_by(|a, b| a < b), "{bytes:?}");
    assert!(keys.iter().zip(&bytes).all(|(key, bytes)| bytes[0] == key.kind() as u8));
}

#[test]
fn finished_records_are_never_due() {
    let leased = Notification { lease: Some(Lease { worker: MINE, until: at(9) }), ..notice() };
    let told = Notification { state: NotificationState::Delivered, ..notice() };
    let ended = crate::core::batch::BatchRecord { expires_at: Some(at(7)), ..batch(1) };

    assert_eq!(Record::Job(job()).due(), Some((Queue::Jobs, at(0))));
    assert_eq!(Record::Job(held_job()).due(), Some((Queue::Jobs, at(30))));
    assert_eq!(Record::Job(Job { state: JobState::Failed, ..job() }).due(), None);
    assert_eq!(Record::Notification(notice()).due(), Some((Queue::Notifications, at(3))));
    assert_eq!(Record::Notification(leased).due(), Some((Queue::Notifications, at(9))));
    assert_eq!(Record::Notification(told).due(), None);
    assert_eq!(Record::Batch(batch(1)).due(), None);
    assert_eq!(Record::Batch(ended).due(), Some((Queue::Expiry, at(7))));
    assert_eq!(Record::Account(account(0)).due(), None);
}

#[test]
fn jobs_and_notifications_have_the_slot_of_their_site() {
    let to = |url: &str| Notification { url: Some(url.to_owned()), ..notice() };

    let site = Slot::of(b"example.com");
    assert_eq!(Record::Job(job()).slot(), site);
    assert_eq!(Record::Job(held_job()).slot(), site, "whatever becomes of it");
    assert_eq!(Record::Notification(to("https://example.com/hook")).slot(), site);
    let key = Key::Notification(notice().id).to_bytes();
    assert_eq!(Record::Notification(notice()).slot(), Slot::of(&key), "without a receiver");
    assert_eq!(Record::Batch(batch(1)).slot(), Slot::of(&Key::Batch(batch(1).id).to_bytes()));
}

#[test]
fn what_others_can_act_on_wakes_them() {
    let later = Job { ready_at: at(6), ..job() };
    let ended = crate::core::batch::BatchRecord { expires_at: Some(at(7)), ..batch(1) };

    assert_eq!(Record::Job(job()).wakes(at(5)), Some(Queue::Jobs));
    assert_eq!(Record::Job(later).wakes(at(5)), None);
    assert_eq!(Record::Job(held_job()).wakes(at(50)), None);
    assert_eq!(Record::Notification(notice()).wakes(at(5)), Some(Queue::Notifications));
    assert_eq!(Record::Batch(ended).wakes(at(5)), Some(Queue::Expiry));
    assert_eq!(Record::Batch(batch(1)).wakes(at(5)), None);
    assert_eq!(Record::Account(account(0)).wakes(at(5)), None);
}

#[test]
fn a_claim_keeps_its_duration_by_another_clock() {
    let moved = claim().by_the_stores_clock().at(at(700));

    assert_eq!((moved.now, moved.until), (at(700), at(730)));
    assert_eq!(claim().at(at(700)), claim(), "by the clock of the caller");
}

#[test]
fn only_jobs_and_notifications_get_a_lease() {
    let lease = Some(Lease { worker: MINE, until: at(35) });

    let Some(Record::Job(job)) = Record::Job(job()).claimed(&claim()) else { panic!("queued") };
    assert_eq!(job.lease, lease);
    let claimed = Record::Notification(notice()).claimed(&claim());
    assert_eq!(claimed, Some(Record::Notification(Notification { lease, ..notice() })));
    assert_eq!(Record::Batch(batch(1)).claimed(&claim()), None);
}

#[test]
fn claims_of_a_dead_process_are_due_at_once() {
    let leased = Notification { lease: Some(Lease { worker: OTHERS, until: at(9) }), ..notice() };

    let freed = Record::Notification(leased).abandoned(at(5));
    assert_eq!(freed, Some(Record::Notification(Notification { ready_at: at(5), ..notice() })));
    assert_eq!(Record::Notification(notice()).abandoned(at(5)), None);
    let job = Record::Job(held_job()).abandoned(at(5)).expect("it was held");
    assert_eq!(job.due(), Some((Queue::Jobs, at(5))));
    assert_eq!(Record::Account(account(0)).abandoned(at(5)), None);
}
