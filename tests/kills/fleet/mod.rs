//! Three workers and an API server on one database suffer the faults of machines, networks and clocks.
//!
//! `RUNGS_FLEET_ROUNDS` sets the number of rounds, `RUNGS_KILL_SEED` the seed, `RUNGS_FLEET_FAULT` the only fault by its
//! name below, and `RUNGS_FLEET_PROGRAM` another build of the program.

mod api;
mod member;
mod proxy;
mod snapshot;

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rungs::core::id::AccountId;
use rungs::service::ApiKey;
use rungs::testkit::store::Scratch;
use serde_json::{Value, json};

use crate::books::Told;
use crate::database::disconnect;
use crate::postgres::{Server, url};
use crate::world::{World, page_urls, turn_of};
use crate::{Dice, Figures, PATIENCE, SaidOnFailure, Seen, number, seed};

use api::{Address, Request};
use member::{Member, Setup, faketime};
use proxy::Proxy;
use snapshot::Snapshot;

/// Rounds of one set of records, before its work is finished and a new one begins.
const ROUNDS_A_LIFE: u32 = 24;
const WORKERS: usize = 3;
/// New batches in each round.
const BATCHES: usize = 4;
const ACCOUNTS: [(&str, &str); 3] = [
    ("acme", "sk_live_acme_0123456789abcdef"),
    ("bolt", "sk_live_bolt_0123456789abcdef"),
    ("crow", "sk_live_crow_0123456789abcdef"),
];
/// The seconds of a lease. Heartbeats count for 6 seconds, whatever a lease lasts.
const LEASE: u64 = 2;
/// The longest wait for the events after which a fault happens.
const LONGEST_CALM: Duration = Duration::from_millis(1_500);

/// A fault of one round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    /// A worker is killed, and another one started.
    WorkerKilled,
    /// All workers are killed at once.
    WorkersKilled,
    /// The API server is killed, and another one started.
    ApiKilled,
    /// A worker is suspended, often for longer than its leases and its heartbeat last, and continues.
    WorkerSuspended,
    /// A worker is asked to end, and another one started, as in an upgrade.
    WorkerReplaced,
    /// As before, and the clock of the new one is some minutes fast or slow.
    ClockShifted,
    /// The server crashes, and is started again.
    ServerCrashed,
    /// The server closes all connections.
    Disconnected,
    /// The network closes all connections.
    Cut,
    /// The responses to some commits are lost.
    CommitsLost,
    /// The network carries nothing for some seconds.
    Stalled,
}

impl Fault {
    const ALL: [Self; 11] = [
        Self::WorkerKilled,
        Self::WorkersKilled,
        Self::ApiKilled,
        Self::WorkerSuspended,
        Self::WorkerReplaced,
        Self::ClockShifted,
        Self::ServerCrashed,
        Self::Disconnected,
        Self::Cut,
        Self::CommitsLost,
        Self::Stalled,
    ];
}

#[test]
fn faults_of_a_fleet_lose_no_job_and_double_no_charge() {
    let rounds = number("RUNGS_FLEET_ROUNDS").unwrap_or(Fault::ALL.len() as u64);
    let seed = seed();
    let _shown = SaidOnFailure(seed);
    let (mut dice, mut figures, began) = (Dice(seed), Figures::default(), Instant::now());
    let (server, scratch) = (Server::start(), Scratch::new());
    let proxy = Proxy::start(scratch.path(), server.dir());
    let mut faults = BTreeMap::<Fault, u32>::new();

    let mut left = u32::try_from(rounds).expect("fewer rounds");
    for life in 0.. {
        let rounds = left.min(ROUNDS_A_LIFE);
        let mut fleet = Fleet::start(life, &server, &proxy, &scratch);
        for _ in 0..rounds {
            let fault = draw(&mut faults, &mut dice);
            fleet.round(fault, &mut dice);
        }
        fleet.finish(&mut dice, &mut figures);
        left -= rounds;
        if left == 0 {
            break;
        }
    }

    let lost = proxy.commits_lost();
    println!("{rounds} rounds\n{figures}faults {faults:?}, {lost} commits without response");
    println!("clocks shifted: {}, in {:.1?}, seed {seed}", faketime().is_some(), began.elapsed());
}

/// Draws one of the faults that came up least often.
fn draw(faults: &mut BTreeMap<Fault, u32>, dice: &mut Dice) -> Fault {
    let only = std::env::var("RUNGS_FLEET_FAULT").ok();
    let all = || {
        Fault::ALL
            .into_iter()
            .filter(|it| only.as_ref().is_none_or(|name| format!("{it:?}") == *name))
    };
    let count = |it: &Fault| faults.get(it).copied().unwrap_or_default();
    let least = all().map(|it| count(&it)).min().unwrap_or_default();
    let rare: Vec<_> = all().filter(|it| count(it) == least).collect();
    assert!(!rare.is_empty(), "RUNGS_FLEET_FAULT names no fault: use one of {:?}", Fault::ALL);
    let fault = rare[dice.below(rare.len())];
    *faults.entry(fault).or_default() += 1;
    fault
}

