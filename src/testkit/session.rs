//! The conformance kit for [`SessionStore`].
//!
//! [`crate::session_store_conformance!`] makes each check a `#[test]` of its own, and [`check_all`] runs all of them.
//!
//! ```
//! use rungs::stores::{Memory, SealedSessions, SealingKey, SealingKeys};
//! use rungs::testkit::session::check_all;
//!
//! let keys = SealingKeys::new(SealingKey::from_bytes([7; 32]));
//! let report = check_all(move || SealedSessions::new(Memory::new(), keys.clone()));
//!
//! assert!(report.failed.is_empty(), "{report}");
//! ```

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::core::id::{AccountId, SessionId};
use crate::core::session::{OriginStorage, Session, SessionCookie, SessionDomain, SessionState};
use crate::core::time::Timestamp;
use crate::ports::session::{SessionStore, SessionStoreError, StoredSession};
use crate::testkit::kit::{
    self, CHECK_LIMIT, KitReport, MustBeThere, MustSucceed, at_once, joined, must, must_eq,
};

/// A store as the engine holds it.
#[doc(hidden)]
pub type AnySessionStore = Arc<dyn SessionStore>;

/// A running check.
#[doc(hidden)]
pub type Checking = Pin<Box<dyn Future<Output = ()>>>;

/// A value that nothing may show.
const SECRET: &str = "kit-s3cret-value";
/// Writers that meet at one session.
const WRITERS: usize = 8;

/// Runs every check against a store that `open` makes anew and empty for each.
pub fn check_all<S: SessionStore + 'static>(
    open: impl Fn() -> S + Clone + Send + 'static,
) -> KitReport {
    let checks = CHECKS.iter().map(|&(name, check)| {
        let open = open.clone();
        (name, move || check(Arc::new(open())))
    });
    kit::report(CHECK_LIMIT, checks)
}

/// Calls a macro with every check's name; for the macros of this kit.
#[doc(hidden)]
#[macro_export]
macro_rules! each_session_check {
    ($then:path, $($arg:tt)*) => {
        $then! { ($($arg)*) [
            a_session_reads_back_as_it_was_written
            accounts_are_separate
            a_stale_revision_conflicts
            one_of_several_writers_succeeds
            lists_are_sorted_and_paged
            a_removed_session_is_gone
            nothing_shows_a_secret
        ] }
    };
}

macro_rules! table {
    (() [$($check:ident)*]) => {
        /// Every check by its name.
        #[doc(hidden)]
        pub const CHECKS: &[(&str, fn(AnySessionStore) -> Checking)] =
            &[$((stringify!($check), |store| Box::pin($check(store)))),*];
    };
}

crate::each_session_check!(table,);

/// Makes tests of a list of checks; for the macro of this kit.
#[doc(hidden)]
#[macro_export]
macro_rules! session_tests {
    (($suite:ident, $open:expr) [$($check:ident)*]) => {
        mod $suite {
            #[allow(unused_imports)]
            use super::*;
            $(
                #[test]
                fn $check() {
                    $crate::testkit::must_pass(|| {
                        $crate::testkit::session::$check(::std::sync::Arc::new($open))
                    });
                }
            )*
        }
    };
}

/// Makes every check of a [`SessionStore`] a `#[test]` of its own, in a module named by the first argument. The second is
/// an expression for an empty store.
///
/// ```
/// use rungs::stores::{Memory, SealedSessions, SealingKey, SealingKeys};
///
/// fn open() -> SealedSessions {
///     SealedSessions::new(Memory::new(), SealingKeys::new(SealingKey::from_bytes([7; 32])))
/// }
///
/// rungs::session_store_conformance!(sealed, open());
/// ```
#[macro_export]
macro_rules! session_store_conformance {
    ($suite:ident, $open:expr) => {
        $crate::each_session_check!($crate::session_tests, $suite, $open);
    };
}

fn account(name: &str) -> AccountId {
    AccountId::new(name).expect("a name")
}

fn id(number: u64) -> SessionId {
    SessionId::new(Timestamp::from_millis(number), 0, number << 2)
}

fn sample(owner: &str, number: u64) -> (Session, SessionState) {
    let domain = SessionDomain::parse("example.com").expect("a domain");
    let mut cookie = SessionCookie::new("sid", SECRET, &domain);
    "/shop".clone_into(&mut cookie.path);
    cookie.expires_at = Some(Timestamp::from_millis(99));
    let state = SessionState::default()
        .with_cookies([cookie])
        .with_headers([("Authorization".to_owned(), SECRET.to_owned())])
        .with_storage([OriginStorage::new(
            "https://example.com",
            [("token".to_owned(), SECRET.to_owned())],
        )]);
    let now = Timestamp::from_millis(5);
    let mut session = Session::new(id(number), account(owner), "shop", domain, now);
    session.describe(&state);
    session.notes = Some("bought in spring".to_owned());
    (session, state)
}

async fn put(store: &AnySessionStore, owner: &str, number: u64) {
    let (session, state) = sample(owner, number);
    store.put(session, state, None).await.must_succeed("a put of a new session");
}

async fn get(store: &AnySessionStore, owner: &str, number: u64) -> Option<StoredSession> {
    store.get(account(owner), id(number)).await.must_succeed("a get")
}

