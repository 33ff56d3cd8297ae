//! The plan of a run as data: generated from a seed, printable, and shrunk if it fails.

use crate::rng::Rng;

/// The duration of the faults in virtual milliseconds. Afterwards nothing fails.
pub(crate) const CHAOS: u64 = 30_000;

/// A whole run.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The seed of the fine-grained choices: delays, losses and single faults.
    pub(crate) seed: u64,
    pub(crate) store: StoreKind,
    /// `true` if a journal runs beside the store.
    pub(crate) journal: bool,
    pub(crate) engines: usize,
    pub(crate) hosts: Vec<Host>,
    /// The behavior of each webhook receiver.
    pub(crate) receivers: Vec<Receiver>,
    /// `true` if new accounts are unlimited.
    pub(crate) unlimited: bool,
    pub(crate) concurrency: usize,
    pub(crate) per_host: usize,
    pub(crate) per_second: Option<u32>,
    /// Seconds of a lease.
    pub(crate) lease: u64,
    /// A browser is there.
    pub(crate) browser: bool,
    /// `true` if the engine obeys robots.txt.
    pub(crate) robots: bool,
    /// The longest delay of a store call, in milliseconds.
    pub(crate) lag: u64,
    /// The longest time that a disk takes to flush, in milliseconds.
    pub(crate) flush: u64,
    /// The differences of the engines' clocks from that of the store at the beginning, in milliseconds.
    pub(crate) clocks: Vec<i64>,
    /// The percentage of wake-ups that arrive.
    pub(crate) wakes: u64,
    /// The events, by time.
    pub(crate) events: Vec<(u64, Event)>,
}

/// The backend of the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoreKind {
    /// The memory store, shared by all engines like a database on another machine.
    Shared,
    /// The same with a clock and wake-ups of its own. Its engines divide the sites among themselves.
    Served,
    /// One process, and a disk that loses unflushed commits when it dies.
    Forgetful,
}

/// The behavior of a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    Healthy,
    /// 403 below this tier (by its place on the ladder).
    BlocksBelow(usize),
    /// Every response takes this number of milliseconds.
    Slow(u64),
    /// Responds with 503 and Retry-After to this number of requests per page, then normally.
    Flapping(u64),
    Dead,
    /// Accepts the request and never responds.
    Silent,
    Missing,
    /// An application's empty shell, but for a browser.
    NeedsBrowser,
    /// The fetcher panics.
    Panics,
    /// The extractor panics.
    Unreadable,
}

/// The behavior of a webhook receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Receiver {
    Accepts,
    /// Responds with 500 to this number of attempts.
    Fails(u32),
    /// Accepts the notification and never responds.
    AcceptsAndHangs,
    Gone,
    Panics,
}

/// One URL of a submission.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ItemPlan {
    pub(crate) host: usize,
    /// `max_tier`, by its place on the ladder.
    pub(crate) max_tier: Option<usize>,
    pub(crate) force_tier: Option<usize>,
    pub(crate) max_credits: Option<u64>,
    pub(crate) timeout: u64,
    pub(crate) cached: bool,
}

/// A batch to submit.
#[derive(Clone, Debug)]
pub(crate) struct SubmitPlan {
    /// The number of the submission, which is part of the URLs of its pages.
    pub(crate) number: usize,
    pub(crate) engine: usize,
    pub(crate) account: usize,
    pub(crate) key: Option<usize>,
    pub(crate) receiver: Option<usize>,
    /// The receiver is told of the items that fail, and of those that succeed.
    pub(crate) item_events: (bool, bool),
    pub(crate) items: Vec<ItemPlan>,
}

/// A crawl to submit.
#[derive(Clone, Debug)]
pub(crate) struct CrawlPlan {
    /// The number of the crawl, which is part of the URLs of its pages.
    pub(crate) number: usize,
    pub(crate) engine: usize,
    pub(crate) account: usize,
    pub(crate) host: usize,
    pub(crate) receiver: Option<usize>,
    pub(crate) max_pages: u32,
    pub(crate) max_depth: u16,
    pub(crate) max_credits: Option<u64>,
    pub(crate) max_concurrency: Option<u32>,
}

