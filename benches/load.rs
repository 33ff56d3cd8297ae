//! The service under many clients that submit and poll: the latency of submissions and polls, wrong responses, and the
//! growth of memory.
//!
//! The service is a separate process on the sled store. All connections are on loopback. `RUNGS_LOAD_CLIENTS` (200) and `RUNGS_LOAD_SECONDS` (60) bound it; each client has one
//! batch of three pages at a time and polls it ten times a second.
//!
//! `RUNGS_LOAD_SIGNAL` (`TERM` or `KILL`) ends the service in the middle of the load and starts it again
//! on its store. Its clients retry, submissions with their idempotency key. Afterwards every batch that was accepted with
//! 202 must exist and have ended, and the ledger must balance.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rungs::Engine;
use rungs::fetch::Http;
use rungs::service::{ConnectionLimits, Service, serve};
use rungs::stores::Sled;
use rungs::testkit::site::{Site, SiteResponse};
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The argument with which this program is the service.
const SERVE: &str = "serve-for-the-load";
const BETWEEN_POLLS: Duration = Duration::from_millis(100);
const PAGES: usize = 3;
/// The price of a page, in credits.
const PRICE: u64 = 200;
/// The time for which a client retries before it counts the service as dead.
const PATIENCE: Duration = Duration::from_secs(60);
/// Looks at the service's memory while the load lasts.
const LOOKS: u32 = 6;

fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|it| it.parse().ok()).unwrap_or(usual)
}

/// The disturbance of the service during the run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Blow {
    None,
    Term,
    Kill,
}

impl Blow {
    fn asked_for() -> Self {
        match std::env::var("RUNGS_LOAD_SIGNAL").as_deref() {
            Ok("TERM") => Self::Term,
            Ok("KILL") => Self::Kill,
            Ok(other) => panic!("RUNGS_LOAD_SIGNAL is TERM or KILL, not {other}"),
            Err(_) => Self::None,
        }
    }
}

/// The observations of one client.
#[derive(Default)]
struct Seen {
    submits: Vec<Duration>,
    polls: Vec<Duration>,
    wrong: Vec<String>,
    batches: Vec<String>,
    /// Requests that had to be made again.
    again: usize,
}

/// Runs the service until it receives a signal.
async fn service(dir: &str, listen: &str) {
    let store = Sled::open(dir).expect("a store");
    let http = Http::new().allow_network("127.0.0.0/8").expect("a network");
    let engine = Engine::builder().store(store).http(http).build().expect("an engine");
    let service = Service::new(engine.clone());
    let listener = tokio::net::TcpListener::bind(listen).await.expect("a port");
    println!("{}", listener.local_addr().expect("an address"));
    let stop = CancellationToken::new();
    let serving = serve(listener, service.router(), ConnectionLimits::default(), stop.clone());
    let serving = tokio::spawn(serving);
    let mut told = signal(SignalKind::terminate()).expect("a signal");
    told.recv().await;
    service.begin_shutdown();
    stop.cancel();
    serving.await.expect("no panic");
    engine.shutdown().await;
}

