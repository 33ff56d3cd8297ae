//! The store in PostgreSQL, with the server on the same machine. `RUNGS_POSTGRES` names the parts to run.
//!
//! * `lives`: job lives (submitted, claimed, ended) a second through the port of stores and through engines with fixture
//!   fetchers, beside a queue in SQL that commits one step of one job at a time. The aims: 1,500 lives a second through
//!   an engine, and ten times the queue.
//! * `backlog`: the time of a claim with 1,000 to 1,000,000 due jobs of one account.
//! * `scaling`: 1, 2 and 4 processes on sites that respond after 200 ms. The aim: 0.9 of linear.
//! * `turns`: ten accounts with ten jobs each, alone and behind one account with 100,000. The aim: 1.5 times the time.
//! * `transaction`: claims at 300 jobs a second before, while and after a transaction is held open. The aim: a 99th
//!   percentile below 50 ms. `RUNGS_POSTGRES_SECONDS` is the length of each of the three.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rungs::core::id::AccountId;
use rungs::core::job::JobState;
use rungs::core::record::{Queue, Record};
use rungs::core::request::{Item, Limits};
use rungs::core::tier::Tier;
use rungs::core::time::Timestamp;
use rungs::fetch::Http;
use rungs::ports::fetch::{Fetched, fetcher_fn};
use rungs::ports::store::{Store, Versioned, Write};
use rungs::stores::Postgres;
use rungs::testkit::site::{Site, SiteResponse};
use rungs::testkit::store::sample;
use rungs::{Batch, Engine, Settings};
use rungs_bench::postgres::Server;
use tokio::task::JoinSet;

const LASTS: Duration = Duration::from_secs(5);
const ROUNDS: usize = 3;
/// The connections of the larger queue in SQL, and the callers of the store and of the engine.
const WRITERS: usize = 8;
const GROUP: usize = 100;
const SITES: usize = 64;
const LATENCY: Duration = Duration::from_millis(200);
/// The pages that one process of `scaling` fetches at the same time.
const CONCURRENCY: usize = 16;
/// The variable with the URL of the store for a process of `scaling`.
const WORKER: &str = "RUNGS_POSTGRES_WORKER";
/// The size of the records that the queue in SQL keeps, as those of rungs.
const BODY: usize = 330;

/// New jobs that are due from `at` on.
fn jobs(numbers: std::ops::Range<u64>, at: Timestamp) -> Vec<Write> {
    let job = |number| Record::Job(sample::job(number, at));
    let new = |record: Record| Write { key: record.key(), expected: None, record: Some(record) };
    numbers.map(job).map(new).collect()
}

fn ended(found: Versioned) -> Write {
    let Record::Job(mut job) = found.record else { panic!("a claim of jobs returns jobs") };
    job.state = JobState::Failed;
    job.lease = None;
    let record = Record::Job(job);
    Write { key: record.key(), expected: Some(found.version), record: Some(record) }
}

/// Lives of `count` jobs at once until the time is over.
async fn lives(store: Postgres, writer: u64, count: usize, begun: Instant) -> usize {
    let (mut lived, mut next) = (0, writer << 32);
    while begun.elapsed() < LASTS {
        store.commit(jobs(next..next + count as u64, sample::at(1))).await.expect("committed");
        next += count as u64;
        let mut claim = sample::claim(Queue::Jobs, 10);
        claim.limit = count;
        let claimed = store.claim(claim).await.expect("claimed");
        lived += claimed.len();
        store.commit(claimed.into_iter().map(ended).collect()).await.expect("committed");
    }
    lived
}

async fn of_store(server: &Server, writers: usize, count: usize) -> f64 {
    let store = Postgres::connect(&server.new_url()).await.expect("connected");
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    for writer in 0..writers {
        tasks.spawn(lives(store.clone(), writer as u64, count, begun));
    }
    let lived: usize = tasks.join_all().await.into_iter().sum();
    lived as f64 / begun.elapsed().as_secs_f64()
}

