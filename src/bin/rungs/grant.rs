//! `rungs grant`: grants credits to an account, or prints its balance.
//!
//! Works on the store itself, which no other process may have open, or through a running service.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rungs::core::credits::Credits;
use rungs::core::id::AccountId;
use rungs::core::ledger::Account;
use rungs::core::record::{Key, Record};
use rungs::core::request::{ContentType, Item, Limits, Method};
use rungs::core::tier::Tier;
use rungs::engine::{EngineError, Grant, SystemEntropy, grant_once};
use rungs::fetch::Http;
use rungs::net::NetPolicy;
use rungs::ports::clock::Entropy;
use rungs::ports::fetch::{FetchRequest, HttpFetcher};
use rungs::ports::store::{Store, StoreError};
use rungs::service::wire;

use crate::args::GrantArgs;
use crate::error::{CliError, CommandResult};
use crate::print;
use crate::store::{OpenError, StorePath};

/// Environment variable with the API key for administration. Other users of the machine can read a command line.
const ADMIN_KEY: &str = "RUNGS_ADMIN_KEY";

/// Credits to add, and the key of the grant.
type Amount = (Credits, String);

/// Grants credits, or prints the balance if no amount is given.
pub(crate) async fn run(args: GrantArgs) -> CommandResult {
    let account =
        AccountId::new(&args.account).map_err(|error| CliError::Usage(error.to_string()))?;
    let random = || format!("grant-{:016x}", SystemEntropy.random_u64());
    let amount = args.credits.map(|it| (Credits(it), args.key.unwrap_or_else(random)));
    match (&args.store, &args.url) {
        (Some(dir), _) => in_store(dir, account, amount).await?,
        (None, Some(url)) => by_service(url, &account, amount).await?,
        (None, None) => {
            let message = "no store and no service: add --store DIR or --url URL";
            return Err(CliError::Usage(message.to_owned()));
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn in_store(dir: &Path, account: AccountId, amount: Option<Amount>) -> Result<(), CliError> {
    let path = dir.display();
    let store = StorePath::parse(dir).open_existing().await;
    let store = store.map_err(|error| match error {
        OpenError::Store(StoreError::InUse { .. }) => CliError::Failed(format!(
            "the store in {path} is in use: grant through the running service with `--url http://127.0.0.1:8080` and an \
             API key from `rungs key NAME --admin` in {ADMIN_KEY}, or stop the service"
        )),
        error => error.into(),
    })?;
    let Some((credits, key)) = amount else {
        let found = store.load(vec![Key::Account(account.clone())]).await;
        let found = found.map_err(|error| CliError::failed(&error))?.into_iter().flatten().next();
        let Some(Record::Account(account)) = found.map(|it| it.record) else {
            return Err(CliError::failed(&EngineError::AccountNotFound(account)));
        };
        print_balance(&account);
        return Ok(());
    };
    let granted = grant_once(store, Grant::new(account, credits, key.clone())).await;
    let granted = granted.map_err(|error| match error {
        EngineError::InvalidGrantKey | EngineError::GrantKeyReused { .. } => {
            CliError::Usage(format!("--key: {error}"))
        }
        error => CliError::failed(&error),
    })?;
    print_grant(credits, &key, granted.is_repeat);
    print_balance(&granted.account);
    Ok(())
}

fn print_grant(credits: Credits, key: &str, is_repeat: bool) {
    let note = if is_repeat { "granted before, nothing was added" } else { "granted" };
    print::line(format_args!("{note}: {} credits, key {key}", credits.0));
}

fn print_balance(account: &Account) {
    let parts = [account.granted(), account.free(), account.held(), account.spent()];
    print_credits(account.id().as_str(), parts);
}

fn print_credits(account: &str, credits: [Credits; 4]) {
    let [granted, free, held, spent] = credits.map(|it| it.0);
    print::line(format_args!(
        "{account}: {free} credits free, {held} held, {spent} spent, {granted} granted"
    ));
}

/// Sends the request to a running service.
async fn by_service(
    url: &str,
    account: &AccountId,
    amount: Option<Amount>,
) -> Result<(), CliError> {
    let base = url.trim_end_matches('/');
    let name = utf8_percent_encode(account.as_str(), NON_ALPHANUMERIC);
    let mut item = Item::get(format!("{base}/api/v1/accounts/{name}"));
    if let Some((credits, key)) = &amount {
        item.url.push_str("/grants");
        item.method = Method::Post;
        item.content_type = Some(ContentType::Json);
        item.body = Some(wire::grant_body(*credits, key));
    }
    let key = std::env::var(ADMIN_KEY).ok().filter(|it| !it.is_empty());
    let has_key = key.is_some();
    if let Some(key) = key {
        item.headers.push(("X-API-Key".to_owned(), key));
    }
    let request = item
        .check(&Limits::default())
        .map_err(|error| CliError::Usage(format!("--url: {}", error.reason())))?;
    // The operator names the service, which is often on this machine.
    let client = Http::new().network(NetPolicy::new().allow_private());
    let response = client.fetch(FetchRequest::new(Arc::new(request), Tier::Curl)).await;
    let response = response.map_err(|error| CliError::failed(&error))?;
    if response.status == 401 {
        return Err(unauthorized(base, has_key));
    }
    let granted = wire::read_granted(response.status, &response.body)
        .map_err(|error| CliError::Failed(format!("{base}: {error}")))?;
    if let Some((credits, key)) = amount {
        print_grant(credits, &key, granted.is_repeat);
    }
    print_credits(account.as_str(), [granted.granted, granted.free, granted.held, granted.spent]);
    Ok(())
}

/// Explains that the service knows no key of this request: the key is in a variable, not in a header.
fn unauthorized(base: &str, has_key: bool) -> CliError {
    let state = if has_key { "has no key that the service knows" } else { "is not set" };
    CliError::Usage(format!(
        "{base}: the service requires an API key, and {ADMIN_KEY} {state}: set it to a key from `rungs key NAME --admin`"
    ))
}