/// The processes of one set of records, and what they were told to do.
struct Fleet<'a> {
    server: &'a Server,
    proxy: &'a Proxy,
    setup: Setup,
    workers: Vec<Member>,
    api: Option<Member>,
    address: Address,
    world: World,
    inbox: Receiver<Seen>,
    snapshot: Snapshot,
    told: Told,
    /// The accepted batches: id and account.
    batches: Vec<(String, usize)>,
    started: usize,
    round: u32,
}

impl<'a> Fleet<'a> {
    fn start(life: u32, server: &'a Server, proxy: &'a Proxy, scratch: &Scratch) -> Self {
        let (seen, inbox) = channel();
        let world = World::start_many(&seen, 12, 4);
        let schema = format!("life_{life}");
        let config = scratch.path().join("rungs.json");
        std::fs::write(&config, settings().to_string()).expect("written");
        let logs = scratch.path().join(&schema);
        std::fs::create_dir(&logs).expect("a new directory");
        let setup = Setup { store: url(proxy.dir(), &schema), config, logs };
        let api = setup.start("api", 0, 0);
        let address = Arc::new(Mutex::new(api.address));
        let workers = (1..=WORKERS).map(|it| setup.start("worker", it, 0)).collect();
        Self {
            snapshot: Snapshot::of(&url(server.dir(), &schema)),
            server,
            proxy,
            setup,
            workers,
            api: Some(api),
            address,
            world,
            inbox,
            told: Told::default(),
            batches: Vec::new(),
            started: WORKERS + 1,
            round: 0,
        }
    }

    /// Submits batches, lets the fault happen meanwhile, and checks every record.
    fn round(&mut self, fault: Fault, dice: &mut Dice) {
        let again = self.told.some_keys(dice);
        let keys: Vec<_> =
            (0..BATCHES).map(|it| format!("{}-{it}", self.round)).chain(again).collect();
        let bodies: Vec<_> = keys.iter().map(|it| (it.clone(), body(&self.world, it))).collect();
        let address = Arc::clone(&self.address);
        let submitting = thread::spawn(move || {
            bodies.iter().map(|(key, body)| submit(&address, key, body)).collect::<Vec<_>>()
        });
        self.wait_for_events(1 + dice.roll(20));
        self.suffer(fault, dice);
        let accepted = submitting.join().expect("every submission is accepted in the end");
        for (key, batch) in keys.iter().zip(accepted) {
            self.told.accepted(key, &batch);
            let entry = (batch, account_of(key));
            if !self.batches.contains(&entry) {
                self.batches.push(entry);
            }
        }
        self.read_ends(dice);
        let deliveries = self.world.deliveries();
        self.snapshot.take().check(&mut self.told, &deliveries);
        self.round += 1;
    }

    /// Waits for some requests for pages and deliveries.
    fn wait_for_events(&self, count: u64) {
        let until = Instant::now() + LONGEST_CALM;
        for _ in 0..count {
            let rest = until.saturating_duration_since(Instant::now());
            if self.inbox.recv_timeout(rest).is_err() {
                break;
            }
        }
    }

    fn suffer(&mut self, fault: Fault, dice: &mut Dice) {
        let one = dice.below(WORKERS);
        match fault {
            Fault::WorkerKilled => self.replace(one, 0, Member::kill),
            Fault::WorkersKilled => {
                self.workers.drain(..).for_each(Member::kill);
                (0..WORKERS).for_each(|_| self.start_worker(0));
            }
            Fault::ApiKilled => {
                self.api.take().expect("it runs").kill();
                let api = self.setup.start("api", self.started, 0);
                self.started += 1;
                *self.address.lock().unwrap_or_else(PoisonError::into_inner) = api.address;
                self.api = Some(api);
            }
            Fault::WorkerSuspended => {
                self.workers[one].signal("-STOP");
                // Others take over after 8 seconds. Often it continues before.
                thread::sleep(Duration::from_millis(3_000 + dice.roll(7_000)));
                self.workers[one].signal("-CONT");
            }
            Fault::WorkerReplaced => self.replace(one, 0, Member::end),
            Fault::ClockShifted => {
                let minutes = 1 + i32::try_from(dice.roll(5)).expect("a small number");
                let offset = if dice.roll(2) == 0 { minutes * 60 } else { minutes * -60 };
                self.replace(one, offset, Member::end);
            }
            Fault::ServerCrashed => {
                self.server.stop("immediate");
                thread::sleep(Duration::from_millis(dice.roll(2_000)));
                self.server.start_again();
            }
            Fault::Disconnected => disconnect(self.server),
            Fault::Cut => self.proxy.cut(),
            Fault::CommitsLost => self.proxy.cut_after_commits(1 + dice.roll(4)),
            Fault::Stalled => self.proxy.stall(Duration::from_millis(500 + dice.roll(4_000))),
        }
    }

