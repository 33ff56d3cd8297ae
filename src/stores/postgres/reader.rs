//! Reads, pipelined on a few connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::time::Instant;
use tokio_postgres::Row;

use crate::ports::store::StoreError;

use super::config::Target;
use super::link::{Link, PATIENCE, Param};

/// The number of connections.
const READERS: usize = 2;

/// The connections for reads. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Readers {
    links: Arc<[Link; READERS]>,
    next: Arc<AtomicUsize>,
}

impl Readers {
    pub(super) fn start(target: &Arc<Target>) -> Self {
        let links = std::array::from_fn(|_| Link::start(target, "reader"));
        Self { links: Arc::new(links), next: Arc::default() }
    }

    /// Runs a statement that may run twice, on any of the connections.
    pub(super) async fn query(
        &self,
        sql: &str,
        params: &[Param<'_>],
    ) -> Result<Vec<Row>, StoreError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let turn = self.next.fetch_add(1, Ordering::Relaxed) % READERS;
            let session = self.links[turn].session(deadline).await?;
            match session.query(sql, params).await {
                Ok(rows) => return Ok(rows),
                Err(failure) => session.may_retry(failure, deadline)?,
            }
        }
    }
}