/// A session and its secret are read as they were written, and an update replaces both.
#[doc(hidden)]
pub async fn a_session_reads_back_as_it_was_written(store: AnySessionStore) {
    put(&store, "a", 1).await;
    let (session, state) = sample("a", 1);
    let read = get(&store, "a", 1).await.must_be_there("the session");
    must_eq!(read.session, session, "the description");
    must!(read.state == state, "the secret was another one", "be the one that was written");
    let found = store.find(account("a"), id(1)).await.must_succeed("a find");
    must_eq!(found, Some(session.clone()), "the description without the secret");

    let renamed = Session { name: "other".to_owned(), ..session };
    let empty = SessionState::default();
    let update = store.put(renamed.clone(), empty.clone(), Some(read.revision)).await;
    update.must_succeed("a put with the revision that was read");
    let again = get(&store, "a", 1).await.must_be_there("the session");
    must_eq!(again.session, renamed, "the description after an update");
    must!(again.state == empty, "the secret is still the old one", "be replaced");
    let grew = again.revision > read.revision;
    must!(grew, "the revision did not grow", "grow with every write");
}

/// No call for an account reaches a session of another one, even with its id.
#[doc(hidden)]
pub async fn accounts_are_separate(store: AnySessionStore) {
    put(&store, "a", 1).await;
    put(&store, "ab", 2).await;

    must_eq!(get(&store, "b", 1).await, None, "the session of another account");
    must_eq!(get(&store, "a", 2).await, None, "the session of an account with a longer name");
    let listed = store.list(account("a"), None, 9).await.must_succeed("a list");
    let ids: Vec<_> = listed.iter().map(|it| it.id).collect();
    must_eq!(ids, vec![id(1)], "the list of an account");
    let removed = store.remove(account("b"), id(1)).await.must_succeed("a removal");
    must!(!removed, "a removal for another account succeeded", "return `false`");
    get(&store, "a", 1).await.must_be_there("the session after a removal for another account");
}

/// A put that expects another revision than the session has fails and changes nothing.
#[doc(hidden)]
pub async fn a_stale_revision_conflicts(store: AnySessionStore) {
    let (session, state) = sample("a", 1);
    let early = store.put(session.clone(), state.clone(), Some(1)).await;
    must_conflict(&early, "a put that expects a session that does not exist");
    put(&store, "a", 1).await;
    let read = get(&store, "a", 1).await.must_be_there("the session");

    let renamed = Session { name: "other".to_owned(), ..session };
    let again = store.put(renamed.clone(), state.clone(), None).await;
    must_conflict(&again, "a put of a session that exists already");
    let wrong = store.put(renamed, state, Some(read.revision + 1)).await;
    must_conflict(&wrong, "a put that expects a later revision");
    must_eq!(get(&store, "a", 1).await, Some(read), "the session after refused puts");
}

fn must_conflict(result: &Result<(), SessionStoreError>, call: &str) {
    let conflicts = matches!(result, Err(SessionStoreError::Conflict));
    must!(conflicts, "{call} returned {result:?}", "fail with `Conflict`");
}

/// Of writers that expect the same revision at the same time, exactly one succeeds.
#[doc(hidden)]
pub async fn one_of_several_writers_succeeds(store: AnySessionStore) {
    put(&store, "a", 1).await;
    let revision = get(&store, "a", 1).await.must_be_there("the session").revision;
    let writers = (0..WRITERS).map(|number| {
        let store = Arc::clone(&store);
        async move {
            let (session, state) = sample("a", 1);
            let session = Session { name: format!("writer {number}"), ..session };
            store.put(session, state, Some(revision)).await.is_ok()
        }
    });

    let mut running = at_once(writers);
    let mut succeeded = 0;
    while let Some(result) = running.join_next().await {
        succeeded += usize::from(joined(result));
    }
    must_eq!(succeeded, 1, "the number of writers that succeeded");
}

/// A list is sorted by id, begins after the given one and is as long as asked for.
#[doc(hidden)]
pub async fn lists_are_sorted_and_paged(store: AnySessionStore) {
    for number in [3, 1, 4, 2] {
        put(&store, "a", number).await;
    }
    let list = |after, limit| {
        let store = Arc::clone(&store);
        async move {
            let listed = store.list(account("a"), after, limit).await.must_succeed("a list");
            listed.into_iter().map(|it| it.id).collect::<Vec<_>>()
        }
    };

    must_eq!(list(None, 9).await, [1, 2, 3, 4].map(id), "the whole list");
    must_eq!(list(None, 2).await, [1, 2].map(id), "the first two");
    must_eq!(list(Some(id(2)), 9).await, [3, 4].map(id), "the list after the second");
    must_eq!(list(Some(id(4)), 9).await, [SessionId::LAST; 0], "the list after the last");
}

/// A removed session is found by no call, and its id can be used again.
#[doc(hidden)]
pub async fn a_removed_session_is_gone(store: AnySessionStore) {
    put(&store, "a", 1).await;
    let removed = store.remove(account("a"), id(1)).await.must_succeed("a removal");
    must!(removed, "the removal of a session returned `false`", "return `true`");

    must_eq!(get(&store, "a", 1).await, None, "the removed session");
    let found = store.find(account("a"), id(1)).await.must_succeed("a find");
    must_eq!(found, None, "the description of the removed session");
    let listed = store.list(account("a"), None, 9).await.must_succeed("a list");
    must_eq!(listed, Vec::<Session>::new(), "the list without the removed session");
    let again = store.remove(account("a"), id(1)).await.must_succeed("a removal");
    must!(!again, "the removal of nothing returned `true`", "return `false`");
    put(&store, "a", 1).await;
}

/// The store's own `Debug` contains no secret.
#[doc(hidden)]
pub async fn nothing_shows_a_secret(store: AnySessionStore) {
    put(&store, "a", 1).await;
    let read = get(&store, "a", 1).await.must_be_there("the session");
    let shown = format!("{store:?} {read:?} {:?}", store.list(account("a"), None, 9).await);
    must!(!shown.contains(SECRET), "`Debug` shows a secret", "show no value");
}
