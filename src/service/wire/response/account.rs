//! Balance and usage of an account.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::core::credits::Credits;
use crate::core::ledger::{Account, GrantRecord};
use crate::core::time::Day;
use crate::core::usage::{DailyUsage, Period, UsageTotals};
use crate::engine::Granted;

/// Balance of an unlimited account: a million dollars. Clients compute with it, and warn when it is low.
const UNLIMITED: Credits = Credits(1_000_000_000_000);
/// Sites that are listed, those with the highest spending first.
const TOP_SITES: usize = 10;
/// Credits per cent of a dollar.
const CREDITS_PER_CENT: u64 = 10_000;

/// An account's balance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Balance {
    /// Credits that can be held.
    pub(crate) free: Credits,
    /// Credits granted since the account was opened.
    pub(crate) granted: Credits,
    /// Credits spent since the account was opened.
    pub(crate) spent: Credits,
    /// `true` if holds never fail.
    pub(crate) unlimited: bool,
}

impl Balance {
    /// Reads the balance of `account`. One that does not exist yet is opened with its first batch. `unlimited` is the
    /// engine's setting: that of an account is from its last batch or grant.
    pub(crate) fn of(account: Option<&Account>, unlimited: bool) -> Self {
        let spent = account.map(Account::spent).unwrap_or_default();
        let granted = account.map(Account::granted).unwrap_or_default();
        let free = account.map(Account::free).unwrap_or_default();
        if unlimited {
            return Self {
                free: UNLIMITED,
                granted: UNLIMITED.saturating_add(spent),
                spent,
                unlimited,
            };
        }
        Self { free, granted, spent, unlimited }
    }

    /// Formats the free credits in dollars, such as `$0.42`.
    pub(crate) fn display(self) -> String {
        format!("${:.2}", self.free.dollars())
    }

    /// Returns `low`, `critical` or `exhausted`; `None` if the balance is healthy.
    pub(crate) fn warning(self) -> Option<&'static str> {
        match self.free.0 {
            0 => Some("exhausted"),
            1..100_000 => Some("critical"),
            100_000..500_000 => Some("low"),
            _ => None,
        }
    }
}

/// Sums the usage since `first`.
fn since(days: &[DailyUsage], first: Day) -> UsageTotals {
    days.iter()
        .filter(|it| it.day >= first)
        .fold(UsageTotals::default(), |sums, it| sums.and(it.total))
}

/// Serializes the usage of this month. Three families of clients read different names (CONTRACT 1.7).
pub(crate) fn usage(balance: &Balance, today: Day, days: &[DailyUsage]) -> Value {
    let month = since(days, today.month());
    let start = today.month().start().to_string();
    let end = Period::Monthly.ends(today).to_string();
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

/// Serializes the balance.
pub(crate) fn balance(balance: &Balance) -> Value {
    json!({
        "balance_microcents": balance.free,
        "balance_display": balance.display(),
        "total_deposited_cents": balance.granted.0 / CREDITS_PER_CENT,
        "total_spent_cents": balance.spent.0 / CREDITS_PER_CENT,
    })
}

/// Serializes the usage of today, this week, this month and in total, and the sites with the highest spending.
pub(crate) fn billing_usage(balance: &Balance, today: Day, days: &[DailyUsage]) -> Value {
    let day = since(days, today);
    let week = since(days, today.week());
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
        "today_credits": day.spent,
        "this_week_credits": week.spent,
        "this_month_credits": month.spent,
        "total_credits": balance.spent,
        "today_requests": day.jobs,
        "this_week_requests": week.jobs,
        "top_domains": top,
        "usage_since": days.first().map(|it| it.day.start().to_string()),
    })
}

/// Serializes an account for its operator, with its grants, newest first.
pub(crate) fn account(account: &Account, limited: bool, mut grants: Vec<GrantRecord>) -> Value {
    grants.sort_by_key(|it| std::cmp::Reverse(it.at));
    let mut body = credits_of(account, limited);
    body["grants"] = grants.iter().map(grant).collect();
    body
}

/// Serializes the result of a grant: the grant, and the account after it.
pub(crate) fn granted(granted: &Granted, limited: bool) -> Value {
    let mut body = credits_of(&granted.account, limited);
    body["grant"] = grant(&granted.record);
    body["repeated"] = json!(granted.is_repeat);
    body
}

/// The credits of an account, as a service reports them to its operator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WireCredits {
    /// Credits that were ever granted.
    pub granted: Credits,
    /// Credits that batches can hold.
    pub free: Credits,
    /// Credits held for jobs that have not ended.
    pub held: Credits,
    /// Credits charged for jobs.
    pub spent: Credits,
    /// `true` if the grant had been made before.
    pub is_repeat: bool,
}

/// Writes the body of `POST /accounts/{account}/grants`.
pub fn grant_body(credits: Credits, key: &str) -> String {
    json!({ "credits": credits, "key": key }).to_string()
}

/// Reads a service's response about an account or a grant.
///
/// # Errors
///
/// The message of the service, or the reason why the response is not one of a service.
pub fn read_granted(status: u16, body: &[u8]) -> Result<WireCredits, String> {
    let body: Value = serde_json::from_slice(body)
        .map_err(|_| "no rungs service responds there: check the address".to_owned())?;
    let credits = |name: &str| body[name].as_u64().map(Credits);
    match credits("credits_granted") {
        Some(granted) if status == 200 => Ok(WireCredits {
            granted,
            free: credits("credits_available").unwrap_or_default(),
            held: credits("credits_held").unwrap_or_default(),
            spent: credits("credits_spent").unwrap_or_default(),
            is_repeat: body["repeated"] == true,
        }),
        _ => {
            let message = body["message"].as_str();
            Err(message
                .map_or_else(|| format!("the service responded with {status}"), str::to_owned))
        }
    }
}

fn credits_of(account: &Account, limited: bool) -> Value {
    json!({
        "account": account.id().as_str(),
        "limited": limited,
        "credits_granted": account.granted(),
        "credits_available": account.free(),
        "credits_held": account.held(),
        "credits_spent": account.spent(),
    })
}

fn grant(grant: &GrantRecord) -> Value {
    json!({ "key": grant.key, "credits": grant.amount, "granted_at": grant.at.to_string() })
}
