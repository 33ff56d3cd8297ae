//! What things would cost, and what was spent.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::core::batch::BatchRecord;
use crate::core::credits::Credits;
use crate::core::ledger::{Account, Booking, LedgerEntry};
use crate::core::tier::Tier;
use crate::core::time::Day;
use crate::core::usage::{DailyUsage, Period, UsageTotals};
use crate::engine::Estimate;

/// What an account without an end shows as its balance, a million dollars: clients compute with it,
/// and warn of what is low.
const ENDLESS: Credits = Credits(1_000_000_000_000);
/// Sites that are named, those with the most spent first.
const TOP_SITES: usize = 10;
/// Credits of a cent.
const CENT: u64 = 10_000;

/// How an account stands, as clients are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Balance {
    /// What can be held.
    pub free: Credits,
    /// All that was ever granted.
    pub granted: Credits,
    /// What was ever spent.
    pub spent: Credits,
    /// Whether it has no end.
    pub unlimited: bool,
}

impl Balance {
    /// How `account` stands; where there is none yet, how the engine would open it.
    pub fn of(account: Option<&Account>, opened_unlimited: bool) -> Self {
        let unlimited = account.map_or(opened_unlimited, Account::is_unlimited);
        let spent = account.map(Account::spent).unwrap_or_default();
        let granted = account.map(Account::granted).unwrap_or_default();
        let free = account.map(Account::free).unwrap_or_default();
        if unlimited {
            return Self {
                free: ENDLESS,
                granted: ENDLESS.saturating_add(spent),
                spent,
                unlimited,
            };
        }
        Self { free, granted, spent, unlimited }
    }

    /// The balance as a person reads it.
    pub fn display(self) -> String {
        format!("${:.2}", self.free.dollars())
    }

    /// `low`, `critical` or `exhausted`; nothing where all is well.
    pub fn warning(self) -> Option<&'static str> {
        match self.free.0 {
            0 => Some("exhausted"),
            1..100_000 => Some("critical"),
            100_000..500_000 => Some("low"),
            _ => None,
        }
    }
}

fn since(days: &[DailyUsage], first: Day) -> UsageTotals {
    days.iter()
        .filter(|it| it.day >= first)
        .fold(UsageTotals::default(), |sums, it| sums.and(it.total))
}

/// What was used, for the three families of clients that each read other names (CONTRACT 1.7).
pub fn usage(balance: &Balance, today: Day, days: &[DailyUsage]) -> Value {
    let month = since(days, today.month());
    let (start, end) = (today.month().start().to_string(), Period::Monthly.ends(today).to_string());
    let plan = if balance.unlimited { "unlimited" } else { "prepaid" };
    json!({
        "credits_available": balance.free,
        "credits_used": month.spent,
        "credits_held": month.held,
        "credits_limit": balance.granted,
        "requests_count": month.jobs,
        "subscription_tier": plan,
        "billing_period_start": start,
        "billing_period_end": end,
        "credits_used_month": month.spent,
        "plan": plan,
        "period_start": start,
        "period_end": end,
        "balance_dollars": balance.free.dollars(),
        "requests_month": month.jobs,
    })
}

/// The balance, in the words of a client that computes with it.
pub fn balance(balance: &Balance) -> Value {
    json!({
        "balance_microcents": balance.free,
        "balance_display": balance.display(),
        "total_deposited_cents": balance.granted.0 / CENT,
        "total_spent_cents": balance.spent.0 / CENT,
    })
}