/// Starts the service and returns its address.
fn started(dir: &Path, listen: &str) -> (Child, String) {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.arg(SERVE).arg(dir).arg(listen).stdout(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let mut line = String::new();
    let said = child.stdout.take().expect("piped");
    BufReader::new(said).read_line(&mut line).expect("an address");
    (child, line.trim().to_owned())
}

/// Ends the service this way, and waits until it is gone.
fn ended(child: &mut Child, blow: Blow) {
    if blow == Blow::Kill {
        child.kill().expect("it can be killed");
        child.wait().expect("it is gone");
        return;
    }
    let told = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
    assert!(told.expect("kill runs").success());
    assert!(child.wait().expect("it is gone").success(), "it did not end as it should");
}

/// Megabytes that a process has in memory.
fn resident(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find(|it| it.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|it| it.parse::<u64>().ok()).unwrap_or(0) / 1_024
}

async fn asked(request: reqwest::RequestBuilder) -> Result<(u16, Value), String> {
    let response = request.send().await.map_err(|why| why.to_string())?;
    let status = response.status().as_u16();
    let text = response.text().await.map_err(|why| why.to_string())?;
    let body = serde_json::from_str(&text).map_err(|why| format!("{why}: {text}"))?;
    Ok((status, body))
}

/// Retries until there is a response, because the service may be restarting. Returns the duration of the request that
/// succeeded.
async fn answered(
    request: reqwest::RequestBuilder,
    blow: Blow,
    again: &mut usize,
) -> Result<(Value, Duration), String> {
    let given_up = Instant::now() + PATIENCE;
    loop {
        let begun = Instant::now();
        let one = request.try_clone().expect("a body that is there");
        match asked(one).await {
            Ok((status, body)) if status < 500 => return Ok((body, begun.elapsed())),
            failed if blow == Blow::None || Instant::now() > given_up => {
                return Err(format!("{failed:?}"));
            }
            _ => {
                *again += 1;
                tokio::time::sleep(BETWEEN_POLLS).await;
            }
        }
    }
}

/// One batch, from its submission to its end.
async fn one(
    http: &reqwest::Client,
    (base, site, blow): (&str, &str, Blow),
    key: &str,
    seen: &mut Seen,
) -> Result<(), String> {
    let urls: Vec<String> = (0..PAGES).map(|it| format!("{site}/{it}")).collect();
    let body = json!({ "urls": urls }).to_string();
    let request = http.post(format!("{base}/batch")).header("idempotency-key", key).body(body);
    let (batch, took) = answered(request, blow, &mut seen.again).await?;
    seen.submits.push(took);
    let id = batch["batch_id"].as_str().ok_or_else(|| batch.to_string())?.to_owned();
    seen.batches.push(id.clone());
    loop {
        tokio::time::sleep(BETWEEN_POLLS).await;
        let request = http.get(format!("{base}/batch/{id}"));
        let (status, took) = answered(request, blow, &mut seen.again).await?;
        seen.polls.push(took);
        if status["status"] == "processing" {
            continue;
        }
        let items = status["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        let right = items.len() == PAGES
            && items.iter().zip(&urls).all(|(item, url)| {
                item["url"] == **url
                    && item["result"]["text"].as_str().is_some_and(|it| it.contains("Flour, water"))
            });
        return if right && status["status"] == "completed" {
            Ok(())
        } else {
            Err(status.to_string())
        };
    }
}

async fn client(base: String, site: String, until: Instant, blow: Blow, number: u64) -> Seen {
    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    let mut seen = Seen::default();
    while Instant::now() < until {
        let key = format!("{number}-{}", seen.submits.len() + seen.wrong.len());
        if let Err(why) = one(&http, (&base, &site, blow), &key, &mut seen).await {
            seen.wrong.push(why.chars().take(300).collect());
        }
    }
    seen
}

fn report(what: &str, mut took: Vec<Duration>) {
    took.sort_unstable();
    let at = |per_mille: usize| took.get((took.len() * per_mille / 1_000).min(took.len() - 1));
    let [half, most, last] = [500, 990, 1_000].map(|it| at(it).copied().unwrap_or_default());
    println!("{what:<7} {:>8}  p50 {half:>9.2?}  p99 {most:>9.2?}  max {last:>9.2?}", took.len());
}

/// Watches the service during the load and disturbs it in the middle. Returns its memory, and the time for which it was
/// unavailable.
async fn watched(
    child: &mut Child,
    (dir, listen): (&Path, &str),
    seconds: u64,
    blow: Blow,
) -> (Vec<u64>, Duration) {
    let (mut memory, mut away) = (vec![resident(child.id())], Duration::ZERO);
    for part in 1..=LOOKS {
        tokio::time::sleep(Duration::from_secs(seconds) / LOOKS).await;
        memory.push(resident(child.id()));
        if part == LOOKS / 2 && blow != Blow::None {
            let begun = Instant::now();
            ended(child, blow);
            *child = started(dir, listen).0;
            away = begun.elapsed();
            memory.push(resident(child.id()));
        }
    }
    (memory, away)
}

/// Returns every batch of the account, and the sum of their charges.
async fn books(http: &reqwest::Client, base: &str) -> (BTreeSet<String>, u64) {
    let (mut ids, mut charged, mut cursor) = (BTreeSet::new(), 0, String::new());
    loop {
        let request = http.get(format!("{base}/batches?limit=100&cursor={cursor}"));
        let (_, page) = asked(request).await.expect("a page of batches");
        for batch in page["batches"].as_array().expect("a list") {
            ids.insert(batch["batch_id"].as_str().expect("an id").to_owned());
            charged += batch["credits_used"].as_u64().expect("a sum");
        }
        match page["next_cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => return (ids, charged),
        }
    }
}

/// Returns the number of accepted batches that are missing or ended wrongly, and `true` if the ledger balances.
async fn checked(base: &str, accepted: &[String]) -> (usize, bool) {
    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    let mut lost = 0;
    for id in accepted {
        let request = http.get(format!("{base}/batch/{id}?include_results=false"));
        let ended = asked(request).await.is_ok_and(|(_, it)| it["status"] == "completed");
        lost += usize::from(!ended);
    }
    let (ids, charged) = books(&http, base).await;
    let known: BTreeSet<String> = accepted.iter().cloned().collect();
    let (_, usage) = asked(http.get(format!("{base}/usage"))).await.expect("the usage");
    let (_, billing) = asked(http.get(format!("{base}/billing/usage"))).await.expect("the bill");
    println!(
        "batches {} ({} accepted), charged {charged}, account spent {}, held {}",
        ids.len(),
        known.len(),
        billing["total_credits"],
        usage["credits_held"]
    );
    let adds_up = ids == known
        && billing["total_credits"] == charged
        && usage["credits_held"] == 0
        && charged == PRICE * (known.len() * PAGES) as u64;
    (lost, adds_up)
}

async fn load() {
    let (clients, seconds) = (number("RUNGS_LOAD_CLIENTS", 200), number("RUNGS_LOAD_SECONDS", 60));
    let blow = Blow::asked_for();
    let words = "<p>Flour, water, salt and time are all that a good loaf needs.</p>".repeat(50);
    let site = Site::start(move |request| {
        SiteResponse::html(format!("<title>{}</title><article>{words}</article>", request.path))
    });
    let dir = tempfile::tempdir_in(".").expect("a directory");
    let (mut child, listen) = started(dir.path(), "127.0.0.1:0");
    let base = format!("http://{listen}/api/v1");
    let begun = Instant::now();
    let until = begun + Duration::from_secs(seconds);
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..clients {
        tasks.spawn(client(base.clone(), site.url(""), until, blow, number));
    }
    let place = (dir.path(), listen.as_str());
    let (memory, away) = watched(&mut child, place, seconds, blow).await;
    let mut all = Seen::default();
    for seen in tasks.join_all().await {
        all.submits.extend(seen.submits);
        all.polls.extend(seen.polls);
        all.wrong.extend(seen.wrong);
        all.batches.extend(seen.batches);
        all.again += seen.again;
    }
    let took = begun.elapsed().as_secs_f64();
    println!("{clients} clients, {seconds} s: {} batches of {PAGES}", all.batches.len());
    #[allow(clippy::cast_precision_loss)] // far below what a float holds
    let rate = (all.batches.len() * PAGES) as f64 / took;
    println!("pages   {rate:>8.0}/s");
    report("submit", all.submits);
    report("poll", all.polls);
    println!("memory of the service, MB: {memory:?}");
    println!("away for {away:.2?}, requests made again: {}", all.again);
    let (lost, adds_up) = checked(&base, &all.batches).await;
    println!("wrong answers: {}, lost batches: {lost}", all.wrong.len());
    for why in all.wrong.iter().take(5) {
        println!("  {why}");
    }
    ended(&mut child, Blow::Term);
    assert!(all.wrong.is_empty() && lost == 0 && adds_up, "something was wrong or lost");
}

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.iter().position(|it| it == SERVE) {
        Some(at) => service(&arguments[at + 1], &arguments[at + 2]).await,
        None => load().await,
    }
}