/// The fault of a store call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The call returns a conflict and writes nothing.
    Conflict,
    /// The call fails and writes nothing.
    Fail,
    /// The store cannot be reached.
    Unavailable,
    /// The call writes and returns an error.
    LostAnswer,
    /// The message arrives twice.
    Twice,
}

/// Something that happens.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    Submit(SubmitPlan),
    Crawl(CrawlPlan),
    CancelCrawl {
        of: usize,
        engine: usize,
    },
    /// The same submission again, to another engine; `changed` makes it another body.
    Again {
        of: usize,
        engine: usize,
        changed: bool,
    },
    Cancel {
        of: usize,
        engine: usize,
    },
    /// The application retries the last batch of a chain, whose first one is that of a submission.
    Retry {
        of: usize,
        engine: usize,
    },
    /// The application reads a batch repeatedly, with a pause in milliseconds.
    Look {
        of: usize,
        engine: usize,
        times: u64,
        pause: u64,
    },
    Grant {
        account: usize,
        amount: u64,
        engine: usize,
    },
    /// The process dies, and is started again later.
    Crash {
        engine: usize,
        down: u64,
    },
    /// The process dies at its n-th store call from now: before it, or after it was carried out.
    CrashAtCall {
        engine: usize,
        calls: u64,
        after: bool,
        down: u64,
    },
    Shutdown {
        engine: usize,
        down: u64,
    },
    ClockJump {
        engine: usize,
        by: i64,
    },
    /// For a while, some calls of an engine go wrong.
    Faults {
        engine: usize,
        fault: Fault,
        percent: u64,
        length: u64,
    },
    /// For a while, no engine reaches the store.
    Outage {
        length: u64,
    },
    /// For a while an engine's calls take so long that its leases run out.
    Stall {
        engine: usize,
        length: u64,
    },
}

impl Plan {
    /// The plan of a seed, with a journal beside a store of one process: others claim by slots, which it ignores.
    pub(crate) fn with_journal(seed: u64) -> Self {
        Self::new(seed, true)
    }

    /// The plan of a seed.
    pub(crate) fn of(seed: u64) -> Self {
        Self::new(seed, false)
    }

    fn new(seed: u64, journal: bool) -> Self {
        let mut rng = Rng::stream(seed, 1);
        let is_shared = rng.chance(60) && !journal;
        let store = if is_shared { StoreKind::Shared } else { StoreKind::Forgetful };
        let engines = match store {
            StoreKind::Shared | StoreKind::Served => rng.pick(&[1, 2, 2, 3]),
            StoreKind::Forgetful => 1,
        };
        let hosts = (0..rng.between(1, 4)).map(|_| host(&mut rng)).collect::<Vec<_>>();
        let receivers = (0..2).map(|_| receiver(&mut rng)).collect();
        let mut plan = Self {
            seed,
            store,
            journal,
            engines,
            hosts,
            receivers,
            unlimited: rng.chance(70),
            concurrency: rng.pick(&[1, 2, 4, 8]),
            per_host: rng.pick(&[1, 2, 4]),
            per_second: rng.chance(20).then(|| rng.pick(&[1, 5])),
            lease: rng.pick(&[1, 2, 5, 30]),
            browser: rng.chance(50),
            // A separate stream, so that this later addition changes no older seed.
            robots: Rng::stream(seed, 2).chance(10),
            lag: rng.pick(&[0, 1, 5, 50, 400]),
            flush: rng.pick(&[0, 4, 50, 2_000]),
            clocks: vec![0; engines],
            wakes: 0,
            events: Vec::new(),
        };
        plan.events = events(&plan, &mut rng);
        plan.serve(&mut Rng::stream(seed, 3));
        plan.crawl(&mut Rng::stream(seed, 4));
        plan.chain(&mut Rng::stream(seed, 5));
        plan
    }
}

