//! The oracle's ledger: checks each account against its jobs, its days and its grants.

use std::collections::BTreeSet;

use rungs::core::batch::BatchRecord;
use rungs::core::id::AccountId;
use rungs::core::job::{BodyRef, Job, Outcome};
use rungs::core::ledger::Booking;
use rungs::core::record::{Key, Record};
use rungs::core::usage::UsageTotals;

use super::oracle::Oracle;

/// The held and spent credits of an account, computed from its jobs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Books {
    pub(crate) held: u64,
    pub(crate) spent: u64,
}

/// Credits that hosts tried to grant to an account, and of those the ones that were confirmed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Grants {
    tried: u64,
    confirmed: u64,
}

impl Oracle {
    pub(crate) fn account_changed(
        &mut self,
        id: &AccountId,
        old: Option<&Record>,
        new: Option<&Record>,
    ) {
        let Some(Record::Account(new)) = new else {
            return self.fail(3, format!("account {id} was removed"));
        };
        let parts = u128::from(new.free().0) + u128::from(new.held().0) + u128::from(new.spent().0);
        let adds_up = parts == u128::from(new.granted().0);
        self.check(3, adds_up, || format!("account {id} does not add up: {new:?}"));
        if let Some(Record::Account(old)) = old {
            let grows = old.granted() <= new.granted() && old.spent() <= new.spent();
            self.check(3, grows, || format!("account {id} lost something: {old:?} {new:?}"));
        }
        self.check_grants(id);
    }

    /// Records that an application is about to grant credits.
    pub(crate) fn grants(&mut self, id: AccountId, amount: u64) {
        self.grants.entry(id).or_default().tried += amount;
    }

    /// Records that the grant was acknowledged.
    pub(crate) fn granted(&mut self, id: &AccountId, amount: u64) {
        self.grants.entry(id.clone()).or_default().confirmed += amount;
        self.check_grants(id);
    }

    /// Checks that an account has every confirmed grant and no other credits.
    pub(crate) fn check_grants(&mut self, id: &AccountId) {
        let Grants { tried, confirmed } = self.grants.get(id).copied().unwrap_or_default();
        let (granted, unlimited) = match self.records.get(&Key::Account(id.clone())) {
            Some(Record::Account(it)) => (it.granted().0, it.is_unlimited()),
            _ => (0, false),
        };
        let said = || format!("{id} has {granted} of {tried} granted, {confirmed} confirmed");
        self.check(3, unlimited || (confirmed..=tried).contains(&granted), said);
    }

    /// Checks an account against its jobs and its days.
    pub(crate) fn balance(&mut self, id: &AccountId) {
        let books = self.books.get(id).copied().unwrap_or_default();
        let kept = match self.records.get(&Key::Account(id.clone())) {
            Some(Record::Account(it)) => Books { held: it.held().0, spent: it.spent().0 },
            _ => Books::default(),
        };
        self.check(4, books == kept, || format!("{id} has {kept:?}, its jobs say {books:?}"));
        let days = self.records.values().filter_map(|it| match it {
            Record::Usage(it) if it.account == *id => Some(it.total),
            _ => None,
        });
        let days = days.fold(UsageTotals::default(), UsageTotals::and);
        let days = Books { held: days.held.0, spent: days.spent.0 };
        self.check(4, days == kept, || format!("{id} has {kept:?}, its days say {days:?}"));
    }

    /// One line for the hold, one for each ended job, and no other.
    pub(crate) fn lines(&mut self, batch: &BatchRecord, jobs: &[Job]) {
        let lines: Vec<_> = (0..=u32::try_from(jobs.len()).expect("a small batch"))
            .filter_map(|it| match self.records.get(&Key::LedgerEntry(batch.id, it)) {
                Some(Record::LedgerEntry(entry)) => Some(entry.clone()),
                _ => None,
            })
            .collect();
        let mut settled = BTreeSet::new();
        let mut charged = 0;
        for line in &lines {
            let right = match (line.booking, line.job) {
                (Booking::Hold { amount }, None) => line.number == 0 && amount == batch.estimate,
                (Booking::Settle { charged: spent, released }, Some(id)) => {
                    charged += spent.0;
                    let first = settled.insert(id);
                    let job = jobs.iter().find(|it| it.id == id);
                    first && job.is_some_and(|it| spent.0 + released.0 == it.hold.0)
                }
                _ => false,
            };
            self.check(4, right, || format!("a wrong line: {line:?}"));
        }
        let ended = jobs.iter().filter(|it| it.outcome.is_some()).count();
        let complete = lines.len() == ended + 1 && settled.len() == ended;
        self.check(4, complete, || format!("{} lines for {ended} ended jobs", lines.len()));
        self.check(4, charged == batch.charged.0, || format!("{charged} on the lines"));
    }

    /// A result is in the store: it must be of the claim that ended the job.
    pub(crate) fn check_body(&mut self, job: &Job, read: impl Fn(&BodyRef) -> Option<Vec<u8>>) {
        let Some(Outcome::Succeeded { body, cached, .. }) = &job.outcome else { return };
        let Some(bytes) = read(body) else {
            return self.fail(1, format!("the result of {} is gone", job.id));
        };
        let text = String::from_utf8_lossy(&bytes);
        let claim = text.split("fetched under claim ").nth(1).and_then(|it| it.split(' ').next());
        // A shared address has many jobs.
        let shared = *cached || job.request.cache().enabled;
        let fresh = shared || claim == Some(job.claims.to_string().as_str());
        self.check(8, fresh, || format!("{} ended with what claim {claim:?} fetched", job.id));
    }
}
