//! The event stream of a batch, and its resumption after a disconnect.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use serde_json::Value;

use super::http::connect;
use super::world::{Held, World, site};

/// One server-sent event.
#[derive(Clone, Debug, PartialEq)]
struct Event {
    id: Option<String>,
    name: String,
    data: Value,
}

/// A client that reads events one by one.
struct Listening {
    lines: BufReader<TcpStream>,
}

impl Listening {
    fn to(world: &World, batch: &str, last: Option<&str>) -> Self {
        let mut stream = connect(world.addr);
        let last = last.map(|it| format!("last-event-id: {it}\r\n")).unwrap_or_default();
        // HTTP/1.0 has no chunked encoding, so every line belongs to an event.
        let request = format!("GET /api/v1/batch/{batch}/events HTTP/1.0\r\nhost: x\r\n{last}\r\n");
        stream.write_all(request.as_bytes()).expect("sent");
        let mut listening = Self { lines: BufReader::new(stream) };
        let status = listening.line().expect("an answer");
        assert!(status.contains(" 200 "), "{status}");
        while listening.line().is_some_and(|it| !it.is_empty()) {}
        listening
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.lines.read_line(&mut line).expect("readable");
        (read > 0).then(|| line.trim_end().to_owned())
    }

    /// Returns the next event, or `None` once the stream has ended.
    fn next(&mut self) -> Option<Event> {
        let mut event = Event { id: None, name: String::new(), data: Value::Null };
        loop {
            let line = self.line()?;
            match line.split_once(": ") {
                Some(("id", id)) => event.id = Some(id.to_owned()),
                Some(("event", name)) => name.clone_into(&mut event.name),
                Some(("data", data)) => event.data = serde_json::from_str(data).expect("JSON"),
                _ if line.is_empty() && !event.name.is_empty() => return Some(event),
                _ => {}
            }
        }
    }

    /// Returns the remaining events that have ids.
    fn ends(mut self) -> Vec<Event> {
        let mut ends = Vec::new();
        while let Some(event) = self.next() {
            ends.extend(event.id.is_some().then_some(event));
        }
        ends
    }
}

fn urls(events: &[Event]) -> Vec<&str> {
    let mut urls: Vec<&str> = events.iter().filter_map(|it| it.data["url"].as_str()).collect();
    urls.sort_unstable();
    urls
}

#[test]
fn the_stream_reports_a_batch_from_start_to_end() {
    let (world, held) = (World::new(), Held::new());
    let guard = held.hold();
    let id = world.submitted(&[held.site.url("/a"), held.site.url("/gone")]);
    let mut listening = Listening::to(&world, &id, None);
    let other = Listening::to(&world, &id, None);
    drop(guard);

    let mut events = Vec::new();
    while let Some(event) = listening.next() {
        events.push(event);
    }
    let others = other.ends();

    let count = |name: &str| events.iter().filter(|it| it.name == name).count();
    assert!(count("job.attempted") >= 1, "{events:?}");
    assert_eq!((count("job.succeeded"), count("job.failed")), (1, 1));
    let last = events.last().expect("some");
    assert_eq!((last.name.as_str(), &last.data["status"]), ("batch.completed", &"partial".into()));
    assert_eq!(last.data["completed"], 1);
    let attempt = events.iter().find(|it| it.name == "job.attempted").expect("one");
    assert_eq!((&attempt.data["tier"], &attempt.id), (&"1".into(), &None));
    let ends: Vec<&Event> = events.iter().filter(|it| it.id.is_some()).collect();
    assert_eq!(others.len(), ends.len(), "another listener receives the same ends");
    for end in ends {
        assert!(others.iter().any(|it| (&it.name, &it.data) == (&end.name, &end.data)), "{end:?}");
    }
}

#[test]
fn a_reconnect_with_the_last_id_resumes_without_repetition() {
    let (world, site) = (World::new(), site());
    let paths = ["/a", "/b", "/gone", "/c", "/d", "/e", "/f", "/g", "/h"];
    let id = world.submitted(&paths.map(|it| site.url(it)));
    world.ended(&id);

    let all = Listening::to(&world, &id, None).ends();

    assert_eq!(all.len(), paths.len() + 1);
    for known in 0..paths.len() {
        let last = all[known].id.as_deref();
        let rest = Listening::to(&world, &id, last).ends();
        assert_eq!(urls(&rest), urls(&all[known + 1..]), "after {known}");
        assert_eq!(rest.last(), all.last());
    }
}

#[test]
fn a_reconnect_after_the_end_gets_a_204() {
    let (world, site) = (World::new(), site());
    let id = world.submitted(&[site.url("/a")]);
    world.ended(&id);
    let end = Listening::to(&world, &id, None).ends().pop().expect("the end").id.expect("an id");

    let path = format!("/api/v1/batch/{id}/events");
    let again = world.send("GET", &path, &[("last-event-id", &end)], b"");

    assert_eq!((again.status, again.body.len()), (204, 0));
}

#[test]
fn an_unknown_event_id_restarts_the_stream() {
    let (world, site) = (World::new(), site());
    let id = world.submitted(&[site.url("/a"), site.url("/b")]);
    world.ended(&id);

    for last in ["", "zz", "0000000000", "é"] {
        assert_eq!(Listening::to(&world, &id, Some(last)).ends().len(), 3, "{last:?}");
    }
}

#[test]
fn a_stream_resumes_after_a_restart() {
    let (world, held) = (World::new(), Held::new());
    let guard = held.hold();
    let id = world.submitted(&[held.site.url("/a")]);
    let listening = Listening::to(&world, &id, None);

    world.service.begin_shutdown();
    let ends = listening.ends();

    assert_eq!(ends, [], "nothing has ended, and the stream has");
    drop(guard);
}
