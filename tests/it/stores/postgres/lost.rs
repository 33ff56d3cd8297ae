//! Connections and servers that go away.

use rungs::core::record::{Queue, Record};
use rungs::core::time::Timestamp;
use rungs::ports::store::{Store, StoreError};
use rungs::testkit::store::{get, put, sample};

use crate::support::postgres::{Server, block_on, client, new_url, open};

fn account(granted: u64) -> Record {
    Record::Account(sample::account("a", granted))
}

#[test]
fn processes_that_start_at_once_create_one_schema() {
    for _ in 0..3 {
        let url = new_url();

        let opened: Vec<_> = (0..6)
            .map(|_| {
                let url = url.clone();
                std::thread::spawn(move || open(&url))
            })
            .collect();

        for store in opened {
            let store = store.join().expect("it opens the store that another one created");
            assert!(block_on(store.now()).expect("it works").is_some());
        }
    }
}

#[test]
fn lost_connections_are_opened_again() {
    let url = new_url();
    let store = open(&url);
    let schema = url.rsplit('=').next().expect("a schema").to_owned();

    block_on(async {
        let bodies = store.bodies().expect("it has a table of bodies");
        put(&store, account(1), None).await.expect("committed");
        for version in 1..=3 {
            let client = client(&url).await;
            let end = format!(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                 WHERE application_name = 'rungs' AND query LIKE '%{schema}%'"
            );
            client.batch_execute(&end).await.expect("a superuser may");

            put(&store, account(version + 1), Some(version)).await.expect("committed");
            let found = get(&store, account(0).key()).await.expect("present");
            assert_eq!((found.version, found.record), (version + 1, account(version + 1)));
            assert!(store.claim(sample::claim(Queue::Jobs, 1)).await.expect("claimed").is_empty());
            let body = bodies.put(sample::batch_id(1), b"page".to_vec()).await.expect("put");
            assert_eq!(bodies.get(body).await.expect("read"), Some(b"page".to_vec()));
        }
    });
}

#[test]
fn a_server_that_crashes_keeps_every_acknowledged_commit() {
    let server = Server::start();
    let store = open(&server.url());
    let job = |number| Record::Job(sample::job(number, sample::at(1)));
    let bodies = store.bodies().expect("it has a table of bodies");
    let body = block_on(async {
        for number in 1..=20 {
            put(&store, job(number), None).await.expect("committed");
        }
        bodies.put(sample::batch_id(1), b"page".to_vec()).await.expect("put")
    });

    server.stop("immediate");
    let waiting = {
        let store = store.clone();
        // A start may take longer than a call waits.
        std::thread::spawn(move || {
            block_on(async {
                loop {
                    match put(&store, account(1), None).await {
                        Err(StoreError::Unavailable { .. }) => {}
                        done => return done,
                    }
                }
            })
        })
    };
    server.start_again();

    waiting.join().expect("no panic").expect("the commit waited for the server");
    block_on(async {
        assert_eq!(get(&store, account(1).key()).await.map(|it| it.version), Some(1));
        for number in 1..=20 {
            assert!(get(&store, job(number).key()).await.is_some(), "job {number}");
        }
        assert_eq!(bodies.get(body).await.expect("read"), Some(b"page".to_vec()));
        let due = store.due(Queue::Jobs, Timestamp::default()).await.expect("read");
        assert_eq!(due, Some(sample::at(1)));
    });
}
