//! The progress of jobs over web sockets, with a client that others wrote.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use rungs::core::id::AccountId;
use rungs::service::{ApiKey, Keys};
use rungs::stores::Memory;
use rungs::testkit::store::SharedHandle;
use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Message, WebSocket};

use super::world::{Held, Plan, World, engine};

const SECRET: &str = "sk_live_0123456789abcdef";
/// A deadline that ends a test that hangs.
const PATIENCE: Duration = Duration::from_mins(1);

fn keyed() -> World {
    let key = ApiKey::new("client", AccountId::default(), SECRET).expect("a key");
    World::of(Plan { keys: Keys::new([key]).expect("usable"), ..Plan::default() })
}

struct Client(WebSocket<TcpStream>);

impl Client {
    /// Connects with this query and this subprotocol.
    fn connect(world: &World, query: &str, protocol: Option<&str>) -> Self {
        let stream = TcpStream::connect(world.addr).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("set");
        let url = format!("ws://{}/api/v1/ws/jobs{query}", world.addr);
        let mut request = url.into_client_request().expect("a request");
        if let Some(protocol) = protocol {
            let value = protocol.parse().expect("a header");
            request.headers_mut().insert("sec-websocket-protocol", value);
        }
        Self(tungstenite::client(request, stream).expect("a handshake").0)
    }

    fn send(&mut self, message: &Value) {
        self.0.send(Message::text(message.to_string())).expect("sent");
    }

