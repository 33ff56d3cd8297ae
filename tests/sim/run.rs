//! One run: performs the plan's events against real engines, then removes all faults and requires that every batch ends.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rungs::core::backoff::Backoff;
use rungs::core::batch::ItemEvents;
use rungs::core::credits::Credits;
use rungs::core::id::{AccountId, BatchId, CrawlId};
use rungs::core::request::Item;
use rungs::core::tier::Tier;
use rungs::engine::{Crawl, RobotsPolicy, Settings};
use rungs::{Batch, Engine, SubmitError};

use crate::link::{Life, Link};
use crate::plan::{CHAOS, CrawlPlan, Event, Fault, ItemPlan, Plan, StoreKind, SubmitPlan};
use crate::rng::Rng;
use crate::world::{Chance, OnTheSpot, Plain, Seat, World};

/// The longest duration of a call after all faults were removed: a stall ends after 8 seconds, and a call makes a few
/// round trips.
const LONGEST_STALL: Duration = Duration::from_secs(15);

/// The result of a run.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    /// The broken promise, if any.
    pub(crate) failure: Option<String>,
    pub(crate) steps: u64,
    pub(crate) digest: u64,
    /// The number of times that each situation occurred.
    pub(crate) seen: BTreeMap<&'static str, u64>,
}

/// A process that runs an engine.
struct Process {
    engine: Engine,
    link: Link,
    life: Arc<Life>,
}

struct Runner {
    world: Arc<World>,
    processes: Vec<Option<Process>>,
    starts: u64,
    /// When dead processes are started again.
    down: Vec<Duration>,
    /// The downtimes of processes that die at a store call.
    stays_down: Vec<u64>,
    submitted: Arc<Mutex<BTreeMap<usize, BatchId>>>,
    crawls: Arc<Mutex<BTreeMap<usize, CrawlId>>>,
    /// The last batch of each chain of retries.
    retried: Arc<Mutex<BTreeMap<usize, BatchId>>>,
}

/// Carries out a plan on a runtime of its own.
pub(crate) fn run(plan: &Plan) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime needs nothing here");
    runtime.block_on(async {
        let world = Arc::new(World::new(plan.clone()));
        let mut runner = Runner {
            processes: (0..plan.engines).map(|_| None).collect(),
            starts: 0,
            down: vec![Duration::ZERO; plan.engines],
            stays_down: vec![0; plan.engines],
            submitted: Arc::default(),
            crawls: Arc::default(),
            retried: Arc::default(),
            world,
        };
        runner.live().await;
        runner.outcome()
    })
}

fn settings(plan: &Plan) -> Settings {
    let second = Duration::from_secs(1);
    let mut settings = Settings::default()
        .with_concurrency(plan.concurrency)
        .with_retry(Backoff::new(2, second / 5, second * 5))
        .with_webhook_retry(Backoff::new(2, second / 2, second * 4))
        .with_lease(Duration::from_secs(plan.lease))
        .with_job_deadline(second * 120)
        .with_grace(second);
    settings.pacing.per_host = plan.per_host;
    settings.pacing.per_second = plan.per_second.map(f64::from);
    settings.unlimited_accounts = plan.unlimited;
    settings
}

fn account(number: usize) -> AccountId {
    AccountId::new(format!("account-{number}")).expect("a name")
}

fn tier(place: usize) -> Tier {
    Tier::ALL[place]
}

fn url(batch: usize, index: usize, item: ItemPlan) -> String {
    if item.cached {
        return format!("http://h{}.test/shared", item.host);
    }
    format!("http://h{}.test/{batch}/{index}", item.host)
}

