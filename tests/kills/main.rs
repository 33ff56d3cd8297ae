//! A working process is killed at random times, repeatedly on the same directory. No acknowledged batch is lost, no
//! credit is charged twice, each batch has one notification, and each batch with failed pages has one retry.
//!
//! The stores on disk take turns; `RUNGS_KILL_STORE` selects one, `sled` or `journal`. In another test a database is
//! disconnected and crashes while the processes work.
//! `RUNGS_KILLS` sets the number of kills (36 by default) and `RUNGS_KILL_SEED` the seed of their times, which are then
//! the same as far as a real clock and a real disk allow.

#![cfg(all(unix, feature = "journal", feature = "sled", feature = "html", feature = "testkit"))]

mod books;
mod child;
#[cfg(feature = "cli")]
mod crawls;
#[cfg(feature = "postgres")]
mod database;
#[cfg(all(feature = "cli", feature = "postgres"))]
mod fleet;
#[cfg(feature = "postgres")]
#[path = "../it/support/postgres.rs"]
#[allow(dead_code)]
mod postgres;
mod world;

use std::collections::BTreeMap;
use std::env;
use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rungs::testkit::store::Scratch;

use books::{Books, Told};
use child::Plan;
use world::World;

/// Kills in the normal run.
const KILLS: u32 = 36;
/// Kills of one store, before its work is finished and a new one begins.
const KILLS_A_LIFE: u32 = 18;
/// The number of kills at the beginning, while the store is created and opened.
const KILLS_AT_BIRTH: u32 = 3;
/// The time after which a child counts as hanging.
const PATIENCE: Duration = Duration::from_mins(1);
const TEST: &str = "kills_lose_no_batch_and_double_no_charge";

#[test]
fn kills_lose_no_batch_and_double_no_charge() {
    if let Some(plan) = Plan::from_env() {
        return child::run(&plan);
    }
    let kills = number("RUNGS_KILLS").map_or(KILLS, |it| u32::try_from(it).expect("fewer kills"));
    let seed = seed();
    let _seed = SaidOnFailure(seed);
    let mut dice = Dice(seed);
    let mut figures = Figures::default();
    let began = Instant::now();
    let only = env::var("RUNGS_KILL_STORE").ok();

    while figures.kills() < kills {
        let life = KILLS_A_LIFE.min(kills - figures.kills());
        let turn = figures.kills() / KILLS_A_LIFE;
        let store = only.as_deref().unwrap_or(["sled", child::JOURNAL][turn as usize % 2]);
        live(store, life, &mut dice, &mut figures);
    }

    println!("{figures}in {:.1?}, seed {seed}", began.elapsed());
}

/// Kills of processes that work on a database, unless `RUNGS_KILLS` sets another number.
#[cfg(feature = "postgres")]
const DATABASE_KILLS: u32 = 12;

#[cfg(feature = "postgres")]
#[test]
fn kills_and_crashes_of_a_database_lose_no_batch_and_double_no_charge() {
    use database::Fault;

    let kills = number("RUNGS_KILLS");
    let kills = kills.map_or(DATABASE_KILLS, |it| u32::try_from(it).expect("fewer kills"));
    let seed = seed();
    let _shown = SaidOnFailure(seed);
    let (mut dice, mut figures, began) = (Dice(seed), Figures::default(), Instant::now());
    let mut faults = BTreeMap::<Fault, u32>::new();
    let server = postgres::Server::start();
    let dir = std::path::PathBuf::from(server.url());
    let (facts, inbox) = channel();
    let world = World::start(&facts);
    let mut told = Told::default();

    for round in 0..kills {
        let again = told.some_keys(&mut dice);
        let plan = Plan { dir: dir.clone(), world: world.urls(), round, again, finish: false };
        let (moment, fault) = (Moment::draw(round, &mut dice), Fault::draw(&mut dice));
        *faults.entry(fault).or_default() += 1;
        let phase = thread::scope(|scope| {
            let run = Run::start(&plan, &facts);
            let inflicted = database::inflict(&server, fault, &mut dice, scope);
            let phase = run.kill_at(moment, &mut dice, &inbox, &mut told);
            inflicted.join().expect("the server works again");
            phase
        });
        *figures.phases.entry(phase).or_default() += 1;
        if dice.roll(4) != 0 {
            Books::open(&dir).check(&mut told, &world.deliveries());
        }
    }

    database::release_leases(&*child::open_store(&dir));
    let again = told.some_keys(&mut dice);
    let plan = Plan { dir: dir.clone(), world: world.urls(), round: kills, again, finish: true };
    Run::start(&plan, &facts).finish(&inbox, &mut told);
    let books = Books::open(&dir);
    books.check(&mut told, &world.deliveries());
    books.check_all_is_done(&world.deliveries());
    books.check_all_was_retried();
    figures.add(&books, &told, &world);
    println!("{figures}faults {faults:?}, in {:.1?}, seed {seed}", began.elapsed());
}

