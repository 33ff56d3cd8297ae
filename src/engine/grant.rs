//! Grants: credits that an operator adds to an account.
//!
//! A grant has a key of the caller's choice, so that repeating one whose result was lost changes nothing. Its record stays, as
//! proof of when the account got which credits.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::core::credits::Credits;
use crate::core::id::AccountId;
use crate::core::ledger::{Account, GrantRecord};
use crate::core::record::{Key, Record, RecordKind};
use crate::core::time::Timestamp;
use crate::engine::Engine;
use crate::engine::changes::account_of;
use crate::engine::clock::{SystemClock, SystemEntropy};
use crate::engine::error::EngineError;
use crate::engine::writer::{Change, Draft, Writer};
use crate::ports::store::{ListQuery, Store};

/// Credits to add to an account.
///
/// ```
/// use rungs::core::credits::Credits;
/// use rungs::core::id::AccountId;
/// use rungs::engine::Grant;
///
/// let grant = Grant::new(AccountId::new("acme")?, Credits(5_000_000), "invoice-17");
/// # drop(grant);
/// # Ok::<(), rungs::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Grant {
    account: AccountId,
    amount: Credits,
    key: String,
}

impl Grant {
    /// Returns a grant of `amount`. `key` identifies it within the account: 1 to 255 printable ASCII characters.
    pub fn new(account: AccountId, amount: Credits, key: impl Into<String>) -> Self {
        Self { account, amount, key: key.into() }
    }
}

/// The result of a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Granted {
    /// The account after the grant.
    pub account: Account,
    /// The record of the grant.
    pub record: GrantRecord,
    /// `true` if the same grant was made before, so that nothing was added now.
    pub is_repeat: bool,
}

/// The reason why nothing was granted.
#[derive(Debug)]
enum NotGranted {
    TooMuch,
    KeyReused,
}

/// Adds the credits of a grant, unless its key was used before.
#[derive(Debug)]
struct GrantOnce {
    grant: Grant,
    /// `true` if accounts have no limit, so that holds never fail.
    unlimited: bool,
}

impl Change for GrantOnce {
    type Out = Result<Granted, NotGranted>;

    fn keys(&self) -> Vec<Key> {
        let Grant { account, key, .. } = &self.grant;
        vec![Key::Account(account.clone()), Key::Grant(account.clone(), key.clone())]
    }

    fn apply(&self, draft: &mut Draft, now: Timestamp) -> Self::Out {
        let Grant { account: id, amount, key } = &self.grant;
        let mut account = account_of(draft, id, self.unlimited);
        if let Some(Record::Grant(record)) = draft.get(&Key::Grant(id.clone(), key.clone())) {
            let record = record.clone();
            return if record.amount == *amount {
                Ok(Granted { account, record, is_repeat: true })
            } else {
                Err(NotGranted::KeyReused)
            };
        }
        if !account.grant(*amount) {
            return Err(NotGranted::TooMuch);
        }
        let record = GrantRecord::new(id.clone(), key.clone(), *amount, now);
        draft.put(Record::Account(account.clone()));
        draft.put(Record::Grant(record.clone()));
        Ok(Granted { account, record, is_repeat: false })
    }
}

impl GrantOnce {
    fn new(grant: Grant, unlimited: bool) -> Result<Self, EngineError> {
        let key = &grant.key;
        if (1..=255).contains(&key.len()) && key.bytes().all(|it| (0x20..0x7f).contains(&it)) {
            Ok(Self { grant, unlimited })
        } else {
            Err(EngineError::InvalidGrantKey)
        }
    }
}

/// Grants credits in a store that no engine has open, such as that of a service that is stopped.
///
/// The next service or engine on the store decides whether the account is limited to its credits.
///
/// # Errors
///
/// As [`Engine::grant_once`].
///
/// # Panics
///
/// Panics outside a tokio runtime.
pub async fn grant_once(store: Arc<dyn Store>, grant: Grant) -> Result<Granted, EngineError> {
    let key = grant.key.clone();
    let change = GrantOnce::new(grant, false)?;
    let writer = Writer::start(
        store,
        Arc::new(SystemClock),
        Arc::new(SystemEntropy),
        CancellationToken::new(),
    );
    writer.apply(change).await?.map_err(|it| it.into_error(key))
}

impl NotGranted {
    fn into_error(self, key: String) -> EngineError {
        match self {
            Self::TooMuch => EngineError::TooMuch,
            Self::KeyReused => EngineError::GrantKeyReused { key },
        }
    }
}

impl Engine {
    /// Adds credits to an account, which is created if it does not exist. A grant with the same key and amount changes
    /// nothing.
    ///
    /// # Errors
    ///
    /// [`EngineError::InvalidGrantKey`], [`EngineError::GrantKeyReused`] if the key was used for another amount, or
    /// [`EngineError::TooMuch`] if the account's credits would overflow.
    pub async fn grant_once(&self, grant: Grant) -> Result<Granted, EngineError> {
        let key = grant.key.clone();
        let change = GrantOnce::new(grant, self.settings().unlimited_accounts)?;
        self.shared.set_clock_once().await?;
        self.shared.writer.apply(change).await?.map_err(|it| it.into_error(key))
    }

    /// Returns up to `limit` grants of an account that had a key, sorted by key.
    ///
    /// # Errors
    ///
    /// [`EngineError::Store`] if the store fails.
    pub async fn grants(
        &self,
        account: &AccountId,
        limit: usize,
    ) -> Result<Vec<GrantRecord>, EngineError> {
        let after = Some(Key::Grant(account.clone(), String::new()));
        let query = ListQuery { kind: RecordKind::Grant, after, descending: false, limit };
        let found = self.shared.adapters.store.list(query).await?;
        let records = found.into_iter().map_while(|it| match it.record {
            Record::Grant(grant) if grant.account == *account => Some(grant),
            _ => None,
        });
        Ok(records.collect())
    }
}
