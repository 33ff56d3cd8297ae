//! Bodies. A store that brings none passes.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::task::JoinSet;

use super::{AnyStore, abandoned_after, sample};
use crate::core::job::BodyRef;
use crate::ports::store::Store;
use crate::testkit::kit::{MustSucceed, must, must_eq};

/// The bytes come back, and do not once the batch was removed.
pub async fn a_body_reads_back_until_its_batch_is_removed(store: AnyStore) {
    let Some(bodies) = store.bodies() else { return };
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let kept =
        bodies.put(sample::batch_id(2), b"other".to_vec()).await.must_succeed("a put of a body");

    let body = bodies.put(sample::batch_id(1), bytes.clone()).await.must_succeed("a put of a body");

    must_eq!(
        bodies.get(body.clone()).await.must_succeed("a get of a body"),
        Some(bytes),
        "the body that was put"
    );
    bodies.remove(sample::batch_id(1)).await.must_succeed("a removal of bodies");
    must_eq!(
        bodies.get(body).await.must_succeed("a get of a body"),
        None,
        "a body of a batch that was removed"
    );
    must_eq!(
        bodies.get(kept).await.must_succeed("a get of a body"),
        Some(b"other".to_vec()),
        "a body of another batch than the one that was removed"
    );
}

/// Equal, empty and different bodies of one batch each have their own name or bytes.
pub async fn bodies_of_one_batch_are_kept_apart(store: AnyStore) {
    let Some(bodies) = store.bodies() else { return };
    let mut put = Vec::new();
    for text in ["", "one", "two", "one"] {
        let body =
            bodies.put(sample::batch_id(1), text.into()).await.must_succeed("a put of a body");
        put.push((body, text));
    }

    for (body, text) in put {
        must_eq!(
            bodies.get(body).await.must_succeed("a get of a body"),
            Some(text.into()),
            "one of four bodies of a batch"
        );
    }
}

/// Removing twice is as good as once.
pub async fn removing_absent_bodies_succeeds(store: AnyStore) {
    let Some(bodies) = store.bodies() else { return };

    bodies.remove(sample::batch_id(9)).await.must_succeed("a removal of bodies that are not there");
}