    /// Returns the next message.
    fn next(&mut self) -> Value {
        loop {
            match self.0.read().expect("a message") {
                Message::Text(text) => return serde_json::from_str(&text).expect("JSON"),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Returns messages up to and including the event with this name.
    fn until(&mut self, event: &str) -> Vec<Value> {
        let mut all = Vec::new();
        loop {
            all.push(self.next());
            if all.last().is_some_and(|it| it["event"] == event) {
                return all;
            }
        }
    }

    /// Returns the code and the reason of the end.
    fn closed(&mut self) -> (CloseCode, String) {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            match self.0.read().expect("a message") {
                Message::Close(Some(frame)) => return (frame.code, frame.reason.to_string()),
                Message::Close(None) => panic!("no reason"),
                // The pings of a connection that stays open count as reads.
                _ => {}
            }
        }
        panic!("the connection stays open")
    }
}

/// The events that a client must not miss, without the others.
fn durable(all: &[Value]) -> Vec<(Value, Value)> {
    let durable = all.iter().filter(|it| it["id"].is_string());
    durable.map(|it| (it["event"].clone(), it["id"].clone())).collect()
}

#[test]
fn a_batch_is_followed_and_resumed_by_event_id() {
    let (world, held) = (World::new(), Held::new());
    let guard = held.hold();
    let id = world.submitted(&["/a", "/gone"].map(|it| held.site.url(it)));
    let subscribe = json!({ "action": "subscribe", "batch_id": id });
    let mut client = Client::connect(&world, "", None);

    assert_eq!(client.next()["type"], "connected");
    client.send(&subscribe);
    let subscribed = client.next();
    drop(guard);
    let events = client.until("batch.completed");

    assert_eq!(
        (&subscribed["type"], &subscribed["status"]),
        (&json!("subscribed"), &json!("processing"))
    );
    let ended = durable(&events);
    assert_eq!(ended.len(), 3, "{events:?}");
    let succeeded = events.iter().find(|it| it["event"] == "job.succeeded").expect("one");
    assert_eq!(
        (&succeeded["status"], &succeeded["data"]["status"]),
        (&json!("completed"), &json!("succeeded"))
    );
    assert_eq!(
        (&succeeded["batch_id"], &succeeded["job_id"]),
        (&json!(id), &succeeded["data"]["job_id"])
    );
    let mut resumed = subscribe.clone();
    resumed["last_event_id"] = ended[0].1.clone();
    client.send(&resumed);
    assert_eq!(client.next()["status"], "partial");
    assert_eq!(durable(&client.until("batch.completed")), ended[1..], "only what came after it");
}

#[test]
fn a_job_is_followed_without_the_others_of_its_batch() {
    let (world, held) = (keyed(), Held::new());
    let guard = held.hold();
    let urls = ["/a", "/gone"].map(|it| held.site.url(it));
    let body = json!({ "urls": urls });
    let headers = [("x-api-key", SECRET)];
    let answer = world.send("POST", "/api/v1/batch", &headers, body.to_string().as_bytes()).json();
    let gone = answer["job_ids"][1].clone();
    // A browser can send the key as a subprotocol only.
    let mut client = Client::connect(&world, "", Some(&format!("api_key, {SECRET}")));

    client.next();
    client.send(&json!({ "action": "subscribe", "job_id": gone }));
    let subscribed = client.next();
    drop(guard);
    let events = client.until("job.failed");

    assert!(["queued", "processing"].contains(&subscribed["status"].as_str().expect("a word")));
    assert!(events.iter().all(|it| it["job_id"] == gone), "{events:?}");
    let failed = events.last().expect("an event");
    assert_eq!(
        (&failed["status"], &failed["data"]["error"]),
        (&json!("failed"), &json!("NOT_FOUND_TARGET"))
    );
    client.send(&json!({ "action": "unsubscribe", "job_id": gone }));
    client.send(&json!({ "action": "ping" }));
    assert_eq!(
        (client.next()["type"].clone(), client.next()["type"].clone()),
        (json!("unsubscribed"), json!("pong"))
    );
}

#[test]
fn a_connection_without_a_key_is_closed_with_a_reason() {
    let world = keyed();

    for (query, protocol) in
        [("", None), ("?api_key=sk_live_other_0123456789", None), ("", Some("json"))]
    {
        let (code, reason) = Client::connect(&world, query, protocol).closed();
        assert_eq!(code, CloseCode::from(4_001), "{query} {protocol:?}");
        assert!(reason.contains("API key"), "{reason}");
    }
    let mut known = Client::connect(&world, &format!("?api_key={SECRET}"), None);
    assert_eq!(known.next()["type"], "connected");
    let foreign = [("host", "127.0.0.1"), ("origin", "https://evil.example")];
    let open = World::new();
    let refused = super::http::send(open.addr, "GET", "/api/v1/ws/jobs", &foreign, b"");
    assert_eq!((refused.status, &refused.json()["code"]), (403, &json!("CROSS_SITE_REQUEST")));
    let plain = super::http::send(open.addr, "GET", "/api/v1/ws/jobs", &[], b"");
    assert_eq!((plain.status, &plain.json()["code"]), (400, &json!("VALIDATION_ERROR")));
}

#[test]
fn a_message_that_cannot_be_is_answered_with_an_error() {
    let (world, held) = (World::new(), Held::new());
    let id = world.submitted(&[held.site.url("/a")]);
    world.ended(&id);
    let mut client = Client::connect(&world, "", None);
    client.next();

    for (message, code) in [
        (json!("subscribe"), "VALIDATION_ERROR"),
        (json!({ "action": "dance" }), "VALIDATION_ERROR"),
        (json!({ "action": "subscribe" }), "VALIDATION_ERROR"),
        (json!({ "action": "subscribe", "batch_id": "batch_x" }), "BATCH_NOT_FOUND"),
        (json!({ "action": "subscribe", "job_id": id }), "JOB_NOT_FOUND"),
    ] {
        client.send(&message);
        let error = client.next();
        assert_eq!((&error["type"], &error["code"]), (&json!("error"), &json!(code)), "{message}");
    }
    client.0.send(Message::text("{")).expect("sent");
    assert_eq!(client.next()["type"], "error");
    client.send(&json!({ "action": "subscribe", "batch_id": id, "job_id": id }));
    let both = client.next();
    assert!(both["message"].as_str().is_some_and(|it| it.contains("together")), "{both}");
    client.send(&json!({ "action": "subscribe", "batch_id": id }));
    assert_eq!(client.next()["status"], "completed", "the connection still works");
}

#[test]
fn a_message_that_is_too_long_closes_the_socket_with_a_reason() {
    let world = World::new();
    let mut client = Client::connect(&world, "", None);
    client.next();

    client.0.send(Message::text("x".repeat(5_000))).expect("sent");

    let (code, reason) = client.closed();
    assert_eq!(code, CloseCode::Size);
    assert!(reason.contains("4096"), "{reason}");
}

#[test]
fn sockets_are_bounded_and_end_with_the_service() {
    let (mut plan, held) = (Plan::default(), Held::new());
    plan.options = plan.options.with_max_streams_per_key(2);
    let world = World::of(plan);
    let id = world.submitted(&[held.site.url("/a")]);
    let mut first = Client::connect(&world, "", None);
    let second = Client::connect(&world, "", None);

    let stream = TcpStream::connect(world.addr).expect("a connection");
    let third = tungstenite::client(format!("ws://{}/v1/ws/jobs/", world.addr), stream);
    assert!(third.is_err(), "the limit of streams is 2");
    drop(second);
    first.next();
    first.send(&json!({ "action": "subscribe", "batch_id": id }));
    world.service.begin_shutdown();

    let (code, _) = first.closed();
    assert_eq!(code, CloseCode::Away);
}

#[test]
fn a_socket_whose_events_cannot_be_read_is_closed() {
    let (handle, held) = (SharedHandle::new(Memory::new()), Held::new());
    let world = World::of(Plan { engine: engine(handle.clone()), ..Plan::default() });
    let guard = held.hold();
    let id = world.submitted(&[held.site.url("/a")]);
    let mut client = Client::connect(&world, "", None);
    client.next();
    client.send(&json!({ "action": "subscribe", "batch_id": id }));
    assert_eq!(client.next()["type"], "subscribed");

    handle.cut();
    let (code, reason) = client.closed();
    handle.restore();

    assert_eq!(code, CloseCode::Error);
    assert!(reason.contains("reconnect"), "{reason}");
    drop(guard);
    let mut again = Client::connect(&world, "", None);
    again.next();
    again.send(&json!({ "action": "subscribe", "batch_id": id }));
    assert_eq!(again.until("batch.completed").last().map(|it| &it["batch_id"]), Some(&json!(id)));
}