/// A queue as it is usually written: each step of a job is a transaction.
async fn of_queue(server: &Server, connections: usize) -> f64 {
    let client = server.client().await;
    let create = "DROP TABLE IF EXISTS queue; \
                  CREATE TABLE queue (id bigserial PRIMARY KEY, state smallint NOT NULL, body bytea NOT NULL); \
                  CREATE INDEX queue_state ON queue (id) WHERE state = 0";
    client.batch_execute(create).await.expect("created");
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..connections {
        let client = server.client().await;
        tasks.spawn(async move {
            let insert = client.prepare("INSERT INTO queue (state, body) VALUES (0, $1)").await;
            let claim = client
                .prepare(
                    "UPDATE queue SET state = 1 WHERE id = (SELECT id FROM queue WHERE state = 0 \
                     ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id",
                )
                .await;
            let end = client.prepare("UPDATE queue SET state = 2, body = $2 WHERE id = $1").await;
            let (insert, claim) = (insert.expect("valid"), claim.expect("valid"));
            let (end, body, mut lived) = (end.expect("valid"), vec![7_u8; BODY], 0);
            while begun.elapsed() < LASTS {
                client.execute(&insert, &[&body]).await.expect("inserted");
                for row in client.query(&claim, &[]).await.expect("claimed") {
                    client.execute(&end, &[&row.get::<_, i64>(0), &body]).await.expect("ended");
                    lived += 1;
                }
            }
            lived
        });
    }
    let lived: usize = tasks.join_all().await.into_iter().sum();
    lived as f64 / begun.elapsed().as_secs_f64()
}

fn fixture() -> impl rungs::ports::fetch::HttpFetcher {
    let text = "Flour, water, salt and time are all that a good loaf needs. ".repeat(20);
    let page = Arc::new(format!("<html><title>Bread</title><h1>Bread</h1><p>{text}</p></html>"));
    fetcher_fn([Tier::Curl], move |_| {
        let page = Arc::clone(&page);
        async move { Ok(Fetched::new(200, page.as_bytes()).header("content-type", "text/html")) }
    })
}

async fn with_fixture(url: &str) -> Engine {
    let store = Postgres::connect(url).await.expect("connected");
    let settings = Settings::default().with_concurrency(256);
    let engine = Engine::builder().store(store).http(fixture()).settings(settings);
    engine.limits(Limits::default().with_batch_items(1_000)).build().expect("built")
}

/// Lives through an engine: batches of 100 pages of 50 sites, eight at a time.
async fn of_engine(server: &Server) -> f64 {
    let engine = with_fixture(&server.new_url()).await;
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..WRITERS {
        let engine = engine.clone();
        tasks.spawn(async move {
            let mut lived = 0;
            while begun.elapsed() < LASTS {
                let pages = (0..GROUP).map(|it| format!("http://{}.test/{it}", it % 50));
                let mut batch = engine.submit(Batch::new(pages)).await.expect("accepted");
                batch.wait().await.expect("ended");
                lived += GROUP;
            }
            lived
        });
    }
    let lived: usize = tasks.join_all().await.into_iter().sum();
    let rate = lived as f64 / begun.elapsed().as_secs_f64();
    engine.shutdown().await;
    rate
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

async fn measure_lives(server: &Server) {
    let names = ["SQL queue", "SQL queue x8", "single", "batched", "engine"];
    let mut rates = vec![Vec::new(); names.len()];
    for _ in 0..ROUNDS {
        rates[0].push(of_queue(server, 1).await);
        rates[1].push(of_queue(server, WRITERS).await);
        rates[2].push(of_store(server, WRITERS, 1).await);
        rates[3].push(of_store(server, 1, GROUP).await);
        rates[4].push(of_engine(server).await);
    }
    let medians: Vec<_> = rates.into_iter().map(median).collect();
    println!("lives per second");
    for (name, rate) in names.iter().zip(&medians) {
        println!("{name:<12} {rate:>8.0}  {:>6.2} of the queue", rate / medians[0]);
    }
}

/// Returns the time at a part of the sorted times.
fn quantile(times: &mut [Duration], part: f64) -> Duration {
    times.sort();
    let at = (times.len() as f64 * part) as usize;
    times.get(at.min(times.len().saturating_sub(1))).copied().unwrap_or_default()
}

/// Adds copies of one job in the store: `record` of a schema has many due jobs then.
async fn fill(server: &Server, url: &str, records: u64) {
    let schema = url.rsplit('=').next().expect("a schema");
    let fill = format!(
        "INSERT INTO {schema}.record SELECT '\\x04'::bytea || decode(md5(n::text), 'hex'), version, body, queue, n, slot, \
         account, priority, convert_to(n % 1000 || '.example', 'UTF8') \
         FROM {schema}.record CROSS JOIN generate_series(2, {records}) n; ANALYZE {schema}.record"
    );
    server.client().await.batch_execute(&fill).await.expect("filled");
}

async fn measure_backlog(server: &Server) {
    println!("claims of 32 jobs, by due jobs of one account");
    for records in [1_000, 10_000, 100_000, 1_000_000] {
        let url = server.new_url();
        let store = Postgres::connect(&url).await.expect("connected");
        store.commit(jobs(1..2, sample::at(1))).await.expect("committed");
        fill(server, &url, records).await;
        let mut times = Vec::new();
        for _ in 0..200 {
            // As an engine claims: of no site more than its share, so that the walk over the lanes is part of it.
            let mut claim = sample::claim(Queue::Jobs, u64::from(u32::MAX));
            claim.limit = 32;
            claim.shares.per_site = 1;
            let begun = Instant::now();
            let claimed = store.claim(claim).await.expect("claimed");
            times.push(begun.elapsed());
            if claimed.is_empty() {
                break;
            }
        }
        let (half, most) = (quantile(&mut times, 0.5), quantile(&mut times, 0.99));
        println!("{records:>9} jobs  p50 {half:>9.3?}  p99 {most:>9.3?}  {} claims", times.len());
    }
}

/// A process of `scaling`: works until its input ends.
async fn work(url: &str) {
    let store = Postgres::connect(url).await.expect("connected");
    let http = Http::new().allow_network("127.0.0.0/8").expect("a network");
    let settings = Settings::default().with_concurrency(CONCURRENCY);
    let engine = Engine::builder().store(store).http(http).settings(settings).build();
    let engine = engine.expect("built");
    tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new()))
        .await
        .expect("it waits")
        .expect("readable");
    engine.shutdown().await;
}