fn bytes(seed: u64, length: usize) -> Vec<u8> {
    // A plain congruential generator: bytes that no compression makes small.
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

/// Workers that end jobs of one batch, and of others, at the same time.
pub async fn concurrent_bodies_are_all_kept(store: AnyStore) {
    let Some(bodies) = store.bodies() else { return };
    let mut writers = JoinSet::new();
    for number in 0..32 {
        let bodies = Arc::clone(&bodies);
        writers.spawn(async move {
            let body = bytes(number, 3_000);
            (
                bodies
                    .put(sample::batch_id(number % 3), body.clone())
                    .await
                    .must_succeed("a put of a body"),
                body,
            )
        });
    }

    let put = writers.join_all().await;

    for (body, bytes) in &put {
        let found = bodies.get(body.clone()).await.must_succeed("a get of a body");
        must!(
            found.as_ref() == Some(bytes),
            "the reference {body:?} returned another body than the one that was put",
            "return the same bytes"
        );
    }
    let names: HashSet<_> = put.iter().map(|it| &it.0).collect();
    must_eq!(names.len(), 32, "the number of distinct references to 32 bodies");
}

/// Eight mebibytes that no compression makes smaller.
pub async fn a_large_body_is_kept(store: AnyStore) {
    let Some(bodies) = store.bodies() else { return };
    let large = bytes(1, 8 << 20);

    let body = bodies.put(sample::batch_id(1), large.clone()).await.must_succeed("a put of a body");

    must!(
        bodies.get(body).await.must_succeed("a get of a body") == Some(large),
        "a body of 8 MiB came back changed",
        "return the same bytes"
    );
}

/// More batches than a process likes to have files open.
pub async fn bodies_of_many_batches_are_kept_apart(store: AnyStore) {
    let Some(bodies) = store.bodies() else { return };
    let text = |number: u64| number.to_string().into_bytes();
    let mut put = Vec::new();
    for number in (1..=80).chain(1..=80) {
        let body = bodies
            .put(sample::batch_id(number), text(number))
            .await
            .must_succeed("a put of a body");
        put.push((number, body));
    }

    for number in (1..=80).filter(|it| it % 2 == 0) {
        bodies.remove(sample::batch_id(number)).await.must_succeed("a removal of bodies");
    }

    for (number, body) in put {
        let left = (number % 2 == 1).then(|| text(number));
        must_eq!(
            bodies.get(body).await.must_succeed("a get of a body"),
            left,
            "a body of batch {number}, after those of all even batches were removed"
        );
    }
}

/// The engine asks the store for its bodies more than once.
pub async fn every_handle_reads_the_same_bodies(store: AnyStore) {
    let (Some(bodies), Some(others)) = (store.bodies(), store.bodies()) else { return };

    let body =
        bodies.put(sample::batch_id(1), b"shared".to_vec()).await.must_succeed("a put of a body");
    drop(bodies);

    must_eq!(
        others.get(body).await.must_succeed("a get of a body"),
        Some(b"shared".to_vec()),
        "a body read through a second handle"
    );
}

/// Wherever a caller goes away, what others put before and after is whole.
pub async fn a_dropped_put_harms_no_other_body(store: AnyStore) {
    let Some(bodies) = store.bodies() else { return };
    for polls in 0..6 {
        let batch = sample::batch_id(1);
        let before = bodies.put(batch, b"before".to_vec()).await.must_succeed("a put of a body");
        abandoned_after(polls, bodies.put(batch, bytes(7, 200_000))).await;
        let after = bodies.put(batch, b"after".to_vec()).await.must_succeed("a put of a body");

        must_eq!(
            bodies.get(before).await.must_succeed("a get of a body"),
            Some(b"before".to_vec()),
            "the body that was put before a dropped put"
        );
        must_eq!(
            bodies.get(after).await.must_succeed("a get of a body"),
            Some(b"after".to_vec()),
            "the body that was put after a dropped put"
        );
    }
}

/// A reader that meets the removal gets all of it or nothing, and no error.
pub async fn a_body_is_whole_or_gone_while_its_batch_is_removed(store: AnyStore) {
    let Some(bodies) = store.bodies() else { return };
    for round in 0..8 {
        let whole = bytes(round, 100_000);
        let body = bodies
            .put(sample::batch_id(round), whole.clone())
            .await
            .must_succeed("a put of a body");
        let mut readers = JoinSet::new();
        for _ in 0..3 {
            let (bodies, body) = (Arc::clone(&bodies), body.clone());
            readers.spawn(async move {
                let mut seen = Vec::new();
                for _ in 0..4 {
                    seen.push(
                        bodies
                            .get(body.clone())
                            .await
                            .must_succeed("a get of a body while its batch is removed"),
                    );
                }
                seen
            });
        }

        bodies.remove(sample::batch_id(round)).await.must_succeed("a removal of bodies");

        for seen in readers.join_all().await.into_iter().flatten().flatten() {
            must!(
                seen == whole,
                "a reader got a part of a body while its batch was removed",
                "return the whole body or nothing"
            );
        }
        must_eq!(
            bodies.get(body).await.must_succeed("a get of a body"),
            None,
            "a body of a batch that was removed"
        );
    }
}

/// A removal is of what is there, and no ban on the batch; an old name leads to no new body.
pub async fn a_batch_may_have_bodies_again(store: AnyStore) {
    let Some(bodies) = store.bodies() else { return };
    let batch = sample::batch_id(1);
    let old = bodies.put(batch, b"old bytes".to_vec()).await.must_succeed("a put of a body");
    bodies.remove(batch).await.must_succeed("a removal of bodies");

    let new = bodies.put(batch, b"new bytes".to_vec()).await.must_succeed("a put of a body");

    must_eq!(
        bodies.get(new).await.must_succeed("a get of a body"),
        Some(b"new bytes".to_vec()),
        "a body that was put after its batch had been removed once"
    );
    must_eq!(
        bodies.get(old).await.ok().flatten(),
        None,
        "the reference to a removed body, after its batch has bodies again,"
    );
}

/// Names that this store did not give: an error or nothing, never a panic and no one's bytes.
pub async fn a_foreign_reference_returns_no_body(store: AnyStore) {
    let Some(bodies) = store.bodies() else { return };
    let batch = sample::batch_id(1);
    let kept = bodies.put(batch, b"secret".to_vec()).await.must_succeed("a put of a body");
    let mut names: Vec<String> = [
        "",
        ":",
        "nowhere",
        "../../../etc/passwd",
        "/etc/passwd",
        "\0",
        "a:b:c:d",
        "::::::::",
        "batch_00000000-0000-7000-8000-000000000000:0:0:0",
        "18446744073709551616",
        "-1",
        "ключ",
    ]
    .map(str::to_owned)
    .to_vec();
    names.push(format!("{batch}"));
    names.push(format!("{batch}:"));
    names.push(format!("{batch}:99999999999"));
    names.push(format!("{batch}:18446744073709551615:4294967295:ffffffffffffffff"));
    names.push(format!("{}x", kept.0));
    names.push("x".repeat(100_000));

    for name in names {
        let shown = name.chars().take(80).collect::<String>();
        let found = bodies.get(BodyRef(name.clone())).await.ok().flatten();
        must_eq!(found, None, "the body under the foreign reference `{shown}`");
    }
    must_eq!(
        bodies.get(kept).await.must_succeed("a get of a body"),
        Some(b"secret".to_vec()),
        "the body that was put"
    );
}