/// The batch that a submission sends.
fn batch(submit: &SubmitPlan, changed: bool) -> Batch {
    let items = submit.items.iter().enumerate().map(|(index, &it)| {
        let mut item = Item::get(url(submit.number, index, it));
        item.cost_controls.max_tier = it.max_tier.map(tier);
        item.cost_controls.force_tier = it.force_tier.map(tier);
        item.cost_controls.max_credits = it.max_credits.map(Credits);
        item.cache.enabled = it.cached;
        item.timeout(Duration::from_secs(it.timeout))
    });
    let items =
        items.chain(changed.then(|| Item::get(format!("http://h0.test/{}/more", submit.number))));
    let mut batch = Batch::new(items).account(account(submit.account));
    if let Some(receiver) = submit.receiver {
        let (failed, completed) = submit.item_events;
        let events = ItemEvents { completed, failed };
        batch = batch.webhook(format!("https://hook.test/{receiver}")).item_events(events);
    }
    if let Some(key) = submit.key {
        batch = batch.idempotency_key(format!("key-{key}-{}", submit.number));
    }
    batch
}

impl Runner {
    async fn live(&mut self) {
        for engine in 0..self.world.plan.engines {
            self.start(engine);
        }
        for (at, event) in self.world.plan.events.clone() {
            self.wait_until(Duration::from_millis(at)).await;
            self.happen(event).await;
            if self.has_failed() {
                return;
            }
        }
        self.wait_until(Duration::from_millis(CHAOS)).await;
        self.heal().await;
        self.finish().await;
    }

    fn has_failed(&self) -> bool {
        self.world.base().mismatch().is_some() || self.world.oracle().failure.is_some()
    }

    fn outcome(&self) -> Outcome {
        let mismatch = self.world.base().mismatch();
        let oracle = self.world.oracle();
        Outcome {
            failure: mismatch.or_else(|| oracle.failure.clone()),
            seen: oracle.seen.clone(),
            steps: self.world.steps(),
            digest: self.world.digest(),
        }
    }

    /// Starts a process, on a forgetful disk with the surviving records.
    fn start(&mut self, engine: usize) {
        self.starts += 1;
        let world = &self.world;
        let stream = |kind: u64| Rng::stream(world.plan.seed, 1_000 * self.starts + kind);
        if world.plan.store == StoreKind::Forgetful && self.starts > 1 {
            let everything = {
                let mut base = world.base();
                let reopened = base.reopen(world.now(engine), &mut stream(3));
                if reopened.lost > 0 {
                    world.oracle().note("unflushed commits lost in a crash");
                }
                if reopened.log_was_cut {
                    world.oracle().note("log of the journal cut in a crash");
                }
                base.everything()
            };
            world.oracle().reopened(everything);
        }
        let life = Arc::new(Life::default());
        let seat = Seat { world: Arc::clone(world), engine, life: Arc::clone(&life) };
        let link = Link::new(Arc::clone(world), engine, Arc::clone(&life), stream(1));
        let mut builder = Engine::builder()
            .store(link.clone())
            .http(seat.clone())
            .extractor(Plain)
            .webhooks(seat.clone())
            .clock(seat.clone())
            .entropy(Chance(Mutex::new(stream(2))))
            .blocking_pool(OnTheSpot)
            .settings(settings(&world.plan));
        if world.plan.robots {
            builder = builder.robots(RobotsPolicy::Respect { agent: "rungs".to_owned() });
        }
        if world.plan.browser {
            builder = builder.browser(seat);
        }
        let engine_of = builder.build().expect("all parts are there");
        self.processes[engine] = Some(Process { engine: engine_of, link, life });
    }

    fn kill(&mut self, engine: usize, down: u64) {
        if let Some(process) = self.processes[engine].take() {
            process.life.end();
            self.down[engine] = self.world.elapsed() + Duration::from_millis(down);
        }
    }

    /// Lets time pass, and restarts the processes that are due by then.
    async fn wait_until(&mut self, at: Duration) {
        loop {
            for engine in self.world.take_crashed() {
                self.kill(engine, self.stays_down[engine]);
            }
            let now = self.world.elapsed();
            for engine in 0..self.processes.len() {
                if self.processes[engine].is_none() && self.down[engine] <= now {
                    self.start(engine);
                }
            }
            if now >= at {
                return;
            }
            let step = at.saturating_sub(now).min(Duration::from_millis(250));
            tokio::time::sleep(step).await;
        }
    }

