//! The store of sessions: the kit of its port, and the proof that the kit catches mistakes.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rungs::core::id::{AccountId, SessionId};
use rungs::core::record::{Claim, Key, Queue, Record};
use rungs::core::session::{Session, SessionState};
use rungs::core::time::Timestamp;
use rungs::ports::BoxFuture;
use rungs::ports::session::{SessionStore, SessionStoreError, StoredSession};
use rungs::ports::store::{ListQuery, Store, StoreError, Versioned, Write};
use rungs::stores::{Memory, SealedSessions, SealingKey, SealingKeys};
use rungs::testkit::session::CHECKS;

use crate::support::checks;

fn keys(byte: u8) -> SealingKeys {
    SealingKeys::new(SealingKey::from_bytes([byte; 32]))
}

rungs::session_store_conformance!(sealed, SealedSessions::new(Memory::new(), keys(7)));

#[cfg(feature = "sled")]
#[test]
fn sessions_on_disk_pass_the_kit() {
    let dir = tempfile::tempdir().expect("a directory");
    let root = dir.path().to_owned();
    let number = Arc::new(Mutex::new(0));

    let report = rungs::testkit::session::check_all(move || {
        let mut number = number.lock().expect("no check panics here");
        *number += 1;
        let store = rungs::stores::Sled::open(root.join(number.to_string())).expect("opened");
        SealedSessions::new(store, keys(7))
    });

    assert!(report.failed.is_empty(), "{report}");
}

/// A mistake of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mistake {
    None,
    IgnoresRevisions,
    SharesAccounts,
    KeepsRemoved,
    ListsNewestFirst,
    ShowsSecrets,
}

type Kept = BTreeMap<(AccountId, SessionId), StoredSession>;

/// A store in memory with one mistake.
struct Flawed(Mistake, Mutex<Kept>);

impl fmt::Debug for Flawed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = self.1.lock().expect("no panic inside");
        match self.0 {
            Mistake::ShowsSecrets => {
                let values = kept.values().flat_map(|it| it.state.cookies.clone());
                f.write_str(&values.map(|it| it.value).collect::<String>())
            }
            _ => f.write_str("Flawed"),
        }
    }
}

impl Flawed {
    fn key(&self, account: AccountId, id: SessionId) -> (AccountId, SessionId) {
        let shared = self.0 == Mistake::SharesAccounts;
        (if shared { AccountId::default() } else { account }, id)
    }

    fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Kept) -> T,
    ) -> BoxFuture<'_, Result<T, SessionStoreError>> {
        let done = work(&mut self.1.lock().expect("no panic inside"));
        Box::pin(std::future::ready(Ok(done)))
    }
}

impl SessionStore for Flawed {
    fn put(
        &self,
        session: Session,
        state: SessionState,
        expected: Option<u64>,
    ) -> BoxFuture<'_, Result<(), SessionStoreError>> {
        let mut kept = self.1.lock().expect("no panic inside");
        let key = self.key(session.account.clone(), session.id);
        let revision = kept.get(&key).map(|it| it.revision);
        if revision != expected && self.0 != Mistake::IgnoresRevisions {
            return Box::pin(std::future::ready(Err(SessionStoreError::Conflict)));
        }
        let next = revision.unwrap_or_default() + 1;
        kept.insert(key, StoredSession::new(session, state, next));
        Box::pin(std::future::ready(Ok(())))
    }

    fn get(
        &self,
        account: AccountId,
        id: SessionId,
    ) -> BoxFuture<'_, Result<Option<StoredSession>, SessionStoreError>> {
        let key = self.key(account, id);
        self.with(|kept| kept.get(&key).cloned())
    }

    fn find(
        &self,
        account: AccountId,
        id: SessionId,
    ) -> BoxFuture<'_, Result<Option<Session>, SessionStoreError>> {
        let key = self.key(account, id);
        self.with(|kept| kept.get(&key).map(|it| it.session.clone()))
    }

    fn list(
        &self,
        account: AccountId,
        after: Option<SessionId>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Session>, SessionStoreError>> {
        let (account, _) = self.key(account, SessionId::LAST);
        let newest_first = self.0 == Mistake::ListsNewestFirst;
        self.with(|kept| {
            let own = kept.iter().filter(|((it, id), _)| *it == account && Some(*id) > after);
            let mut own: Vec<_> = own.map(|(_, it)| it.session.clone()).collect();
            if newest_first {
                own.reverse();
            }
            own.truncate(limit);
            own
        })
    }

    fn remove(
        &self,
        account: AccountId,
        id: SessionId,
    ) -> BoxFuture<'_, Result<bool, SessionStoreError>> {
        let key = self.key(account, id);
        let keeps = self.0 == Mistake::KeepsRemoved;
        self.with(|kept| if keeps { kept.contains_key(&key) } else { kept.remove(&key).is_some() })
    }
}

