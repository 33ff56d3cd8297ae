//! Result bodies in a table: for installations without a store of their own for them.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_postgres::types::Type;

use crate::core::id::BatchId;
use crate::core::job::BodyRef;
use crate::ports::BoxFuture;
use crate::ports::store::{Bodies, StoreError};
use crate::stores::blocking_if_long;
use crate::stores::compress::BodyCodec;

use super::STORE;
use super::config::Target;
use super::error::{ended, invalid, reason, unavailable};
use super::link::{Link, PATIENCE};
use super::reader::Readers;
use super::statements::Statements;

/// The most bodies that wait to be written. Callers beyond it wait for room.
const QUEUE: usize = 256;
/// The approximate number of bytes of one statement.
const GROUP_BYTES: usize = 8 << 20;
/// The size from which a body is compressed on a blocking thread.
const LARGE: usize = 64 << 10;
const NAME_BYTES: usize = 16;

struct Pending {
    batch: BatchId,
    name: [u8; NAME_BYTES],
    bytes: Vec<u8>,
    deadline: Instant,
    reply: oneshot::Sender<Result<(), StoreError>>,
}

/// The bodies of one schema.
#[derive(Clone, Debug)]
pub(super) struct BodyTable {
    queue: mpsc::Sender<Pending>,
    readers: Readers,
    statements: Arc<Statements>,
    codec: Arc<BodyCodec>,
}

impl BodyTable {
    pub(super) fn start(
        target: &Arc<Target>,
        statements: &Arc<Statements>,
        readers: Readers,
    ) -> Self {
        let (queue, inbox) = mpsc::channel(QUEUE);
        let link = Link::start(target, "bodies");
        tokio::spawn(write_all(link, Arc::clone(statements), inbox));
        Self { queue, readers, statements: Arc::clone(statements), codec: Arc::default() }
    }

    async fn compressed(&self, body: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        let failed =
            |it: std::io::Error| StoreError::Backend { store: STORE, source: Box::new(it) };
        let codec = Arc::clone(&self.codec);
        let is_large = body.len() >= LARGE;
        blocking_if_long(is_large, STORE, move || codec.compress(&body).map_err(failed)).await
    }
}

/// Writes everything that waits in one statement, and replies.
async fn write_all(link: Link, statements: Arc<Statements>, mut inbox: mpsc::Receiver<Pending>) {
    while let Some(first) = inbox.recv().await {
        let mut size = first.bytes.len();
        let mut group = vec![first];
        while size < GROUP_BYTES
            && let Ok(next) = inbox.try_recv()
        {
            size = size.saturating_add(next.bytes.len());
            group.push(next);
        }
        let result = write(&link, &statements, &group).await;
        for pending in group {
            let result = result.as_ref().copied().map_err(|error| match error {
                StoreError::Unavailable { .. } => unavailable(reason(error)),
                StoreError::Conflict => StoreError::Conflict,
                error => invalid(reason(error)),
            });
            // The caller may no longer wait.
            let _ = pending.reply.send(result);
        }
    }
}

async fn write(link: &Link, statements: &Statements, group: &[Pending]) -> Result<(), StoreError> {
    let deadline = group.iter().map(|it| it.deadline).max().unwrap_or_else(Instant::now);
    let batches: Vec<&[u8]> = group.iter().map(|it| &it.batch.as_bytes()[..]).collect();
    let names: Vec<&[u8]> = group.iter().map(|it| &it.name[..]).collect();
    let bytes: Vec<&[u8]> = group.iter().map(|it| &it.bytes[..]).collect();
    let params = [
        (&batches as _, Type::BYTEA_ARRAY),
        (&names as _, Type::BYTEA_ARRAY),
        (&bytes as _, Type::BYTEA_ARRAY),
    ];
    loop {
        let session = link.session(deadline).await?;
        match session.query(&statements.put_body, &params).await {
            Ok(_) => return Ok(()),
            // Writing the same names again changes nothing.
            Err(failure) => session.may_retry(failure, deadline)?,
        }
    }
}

/// Reads the parts of a reference.
fn parsed(body: &BodyRef) -> Option<(BatchId, [u8; NAME_BYTES])> {
    let (batch, name) = body.0.split_once(':')?;
    let is_hex = name.len() == NAME_BYTES * 2
        && name.bytes().all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'));
    let name = is_hex.then(|| u128::from_str_radix(name, 16).ok()).flatten()?;
    Some((batch.parse().ok()?, name.to_be_bytes()))
}

impl Bodies for BodyTable {
    fn put(&self, batch: BatchId, body: Vec<u8>) -> BoxFuture<'_, Result<BodyRef, StoreError>> {
        Box::pin(async move {
            let bytes = self.compressed(body).await?;
            let mut name = [0; NAME_BYTES];
            getrandom::fill(&mut name).map_err(|it| invalid(format!("no random name: {it}")))?;
            let (reply, result) = oneshot::channel();
            let deadline = Instant::now() + PATIENCE;
            let pending = Pending { batch, name, bytes, deadline, reply };
            self.queue.send(pending).await.map_err(|_| ended())?;
            result.await.map_err(|_| ended())??;
            Ok(BodyRef(format!("{batch}:{:032x}", u128::from_be_bytes(name))))
        })
    }

    fn get(&self, body: BodyRef) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>> {
        Box::pin(async move {
            let Some((batch, name)) = parsed(&body) else { return Ok(None) };
            let (batch, name) = (&batch.as_bytes()[..], &name[..]);
            let params = [(&batch as _, Type::BYTEA), (&name as _, Type::BYTEA)];
            let rows = self.readers.query(&self.statements.get_body, &params).await?;
            let Some(row) = rows.first() else { return Ok(None) };
            let bytes: Vec<u8> = row.get(0);
            let failed =
                |it: std::io::Error| StoreError::Backend { store: STORE, source: Box::new(it) };
            let codec = Arc::clone(&self.codec);
            let is_large = bytes.len() >= LARGE;
            let decompress = move || codec.decompress(&bytes).map(Some).map_err(failed);
            blocking_if_long(is_large, STORE, decompress).await
        })
    }

    fn remove(&self, batch: BatchId) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let batch = &batch.as_bytes()[..];
            let params = [(&batch as _, Type::BYTEA)];
            self.readers.query(&self.statements.remove_bodies, &params).await.map(|_| ())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::time::Timestamp;

    #[test]
    fn only_a_reference_that_was_returned_is_read() {
        let batch = BatchId::new(Timestamp::from_millis(1), 0, 1);
        let name = "00112233445566778899aabbccddeeff";
        let own = BodyRef(format!("{batch}:{name}"));

        assert_eq!(parsed(&own).map(|it| it.1[1]), Some(0x11));
        for foreign in [
            format!("{batch}:{name}0"),
            format!("{batch}:{}", name.to_uppercase()),
            format!("{batch}:+{}", &name[1..]),
            format!("{batch}:{name}:1"),
            format!("{batch}"),
            name.to_owned(),
        ] {
            assert_eq!(parsed(&BodyRef(foreign.clone())), None, "{foreign}");
        }
    }
}