    fn start_worker(&mut self, offset: i32) {
        self.workers.push(self.setup.start("worker", self.started, offset));
        self.started += 1;
    }

    /// Ends a worker and starts another one.
    fn replace(&mut self, number: usize, offset: i32, end: fn(Member)) {
        end(self.workers.remove(number));
        self.start_worker(offset);
    }

    fn status_of(&self, batch: &str, account: usize) -> Value {
        let path = format!("/api/v1/batch/{batch}?include_results=false");
        let headers = [("x-api-key", ACCOUNTS[account].1)];
        let request = Request { method: "GET", path: &path, headers: &headers, body: "" };
        let (status, body) = request.answer(&self.address);
        assert_eq!(status, 200, "{batch}: {body}");
        body
    }

    /// Reads some batches by the API and notes what has ended.
    fn read_ends(&mut self, dice: &mut Dice) {
        for _ in 0..3 {
            let (batch, account) = self.batches[dice.below(self.batches.len())].clone();
            let body = self.status_of(&batch, account);
            self.note(&batch, &body);
        }
    }

    fn note(&mut self, batch: &str, body: &Value) {
        for item in body["items"].as_array().expect("items") {
            let state = item["status"].as_str().expect("a status");
            if matches!(state, "succeeded" | "failed") {
                self.told.ended(item["job_id"].as_str().expect("an id"), state);
            }
        }
        match body["status"].as_str().expect("a status") {
            "processing" => {}
            status => self.told.batch_ended(batch, status),
        }
    }

    /// Waits until all work is done, checks it and ends the processes.
    fn finish(mut self, dice: &mut Dice, figures: &mut Figures) {
        let until = Instant::now() + PATIENCE;
        let books = loop {
            // Deliveries first: those of the moment of the snapshot are then among its records.
            let deliveries = self.world.deliveries();
            let books = self.snapshot.take();
            books.check(&mut self.told, &deliveries);
            if books.are_done() {
                break books;
            }
            if Instant::now() > until {
                let logs: Vec<_> = self.workers.iter().map(Member::log).collect();
                panic!("the work did not end within {PATIENCE:?}:\n{}", logs.join("\n\n"));
            }
            self.wait_for_events(40);
        };
        for (batch, account) in self.batches.clone() {
            let body = self.status_of(&batch, account);
            self.note(&batch, &body);
        }
        let deliveries = self.world.deliveries();
        books.check(&mut self.told, &deliveries);
        books.check_all_is_done(&deliveries);
        figures.add(&books, &self.told, &self.world);
        let end = if dice.roll(2) == 0 { Member::end } else { Member::kill };
        self.workers.into_iter().chain(self.api).for_each(end);
    }
}

/// The settings file of all processes.
fn settings() -> Value {
    let keys = ACCOUNTS.map(|(name, secret)| {
        let account = AccountId::new(name).expect("a valid name");
        let hash = ApiKey::new(name, account, secret).expect("a valid key").hash;
        json!({ "name": name, "account": name, "hash": hash })
    });
    let retries = [1; 30];
    json!({ "keys": keys, "concurrency": 8, "per_host": 6, "lease": LEASE, "grace": 1, "webhook_retries": retries })
}

/// Returns the index of the account that submits the batch of this key.
fn account_of(key: &str) -> usize {
    turn_of(key) % ACCOUNTS.len()
}

/// The batch of this key, the same whenever it is submitted.
fn body(world: &World, key: &str) -> String {
    let turn = turn_of(key);
    let urls = page_urls(key, 3 + turn % 8, |at| world.site(turn + at)).into_iter();
    let items = urls.map(|url| json!({ "url": url, "cost_controls": { "max_tier": "2" } }));
    let mut body = json!({ "urls": items.collect::<Vec<_>>() });
    if turn % 4 != 3 {
        body["webhook_url"] = json!(format!("{}/{key}", world.receiver(turn)));
    }
    body.to_string()
}

/// Submits a batch until it is accepted, and returns its id.
fn submit(address: &Address, key: &str, body: &str) -> String {
    let headers = [("x-api-key", ACCOUNTS[account_of(key)].1), ("idempotency-key", key)];
    let request = Request { method: "POST", path: "/api/v1/batch", headers: &headers, body };
    let (status, accepted) = request.answer(address);
    assert_eq!(status, 202, "{key}: {accepted}");
    accepted["batch_id"].as_str().expect("an id").to_owned()
}