fn worker(url: &str) -> Child {
    let program = std::env::current_exe().expect("this program");
    let mut command = Command::new(program);
    command.env(WORKER, url).stdin(Stdio::piped()).spawn().expect("it starts")
}

async fn of_processes(server: &Server, sites: &[Site], count: usize) -> f64 {
    let url = server.new_url();
    let store = Postgres::connect(&url).await.expect("connected");
    let http = Http::new().allow_network("127.0.0.0/8").expect("a network");
    let engine = Engine::builder().store(store).http(http).calls_only();
    let engine = engine.limits(Limits::default().with_batch_items(10_000)).build().expect("built");
    let mut workers: Vec<_> = (0..count).map(|_| worker(&url)).collect();
    // Until all know each other.
    tokio::time::sleep(Duration::from_secs(8)).await;
    let most = CONCURRENCY * count * 30 * 1_000 / LATENCY.as_millis() as usize;
    let pages: Vec<_> = (0..most).map(|it| sites[it % SITES].url(&format!("/{it}"))).collect();
    for pages in pages.chunks(1_000) {
        engine.submit(Batch::new(pages.to_vec())).await.expect("accepted");
    }
    let hits = || sites.iter().map(Site::hits).sum::<usize>();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let (before, begun) = (hits(), Instant::now());
    tokio::time::sleep(Duration::from_secs(10)).await;
    let rate = (hits() - before) as f64 / begun.elapsed().as_secs_f64();
    for worker in &mut workers {
        // Without waiting for the rest of the pages.
        worker.kill().expect("it runs");
        worker.wait().expect("it ends");
    }
    engine.shutdown().await;
    rate
}

async fn measure_scaling(server: &Server) {
    let page = "<p>Flour, water, salt and time are all that a good loaf needs.</p>".repeat(20);
    let start = |_| {
        let page = page.clone();
        Site::start(move |_| SiteResponse::html(page.clone()).delay(LATENCY))
    };
    let sites: Vec<_> = (0..SITES).map(start).collect();
    println!("pages per second, {CONCURRENCY} permits each, sites take 200 ms");
    let mut first = None;
    for count in [1, 2, 4] {
        let rate = of_processes(server, &sites, count).await;
        let linear = rate / (*first.get_or_insert(rate) * count as f64);
        println!("{count} processes  {rate:>8.0}  {linear:>5.2} of linear");
    }
}

/// The time until ten accounts have ten pages each.
async fn ten_accounts(engine: &Engine) -> Duration {
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    for account in 0..10 {
        let engine = engine.clone();
        tasks.spawn(async move {
            let account = AccountId::new(format!("small {account}")).expect("a name");
            let pages = (0..10).map(|it| format!("http://{it}.test/"));
            let batch = Batch::new(pages).account(account);
            engine.submit(batch).await.expect("accepted").wait().await.expect("ended");
        });
    }
    tasks.join_all().await;
    begun.elapsed()
}