    /// The engine of this number, or any that runs.
    fn engine(&self, number: usize) -> Option<Engine> {
        let own = self.processes[number].as_ref();
        own.or_else(|| self.processes.iter().flatten().next()).map(|it| it.engine.clone())
    }

    fn submission(&self, number: usize) -> Option<SubmitPlan> {
        self.world.plan.events.iter().find_map(|(_, it)| match it {
            Event::Submit(submit) if submit.number == number => Some(submit.clone()),
            _ => None,
        })
    }

    async fn happen(&mut self, event: Event) {
        match event {
            Event::Submit(submit) => self.submit(submit.engine, &submit, false),
            Event::Crawl(plan) => self.crawl(&plan),
            Event::CancelCrawl { of, engine } => self.cancel_crawl(of, engine),
            Event::Again { of, engine, changed } => {
                // Without a key it would be another batch.
                if let Some(submit) = self.submission(of).filter(|it| it.key.is_some()) {
                    self.submit(engine, &submit, changed);
                }
            }
            Event::Cancel { of, engine } => self.cancel(of, engine),
            Event::Retry { of, engine } => self.retry(of, engine),
            Event::Look { of, engine, times, pause } => self.look(of, engine, times, pause),
            Event::Grant { account, amount, engine } => self.grant(account, amount, engine),
            Event::Crash { engine, down } => self.kill(engine, down),
            Event::CrashAtCall { engine, calls, after, down } => {
                self.stays_down[engine] = down;
                if let Some(process) = &self.processes[engine] {
                    let at = process.link.calls() + calls;
                    process.link.change(|it| it.crash = Some((at, after)));
                }
            }
            Event::Shutdown { engine, down } => self.shutdown(engine, down).await,
            Event::ClockJump { engine, by } => self.world.jump(engine, by),
            Event::Faults { engine, fault, percent, length } => {
                let until = self.world.elapsed() + Duration::from_millis(length);
                if let Some(process) = &self.processes[engine] {
                    process.link.change(|it| it.fault = Some((fault, percent, until)));
                }
            }
            Event::Outage { length } => {
                let until = self.world.elapsed() + Duration::from_millis(length);
                self.world.oracle().note("store out of reach");
                for process in self.processes.iter().flatten() {
                    process.link.change(|it| it.fault = Some((Fault::Unavailable, 100, until)));
                }
            }
            Event::Stall { engine, length } => {
                let until = self.world.elapsed() + Duration::from_millis(length);
                if let Some(process) = &self.processes[engine] {
                    process.link.change(|it| it.stalled_until = until);
                }
            }
        }
    }

    /// Submits in a separate task, because the engine may die meanwhile.
    fn submit(&self, engine: usize, submit: &SubmitPlan, changed: bool) {
        let Some(engine) = self.engine(engine) else { return };
        let (world, submitted) = (Arc::clone(&self.world), Arc::clone(&self.submitted));
        let (batch, number) = (batch(submit, changed), submit.number);
        let unshared = submit.items.iter().enumerate().find(|(_, it)| !it.cached);
        let first = unshared.map(|(index, &it)| url(number, index, it));
        *self.world.oracle().sent.entry(number).or_default() += 1;
        tokio::spawn(async move {
            let answer = engine.submit(batch).await.map(|it| it.id());
            let mut oracle = world.oracle();
            let mut submitted = submitted.lock().unwrap_or_else(PoisonError::into_inner);
            match answer {
                Ok(id) => {
                    oracle.acknowledged(id);
                    oracle.note("batch accepted");
                    let earlier = submitted.insert(number, id);
                    if earlier == Some(id) {
                        oracle.note("same key, same batch");
                    }
                    if earlier.is_some_and(|it| it != id) {
                        oracle.fail(11, format!("submission {number} gave a second batch {id}"));
                    }
                }
                Err(SubmitError::KeyReused { batch }) => {
                    oracle.note("key refused for another body");
                    if submitted.get(&number).is_some_and(|it| *it != batch) {
                        oracle.fail(11, format!("the key of {number} is said to be {batch}'s"));
                    }
                }
                Err(SubmitError::Overdrawn(_)) => {
                    oracle.note("overdrawn account refused");
                    let known = first.is_some_and(|it| oracle.knows_url(&it));
                    // Of two that were sent, the other may be the one that is there.
                    if known && oracle.sent.get(&number) == Some(&1) {
                        oracle.fail(3, format!("submission {number} was refused and is there"));
                    }
                }
                // Whether it was accepted is not known.
                Err(_) => oracle.note("submission of unknown fate"),
            }
        });
    }

