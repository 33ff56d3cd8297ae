//! Bodies that this process stored lately, compressed.
//!
//! Most results are read once, by the process that fetched the page, as soon as the page or its batch has ended. Such a
//! read needs no request.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::core::id::BatchId;
use crate::stores::objects::location::Location;

/// The size of all bodies that are kept, in bytes.
const MAX_BYTES: usize = 16 << 20;
/// The size of the largest body that is kept, in bytes.
const MAX_BODY_BYTES: usize = 1 << 20;

/// # Invariants
///
/// * `order` contains every key of `bodies` once, oldest first.
/// * `bytes` is the size of all bodies.
#[derive(Debug, Default)]
struct Kept {
    bodies: HashMap<Location, Bytes>,
    order: VecDeque<Location>,
    bytes: usize,
}

/// The latest bodies, oldest dropped first.
#[derive(Debug, Default)]
pub(super) struct Recent(Mutex<Kept>);

impl Recent {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a body that was just stored. Locations are never used twice.
    pub(super) fn add(&self, location: Location, compressed: Bytes) {
        if compressed.len() > MAX_BODY_BYTES {
            return;
        }
        let mut kept = self.lock();
        kept.bytes += compressed.len();
        kept.order.push_back(location.clone());
        kept.bodies.insert(location, compressed);
        while kept.bytes > MAX_BYTES {
            let oldest = kept.order.pop_front();
            let Some(body) = oldest.and_then(|it| kept.bodies.remove(&it)) else { return };
            kept.bytes -= body.len();
        }
    }

    pub(super) fn get(&self, location: &Location) -> Option<Bytes> {
        self.lock().bodies.get(location).cloned()
    }

    /// Drops the bodies of a batch.
    pub(super) fn remove(&self, batch: BatchId) {
        let mut kept = self.lock();
        let Kept { bodies, order, bytes } = &mut *kept;
        order.retain(|it| it.batch != batch);
        bodies.retain(|location, body| {
            let stays = location.batch != batch;
            *bytes -= if stays { 0 } else { body.len() };
            stays
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stores::objects::location::ObjectName;
    use crate::testkit::store::sample;

    fn location(batch: u64, number: u64) -> Location {
        let object = ObjectName { writer: 1, number };
        Location { batch: sample::batch_id(batch), object, offset: 0, length: 1, sum: 0 }
    }

    #[test]
    fn the_latest_bodies_are_kept_up_to_their_limit() {
        let recent = Recent::default();
        let body = Bytes::from(vec![7; MAX_BODY_BYTES]);
        for number in 0..20 {
            recent.add(location(number % 2, number), body.clone());
        }
        recent.add(location(0, 99), Bytes::from(vec![7; MAX_BODY_BYTES + 1]));

        let kept = |number: u64| recent.get(&location(number % 2, number)).is_some();
        assert_eq!((0..20).filter(|it| kept(*it)).collect::<Vec<_>>(), (4..20).collect::<Vec<_>>());
        assert_eq!(recent.get(&location(0, 99)), None, "it is too large");

        recent.remove(sample::batch_id(1));

        assert_eq!((0..20).filter(|it| kept(*it)).count(), 8);
        assert_eq!(recent.lock().bytes, 8 * MAX_BODY_BYTES);
        assert_eq!(recent.lock().order.len(), 8);
    }
}
