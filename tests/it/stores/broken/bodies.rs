//! The store of bodies, and the faults that it can have.

use std::collections::BTreeMap;

use rungs::core::id::BatchId;
use rungs::core::job::BodyRef;
use rungs::ports::BoxFuture;
use rungs::ports::store::{Bodies, StoreError};
use tokio::task::yield_now;

use crate::stores::broken::fault::Fault;
use crate::stores::broken::model::Model;

/// Bodies by their batch and number.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub(crate) of: BTreeMap<(BatchId, u64), Vec<u8>>,
    pub(crate) gone: BTreeMap<(BatchId, u64), Vec<u8>>,
    pub(crate) put: u64,
}

impl Kept {
    fn next(&mut self, fault: Fault, batch: BatchId, body: &[u8]) -> u64 {
        self.put += 1;
        match fault {
            Fault::NamesBodiesByLength => body.len() as u64,
            Fault::NamesBodiesAnew => {
                self.of.keys().filter(|it| it.0 == batch).map(|it| it.1 + 1).max().unwrap_or(0)
            }
            _ => self.put,
        }
    }

    fn remove(&mut self, fault: Fault, batch: BatchId) -> bool {
        let is_gone = |it: &BatchId| match fault {
            Fault::RemovesNeighbours => it.as_bytes()[..4] == batch.as_bytes()[..4],
            _ => *it == batch,
        };
        let names: Vec<_> = self.of.keys().copied().filter(|it| is_gone(&it.0)).collect();
        for name in &names {
            let body = self.of.remove(name);
            self.gone.extend(body.map(|it| (*name, it)));
        }
        !names.is_empty()
    }
}

fn parse(name: &str) -> Option<(BatchId, u64)> {
    let (batch, number) = name.split_once(':')?;
    Some((batch.parse().ok()?, number.parse().ok()?))
}

impl Bodies for Model {
    fn put(&self, batch: BatchId, mut body: Vec<u8>) -> BoxFuture<'_, Result<BodyRef, StoreError>> {
        Box::pin(async move {
            let fault = self.0.fault;
            if fault == Fault::CutsLargeBodies {
                body.truncate(1 << 20);
            }
            if fault == Fault::NamesBodiesInTwoSteps {
                let number = self.lock().bodies.put + 1;
                yield_now().await;
                let mut state = self.lock();
                state.bodies.put = number;
                state.bodies.of.insert((batch, number), body);
                return Ok(BodyRef(format!("{batch}:{number}")));
            }
            if fault == Fault::TearsBodiesInTwo {
                // The name is taken by half the body before the whole is there.
                let number = self.lock().bodies.next(fault, batch, &body);
                let half = body[..body.len() / 2].to_vec();
                let next = number.saturating_sub(1);
                {
                    let mut state = self.lock();
                    if body.len() > 150_000 {
                        state.bodies.of.insert((batch, next), half);
                    }
                }
                yield_now().await;
                self.lock().bodies.of.insert((batch, number), body);
                return Ok(BodyRef(format!("{batch}:{number}")));
            }
            let mut state = self.lock();
            if fault == Fault::KeepsFewBatches {
                let batches: std::collections::BTreeSet<_> =
                    state.bodies.of.keys().map(|it| it.0).collect();
                if let Some(first) = batches.first().filter(|_| batches.len() >= 64) {
                    state.bodies.of.retain(|it, _| it.0 != *first);
                }
            }
            let number = state.bodies.next(fault, batch, &body);
            state.bodies.of.insert((batch, number), body);
            self.save(&state);
            Ok(BodyRef(format!("{batch}:{number}")))
        })
    }

    fn get(&self, body: BodyRef) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>> {
        Box::pin(async move {
            let place = parse(&body.0);
            assert!(
                place.is_some() || !self.is(Fault::PanicsAtStrangeNames),
                "`{}` names no body",
                body.0
            );
            let Some(place) = place else { return Ok(None) };
            let state = self.lock();
            let found = state.bodies.of.get(&place).cloned();
            match self.0.fault {
                Fault::KeepsRemovedBodies => Ok(found.or(state.bodies.gone.get(&place).cloned())),
                Fault::FailsReadersOfTheRemoved if found.is_none() => {
                    Err(StoreError::Damaged { store: "model", what: "a body is gone".to_owned() })
                }
                _ => Ok(found),
            }
        })
    }

    fn remove(&self, batch: BatchId) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let mut state = self.lock();
            let found = state.bodies.remove(self.0.fault, batch);
            if !found && self.is(Fault::FailsToRemoveNoBodies) {
                return Err(StoreError::Conflict);
            }
            self.save(&state);
            Ok(())
        })
    }
}
