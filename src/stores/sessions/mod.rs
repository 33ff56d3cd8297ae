//! Sessions as sealed records of a store.

use std::sync::Arc;

use crate::core::id::{AccountId, SessionId};
use crate::core::record::{Key, Record, RecordKind};
use crate::core::session::{SealedSession, Session, SessionState};
use crate::ports::BoxFuture;
use crate::ports::session::{SessionStore, SessionStoreError, StoredSession};
use crate::ports::store::{ListQuery, Store, StoreError, Write};

mod keys;
mod seal;

pub use keys::{ParseSealingKeyError, SealingKey, SealingKeys};

/// The tries of a removal that meets other writers.
const REMOVE_TRIES: usize = 16;
/// The records that a list reads at once: each has a sealed secret, which can be as large as 256 KiB.
const PAGE: usize = 32;

/// Keeps sessions as records of a [`Store`], with their secrets sealed by the application's keys.
///
/// Give it the store of the engine, so that sessions live where its other records do:
///
/// ```
/// use std::sync::Arc;
///
/// use rungs::prelude::*;
/// use rungs::stores::{SealedSessions, SealingKey, SealingKeys};
///
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// let store = Arc::new(Memory::default());
/// // In an application, the key comes from a vault or a file that only the service can read.
/// let keys = SealingKeys::new(SealingKey::from_bytes([7; 32]));
/// let engine = Engine::builder()
///     .store(Arc::clone(&store))
///     .http(Http::new())
///     .sessions(SealedSessions::new(store, keys))
///     .build()?;
/// # engine.shutdown().await;
/// # Ok::<(), rungs::Error>(())
/// # })?;
/// # Ok::<(), rungs::Error>(())
/// ```
///
/// A secret is sealed with AES-256-GCM under a random nonce. The account, the id and the domain of the session are
/// authenticated with it, so that a record that is copied to another account or given another domain does not open.
#[derive(Clone, Debug)]
pub struct SealedSessions {
    store: Arc<dyn Store>,
    keys: SealingKeys,
}

impl SealedSessions {
    /// Keeps sessions in `store`, sealed with the first of `keys`.
    pub fn new(store: impl Store + 'static, keys: SealingKeys) -> Self {
        Self { store: Arc::new(store), keys }
    }

    /// Loads a record and its version.
    async fn load(
        &self,
        account: &AccountId,
        id: SessionId,
    ) -> Result<Option<(u64, SealedSession)>, StoreError> {
        let mut found = self.store.load(vec![Key::Session(account.clone(), id)]).await?;
        Ok(found.pop().flatten().and_then(|it| match it.record {
            Record::Session(sealed) => Some((it.version, sealed)),
            _ => None,
        }))
    }
}

fn conflict(error: StoreError) -> SessionStoreError {
    match error {
        StoreError::Conflict => SessionStoreError::Conflict,
        error => error.into(),
    }
}

impl SessionStore for SealedSessions {
    fn put(
        &self,
        session: Session,
        state: SessionState,
        expected: Option<u64>,
    ) -> BoxFuture<'_, Result<(), SessionStoreError>> {
        Box::pin(async move {
            let sealed = seal::seal(&self.keys, &session, &state)?;
            let key = Key::Session(session.account.clone(), session.id);
            let record = Some(Record::Session(SealedSession::new(session, sealed)));
            self.store.commit(vec![Write { key, expected, record }]).await.map_err(conflict)
        })
    }

    fn get(
        &self,
        account: AccountId,
        id: SessionId,
    ) -> BoxFuture<'_, Result<Option<StoredSession>, SessionStoreError>> {
        Box::pin(async move {
            let Some((revision, SealedSession { session, sealed })) =
                self.load(&account, id).await?
            else {
                return Ok(None);
            };
            let state = seal::open(&self.keys, &session, sealed)?;
            Ok(Some(StoredSession::new(session, state, revision)))
        })
    }

    fn find(
        &self,
        account: AccountId,
        id: SessionId,
    ) -> BoxFuture<'_, Result<Option<Session>, SessionStoreError>> {
        Box::pin(async move { Ok(self.load(&account, id).await?.map(|(_, it)| it.session)) })
    }

    fn list(
        &self,
        account: AccountId,
        after: Option<SessionId>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Session>, SessionStoreError>> {
        Box::pin(async move {
            let mut after = after.unwrap_or(SessionId::from_bytes([0; 16]));
            let mut sessions: Vec<Session> = Vec::new();
            while sessions.len() < limit {
                let asked = PAGE.min(limit - sessions.len());
                let query = ListQuery::new(RecordKind::Session, asked)
                    .after(Some(Key::Session(account.clone(), after)));
                let found = self.store.list(query).await?;
                // The sessions of other accounts follow.
                let own = found.into_iter().map_while(|it| match it.record {
                    Record::Session(it) if it.session.account == account => Some(it.session),
                    _ => None,
                });
                let before = sessions.len();
                sessions.extend(own);
                match sessions.last() {
                    Some(last) if sessions.len() - before == asked => after = last.id,
                    _ => break,
                }
            }
            Ok(sessions)
        })
    }

    fn remove(
        &self,
        account: AccountId,
        id: SessionId,
    ) -> BoxFuture<'_, Result<bool, SessionStoreError>> {
        Box::pin(async move {
            for _ in 0..REMOVE_TRIES {
                let Some((version, _)) = self.load(&account, id).await? else { return Ok(false) };
                let key = Key::Session(account.clone(), id);
                let write = Write { key, expected: Some(version), record: None };
                match self.store.commit(vec![write]).await {
                    Ok(()) => return Ok(true),
                    // A job that used the session counted its page meanwhile.
                    Err(StoreError::Conflict) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            Err(SessionStoreError::Conflict)
        })
    }
}