    /// Submits a crawl in a separate task, because the engine may die meanwhile.
    fn crawl(&self, plan: &CrawlPlan) {
        let Some(engine) = self.engine(plan.engine) else { return };
        let (world, crawls, number) =
            (Arc::clone(&self.world), Arc::clone(&self.crawls), plan.number);
        let item = Item::get(format!("http://h{}.test/c{number}/0", plan.host));
        let mut crawl = Crawl::of(item.timeout(Duration::from_secs(4)))
            .account(account(plan.account))
            .max_pages(plan.max_pages)
            .max_depth(plan.max_depth)
            .idempotency_key(format!("crawl-{number}"));
        if let Some(credits) = plan.max_credits {
            crawl = crawl.max_credits(Credits(credits));
        }
        if let Some(pages) = plan.max_concurrency {
            crawl = crawl.max_concurrency(pages);
        }
        if let Some(receiver) = plan.receiver {
            crawl = crawl.webhook(format!("https://hook.test/{receiver}"));
        }
        tokio::spawn(async move {
            if let Ok(handle) = engine.crawl(crawl).await {
                world.oracle().acknowledged_crawl(handle.id());
                let mut crawls = crawls.lock().unwrap_or_else(PoisonError::into_inner);
                crawls.insert(number, handle.id());
            }
        });
    }

    fn cancel_crawl(&self, of: usize, engine: usize) {
        let known = self.crawls.lock().unwrap_or_else(PoisonError::into_inner).get(&of).copied();
        let (Some(id), Some(engine)) = (known, self.engine(engine)) else { return };
        // Whoever claims the crawl next finishes a cancellation that was cut off.
        tokio::spawn(async move { engine.cancel_crawl(id).await.map(drop) });
    }

    fn known(&self, of: usize) -> Option<BatchId> {
        self.submitted.lock().unwrap_or_else(PoisonError::into_inner).get(&of).copied()
    }

    fn cancel(&self, of: usize, engine: usize) {
        let (Some(id), Some(engine)) = (self.known(of), self.engine(engine)) else { return };
        let world = Arc::clone(&self.world);
        tokio::spawn(async move {
            if engine.cancel(id).await.is_ok() {
                let mut oracle = world.oracle();
                if oracle.batch(id).is_some_and(|it| it.ended_at.is_none()) {
                    oracle.fail(9, format!("{id} was cancelled and goes on"));
                }
            }
        });
    }

    /// Polls a batch. Polling changes nothing, and a job that was returned as ended stays so.
    /// Retries the last batch of a chain in a separate task, because the engine may die meanwhile.
    fn retry(&self, of: usize, engine: usize) {
        let last = self.retried.lock().unwrap_or_else(PoisonError::into_inner).get(&of).copied();
        let (Some(id), Some(engine)) = (last.or(self.known(of)), self.engine(engine)) else {
            return;
        };
        let (world, retried) = (Arc::clone(&self.world), Arc::clone(&self.retried));
        tokio::spawn(async move {
            let Ok(handle) = engine.retry(id).await else { return };
            let mut oracle = world.oracle();
            oracle.acknowledged(handle.id());
            oracle.retried(id, handle.id());
            retried.lock().unwrap_or_else(PoisonError::into_inner).insert(of, handle.id());
        });
    }

