//! The use of stored sessions by pages and validations: which version of a session they get, and what they leave of it.

use std::time::Duration;

use rungs::core::batch::BatchStatus;
use rungs::core::failure::ErrorCode;
use rungs::core::job::JobState;
use rungs::core::session::{OriginStorage, SessionState, SessionStatus};
use rungs::core::tier::Tier;
use rungs::engine::{NewSession, Pacing, SessionError, SessionSecret, Settings};
use rungs::prelude::*;
use tokio::time::{sleep, timeout};

use super::sessions::{World, cookie, eventually, item};
use crate::support::PATIENCE;

#[tokio::test(start_paused = true)]
async fn cookies_of_an_attempt_that_was_refused_are_dropped() {
    let world = World::new();
    world.open();
    let id = world.session(cookie("sid")).await.id;

    let report = world.engine.scrape(item("/guarded", id)).await.expect("accepted");

    let tiers: Vec<_> = report.trail().iter().map(|it| it.tier).collect();
    assert_eq!(tiers, [Tier::Curl, Tier::Http]);
    assert!(report.result().is_ok(), "{:?}", report.result());
    assert_eq!(world.value(id, "sid").await.as_deref(), Some("1"));
    assert_eq!(
        world.value(id, "renewed").await.as_deref(),
        Some("2"),
        "of the attempt that counts"
    );
    world.engine.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn the_cookies_of_the_best_page_are_kept() {
    let world = World::new();
    world.open();
    let id = world.session(cookie("sid")).await.id;
    let mut thin = item("/thin", id).max_tier(Tier::Http);
    thin.cost_controls.time_budget = Some(Duration::from_secs(20));

    let report = world.engine.scrape(thin).await.expect("accepted");

    assert!(report.result().is_ok_and(|it| it.time_budget_expired), "{:?}", report.trail());
    assert_eq!(report.trail().len(), 2, "{:?}", report.trail());
    assert_eq!(world.value(id, "sid").await.as_deref(), Some("kept"));
    world.engine.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_page_that_waited_for_its_turn_uses_the_session_as_it_is_then() {
    for is_removed in [false, true] {
        let settings = Settings::default().with_pacing(Pacing::default().with_per_host(1));
        let world = World::with(settings);
        let id = world.session(cookie("sid")).await.id;
        let sessions = world.engine.sessions();
        let claimed = async |job| {
            while world.engine.job(job).await.expect("there").state != JobState::Processing {
                sleep(Duration::from_millis(20)).await;
            }
        };

        // The request of the validation is the only one that the site gets.
        let validation = sessions.validate(&world.account, id);
        let page = async {
            world.shop.begun(1).await;
            let batch = Batch::new([item("/renew", id)]);
            let mut handle = world.engine.submit(batch).await.expect("accepted");
            let job = handle.job_ids()[0];
            timeout(PATIENCE, claimed(job)).await.expect("the job is claimed");
            if is_removed {
                sessions.remove(&world.account, id).await.expect("removed");
            } else {
                let token = SessionSecret::default().headers([("Authorization", "Bearer s3cret")]);
                world.refresh(id, token).await;
            }
            world.open();
            handle.report().await.expect("a report")
        };
        let (_, report) = tokio::join!(validation, page);

        let result = report.jobs()[0].result().map(|_| ()).map_err(|it| it.code);
        let headers = world.shop.headers.lock().expect("no panic inside").clone();
        if is_removed {
            assert_eq!((result, &headers[..]), (Err(ErrorCode::LoginRequired), &[0][..]));
        } else {
            assert_eq!((result, &headers[..]), (Ok(()), &[0, 1][..]));
        }
        world.engine.shutdown().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_is_written_back_after_the_page_is_committed() {
    let world = World::new();
    let id = world.session(cookie("sid")).await.id;
    let batch = Batch::new([item("/renew", id)]);
    let batch = world.engine.submit(batch).await.expect("accepted").id();
    world.shop.begun(1).await;

    *world.troubles.held.lock().expect("no panic inside") = Some(id);
    world.open();
    let is_waiting = || world.troubles.waited.load(std::sync::atomic::Ordering::SeqCst) == 1;
    eventually("the session is written back", is_waiting).await;
    let committed = async {
        while world.engine.batch(batch).await.expect("there").status() == BatchStatus::Processing {
            sleep(Duration::from_millis(20)).await;
        }
    };

    timeout(PATIENCE, committed).await.expect("the page does not wait for its session");
    *world.troubles.held.lock().expect("no panic inside") = None;
    world.troubles.gate.add_permits(1);
    world.engine.shutdown().await;
    assert_eq!(world.value(id, "renewed").await.as_deref(), Some("2"));
}

#[tokio::test(start_paused = true)]
async fn a_validation_that_lacks_a_part_of_the_session_changes_no_status() {
    let world = World::new();
    world.open();
    let sessions = world.engine.sessions();
    let storage = OriginStorage::new("https://portal.test", [("t".to_owned(), "1".to_owned())]);
    let state = SessionState::default().with_storage([storage]);
    let token = SessionSecret::default().headers([("Authorization", "Bearer s3cret")]);

    for (secret, missing) in [
        (cookie("sid").storage_state(state), Some("local storage")),
        (token, Some("another origin")),
        (cookie("sid"), None),
    ] {
        let new = NewSession::new("app", "portal.test").secret(secret);
        let id = sessions.create(new).await.expect("created").id;

        let result = sessions.validate(&world.account, id).await.expect("validated");

        let status = result.session.status;
        match missing {
            Some(words) => {
                assert!(result.details.contains(words), "{result:?}");
                assert_eq!((status, result.confidence), (SessionStatus::Active, 0));
            }
            None => assert_eq!((status, result.is_valid), (SessionStatus::Expired, false)),
        }
    }
    world.engine.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_a_validation_is_asked_for_is_kept() {
    let world = World::new();
    world.open();
    let sessions = world.engine.sessions();
    let new = NewSession::new("busy", "busy.test").cookies([("sid", "1")]);
    let id = sessions.create(new).await.expect("created").id;

    let first = sessions.validate(&world.account, id).await.expect("asked");
    let second = sessions.validate(&world.account, id).await;

    assert_eq!((first.status, first.confidence), (Some(429), 0), "{first:?}");
    let Err(SessionError::NotValidated(reason)) = second else { panic!("{second:?}") };
    assert!(reason.contains("asks to wait"), "{reason}");
    world.engine.shutdown().await;
}
