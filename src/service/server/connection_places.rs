//! Places for connections: who is let in, and who has to go.
//!
//! # Invariants
//!
//! * At most `max_connections` connections are regular, and at most `max_per_address` of them from one address.
//! * At most [`MAX_RESERVED`] more are reserved for health checks.
//! * A connection with a request that is being answered is never closed to make room.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Connections beyond the limit that are accepted for health checks.
const MAX_RESERVED: usize = 64;
/// Time without a request after which a regular connection is closed if another needs its place.
const MIN_IDLE: Duration = Duration::from_secs(2);

/// The kind of a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PlaceKind {
    /// Any request.
    Regular,
    /// Health checks only.
    Reserved,
}

/// The connections of one server.
#[derive(Debug)]
pub(super) struct Places {
    max_connections: usize,
    max_per_address: usize,
    state: Mutex<State>,
    /// Notified when a place becomes free.
    freed: Notify,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    connections: BTreeMap<u64, Connection>,
    regular: usize,
    by_address: HashMap<IpAddr, usize>,
}

#[derive(Debug)]
struct Connection {
    address: IpAddr,
    kind: PlaceKind,
    /// The time since which it has no request; `None` while it has one.
    idle_since: Option<Instant>,
    closed: CancellationToken,
}

impl Places {
    pub(super) fn new(max_connections: usize, max_per_address: usize) -> Arc<Self> {
        let (state, freed) = (Mutex::default(), Notify::new());
        Arc::new(Self { max_connections, max_per_address, state, freed })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns `true` if more than three quarters of the regular places are taken.
    pub(super) fn are_scarce(&self) -> bool {
        self.lock().regular > self.max_connections / 4 * 3
    }

    /// Gives a connection from `address` a place, closing one without a request if need be. Returns `None` if even the
    /// reserved places are all in use.
    pub(super) fn take(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let mut state = self.lock();
        let now = Instant::now();
        if self.address_is_full(&state, address) {
            state.close_idle(|it| it.kind == PlaceKind::Regular && it.address == address, now);
        } else if state.regular >= self.max_connections {
            let until = now.checked_sub(MIN_IDLE).unwrap_or(now);
            state.close_idle(|it| it.kind == PlaceKind::Regular, until);
        }
        let has_room = self.has_room(&state, address);
        let kind = if has_room { PlaceKind::Regular } else { PlaceKind::Reserved };
        let reserved = state.connections.len() - state.regular;
        if kind == PlaceKind::Reserved
            && reserved >= MAX_RESERVED
            && !state.close_idle(|it| it.kind == PlaceKind::Reserved, now)
        {
            return None;
        }
        Some(Place { id: state.add(address, kind, now), places: Arc::clone(self) })
    }

    fn address_is_full(&self, state: &State, address: IpAddr) -> bool {
        state.by_address.get(&address).is_some_and(|count| *count >= self.max_per_address)
    }

    fn has_room(&self, state: &State, address: IpAddr) -> bool {
        state.regular < self.max_connections && !self.address_is_full(state, address)
    }

    /// Makes a reserved place a regular one if there is room. Returns `true` if it is regular.
    fn upgrade(&self, id: u64) -> bool {
        let mut state = self.lock();
        let Some((address, kind)) = state.connections.get(&id).map(|it| (it.address, it.kind))
        else {
            return false;
        };
        if kind == PlaceKind::Reserved {
            if !self.has_room(&state, address) {
                return false;
            }
            if let Some(connection) = state.connections.get_mut(&id) {
                connection.kind = PlaceKind::Regular;
            }
            state.count(address);
        }
        true
    }
}

impl State {
    fn add(&mut self, address: IpAddr, kind: PlaceKind, now: Instant) -> u64 {
        let id = self.next;
        self.next += 1;
        if kind == PlaceKind::Regular {
            self.count(address);
        }
        let closed = CancellationToken::new();
        self.connections.insert(id, Connection { address, kind, idle_since: Some(now), closed });
        id
    }

    /// Counts a regular place.
    fn count(&mut self, address: IpAddr) {
        self.regular += 1;
        *self.by_address.entry(address).or_default() += 1;
    }

    /// Closes the connection that has been idle longest among those that `which` selects and that were idle at `until`
    /// already. Returns `false` if there is none.
    fn close_idle(&mut self, which: impl Fn(&Connection) -> bool, until: Instant) -> bool {
        let idle = self.connections.iter().filter(|(_, it)| which(it));
        let since = idle.filter_map(|(id, it)| Some((it.idle_since?, *id)));
        let longest = since.min().filter(|(since, _)| *since <= until);
        let Some((_, id)) = longest else { return false };
        self.remove(id);
        true
    }