    fn look(&self, of: usize, engine: usize, times: u64, pause: u64) {
        let (Some(id), Some(engine)) = (self.known(of), self.engine(engine)) else { return };
        let world = Arc::clone(&self.world);
        tokio::spawn(async move {
            for _ in 0..times {
                for job in engine.jobs(id).await.unwrap_or_default() {
                    world.oracle().showed(&job);
                }
                tokio::time::sleep(Duration::from_millis(pause)).await;
            }
        });
    }

    fn grant(&self, number: usize, amount: u64, engine: usize) {
        let Some(engine) = self.engine(engine) else { return };
        let id = account(number);
        self.world.oracle().grants(id.clone(), amount);
        let world = Arc::clone(&self.world);
        tokio::spawn(async move {
            if engine.grant(&id, Credits(amount)).await.is_ok() {
                world.oracle().granted(&id, amount);
            }
        });
    }

    async fn shutdown(&mut self, engine: usize, down: u64) {
        let Some(process) = self.processes[engine].take() else { return };
        self.down[engine] = self.world.elapsed() + Duration::from_millis(down);
        // A stalled store may delay it. An operator would kill it then.
        let stopped = process.engine.shutdown();
        let _ = tokio::time::timeout(Duration::from_secs(20), stopped).await;
        process.life.end();
    }

    /// Removes all faults and starts all processes.
    async fn heal(&mut self) {
        for process in self.processes.iter().flatten() {
            process.link.change(|it| *it = crate::link::Weather::default());
        }
        self.down = vec![Duration::ZERO; self.down.len()];
        self.world.agree(0);
        self.wait_until(self.world.elapsed()).await;
    }

    /// Checks that all jobs end, that returned results are unchanged, and that all records expire a day later.
    async fn finish(&mut self) {
        // A stalled call may still arrive, and it may be a submission.
        self.wait_until(self.world.elapsed() + LONGEST_STALL).await;
        let patience = self.world.elapsed() + Duration::from_mins(10);
        while !self.world.oracle().is_settled() && self.world.elapsed() < patience {
            self.wait_until(self.world.elapsed() + Duration::from_secs(1)).await;
            if self.has_failed() {
                return;
            }
        }
        self.world.oracle().check_ended();
        self.check_bodies();
        self.check_reports().await;
        for engine in 0..self.processes.len() {
            self.shutdown(engine, 0).await;
        }
        self.world.agree(25 * 60 * 60 * 1_000);
        self.start(0);
        let patience = self.world.elapsed() + Duration::from_mins(10);
        while !self.world.oracle().is_empty() && self.world.elapsed() < patience {
            self.wait_until(self.world.elapsed() + Duration::from_secs(1)).await;
        }
        self.world.oracle().check_removed();
    }

    fn check_bodies(&self) {
        let base = self.world.base();
        let mut oracle = self.world.oracle();
        let jobs: Vec<_> = oracle.batches().flat_map(|it| oracle.job_ids(it).to_vec()).collect();
        for job in jobs.into_iter().filter_map(|it| oracle.job(it).cloned()).collect::<Vec<_>>() {
            oracle.check_body(&job, |body| base.body(body));
        }
    }

    /// Every batch can be read whole.
    async fn check_reports(&self) {
        let ids: Vec<_> = self.world.oracle().batches().map(|it| it.id).collect();
        let Some(engine) = self.engine(0) else { return };
        for id in ids {
            match engine.batch_report(id).await {
                Ok(Some(report)) => {
                    for job in report.jobs() {
                        self.world.oracle().showed(job.job());
                    }
                }
                Ok(None) => self.world.oracle().fail(1, format!("{id} has not ended")),
                Err(error) => self.world.oracle().fail(1, format!("{id} cannot be read: {error}")),
            }
        }
    }
}
