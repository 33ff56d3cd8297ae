//! A store that cannot be reached: the service responds with 503 and a time to retry.

use rungs::stores::Memory;
use rungs::testkit::store::SharedHandle;
use serde_json::json;

use super::world::{Plan, World, engine};

#[test]
fn a_store_out_of_reach_is_503_with_a_time_to_retry() {
    let handle = SharedHandle::new(Memory::new());
    let world = World::of(Plan { engine: engine(handle.clone()), ..Plan::default() });
    let id = world.submitted(&["http://127.0.0.1:9/".to_owned()]);
    let paths = ["/ready".to_owned(), format!("/api/v1/batch/{id}"), "/api/v1/batches".to_owned()];

    handle.cut();

    assert_eq!(world.get("/health").status, 200, "the process is well");
    for path in &paths {
        let refused = world.get(path);
        assert_eq!(refused.status, 503, "{path}: {}", refused.json());
        assert_eq!(refused.header("retry-after"), Some("5"), "{path}");
        let said = refused.json();
        assert_eq!(said["code"], json!("SERVICE_UNAVAILABLE"), "{path}: {said}");
    }
    handle.restore();
    for path in &paths {
        assert_eq!(world.get(path).status, 200, "{path}");
    }
}
