//! Connections: limits, timeouts and the graceful shutdown.

use std::io::{Read, Write};
use std::time::Duration;

use rungs::service::{ConnectionLimits, ServiceOptions};
use serde_json::json;

use super::http::{connect, read};
use super::world::{Held, Plan, World, site};

/// Requests after which a service that should have noticed an end is taken not to notice it.
const TRIES: usize = 100_000;

const SHORT: Duration = Duration::from_millis(50);

#[test]
fn a_head_that_does_not_arrive_ends_the_connection() {
    let connections = ConnectionLimits::default().with_head_timeout(SHORT);
    let world = World::of(Plan { connections, ..Plan::default() });
    let mut stream = connect(world.addr);

    stream.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\nx-slow: ").expect("sent");
    let mut rest = Vec::new();
    let ended = stream.read_to_end(&mut rest);

    // The connection ends, with or without a response.
    assert!(
        ended.is_ok() || ended.is_err_and(|it| it.kind() == std::io::ErrorKind::ConnectionReset)
    );
    assert!(!rest.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&rest));
}

#[test]
fn a_body_that_does_not_arrive_is_a_408() {
    let options = ServiceOptions::default().with_body_timeout(SHORT);
    let world = World::of(Plan { options, ..Plan::default() });
    let mut stream = connect(world.addr);

    let head = "POST /api/v1/batch HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{";
    stream.write_all(head.as_bytes()).expect("sent");
    let answer = read(&mut stream);

    assert_eq!((answer.status, &answer.json()["code"]), (408, &json!("REQUEST_TIMEOUT")));
}

#[test]
fn a_head_that_is_too_large_is_a_431() {
    let world = World::new();
    let huge = "x".repeat(100_000);

    let answer = world.send("GET", "/health", &[("x-huge", &huge)], b"");

    assert_eq!(answer.status, 431);
}

#[test]
fn a_client_that_never_reads_is_disconnected() {
    let connections = ConnectionLimits::default().with_write_timeout(SHORT).with_max_connections(1);
    let limits = rungs::core::request::Limits::default().with_batch_items(2_000);
    let engine = super::world::engine(rungs::stores::Memory::default()).limits(limits);
    let world = World::of(Plan { engine, connections, ..Plan::default() });
    let (site, page) = (site(), "x".repeat(4_000));
    // The status is larger than the buffers of both sockets.
    let urls: Vec<String> = (0..2_000).map(|it| site.url(&format!("/{it}{page}"))).collect();
    let mut submitted = Vec::new();
    for some in urls.chunks(200) {
        submitted.push(world.submitted(some));
    }
    let mut stream = connect(world.addr);
    for id in &submitted {
        let head = format!("GET /api/v1/batch/{id} HTTP/1.1\r\nhost: x\r\n\r\n");
        stream.write_all(head.as_bytes()).expect("sent");
    }

    // With one permit, the second client is served only after the first was disconnected.
    let answered = (0..TRIES).map(|_| world.get("/api/v1/usage").status).find(|it| *it != 503);
    assert_eq!(answered, Some(200));
    drop(stream);
}

#[test]
fn a_shutdown_completes_only_earlier_requests() {
    let (mut world, held) = (World::new(), Held::new());
    let guard = held.hold();
    let body = json!({ "url": held.site.url("/a") }).to_string();
    let mut stream = connect(world.addr);
    let request = format!(
        "POST /api/v1/scrape HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).expect("sent");
    while held.site.hits() == 0 {
        std::thread::yield_now();
    }

    world.service.begin_shutdown();
    world.stop.cancel();
    let answer = read(&mut stream);
    let serving = world.serving.take().expect("it served");
    world.block_on(serving).expect("it ended");
    drop(guard);

    assert_eq!(answer.status, 202, "its page is not there, and its job is");
    let id = answer.json()["job_id"].as_str().expect("an id").parse().expect("an id");
    world.block_on(world.engine.job_snapshot(id)).expect("it was accepted, so it is there");
    assert!(std::net::TcpStream::connect(world.addr).is_err(), "nobody listens any more");
}