impl Plan {
    /// Adds retries and notifications of items to half of the seeds. The draws have a stream of their own, so that this
    /// later addition changes no other seed.
    fn chain(&mut self, rng: &mut Rng) {
        if rng.chance(50) {
            return;
        }
        let mut retries = Vec::new();
        for (_, event) in &mut self.events {
            let Event::Submit(submit) = event else { continue };
            submit.item_events = rng.pick(&[(false, false), (true, false), (true, true)]);
            for _ in 0..rng.below(4) {
                let (of, engine) = (submit.number, rng.place(self.engines));
                retries.push((CHAOS / 4 + rng.below(CHAOS * 3 / 4), Event::Retry { of, engine }));
            }
        }
        self.events.extend(retries);
        self.events.sort_by_key(|(at, _)| *at);
    }

    /// Makes half of the shared stores such as a database, whose connections can be lost. The draws have a stream of
    /// their own, so that this later addition changes no other seed.
    fn serve(&mut self, rng: &mut Rng) {
        if self.store != StoreKind::Shared || rng.chance(50) {
            return;
        }
        self.store = StoreKind::Served;
        self.wakes = rng.pick(&[0, 70, 100]);
        for clock in &mut self.clocks {
            *clock = rng.pick(&[0, 0, -600_000, 600_000, 3_000]);
        }
        for (_, event) in &mut self.events {
            match event {
                Event::Faults { fault: fault @ Fault::Fail, .. } => *fault = Fault::Unavailable,
                Event::Faults { fault: Fault::Conflict, percent, .. } => *percent = 100,
                _ => {}
            }
        }
        for _ in 0..rng.below(3) {
            let outage = Event::Outage { length: rng.between(200, 8_000) };
            self.events.push((rng.below(CHAOS), outage));
        }
        self.events.sort_by_key(|(at, _)| *at);
    }
}

impl Plan {
    /// Adds crawls to some plans. The draws have a stream of their own, so that this later addition changes no other event.
    fn crawl(&mut self, rng: &mut Rng) {
        if !rng.chance(40) {
            return;
        }
        for number in 0..usize::try_from(rng.between(1, 2)).expect("small") {
            let at = rng.below(CHAOS / 3);
            let engine = rng.place(self.engines);
            let crawl = CrawlPlan {
                number,
                engine,
                account: rng.place(2),
                host: rng.place(self.hosts.len()),
                receiver: rng.chance(60).then(|| rng.place(2)),
                max_pages: rng.pick(&[1, 3, 8, 15, 60]),
                max_depth: rng.pick(&[0, 1, 2, 9]),
                max_credits: rng.chance(30).then(|| rng.pick(&[100, 3_000, 12_000])),
                max_concurrency: rng.chance(50).then(|| rng.pick(&[1, 2, 5])),
            };
            self.events.push((at, Event::Crawl(crawl)));
            if rng.chance(25) {
                let (at, engine) = (at + rng.below(8_000), rng.place(self.engines));
                self.events.push((at, Event::CancelCrawl { of: number, engine }));
            }
        }
        self.events.sort_by_key(|(at, _)| *at);
    }
}

fn host(rng: &mut Rng) -> Host {
    match rng.below(14) {
        0..=3 => Host::Healthy,
        4 | 5 => Host::BlocksBelow(rng.place(6)),
        6 | 7 => Host::Slow(rng.pick(&[10, 500, 1_500, 6_000])),
        8 => Host::Flapping(rng.between(1, 4)),
        9 => Host::Dead,
        10 => Host::Silent,
        11 => Host::Missing,
        12 => Host::NeedsBrowser,
        _ => rng.pick(&[Host::Panics, Host::Unreadable, Host::Healthy, Host::Healthy]),
    }
}

fn receiver(rng: &mut Rng) -> Receiver {
    match rng.below(8) {
        0..=3 => Receiver::Accepts,
        4 => Receiver::Fails(u32::try_from(rng.between(1, 4)).expect("small")),
        5 => Receiver::AcceptsAndHangs,
        6 => Receiver::Gone,
        _ => Receiver::Panics,
    }
}

fn item(plan: &Plan, rng: &mut Rng) -> ItemPlan {
    let max_tier = rng.chance(25).then(|| rng.place(5));
    let highest = max_tier.unwrap_or(4);
    ItemPlan {
        host: rng.place(plan.hosts.len()),
        max_tier,
        force_tier: rng.chance(10).then(|| rng.place(highest + 1)),
        max_credits: rng.chance(15).then(|| rng.pick(&[100, 250, 2_500, 10_000])),
        timeout: rng.between(1, 8),
        cached: rng.chance(10),
    }
}