async fn measure_turns(server: &Server) {
    let slow = fetcher_fn([Tier::Curl], |_| async {
        tokio::time::sleep(LATENCY).await;
        let page = "<p>Flour, water, salt and time are all that a good loaf needs.</p>".repeat(9);
        Ok(Fetched::new(200, page).header("content-type", "text/html"))
    });
    let store = Postgres::connect(&server.new_url()).await.expect("connected");
    let engine = Engine::builder().store(store).http(slow);
    let engine = engine.limits(Limits::default().with_batch_items(1_000)).build().expect("built");
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut alone: Vec<_> = Vec::new();
    for _ in 0..5 {
        alone.push(ten_accounts(&engine).await);
    }
    for batch in 0..100 {
        let pages = (0..1_000).map(|it| Item::get(format!("http://{it}.large/{batch}")));
        let large = AccountId::new("large").expect("a name");
        engine.submit(Batch::new(pages).account(large)).await.expect("accepted");
    }
    let mut behind = Vec::new();
    for _ in 0..5 {
        behind.push(ten_accounts(&engine).await);
    }
    let (alone, behind) = (quantile(&mut alone, 0.5), quantile(&mut behind, 0.5));
    let ratio = behind.as_secs_f64() / alone.as_secs_f64();
    println!(
        "ten accounts with ten pages: alone {alone:.3?}, behind 100,000 pages {behind:.3?}, ratio {ratio:.2}"
    );
}

/// Adds, claims and ends 300 jobs a second, and prints how long claims took in each fifth of the time.
async fn steady(store: &Postgres, name: &str, lasts: Duration, next: &mut u64) {
    const TICK: Duration = Duration::from_millis(100);
    let mut ticks = tokio::time::interval(TICK);
    for part in 0..5 {
        let (mut times, begun) = (Vec::new(), Instant::now());
        while begun.elapsed() < lasts / 5 {
            ticks.tick().await;
            let now = store.now().await.expect("it has a clock").expect("it has a clock");
            store.commit(jobs(*next..*next + 30, now)).await.expect("committed");
            *next += 30;
            let mut claim = sample::claim(Queue::Jobs, 10);
            (claim.limit, claim.until) = (60, claim.now.after(Duration::from_secs(30)));
            let asked = Instant::now();
            let claimed = store.claim(claim.by_the_stores_clock()).await.expect("claimed");
            times.push(asked.elapsed());
            store.commit(claimed.into_iter().map(ended).collect()).await.expect("committed");
        }
        let (half, most) = (quantile(&mut times, 0.5), quantile(&mut times, 0.99));
        println!("{name:<7} {part}/5  p50 {half:>9.3?}  p99 {most:>9.3?}  {} claims", times.len());
    }
}

async fn measure_transaction(server: &Server) {
    let seconds = std::env::var("RUNGS_POSTGRES_SECONDS").ok().and_then(|it| it.parse().ok());
    let lasts = Duration::from_secs(seconds.unwrap_or(60));
    let store = Postgres::connect(&server.new_url()).await.expect("connected");
    let mut next = 1;
    println!("claims at 300 jobs per second");
    steady(&store, "before", lasts, &mut next).await;
    let client = server.client().await;
    let open = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT pg_current_xact_id()";
    client.batch_execute(open).await.expect("begun");
    steady(&store, "open", lasts, &mut next).await;
    client.batch_execute("COMMIT").await.expect("committed");
    steady(&store, "after", lasts, &mut next).await;
}

#[tokio::main]
async fn main() {
    if let Ok(url) = std::env::var(WORKER) {
        return work(&url).await;
    }
    let parts = std::env::var("RUNGS_POSTGRES");
    let parts = parts.unwrap_or_else(|_| "lives backlog scaling turns transaction".to_owned());
    let server = Server::start();
    for part in parts.split_whitespace() {
        match part {
            "lives" => measure_lives(&server).await,
            "backlog" => measure_backlog(&server).await,
            "scaling" => measure_scaling(&server).await,
            "turns" => measure_turns(&server).await,
            "transaction" => measure_transaction(&server).await,
            other => panic!("RUNGS_POSTGRES has no part {other}"),
        }
    }
}
