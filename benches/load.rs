//! The service under many clients that submit and poll, with a site behind it: how long a submission
//! and a poll take, whether an answer is wrong, and whether memory grows.
//!
//! The service is a process of its own, on the store on disk. It and all that it reaches are on
//! loopback. `RUNGS_LOAD_CLIENTS` (200) and `RUNGS_LOAD_SECONDS` (60) bound it; each client has one
//! batch of three pages at a time and polls it ten times a second.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rungs::Engine;
use rungs::fetch::Http;
use rungs::service::{Connections, Service, serve};
use rungs::stores::Sled;
use rungs::testkit::site::{Site, SiteResponse};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

/// The argument with which this program is the service.
const SERVE: &str = "serve-for-the-load";
const BETWEEN_POLLS: Duration = Duration::from_millis(100);
const PAGES: usize = 3;

fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|it| it.parse().ok()).unwrap_or(usual)
}

/// What one client saw.
#[derive(Default)]
struct Seen {
    submits: Vec<Duration>,
    polls: Vec<Duration>,
    wrong: Vec<String>,
    batches: Vec<String>,
}

/// The service, until its input ends.
async fn service(dir: &str) {
    let store = Sled::open(dir).expect("a store");
    let http = Http::new().allow_network("127.0.0.0/8").expect("a network");
    let engine = Engine::builder().store(store).html(http).build().expect("an engine");
    let service = Service::new(engine.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    println!("{}", listener.local_addr().expect("an address"));
    let stop = CancellationToken::new();
    let serving = serve(listener, service.router(), Connections::default(), stop.clone());
    let serving = tokio::spawn(serving);
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()))
        .await
        .expect("no panic")
        .expect("readable");
    service.stop();
    stop.cancel();
    serving.await.expect("no panic");
    engine.shutdown().await.expect("stopped");
}

fn started(dir: &std::path::Path) -> (Child, String) {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.arg(SERVE).arg(dir).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let mut line = String::new();
    let said = child.stdout.take().expect("piped");
    BufReader::new(said).read_line(&mut line).expect("an address");
    (child, format!("http://{}/api/v1", line.trim()))
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

/// One batch, from its submission to its end.
async fn one(
    http: &reqwest::Client,
    base: &str,
    site: &str,
    seen: &mut Seen,
) -> Result<(), String> {
    let urls: Vec<String> = (0..PAGES).map(|it| format!("{site}/{it}")).collect();
    let begun = Instant::now();
    let body = json!({ "urls": urls }).to_string();
    let (status, batch) = asked(http.post(format!("{base}/batch")).body(body)).await?;
    seen.submits.push(begun.elapsed());
    let id = batch["batch_id"].as_str().ok_or_else(|| format!("{status}: {batch}"))?.to_owned();
    seen.batches.push(id.clone());
    loop {
        tokio::time::sleep(BETWEEN_POLLS).await;
        let begun = Instant::now();
        let (_, status) = asked(http.get(format!("{base}/batch/{id}"))).await?;
        seen.polls.push(begun.elapsed());
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

async fn client(base: String, site: String, until: Instant) -> Seen {
    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    let mut seen = Seen::default();
    while Instant::now() < until {
        if let Err(why) = one(&http, &base, &site, &mut seen).await {
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

async fn load() {
    let (clients, seconds) = (number("RUNGS_LOAD_CLIENTS", 200), number("RUNGS_LOAD_SECONDS", 60));
    let words = "<p>Flour, water, salt and time are all that a good loaf needs.</p>".repeat(50);
    let site = Site::start(move |request| {
        SiteResponse::html(format!("<title>{}</title><article>{words}</article>", request.path))
    });
    let dir = tempfile::tempdir_in(".").expect("a directory");
    let (mut child, base) = started(dir.path());
    let begun = Instant::now();
    let until = begun + Duration::from_secs(seconds);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..clients {
        tasks.spawn(client(base.clone(), site.url(""), until));
    }
    let mut memory = vec![resident(child.id())];
    while Instant::now() < until {
        tokio::time::sleep(Duration::from_secs(seconds).div_f64(6.0)).await;
        memory.push(resident(child.id()));
    }
    let mut all = Seen::default();
    for seen in tasks.join_all().await {
        all.submits.extend(seen.submits);
        all.polls.extend(seen.polls);
        all.wrong.extend(seen.wrong);
        all.batches.extend(seen.batches);
    }
    let took = begun.elapsed().as_secs_f64();
    // Every batch that was accepted is there, and has ended.
    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    let mut lost = 0;
    for id in &all.batches {
        let request = http.get(format!("{base}/batch/{id}?include_results=false"));
        let ended = asked(request).await.is_ok_and(|(_, it)| it["status"] == "completed");
        lost += usize::from(!ended);
    }
    println!("{clients} clients, {seconds} s: {} batches of {PAGES}", all.batches.len());
    #[allow(clippy::cast_precision_loss)] // far below what a float holds
    let rate = (all.batches.len() * PAGES) as f64 / took;
    println!("pages   {rate:>8.0}/s");
    report("submit", all.submits);
    report("poll", all.polls);
    println!("memory of the service, MB: {memory:?}");
    println!("wrong answers: {}, lost batches: {lost}", all.wrong.len());
    for why in all.wrong.iter().take(5) {
        println!("  {why}");
    }
    drop(child.stdin.take());
    let ended = child.wait().expect("it ends");
    assert!(ended.success() && all.wrong.is_empty() && lost == 0, "something was wrong or lost");
}

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.iter().position(|it| it == SERVE) {
        Some(at) => service(&arguments[at + 1]).await,
        None => load().await,
    }
}