fn events(plan: &Plan, rng: &mut Rng) -> Vec<(u64, Event)> {
    let mut events = Vec::new();
    let engine = |rng: &mut Rng| rng.place(plan.engines);
    if !plan.unlimited {
        for account in 0..2 {
            let (amount, engine) = (rng.between(500, 20_000), engine(rng));
            events.push((rng.below(200), Event::Grant { account, amount, engine }));
        }
    }
    let submissions = rng.between(1, 4);
    for number in 0..usize::try_from(submissions).expect("small") {
        let at = rng.below(CHAOS / 3);
        let submit = SubmitPlan {
            number,
            engine: engine(rng),
            account: rng.place(2),
            key: rng.chance(50).then(|| rng.place(3)),
            receiver: rng.chance(60).then(|| rng.place(2)),
            item_events: (false, false),
            items: (0..rng.between(1, 5)).map(|_| item(plan, rng)).collect(),
        };
        events.push((at, Event::Submit(submit)));
        for _ in 0..rng.below(3) {
            let at = at + rng.below(5_000);
            let (of, engine, changed) = (number, engine(rng), rng.chance(25));
            events.push((at, Event::Again { of, engine, changed }));
        }
        for _ in 0..rng.below(4) {
            let at = at + rng.below(CHAOS / 2);
            let (engine, times) = (engine(rng), rng.pick(&[1, 1, 5, 20]));
            let pause = rng.pick(&[1, 20, 200]);
            events.push((at, Event::Look { of: number, engine, times, pause }));
        }
        if rng.chance(25) {
            let at = at + rng.below(8_000);
            events.push((at, Event::Cancel { of: number, engine: engine(rng) }));
        }
    }
    for _ in 0..rng.below(7) {
        events.push((rng.below(CHAOS), trouble(engine(rng), rng)));
    }
    events.sort_by_key(|(at, _)| *at);
    events
}

fn trouble(engine: usize, rng: &mut Rng) -> Event {
    let down = rng.pick(&[0, 100, 2_000, 8_000]);
    match rng.below(10) {
        0 | 1 => Event::Crash { engine, down },
        2..=4 => {
            let (calls, after) = (rng.between(1, 40), rng.chance(50));
            Event::CrashAtCall { engine, calls, after, down }
        }
        5 => Event::Shutdown { engine, down },
        6 => {
            let by = rng.pick(&[-60_000, -5_000, 2_000, 10_000, 60_000, 7_200_000]);
            Event::ClockJump { engine, by }
        }
        7 | 8 => Event::Faults {
            engine,
            fault: rng.pick(&[Fault::Conflict, Fault::Fail, Fault::LostAnswer, Fault::Twice]),
            percent: rng.pick(&[10, 40, 100]),
            length: rng.between(100, 5_000),
        },
        _ => Event::Stall { engine, length: rng.between(500, 8_000) },
    }
}

/// Returns the smallest plan found for which `fails` still returns `true`, by removing events and then items of batches
/// until nothing more can be removed.
pub(crate) fn shrink(mut plan: Plan, fails: impl Fn(&Plan) -> bool) -> Plan {
    loop {
        let Some(smaller) = smaller(&plan).into_iter().find(|it| fails(it)) else { return plan };
        plan = smaller;
    }
}

fn smaller(plan: &Plan) -> Vec<Plan> {
    let mut found = Vec::new();
    for at in 0..plan.events.len() {
        let mut without = plan.clone();
        without.events.remove(at);
        found.push(without);
    }
    for at in 0..plan.events.len() {
        if let Event::Submit(submit) = &plan.events[at].1
            && submit.items.len() > 1
        {
            let mut fewer = plan.clone();
            if let Event::Submit(it) = &mut fewer.events[at].1 {
                it.items.pop();
            }
            found.push(fewer);
        }
    }
    if plan.lag > 0 {
        found.push(Plan { lag: 0, ..plan.clone() });
    }
    if plan.browser {
        found.push(Plan { browser: false, ..plan.clone() });
    }
    found
}