/// One store from its making over `kills` kills to the end of all its work.
fn live(store: &str, kills: u32, dice: &mut Dice, figures: &mut Figures) {
    let scratch = Scratch::new();
    let dir = scratch.path().join(store);
    let (seen, inbox) = channel();
    let world = World::start(&seen);
    let mut told = Told::default();

    for round in 0..kills {
        let again = told.some_keys(dice);
        let plan = Plan { dir: dir.clone(), world: world.urls(), round, again, finish: false };
        let moment = Moment::draw(round, dice);
        let phase = Run::start(&plan, &seen).kill_at(moment, dice, &inbox, &mut told);
        *figures.phases.entry(phase).or_default() += 1;
        // One recovery in four is itself cut short by the next kill.
        if dice.roll(4) != 0 {
            Books::open(&dir).check(&mut told, &world.deliveries());
        }
    }

    let again = told.some_keys(dice);
    let plan = Plan { dir: dir.clone(), world: world.urls(), round: kills, again, finish: true };
    Run::start(&plan, &seen).finish(&inbox, &mut told);
    let books = Books::open(&dir);
    books.check(&mut told, &world.deliveries());
    books.check_all_is_done(&world.deliveries());
    books.check_all_was_retried();
    figures.add(&books, &told, &world);
}

fn number(name: &str) -> Option<u64> {
    env::var(name).ok().map(|it| it.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// Returns the seed of a run: `RUNGS_KILL_SEED`, or another one each time.
fn seed() -> u64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    number("RUNGS_KILL_SEED").unwrap_or_else(|| u64::from(since_1970.subsec_nanos()))
}

struct SaidOnFailure(u64);

impl Drop for SaidOnFailure {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("to begin with the same chance: RUNGS_KILL_SEED={}", self.0);
        }
    }
}

/// Chance that can be repeated (splitmix64).
pub(crate) struct Dice(u64);

