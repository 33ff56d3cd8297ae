//! Bodies. A store that brings none passes.

use super::sample;
use crate::ports::store::Store;

/// The bytes come back, and do not once the batch was removed.
pub async fn a_body_reads_back_until_its_batch_is_removed(store: impl Store) {
    let Some(bodies) = store.bodies() else { return };
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let kept = bodies.put(sample::batch_id(2), b"other".to_vec()).await.expect("put");

    let body = bodies.put(sample::batch_id(1), bytes.clone()).await.expect("put");

    assert_eq!(bodies.get(body.clone()).await.expect("get"), Some(bytes));
    bodies.remove(sample::batch_id(1)).await.expect("remove");
    assert_eq!(bodies.get(body).await.expect("get"), None, "a removed body is gone");
    assert_eq!(bodies.get(kept).await.expect("get"), Some(b"other".to_vec()), "others stay");
}

/// Equal, empty and different bodies of one batch each have their own name or bytes.
pub async fn bodies_of_one_batch_are_kept_apart(store: impl Store) {
    let Some(bodies) = store.bodies() else { return };
    let mut put = Vec::new();
    for text in ["", "one", "two", "one"] {
        let body = bodies.put(sample::batch_id(1), text.into()).await.expect("put");
        put.push((body, text));
    }

    for (body, text) in put {
        assert_eq!(bodies.get(body).await.expect("get"), Some(text.into()));
    }
}

/// Removing twice is as good as once.
pub async fn removing_bodies_that_are_not_there_is_no_error(store: impl Store) {
    let Some(bodies) = store.bodies() else { return };

    bodies.remove(sample::batch_id(9)).await.expect("nothing to remove is no error");
}
