//! Many connections and event streams: one client does not lock others out.

use std::io::{Read, Write};
use std::net::TcpStream;

use rungs::core::id::AccountId;
use rungs::service::{ApiKey, ConnectionLimits, Keys, ServiceOptions};
use serde_json::json;

use super::http::{connect, send};
use super::world::{Held, Plan, World};

/// Requests after which a service that should have noticed an end is taken not to notice it.
const TRIES: usize = 100_000;

const ACME: &str = "sk_live_acme_0123456789abcdef";
const OTHER: &str = "sk_live_other_0123456789abcdef";

fn key(account: &str, secret: &str) -> ApiKey {
    ApiKey::new(account, AccountId::new(account).expect("a name"), secret).expect("a key")
}

fn world(connections: ConnectionLimits, options: ServiceOptions) -> World {
    let keys = Keys::new([key("acme", ACME), key("other", OTHER)]).expect("usable");
    World::of(Plan { keys, options, connections, ..Plan::default() })
}

/// Opens an event stream and returns it with the status of its response.
fn stream(world: &World, batch: &str) -> (TcpStream, u16) {
    let mut stream = connect(world.addr);
    let head = format!(
        "GET /api/v1/batch/{batch}/events HTTP/1.1\r\nhost: localhost\r\nx-api-key: {ACME}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).expect("sent");
    let mut line = [0; 12];
    stream.read_exact(&mut line).expect("a response");
    let status = std::str::from_utf8(&line[9..]).ok().and_then(|it| it.parse().ok());
    (stream, status.expect("a status"))
}

fn submitted(world: &World, held: &Held) -> String {
    let body = json!({ "urls": [held.site.url("/a")] }).to_string();
    let headers = [("x-api-key", ACME)];
    let answer = send(world.addr, "POST", "/api/v1/batch", &headers, body.as_bytes());
    answer.json()["batch_id"].as_str().expect("an id").to_owned()
}

fn status(world: &World, path: &str, secret: &str) -> u16 {
    send(world.addr, "GET", path, &[("x-api-key", secret)], b"").status
}

#[test]
fn event_streams_of_one_key_lock_nobody_out() {
    let held = Held::new();
    let connections =
        ConnectionLimits::default().with_max_connections(100).with_max_connections_per_address(100);
    let world = world(connections, ServiceOptions::default());
    let guard = held.hold();
    let batch = submitted(&world, &held);

    let streams: Vec<_> = (0..200).map(|_| stream(&world, &batch)).collect();

    let open = streams.iter().filter(|(_, status)| *status == 200).count();
    assert_eq!(open, 64, "the limit of one key");
    assert!(streams.iter().all(|(_, status)| matches!(status, 200 | 429 | 503)));
    assert_eq!(status(&world, "/health", ""), 200);
    drop(guard);
}

#[test]
fn a_closed_event_stream_makes_room_for_another() {
    let held = Held::new();
    let options = ServiceOptions::default().with_max_streams_per_key(1);
    let world = world(ConnectionLimits::default(), options);
    let guard = held.hold();
    let batch = submitted(&world, &held);

    let (first, opened) = stream(&world, &batch);
    let (_, refused) = stream(&world, &batch);
    drop(first);
    // The service notices the end of the first without having to write to it.
    let reopened = (0..TRIES).map(|_| stream(&world, &batch)).find(|(_, status)| *status == 200);

    assert_eq!((opened, refused), (200, 429));
    drop((reopened, guard));
}

#[test]
fn connections_without_a_request_give_way() {
    let connections =
        ConnectionLimits::default().with_max_connections(20).with_max_connections_per_address(10);
    let world = world(connections, ServiceOptions::default());

    let mut silent = Vec::new();
    for number in 0..200 {
        let mut stream = connect(world.addr);
        // Half of them never complete the head of a request.
        if number % 2 == 0 {
            stream.write_all(b"GET /health HTTP/1.1\r\nx-half: ").expect("sent");
        }
        silent.push(stream);
    }

    assert_eq!(status(&world, "/health", ""), 200);
    assert_eq!(status(&world, "/api/v1/usage", OTHER), 200);
}

#[test]
fn beyond_the_limit_only_health_checks_are_answered() {
    let held = Held::new();
    let connections = ConnectionLimits::default().with_max_connections(2);
    let world = world(connections, ServiceOptions::default());
    let guard = held.hold();
    let batch = submitted(&world, &held);
    let streams = [stream(&world, &batch), stream(&world, &batch)];

    let health = status(&world, "/health", "");
    let ready = status(&world, "/ready/", "");
    let refused = send(world.addr, "GET", "/api/v1/usage", &[("x-api-key", OTHER)], b"");
    drop(streams);
    let accepted = (0..TRIES).map(|_| status(&world, "/api/v1/usage", OTHER)).find(|it| *it == 200);

    assert_eq!((health, ready), (200, 200));
    assert_eq!((refused.status, &refused.json()["code"]), (503, &json!("SERVICE_UNAVAILABLE")));
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(refused.header("x-request-id"), refused.json()["request_id"].as_str());
    assert!(accepted.is_some());
    drop(guard);
}