impl Dice {
    /// A number below `sides`.
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut it = self.0;
        it = (it ^ (it >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        it = (it ^ (it >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (it ^ (it >> 31)) % sides
    }

    /// A place in something that has `length` of them.
    pub(crate) fn below(&mut self, length: usize) -> usize {
        let place = self.roll(u64::try_from(length).expect("it fits"));
        usize::try_from(place).expect("it is below a length")
    }
}

/// An event of a child, as the parent sees it.
#[derive(Debug)]
pub(crate) enum Seen {
    /// A line that it printed.
    Said(String),
    /// A request for a page.
    Request,
    /// A delivery of an event.
    Delivery,
    /// The child has ended.
    Gone,
}

/// The time of a kill: a delay after the start, or a number of observed events.
#[derive(Clone, Copy, Debug)]
enum Moment {
    Time(Duration),
    Words(u64),
    Requests(u64),
    Deliveries(u64),
}

impl Moment {
    fn draw(round: u32, dice: &mut Dice) -> Self {
        if round < KILLS_AT_BIRTH {
            return Self::Time(Duration::from_micros(dice.roll(25_000)));
        }
        match dice.roll(8) {
            0 => Self::Time(Duration::from_micros(dice.roll(60_000))),
            1..=3 => Self::Words(1 + dice.roll(50)),
            4..=5 => Self::Requests(1 + dice.roll(40)),
            _ => Self::Deliveries(1 + dice.roll(4)),
        }
    }
}

/// The activity of a child when it was killed, according to its output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Opening,
    Submitting,
    Working,
    Idle,
}

/// A child at work.
struct Run {
    child: Child,
    opened: bool,
    accepted: usize,
    expected: usize,
    idle: bool,
}

impl Run {
    fn start(plan: &Plan, seen: &Sender<Seen>) -> Self {
        let mut child = Command::new(env::current_exe().expect("this program has a path"))
            .args(["--exact", TEST, "--nocapture"])
            .env(child::PLAN, plan.to_text())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("this program can be started again");
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        let seen = seen.clone();
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                // What the harness prints has no such mark.
                if let Some(words) = line.strip_prefix(child::MARK) {
                    let _ = seen.send(Seen::Said(words.to_owned()));
                }
            }
            let _ = seen.send(Seen::Gone);
        });
        let expected = child::BATCHES_A_ROUND + plan.again.len();
        Self { child, opened: false, accepted: 0, expected, idle: false }
    }

    fn hear(&mut self, words: &str, told: &mut Told) {
        match words.split(' ').collect::<Vec<_>>()[..] {
            ["opened"] => self.opened = true,
            ["idle"] => self.idle = true,
            ["accepted", key, batch] => {
                self.accepted += 1;
                told.accepted(key, batch);
            }
            ["retried", key, batch] => told.retried(key, batch),
            ["ended", job, state] => told.ended(job, state),
            ["batch", batch, status] => told.batch_ended(batch, status),
            _ => panic!("a child said `{words}`"),
        }
    }

    /// Waits until the time of the kill and a random delay, and kills.
    fn kill_at(
        mut self,
        moment: Moment,
        dice: &mut Dice,
        inbox: &Receiver<Seen>,
        told: &mut Told,
    ) -> Phase {
        let (mut words, mut requests, mut deliveries) = (0, 0, 0);
        let mut until = Instant::now() + PATIENCE;
        let mut waits_for_event = true;
        if let Moment::Time(time) = moment {
            (until, waits_for_event) = (Instant::now() + time, false);
        }
        loop {
            match inbox.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(Seen::Said(it)) => {
                    words += 1;
                    self.hear(&it, told);
                }
                Ok(Seen::Request) => requests += 1,
                Ok(Seen::Delivery) => deliveries += 1,
                Ok(Seen::Gone) => self.died_by_itself(),
                Err(RecvTimeoutError::Timeout) if waits_for_event => {
                    let _ = self.child.kill();
                    panic!("{moment:?} did not come within {PATIENCE:?}");
                }
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => unreachable!("the world holds a sender"),
            }
            let has_come = match moment {
                Moment::Time(_) => false,
                Moment::Words(count) => words >= count,
                Moment::Requests(count) => requests >= count,
                Moment::Deliveries(count) => deliveries >= count,
            };
            if waits_for_event && (has_come || self.idle) {
                until = Instant::now() + Duration::from_micros(dice.roll(3_000));
                waits_for_event = false;
            }
        }
        self.child.kill().expect("it runs");
        self.drain(inbox, told);
        let status = self.child.wait().expect("it was started");
        assert!(status.code().is_none(), "it ended before it was killed: {status}");
        self.check_stderr();
        match () {
            () if !self.opened => Phase::Opening,
            () if self.accepted < self.expected => Phase::Submitting,
            () if !self.idle => Phase::Working,
            () => Phase::Idle,
        }
    }

    /// Waits until it has done all its work and ended.
    fn finish(mut self, inbox: &Receiver<Seen>, told: &mut Told) {
        let until = Instant::now() + PATIENCE;
        loop {
            match inbox.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(Seen::Said(it)) => self.hear(&it, told),
                Ok(Seen::Gone) => break,
                Ok(Seen::Request | Seen::Delivery) => {}
                Err(_) => {
                    let _ = self.child.kill();
                    panic!("the work did not end within {PATIENCE:?}");
                }
            }
        }
        let status = self.child.wait().expect("it was started");
        self.check_stderr();
        assert!(status.success(), "{status}");
    }

    /// Reads the remaining output of the killed child.
    fn drain(&mut self, inbox: &Receiver<Seen>, told: &mut Told) {
        loop {
            match inbox.recv_timeout(PATIENCE).expect("a killed child's output ends") {
                Seen::Said(it) => self.hear(&it, told),
                Seen::Request | Seen::Delivery => {}
                Seen::Gone => return,
            }
        }
    }

    fn stderr(&mut self) -> String {
        let mut text = String::new();
        let stderr = self.child.stderr.as_mut().expect("piped");
        stderr.read_to_string(&mut text).expect("the child's words are text");
        text
    }

    fn check_stderr(&mut self) {
        let text = self.stderr();
        assert!(!text.contains("panicked"), "a child panicked:\n{text}");
    }

    fn died_by_itself(&mut self) -> ! {
        let status = self.child.wait().expect("it was started");
        panic!("a child ended by itself, {status}:\n{}", self.stderr());
    }
}

/// The results of the whole run.
#[derive(Default)]
struct Figures {
    phases: BTreeMap<Phase, u32>,
    batches: usize,
    jobs: usize,
    lost_leases: u32,
    acknowledged: usize,
    resubmitted: usize,
    retried: usize,
    ends_told: usize,
    deliveries: usize,
}

impl Figures {
    fn kills(&self) -> u32 {
        self.phases.values().sum()
    }

    fn add(&mut self, books: &Books, told: &Told, world: &World) {
        self.batches += books.batches.len();
        self.jobs += books.jobs.len();
        self.lost_leases += books.jobs.values().map(|it| it.lost).sum::<u32>();
        self.acknowledged += told.submissions();
        self.resubmitted += told.resubmissions();
        self.retried += told.retries();
        self.ends_told += told.ends();
        self.deliveries += world.deliveries().values().map(Vec::len).sum::<usize>();
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.phases.is_empty() {
            writeln!(f, "{} kills, while {:?}", self.kills(), self.phases)?;
        }
        writeln!(f, "{} batches, {} jobs", self.batches, self.jobs)?;
        writeln!(f, "{} submissions acknowledged", self.acknowledged)?;
        writeln!(f, "{} of them again for a batch known before", self.resubmitted)?;
        writeln!(f, "{} retries acknowledged", self.retried)?;
        writeln!(f, "{} ends of jobs told", self.ends_told)?;
        writeln!(f, "{} leases lost, {} deliveries", self.lost_leases, self.deliveries)
    }
}
