//! One engine's way to the store: where messages are slow, lost or doubled, and processes die.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rungs::core::id::{BatchId, WorkerId};
use rungs::core::job::BodyRef;
use rungs::core::record::{Claim, Key, Queue};
use rungs::core::time::Timestamp;
use rungs::ports::BoxFuture;
use rungs::ports::store::{Bodies, ListQuery, Store, StoreError, Versioned, Write};

use crate::plan::{Fault, StoreKind};
use crate::rng::Rng;
use crate::world::World;

/// The liveness of a process. A dead one is frozen: no future that it awaits resolves.
#[derive(Debug, Default)]
pub(crate) struct Life {
    dead: AtomicBool,
}

impl Life {
    pub(crate) fn end(&self) {
        self.dead.store(true, Ordering::Relaxed);
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.dead.load(Ordering::Relaxed)
    }

    /// Goes on only while the process lives.
    pub(crate) async fn go_on(&self) {
        if self.has_ended() {
            std::future::pending::<()>().await;
        }
    }
}

/// The faults of an engine's calls at this time.
#[derive(Debug, Default)]
pub(crate) struct Weather {
    pub(crate) fault: Option<(Fault, u64, Duration)>,
    pub(crate) stalled_until: Duration,
    /// Die at the call of this number: before it, or after it was carried out.
    pub(crate) crash: Option<(u64, bool)>,
}

/// A link.
#[derive(Clone)]
pub(crate) struct Link(Arc<Inner>);

struct Inner {
    world: Arc<World>,
    engine: usize,
    life: Arc<Life>,
    rng: Mutex<Rng>,
    weather: Mutex<Weather>,
    calls: AtomicU64,
    /// The engine's name in its leases, once it has claimed.
    worker: Mutex<Option<WorkerId>>,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Link({})", self.0.engine)
    }
}

fn broken() -> StoreError {
    StoreError::Backend { store: "simulated", source: "the line went dead".into() }
}