/// What was used today, this week, this month and ever, and where the most went.
pub fn billing_usage(balance: &Balance, today: Day, days: &[DailyUsage]) -> Value {
    let (now, week) = (since(days, today), since(days, today.week()));
    let month = since(days, today.month());
    let mut sites: BTreeMap<&str, UsageTotals> = BTreeMap::new();
    for (site, sums) in days.iter().flat_map(|it| &it.sites) {
        let sum = sites.entry(site).or_default();
        *sum = sum.and(*sums);
    }
    let mut sites: Vec<_> = sites.into_iter().collect();
    sites.sort_by_key(|(_, it)| std::cmp::Reverse((it.spent, it.jobs)));
    let top: Vec<Value> = sites
        .into_iter()
        .take(TOP_SITES)
        .map(|(site, it)| json!({ "domain": site, "credits_used": it.spent, "requests": it.jobs }))
        .collect();
    json!({
        "today_credits": now.spent,
        "this_week_credits": week.spent,
        "this_month_credits": month.spent,
        "total_credits": balance.spent,
        "today_requests": now.jobs,
        "this_week_requests": week.jobs,
        "top_domains": top,
        "usage_since": days.first().map(|it| it.day.start().to_string()),
    })
}

/// A batch's ledger: what was held for it, and how each hold ended.
pub fn ledger(batch: &BatchRecord, entries: &[LedgerEntry]) -> Value {
    let (mut held, mut charged, mut released) = (Credits::ZERO, Credits::ZERO, Credits::ZERO);
    let mut lines = Vec::with_capacity(entries.len());
    for entry in entries {
        let (kind, took, cost, freed) = match entry.booking {
            Booking::Hold { amount } => ("hold", amount, Credits::ZERO, Credits::ZERO),
            Booking::Settle { charged, released } => ("settle", Credits::ZERO, charged, released),
        };
        held = held.saturating_add(took);
        charged = charged.saturating_add(cost);
        released = released.saturating_add(freed);
        lines.push(json!({
            "number": entry.number,
            "job_id": entry.job.map(|it| it.to_string()),
            "kind": kind,
            "held": took,
            "charged": cost,
            "released": freed,
            "at": entry.at.to_string(),
        }));
    }
    json!({
        "batch_id": batch.id.to_string(),
        "entries": lines,
        "held": held,
        "charged": charged,
        "released": released,
    })
}

/// What a batch would cost: its pages' sums, and each page by itself.
pub fn batch_estimate(estimates: &[(String, Estimate)]) -> Value {
    let sum = |of: fn(&Estimate) -> Credits| {
        let all = estimates.iter().map(|(_, it)| of(it));
        all.fold(Credits::ZERO, Credits::saturating_add)
    };
    let (likely, most) = (sum(|it| it.credits), sum(|it| it.most));
    json!({
        "total_urls": estimates.len(),
        "estimated_credits": likely,
        "max_possible_credits": most,
        "estimated_cost_dollars": likely.dollars(),
        "max_cost_dollars": most.dollars(),
        "items": estimates.iter().map(|(url, it)| estimate(url, it)).collect::<Vec<_>>(),
    })
}

/// What a page would cost: the union of what its readers look for (CONTRACT 1.6).
pub fn estimate(url: &str, estimate: &Estimate) -> Value {
    let tier = estimate.tier;
    let reasoning = match tier {
        Some(tier) if estimate.credits == estimate.most => {
            format!("tier {tier} ({}) is the only one that these options let it use", tier.name())
        }
        Some(tier) => format!(
            "it starts on tier {tier} ({}) and climbs only if the page is blocked, empty or needs rendering",
            tier.name()
        ),
        None => "nothing here can get such a page; see `rungs doctor`".to_owned(),
    };
    // One tier is certain; several are a guess until the page was seen.
    let confidence = match tier {
        Some(_) if estimate.credits == estimate.most => "high",
        Some(_) => "medium",
        None => "low",
    };
    json!({
        "url": url,
        "estimated_tier": tier.map(Tier::number).unwrap_or_default(),
        "estimated_credits": estimate.credits,
        "confidence": confidence,
        "max_possible_credits": estimate.most,
        "reasoning": reasoning,
        "tier_name": tier.map(Tier::name).unwrap_or_default(),
        "estimated_cost_dollars": estimate.credits.dollars(),
        "min_cost_dollars": estimate.credits.dollars(),
        "max_cost_dollars": estimate.most.dollars(),
        "reason": reasoning,
    })
}
