//! The price of a map, booked in one commit: a batch without jobs, whose ledger has the charge.

use crate::core::batch::{BatchKind, BatchRecord, ItemEvents, Tally};
use crate::core::credits::Credits;
use crate::core::id::{BatchId, NotificationId};
use crate::core::ledger::{Account, Booking, HeldFor, LedgerEntry, Overdrawn};
use crate::core::record::{Key, Record};
use crate::core::time::Timestamp;
use crate::core::usage::{Budget, OverBudget, UsageTotals};
use crate::engine::budgets;
use crate::engine::changes::{NotAccepted, account_of, usage_of};
use crate::engine::error::SubmitError;
use crate::engine::map::Map;
use crate::engine::map::under_way::{MapUnderWay, Together};
use crate::engine::shared::Shared;
use crate::engine::writer::{Change, Draft};

/// Counts a map as under way, and refuses it before anything is fetched if its account or its budget does not cover it
/// together with the maps that this process has begun before.
pub(super) async fn begin<'a>(
    shared: &'a Shared,
    map: &Map,
) -> Result<MapUnderWay<'a>, SubmitError> {
    let under_way = shared.scheduling.maps.start(&map.account, map.label.as_deref());
    loop {
        let together = under_way.together();
        let charge = ChargeMap::new(shared, map, String::new());
        match shared.writer.apply(CheckMap { charge, together }).await? {
            Ok(()) => return Ok(under_way),
            // A map that has just ended was counted twice: as booked, and as under way.
            Err(_) if under_way.together().ended != together.ended => {}
            Err(refused) => return Err(refused.into()),
        }
    }
}

/// Charges a map, and returns the id under which its ledger is found.
pub(super) async fn charge(
    shared: &Shared,
    map: &Map,
    site: String,
) -> Result<BatchId, SubmitError> {
    let charge = ChargeMap::new(shared, map, site);
    let id = charge.batch.id;
    shared.writer.apply(charge).await??;
    Ok(id)
}

/// Holds and settles the price of a map.
#[derive(Debug)]
struct ChargeMap {
    batch: BatchRecord,
    site: String,
    /// `true` if accounts have no limit, so that holds never fail.
    unlimited: bool,
    budget: Option<Budget>,
}

/// The check of [`ChargeMap`] alone, for several maps at once. It writes nothing.
#[derive(Debug)]
struct CheckMap {
    charge: ChargeMap,
    together: Together,
}

impl Change for CheckMap {
    type Out = Result<(), NotAccepted>;

    fn keys(&self) -> Vec<Key> {
        self.charge.keys()
    }

    fn apply(&self, draft: &mut Draft, _now: Timestamp) -> Self::Out {
        self.charge.held(draft, self.together).map(drop)
    }
}

impl ChargeMap {
    fn new(shared: &Shared, map: &Map, site: String) -> Self {
        let now = shared.now();
        let random = || shared.adapters.entropy.random_u64();
        let batch = BatchRecord {
            id: BatchId::new(now, 0, random()),
            account: map.account.clone(),
            inline_jobs: Vec::new(),
            tally: Tally::default(),
            estimate: Map::PRICE,
            charged: Map::PRICE,
            form: BatchKind::Batch,
            label: map.label.clone(),
            webhook: None,
            item_events: ItemEvents::default(),
            idempotency_key: None,
            retry_of: None,
            crawl: None,
            event: NotificationId::new(now, 0, random()),
            entries: 2,
            created_at: now,
            ended_at: Some(now),
            expires_at: Some(now.after(shared.config.settings.retention)),
        };
        let unlimited = shared.config.settings.unlimited_accounts;
        Self { batch, site, unlimited, budget: map.budget }
    }

    /// Returns the account with the price of this many maps on hold.
    fn held(&self, draft: &Draft, maps: Together) -> Result<Account, NotAccepted> {
        let price = |count: u64| Credits(Map::PRICE.0.saturating_mul(count));
        let (label, today) = (self.batch.label.as_deref(), self.batch.created_at.day());
        let mut account = account_of(draft, &self.batch.account, self.unlimited);
        account
            .hold(price(maps.of_account))
            .map_err(|it| NotAccepted::Overdrawn(overdrawn_by_one(it)))?;
        let more =
            UsageTotals { jobs: maps.of_label, held: price(maps.of_label), spent: Credits::ZERO };
        budgets::check(draft, &self.batch.account, label, self.budget, (more, today))
            .map_err(|it| NotAccepted::OverBudget(of_one(it, maps.of_label)))?;
        Ok(account)
    }

    fn entry(&self, number: u32, booking: Booking, at: Timestamp) -> Record {
        let (account, batch) = (self.batch.account.clone(), self.batch.id);
        Record::LedgerEntry(LedgerEntry { account, batch, number, job: None, booking, at })
    }
}

/// Returns the error of an account for one of several maps: the others hold credits.
fn overdrawn_by_one(mut error: Overdrawn) -> Overdrawn {
    let others = error.needed.saturating_sub(Map::PRICE);
    error.free = error.free.saturating_sub(others);
    error.needed = Map::PRICE;
    error.held_for(HeldFor::Map)
}

/// Returns the error of a budget for one of several maps: the others count as usage.
fn of_one(mut over: OverBudget, maps: u64) -> OverBudget {
    let needed = over.needed / maps.max(1);
    over.left = over.left.saturating_sub(over.needed - needed);
    over.needed = needed;
    over.held_for(HeldFor::Map)
}

impl Change for ChargeMap {
    type Out = Result<(), NotAccepted>;

    fn keys(&self) -> Vec<Key> {
        let batch = &self.batch;
        let mut keys = vec![Key::Account(batch.account.clone()), Key::Batch(batch.id)];
        keys.extend((0..batch.entries).map(|it| Key::LedgerEntry(batch.id, it)));
        keys.extend(budgets::days(&batch.account, self.budget, batch.created_at.day()));
        keys
    }

    fn apply(&self, draft: &mut Draft, now: Timestamp) -> Self::Out {
        let price = Map::PRICE;
        let (label, today) = (self.batch.label.as_deref(), self.batch.created_at.day());
        let mut account = self.held(draft, Together::ONE)?;
        account.settle(price, price);
        let mut usage = usage_of(draft, &self.batch.account, today);
        // A map has no job, but counts as one request, as it does for its site.
        usage.submit(label, 1, price);
        usage.settle(label, &self.site, price, price);
        draft.put(Record::Account(account));
        draft.put(Record::Usage(usage));
        draft.put(Record::Batch(self.batch.clone()));
        draft.put(self.entry(0, Booking::Hold { amount: price }, now));
        draft.put(self.entry(1, Booking::Settle { charged: price, released: Credits::ZERO }, now));
        Ok(())
    }
}
