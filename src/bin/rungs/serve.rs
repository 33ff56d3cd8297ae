//! `rungs serve` and `rungs key`: the REST service as a program of its own.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use rungs::Engine;
use rungs::core::id::AccountId;
use rungs::core::request::Limits;
use rungs::engine::{Pacing, Settings, SystemEntropy};
use rungs::service::{ApiKey, Connections, Keys, Metrics, Names, Options, Service, serve};
use rungs::stores::{Memory, Sled};
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::args::{KeyArgs, NetArgs, ServeArgs};
use crate::driver::BrowserDriver;
use crate::{Done, Failure, say, setup};

/// The environment's name for a key: a command line can be read by others.
const KEY: &str = "RUNGS_API_KEY";
const LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8_080);

/// The settings file. An unknown field is a mistake, and not passed over.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    listen: Option<SocketAddr>,
    store: Option<PathBuf>,
    allow_private: bool,
    proxies: Vec<String>,
    /// The driver of the browser tier.
    browser: Option<BrowserDriver>,
    keys: Vec<ApiKey>,
    /// What the webhooks of accounts are signed with.
    webhook_secrets: BTreeMap<AccountId, String>,
    /// Pages at the same time.
    concurrency: Option<usize>,
    /// Pages of one site at the same time.
    per_host: Option<usize>,
    /// Pages of one site in a second.
    rate: Option<f64>,
    /// Items of one batch.
    batch_items: Option<usize>,
    /// Bytes of a request's body.
    body_bytes: Option<usize>,
    /// Connections at the same time.
    connections: Option<usize>,
    /// Seconds that requests, and after them pages, may go on once the program is told to stop.
    grace: Option<u64>,
    /// Whether an account may spend without end; if not, it spends what it is granted.
    limited_accounts: bool,
}

/// Serves until it is told to stop.
pub(crate) async fn run(args: ServeArgs) -> Done {
    let config: Config = match &args.config {
        Some(file) => read(file, "--config")?,
        None => Config::default(),
    };
    let keys = keys(&args, &config)?;
    let listen = args.listen.or(config.listen).unwrap_or(LISTEN);
    if !listen.ip().is_loopback() && !keys.are_needed() {
        return Err(Failure::Usage(format!(
            "{listen} can be reached from elsewhere, so it needs a key: make one with `rungs key \
             NAME` and give it with --api-keys"
        )));
    }
    let metrics = Metrics::default();
    // There is one recorder in a process, and this process has no other.
    let _ = metrics::set_global_recorder(metrics.clone());
    let engine = engine(&args, &config)?;
    let mut options = Options::default();
    options.body_bytes = config.body_bytes.unwrap_or(options.body_bytes);
    if !keys.are_needed() {
        options.names = Names::ThisMachine;
    }
    let service = Service::new(engine.clone()).keys(keys).options(options).metrics(metrics);
    let listener = TcpListener::bind(listen)
        .await
        .map_err(|why| Failure::Other(format!("{listen} cannot be listened on: {why}")))?;
    let bound = listener.local_addr().map_err(|error| Failure::of(&error))?;
    say(format_args!("listening on http://{bound}"));
    let mut connections = Connections::default();
    connections.most = config.connections.unwrap_or(connections.most);
    connections.grace = config.grace.map_or(connections.grace, Duration::from_secs);
    let stop = CancellationToken::new();
    let serving = tokio::spawn(serve(listener, service.router(), connections, stop.clone()));
    stop_asked().await;
    // First what is held, so that the connections can end; then the engine, which they may need.
    service.stop();
    stop.cancel();
    let _ = serving.await;
    engine.shutdown().await;
    Ok(ExitCode::SUCCESS)
}

fn engine(args: &ServeArgs, config: &Config) -> Result<Engine, Failure> {
    let mut settings = Settings::default();
    settings.concurrency = config.concurrency.unwrap_or(settings.concurrency);
    settings.grace = config.grace.map_or(settings.grace, Duration::from_secs);
    let usual = settings.pacing;
    let per_host = config.per_host.unwrap_or(usual.per_host);
    settings.pacing = Pacing { per_host, per_second: config.rate.or(usual.per_second) };
    settings.unlimited_accounts = !config.limited_accounts;
    let mut limits = Limits::default();
    limits.batch_items = config.batch_items.unwrap_or(limits.batch_items);
    let proxies = args.net.proxies.iter().chain(&config.proxies).cloned().collect();
    let allow_private = args.net.allow_private || config.allow_private;
    let browser = args.net.browser.or(config.browser);
    let net = NetArgs { proxies, allow_private, browser };
    let webhooks = setup::webhooks(setup::network(&net)?);
    let secrets = config.webhook_secrets.iter();
    let webhooks = secrets
        .fold(webhooks, |it, (account, secret)| it.account_secret(account.clone(), secret.clone()));
    let builder = setup::parts(&net)?.webhooks(webhooks).settings(settings).limits(limits);
    let built = match args.store.as_ref().or(config.store.as_ref()) {
        Some(dir) => builder.store(Sled::open(dir).map_err(|error| Failure::of(&error))?).build(),
        None => builder.store(Memory::default()).build(),
    };
    built.map_err(|error| Failure::of(&error))
}

/// Every key that was given, wherever.
fn keys(args: &ServeArgs, config: &Config) -> Result<Keys, Failure> {
    let mut keys = config.keys.clone();
    if let Some(file) = &args.key_file {
        keys.extend(read::<Vec<ApiKey>>(file, "--api-keys")?);
    }
    let plain = args.keys.iter().cloned().chain(std::env::var(KEY).ok());
    for (at, secret) in plain.filter(|it| !it.is_empty()).enumerate() {
        let key = ApiKey::new(format!("key-{}", at + 1), AccountId::default(), &secret);
        keys.push(key.map_err(|error| Failure::Usage(error.to_string()))?);
    }
    if args.key_file.is_some() && keys.is_empty() {
        return Err(Failure::Usage("--api-keys names a file without a key".to_owned()));
    }
    Keys::new(keys).map_err(|error| Failure::Usage(error.to_string()))
}

fn read<T: for<'de> Deserialize<'de>>(file: &Path, option: &str) -> Result<T, Failure> {
    let wrong = |why: String| Failure::Usage(format!("{option} {}: {why}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|why| wrong(why.to_string()))?;
    serde_json::from_str(&text).map_err(|why| wrong(why.to_string()))
}

/// Resolves when the process is asked to end.
async fn stop_asked() {
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated() => {}
    }
}

#[cfg(unix)]
async fn terminated() {
    use tokio::signal::unix::{SignalKind, signal};

    match signal(SignalKind::terminate()) {
        Ok(mut signals) => {
            signals.recv().await;
        }
        Err(_) => std::future::pending().await,
    }
}

#[cfg(not(unix))]
async fn terminated() {
    std::future::pending().await
}

/// Prints a new key, and what the service is given of it.
pub(crate) fn key(args: &KeyArgs) -> Done {
    let usage = |why: String| Failure::Usage(why);
    let account = AccountId::new(&args.account).map_err(|error| usage(error.to_string()))?;
    let secret = ApiKey::random(&SystemEntropy);
    let key =
        ApiKey::new(&args.name, account, &secret).map_err(|error| usage(error.to_string()))?;
    say(format_args!("the key, which is shown this once: {secret}"));
    say("for the list in the file of --api-keys:");
    let line = serde_json::json!({
        "name": key.name, "account": key.account, "hash": key.hash,
        "requests_per_minute": null, "concurrent": null, "spend": null,
    });
    say(line);
    Ok(ExitCode::SUCCESS)
}