impl Link {
    pub(crate) fn new(world: Arc<World>, engine: usize, life: Arc<Life>, rng: Rng) -> Self {
        Self(Arc::new(Inner {
            world,
            engine,
            life,
            rng: Mutex::new(rng),
            weather: Mutex::default(),
            calls: AtomicU64::new(0),
            worker: Mutex::default(),
        }))
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Weather)) {
        change(&mut self.0.weather.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn calls(&self) -> u64 {
        self.0.calls.load(Ordering::Relaxed)
    }

    fn draw<T>(&self, draw: impl FnOnce(&mut Rng) -> T) -> T {
        draw(&mut self.0.rng.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Delays a call on its way to the store, or its response on the way back.
    async fn way(&self) {
        let world = &self.0.world;
        let lag = world.plan.lag;
        let stalled = self.0.weather.lock().unwrap_or_else(PoisonError::into_inner).stalled_until;
        let wait = stalled.saturating_sub(world.elapsed());
        let wait = match self.draw(|it| it.below(4)) {
            _ if lag == 0 => wait,
            0 => wait + Duration::from_millis(self.draw(|it| it.below(lag + 1))),
            1 => wait + Duration::from_millis(1),
            _ => wait,
        };
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        self.0.life.go_on().await;
    }

    fn fault(&self) -> Option<Fault> {
        let weather = self.0.weather.lock().unwrap_or_else(PoisonError::into_inner);
        let (fault, percent, until) = weather.fault?;
        let is_hit = self.0.world.elapsed() < until && self.draw(|it| it.chance(percent));
        is_hit.then_some(fault)
    }

    /// Kills the process here if the current faults include this call.
    async fn survive(&self, call: u64, carried_out: bool) {
        let crash = self.0.weather.lock().unwrap_or_else(PoisonError::into_inner).crash;
        if crash.is_some_and(|(at, after)| call >= at && after == carried_out) {
            self.0.world.oracle().note(if carried_out {
                "crash after a call"
            } else {
                "crash before a call"
            });
            self.0.world.crashed(self.0.engine);
            self.0.life.end();
        }
        self.0.life.go_on().await;
    }

    /// Makes one call: to the store, one atomic operation, and back.
    async fn call<T>(
        &self,
        name: &'static str,
        carry_out: impl Fn(&Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.way().await;
        let call = self.0.calls.fetch_add(1, Ordering::Relaxed) + 1;
        self.0.world.step(self.0.engine, name);
        self.survive(call, false).await;
        let fault = self.fault();
        if fault.is_some() {
            self.0.world.oracle().note("store call gone wrong");
        }
        let answer = match fault {
            Some(Fault::Conflict) if name == "commit" => Err(StoreError::Conflict),
            Some(Fault::Fail | Fault::Conflict) => Err(broken()),
            Some(Fault::Unavailable) => {
                let source = Box::from("the connection was lost");
                Err(StoreError::Unavailable { store: "simulated", source })
            }
            // A store that receives a commit twice refuses the second one. The first result counts.
            Some(Fault::Twice) if name == "commit" => {
                let first = carry_out(self);
                drop(carry_out(self));
                first
            }
            Some(Fault::Twice) => carry_out(self).and_then(|_| carry_out(self)),
            Some(Fault::LostAnswer) => carry_out(self).and_then(|_| Err(broken())),
            None => carry_out(self),
        };
        self.survive(call, true).await;
        self.way().await;
        answer
    }

    /// Waits until the current content of the store would survive a crash.
    async fn durable(&self) {
        let ticket = self.0.world.base().ticket();
        if self.0.world.base().is_flushed(ticket) {
            return;
        }
        let longest = self.0.world.plan.flush;
        let wait = self.draw(|it| it.below(longest + 1));
        tokio::time::sleep(Duration::from_millis(wait)).await;
        self.0.life.go_on().await;
        self.0.world.base().flush(ticket);
    }

    fn worker(&self) -> Option<WorkerId> {
        *self.0.worker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Timestamp {
        self.0.world.lease_time(self.0.engine)
    }

    fn is_served(&self) -> bool {
        self.0.world.plan.store == StoreKind::Served
    }

    /// Wakes the other engines for these records, unless the message is lost.
    fn wake_others(&self, writes: &[Write]) {
        let world = &self.0.world;
        let woken = |queue: &Queue| {
            let mut records = writes.iter().filter_map(|it| it.record.as_ref());
            records.any(|it| it.wakes(self.now()) == Some(*queue))
        };
        for queue in Queue::ALL.into_iter().filter(woken) {
            for engine in (0..world.plan.engines).filter(|it| *it != self.0.engine) {
                if self.draw(|it| it.chance(world.plan.wakes)) {
                    world.wake(engine, queue).notify_one();
                }
            }
        }
    }
}

impl Store for Link {
    fn load(&self, keys: Vec<Key>) -> BoxFuture<'_, Result<Vec<Option<Versioned>>, StoreError>> {
        Box::pin(async move {
            let found = self.call("load", |it| Ok(it.0.world.base().load(keys.clone()))).await?;
            // What a load shows must not be taken back.
            self.durable().await;
            Ok(found)
        })
    }

    fn list(&self, list: ListQuery) -> BoxFuture<'_, Result<Vec<Versioned>, StoreError>> {
        Box::pin(async move {
            let found = self.call("list", |it| Ok(it.0.world.base().list(list.clone()))).await?;
            self.durable().await;
            Ok(found)
        })
    }

    fn claim(&self, claim: Claim) -> BoxFuture<'_, Result<Vec<Versioned>, StoreError>> {
        *self.0.worker.lock().unwrap_or_else(PoisonError::into_inner) = Some(claim.worker);
        Box::pin(async move {
            let name = match claim.queue {
                Queue::Jobs => "claim jobs",
                Queue::Notifications => "claim notices",
                Queue::Expiry => "claim expiry",
                Queue::Crawls => "claim crawls",
            };
            let taken = self
                .call(name, |it| {
                    // A claim by the clock of its caller stays as it is.
                    let claim = claim.clone().at(it.now());
                    let taken = it.0.world.base().claim(claim.clone());
                    if !claim.slots.is_all() && !taken.is_empty() {
                        it.0.world.oracle().note("sites divided among engines");
                    }
                    if claim.queue != Queue::Expiry {
                        let new = taken.iter().map(|it| (it.record.key(), Some(it.record.clone())));
                        it.0.world.oracle().committed(new.collect(), it.worker(), claim.now);
                    }
                    Ok(taken)
                })
                .await?;
            self.durable().await;
            Ok(taken)
        })
    }

    fn commit(&self, writes: Vec<Write>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            self.call("commit", |it| {
                it.0.world.base().commit(writes.clone())?;
                let new = writes.iter().map(|it| (it.key.clone(), it.record.clone()));
                it.0.world.oracle().committed(new.collect(), it.worker(), it.now());
                if it.is_served() {
                    it.wake_others(&writes);
                }
                Ok(())
            })
            .await?;
            self.durable().await;
            Ok(())
        })
    }

    fn is_shared(&self) -> bool {
        self.is_served()
    }

    fn changed(&self, queue: Queue) -> BoxFuture<'_, ()> {
        if !self.is_served() {
            return Box::pin(std::future::pending());
        }
        Box::pin(async move {
            self.0.world.wake(self.0.engine, queue).notified().await;
            self.0.life.go_on().await;
        })
    }

    fn now(&self) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        Box::pin(async move {
            if !self.is_served() {
                return Ok(None);
            }
            self.call("now", |it| Ok(Some(Self::now(it)))).await
        })
    }

    fn due(
        &self,
        queue: Queue,
        from: Timestamp,
    ) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        Box::pin(async move { self.call("due", |it| Ok(it.0.world.base().due(queue, from))).await })
    }

    fn bodies(&self) -> Option<Arc<dyn Bodies>> {
        Some(Arc::new(self.clone()))
    }
}

impl Bodies for Link {
    fn put(&self, batch: BatchId, body: Vec<u8>) -> BoxFuture<'_, Result<BodyRef, StoreError>> {
        Box::pin(async move {
            let put = |it: &Self| Ok(it.0.world.base().put_body(batch, body.clone()));
            let kept = self.call("put", put).await?;
            let wait = self.draw(|it| it.below(4));
            tokio::time::sleep(Duration::from_millis(wait)).await;
            self.0.life.go_on().await;
            self.0.world.base().flush_body(&kept);
            Ok(kept)
        })
    }

    fn get(&self, body: BodyRef) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>> {
        Box::pin(async move { self.call("get", |it| Ok(it.0.world.base().body(&body))).await })
    }

    fn remove(&self, batch: BatchId) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            self.call("remove", |it| {
                it.0.world.base().remove_bodies(batch);
                Ok(())
            })
            .await
        })
    }
}