#[test]
fn the_kit_catches_each_mistake() {
    for (mistake, by) in [
        (
            Mistake::IgnoresRevisions,
            &["a_stale_revision_conflicts", "one_of_several_writers_succeeds"][..],
        ),
        (Mistake::SharesAccounts, &["accounts_are_separate"]),
        (Mistake::KeepsRemoved, &["a_removed_session_is_gone"]),
        (Mistake::ListsNewestFirst, &["lists_are_sorted_and_paged"]),
        (Mistake::ShowsSecrets, &["nothing_shows_a_secret"]),
    ] {
        let checks = by.iter().map(|name| {
            let check = CHECKS.iter().find(|it| it.0 == *name).expect("a check of the kit").1;
            (*name, move || check(Arc::new(Flawed(mistake, Mutex::default()))))
        });
        let failures = checks::failures(Duration::from_secs(10), checks);
        checks::assert_caught(&format!("{mistake:?}"), false, failures);
    }
    let report = rungs::testkit::session::check_all(|| Flawed(Mistake::None, Mutex::default()));
    assert!(report.failed.is_empty(), "{report}");
}

/// A record that someone with access to the database moves to an account of theirs does not open.
#[tokio::test]
async fn a_copied_record_does_not_open_for_another_account() {
    let store = Arc::new(Memory::new());
    let sessions = SealedSessions::new(Arc::clone(&store), keys(7));
    let sample = rungs::testkit::store::sample::session("a", 1).session;
    sessions.put(sample.clone(), SessionState::default(), None).await.expect("written");
    let key = Key::Session(sample.account.clone(), sample.id);
    let found = store.load(vec![key]).await.expect("read").remove(0).expect("there");
    let Record::Session(mut copy) = found.record else { panic!("a session") };
    let thief = AccountId::new("thief").expect("a name");
    copy.session.account = thief.clone();
    let (key, record) = (Key::Session(thief.clone(), sample.id), Some(Record::Session(copy)));
    store.commit(vec![Write { key, expected: None, record }]).await.expect("copied");

    let opened = sessions.get(thief, sample.id).await;

    assert!(matches!(opened, Err(SessionStoreError::Sealed)), "{opened:?}");
}

/// A store that counts the records that its lists returned, and the most of one list.
#[derive(Clone, Debug, Default)]
struct Counting(Memory, Arc<(AtomicUsize, AtomicUsize)>);

impl Store for Counting {
    fn load(&self, keys: Vec<Key>) -> BoxFuture<'_, Result<Vec<Option<Versioned>>, StoreError>> {
        self.0.load(keys)
    }

    fn list(&self, list: ListQuery) -> BoxFuture<'_, Result<Vec<Versioned>, StoreError>> {
        Box::pin(async move {
            let found = self.0.list(list).await?;
            self.1.0.fetch_add(found.len(), Ordering::SeqCst);
            self.1.1.fetch_max(found.len(), Ordering::SeqCst);
            Ok(found)
        })
    }

    fn claim(&self, claim: Claim) -> BoxFuture<'_, Result<Vec<Versioned>, StoreError>> {
        self.0.claim(claim)
    }

    fn commit(&self, writes: Vec<Write>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.0.commit(writes)
    }

    fn due(
        &self,
        queue: Queue,
        from: Timestamp,
    ) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        self.0.due(queue, from)
    }
}

/// Each record has a secret of up to 256 KiB.
#[tokio::test]
async fn a_list_holds_few_secrets_at_once_and_none_of_many_others() {
    let store = Counting::default();
    let sessions = SealedSessions::new(store.clone(), keys(7));
    for (account, count) in [("a", 70), ("b", 100)] {
        for number in 0..count {
            let sample = rungs::testkit::store::sample::session(account, number).session;
            sessions.put(sample, SessionState::default(), None).await.expect("written");
        }
    }
    let account = AccountId::new("a").expect("a name");
    let listed = async |after: Option<SessionId>, limit: usize| -> Vec<SessionId> {
        let found = sessions.list(account.clone(), after, limit).await.expect("listed");
        found.into_iter().map(|it| it.id).collect()
    };

    let all = listed(None, 1_000).await;

    assert!(all.len() == 70 && all.is_sorted(), "{}", all.len());
    assert!(store.1.0.load(Ordering::SeqCst) <= 96, "{store:?}");
    for (after, limit) in [(3, 64), (5, 40), (37, 32), (68, 9), (69, 9)] {
        let end = all.len().min(after + 1 + limit);
        assert_eq!(listed(Some(all[after]), limit).await, all[after + 1..end], "{after}");
    }
    assert!(store.1.1.load(Ordering::SeqCst) <= 32, "{store:?}");
}