    /// Closes a connection, if it is still there, and frees its place.
    fn remove(&mut self, id: u64) {
        let Some(connection) = self.connections.remove(&id) else { return };
        connection.closed.cancel();
        if connection.kind == PlaceKind::Reserved {
            return;
        }
        self.regular -= 1;
        if let Some(count) = self.by_address.get_mut(&connection.address) {
            *count -= 1;
            if *count == 0 {
                self.by_address.remove(&connection.address);
            }
        }
    }
}

/// The place of one connection. Dropping it frees the place.
#[derive(Debug)]
pub(super) struct Place {
    id: u64,
    places: Arc<Places>,
}

impl Place {
    /// Returns the kind of the place now.
    pub(super) fn kind(&self) -> PlaceKind {
        let state = self.places.lock();
        state.connections.get(&self.id).map_or(PlaceKind::Reserved, |it| it.kind)
    }

    /// Waits until the place is a regular one.
    pub(super) async fn regular(&self) {
        loop {
            let mut freed = std::pin::pin!(self.places.freed.notified());
            // From here on no notification is missed.
            freed.as_mut().enable();
            if self.places.upgrade(self.id) {
                return;
            }
            freed.await;
        }
    }

    /// Returns a token that is canceled when the connection has to close.
    pub(super) fn closed(&self) -> CancellationToken {
        if let Some(connection) = self.places.lock().connections.get(&self.id) {
            return connection.closed.clone();
        }
        let closed = CancellationToken::new();
        closed.cancel();
        closed
    }

    /// Marks the connection as having a request, until the returned guard is dropped.
    pub(super) fn begin_request(self: &Arc<Self>) -> ActiveRequest {
        self.set_idle_since(None);
        ActiveRequest { place: Arc::clone(self) }
    }

    fn set_idle_since(&self, idle_since: Option<Instant>) {
        if let Some(connection) = self.places.lock().connections.get_mut(&self.id) {
            connection.idle_since = idle_since;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.lock().remove(self.id);
        self.places.freed.notify_waiters();
    }
}

/// A request that is being answered.
#[derive(Debug)]
pub(super) struct ActiveRequest {
    place: Arc<Place>,
}

impl Drop for ActiveRequest {
    fn drop(&mut self) {
        self.place.set_idle_since(Some(Instant::now()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([127, 0, 0, last])
    }

    fn taken(places: &Arc<Places>, last: u8) -> Arc<Place> {
        Arc::new(places.take(address(last)).expect("a place"))
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_connection_makes_room_and_an_active_one_does_not() {
        let places = Places::new(2, 2);
        let (idle, active) = (taken(&places, 1), taken(&places, 2));
        let request = active.begin_request();
        tokio::time::advance(MIN_IDLE).await;

        let third = taken(&places, 3);
        let fourth = taken(&places, 4);

        assert!(idle.closed().is_cancelled() && !active.closed().is_cancelled());
        assert_eq!((third.kind(), fourth.kind()), (PlaceKind::Regular, PlaceKind::Reserved));
        drop(request);
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_makes_room_for_itself_only() {
        let places = Places::new(9, 2);
        let first = taken(&places, 1);
        let busy = taken(&places, 1);
        let _request = busy.begin_request();
        let other = taken(&places, 2);

        let third = taken(&places, 1);
        let _third_request = third.begin_request();
        let fourth = taken(&places, 1);

        assert!(first.closed().is_cancelled(), "it had no request");
        assert_eq!((third.kind(), fourth.kind()), (PlaceKind::Regular, PlaceKind::Reserved));
        assert!(!other.closed().is_cancelled() && !busy.closed().is_cancelled());
    }

    #[tokio::test(start_paused = true)]
    async fn a_reserved_place_becomes_regular_when_one_is_freed() {
        let places = Places::new(1, 1);
        let first = taken(&places, 1);
        let request = first.begin_request();
        let second = taken(&places, 2);
        let waiting = Arc::clone(&second);
        let waiting = tokio::spawn(async move { waiting.regular().await });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());

        drop((request, first));

        waiting.await.expect("no panic");
        assert_eq!(second.kind(), PlaceKind::Regular);
    }

    #[tokio::test(start_paused = true)]
    async fn reserved_places_are_bounded_and_freed() {
        let places = Places::new(0, 1);
        let all: Vec<_> = (0..MAX_RESERVED).map(|_| taken(&places, 1)).collect();
        let requests: Vec<_> = all.iter().map(Place::begin_request).collect();
        assert!(places.take(address(1)).is_none(), "all of them have requests");

        drop(requests);
        let next = taken(&places, 1);

        assert_eq!(all.iter().filter(|it| it.closed().is_cancelled()).count(), 1);
        drop((all, next));
        assert!(places.lock().connections.is_empty());
        assert!(places.lock().by_address.is_empty());
    }
}
