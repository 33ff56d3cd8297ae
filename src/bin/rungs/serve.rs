//! `rungs serve`: runs the REST service.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use rungs::Engine;
use rungs::core::backoff::RetrySchedule;
use rungs::core::id::AccountId;
use rungs::core::request::Limits;
use rungs::core::usage::Budget;
use rungs::engine::Settings;
use rungs::net::{NetPolicy, ProxyUrl, WebBotAuth};
use rungs::service::wire::KnownFields;
use rungs::service::{
    AllowedHosts, ApiKey, ConnectionLimits, Keys, Metrics, Service, ServiceOptions, serve,
};
use rungs::webhook::Webhooks;
use serde::Deserialize;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::args::{NetArgs, Role, ServeArgs};
use crate::driver::{BrowserDriver, BrowserPlace};
use crate::error::{CliError, CommandResult, io_reason};
use crate::store::StorePath;
use crate::{bodies, input, print, setup, stop};

/// Environment variable with an API key. Other users of the machine can read a command line.
const API_KEY: &str = "RUNGS_API_KEY";
/// The notice of a service that has no secret for webhooks.
const UNSIGNED: &str = "webhooks are unsigned: set RUNGS_WEBHOOK_SECRET to a random text of 24 characters or more, so \
                        that receivers can verify the sender";
/// The notice of a worker that other machines reach and that has no API key.
const NO_METRICS: &str = "/metrics is not served: other machines reach this address, so pass a key of `rungs key NAME \
                          --metrics` with --api-keys";
/// Default address.
const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8_080);

/// The settings file. An unknown field is an error.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    listen: Option<SocketAddr>,
    store: Option<PathBuf>,
    /// URL of an object store for results.
    bodies: Option<String>,
    allow_private: bool,
    proxies: Vec<String>,
    /// Proxies that accounts bring, by account and id.
    own_proxies: BTreeMap<AccountId, BTreeMap<String, String>>,
    /// File with the keys that encrypt sessions.
    session_keys: Option<PathBuf>,
    /// File with the key that signs requests.
    bot_auth_key: Option<PathBuf>,
    /// Origin whose directory has the public key.
    bot_auth_agent: Option<String>,
    /// Driver of the browser tier.
    browser: Option<BrowserDriver>,
    keys: Vec<ApiKey>,
    /// Signing secrets for the webhooks of accounts.
    webhook_secrets: BTreeMap<AccountId, String>,
    /// Pages to fetch at the same time.
    concurrency: Option<usize>,
    /// Pages to fetch from one site at the same time.
    per_host: Option<usize>,
    /// Pages to fetch from one site per second.
    rate: Option<f64>,
    /// Pages of one account to fetch at the same time.
    per_account: Option<usize>,
    /// Turns of accounts relative to others, which have 1.
    account_weights: BTreeMap<AccountId, u32>,
    /// Hours to keep a batch after its last page.
    retention: Option<u64>,
    /// Maximum number of items in a batch.
    batch_items: Option<usize>,
    /// Maximum size of a request body in bytes.
    body_bytes: Option<u64>,
    /// Maximum number of simultaneous connections.
    connections: Option<usize>,
    /// Seconds between the attempts to deliver a webhook.
    webhook_retries: Option<Vec<u64>>,
    /// Connections from one address at the same time.
    connections_per_address: Option<usize>,
    /// Event streams of one API key at the same time.
    streams_per_key: Option<u32>,
    /// Requests of one API key at the same time, unless the key has a limit of its own.
    concurrent_per_key: Option<u32>,
    /// Seconds without a sign of life after which the pages of a dead process start again elsewhere.
    lease: Option<u64>,
    /// Seconds that requests, and after them pages, get to finish on shutdown.
    grace: Option<u64>,
    /// `true` if accounts may only spend the credits that they were granted.
    limited_accounts: bool,
}

/// Serves until the process gets SIGINT or SIGTERM.
pub(crate) async fn run(args: ServeArgs) -> CommandResult {
    let config = config(&args)?;
    let keys = keys(&args, &config)?;
    let listen = address(&args, &config, &keys)?;
    let is_open = !listen.ip().is_loopback() && !keys.are_required();
    let metrics = Metrics::default();
    // Nothing else in this process installs a recorder.
    let _ = metrics::set_global_recorder(metrics.clone());
    let engine = engine(&args, &config).await?;
    let options = service_options(&config, &keys);
    let service = Service::new(engine.clone()).keys(keys).options(options);
    let service = if is_open { service } else { service.metrics(metrics) };
    let service = match bot_auth(&args, &config)? {
        Some(identity) => service.key_directory(identity),
        None => service,
    };
    let router = if args.role.serves_api() { service.router() } else { service.probe_router() };
    let listener = bind(listen).await?;
    let bound = listener.local_addr().map_err(|error| CliError::failed(&error))?;
    let stopped = stop::signals();
    print::line(format_args!("listening on http://{bound}"));
    if is_open {
        eprintln!("{NO_METRICS}");
    }
    if args.role.works() && !engine.signs_webhooks(&AccountId::default()) {
        eprintln!("{UNSIGNED}");
    }
    let stop = CancellationToken::new();
    let limits = connection_limits(&config);
    let serving = tokio::spawn(serve(listener, router, limits, stop.clone()));
    stopped.await;
    // Waiting requests first, so that connections can close; then the engine, which they may need.
    service.begin_shutdown();
    stop.cancel();
    let _ = serving.await;
    engine.shutdown().await;
    Ok(ExitCode::SUCCESS)
}

/// Reads the settings file, if there is one.
pub(crate) fn config(args: &ServeArgs) -> Result<Config, CliError> {
    match &args.config {
        Some(file) => read_json(file, "--config", &config_fields()),
        None => Ok(Config::default()),
    }
}

/// Returns the address to listen on. Refuses an API without keys that other machines can reach.
pub(crate) fn address(
    args: &ServeArgs,
    config: &Config,
    keys: &Keys,
) -> Result<SocketAddr, CliError> {
    let listen = args.listen.or(config.listen).unwrap_or(LISTEN);
    let is_open = !listen.ip().is_loopback() && !keys.are_required();
    if is_open && args.role.serves_api() {
        return Err(CliError::Usage(format!(
            "{listen} is reachable from other machines and requires an API key: generate one with `rungs key NAME` \
             and pass it with --api-keys"
        )));
    }
    Ok(listen)
}

/// Listens on the address.
pub(crate) async fn bind(listen: SocketAddr) -> Result<TcpListener, CliError> {
    TcpListener::bind(listen).await.map_err(|error| {
        CliError::Failed(format!(
            "cannot listen on {listen} ({}): stop the program that uses the address, or choose another one with \
             --listen",
            io_reason(&error)
        ))
    })
}

pub(crate) fn service_options(config: &Config, keys: &Keys) -> ServiceOptions {
    let mut options = ServiceOptions::default();
    options.max_body_bytes = config.body_bytes.unwrap_or(options.max_body_bytes);
    options.max_streams_per_key = config.streams_per_key.unwrap_or(options.max_streams_per_key);
    options.max_concurrent_per_key =
        config.concurrent_per_key.unwrap_or(options.max_concurrent_per_key);
    if !keys.are_required() {
        options.allowed_hosts = AllowedHosts::LocalhostOrIp;
    }
    options
}

pub(crate) fn connection_limits(config: &Config) -> ConnectionLimits {
    let mut limits = ConnectionLimits::default();
    limits.max_connections = config.connections.unwrap_or(limits.max_connections);
    limits.max_connections_per_address =
        config.connections_per_address.unwrap_or(limits.max_connections_per_address);
    limits.shutdown_grace = config.grace.map_or(limits.shutdown_grace, Duration::from_secs);
    limits
}

/// Adds the signing secrets of the accounts.
fn account_secrets(mut webhooks: Webhooks, config: &Config) -> Result<Webhooks, CliError> {
    for (account, secret) in &config.webhook_secrets {
        setup::check_secret(&format!("webhook_secrets.{account}"), secret)?;
        webhooks = webhooks.account_secret(account.clone(), secret.clone());
    }
    Ok(webhooks)
}

pub(crate) async fn engine(args: &ServeArgs, config: &Config) -> Result<Engine, CliError> {
    let mut settings = Settings::default();
    settings.concurrency = config.concurrency.unwrap_or(settings.concurrency);
    settings.grace = config.grace.map_or(settings.grace, Duration::from_secs);
    settings.lease = config.lease.map_or(settings.lease, Duration::from_secs);
    settings.pacing.per_host = config.per_host.unwrap_or(settings.pacing.per_host);
    settings.pacing.per_second = config.rate.or(settings.pacing.per_second);
    settings.per_account = args.per_account.or(config.per_account);
    let retention = args.retention.or(config.retention).map(setup::hours);
    settings.retention = retention.unwrap_or(settings.retention);
    settings.unlimited_accounts = !config.limited_accounts;
    if let Some(seconds) = args.webhook_retries.as_ref().or(config.webhook_retries.as_ref()) {
        settings.webhook_retry = webhook_retry(seconds)?;
    }
    let mut limits = Limits::default();
    limits.batch_items = config.batch_items.unwrap_or(limits.batch_items);
    let proxies = args.net.proxies.iter().chain(&config.proxies).cloned().collect();
    let allow_private = args.net.allow_private || config.allow_private;
    let browser = args.net.browser.or(config.browser);
    let net = NetArgs { proxies, allow_private, browser, ..args.net.clone() };
    let network = own_proxies(setup::network(&net)?, config)?;
    let webhooks = account_secrets(setup::webhooks(network.clone())?, config)?;
    let place = if args.role.works() { BrowserPlace::Here } else { BrowserPlace::Elsewhere };
    let builder = setup::builder_on(network, browser, place, bot_auth(args, config)?)?;
    let builder = builder.webhooks(webhooks).settings(settings).limits(limits);
    let weights = config.account_weights.iter();
    let builder = weights.fold(builder, |builder, (account, weight)| {
        builder.account_weight(account.clone(), *weight)
    });
    let builder = if args.role.works() { builder } else { builder.calls_only() };
    let store = args.store.as_deref().or(config.store.as_deref());
    check_role(args.role, store)?;
    let url = args.bodies.as_deref().or(config.bodies.as_deref());
    let keys = args.session_keys.as_deref().or(config.session_keys.as_deref());
    let keys = setup::session_keys(keys)?;
    bodies::add_stores(builder, store, url, keys).await?.build().map_err(setup::build_error)
}

/// Reads the key that signs requests and that the service publishes.
fn bot_auth(args: &ServeArgs, config: &Config) -> Result<Option<WebBotAuth>, CliError> {
    let key = args.net.bot_auth_key.as_deref().or(config.bot_auth_key.as_deref());
    let agent = args.net.bot_auth_agent.as_deref().or(config.bot_auth_agent.as_deref());
    setup::bot_auth(key, agent)
}

/// Refuses a role that leaves work to processes which cannot open the store.
pub(crate) fn check_role(role: Role, store: Option<&Path>) -> Result<(), CliError> {
    let is_shared = store.is_some_and(|it| StorePath::parse(it).is_shared());
    if role == Role::All || is_shared {
        return Ok(());
    }
    let name = if role == Role::Api { "api" } else { "worker" };
    Err(CliError::Usage(format!(
        "--role {name}: no other process can open this store: use --store postgres://USER@HOST/DATABASE, or leave \
         --role out"
    )))
}

/// Adds the proxies that accounts bring.
fn own_proxies(mut network: NetPolicy, config: &Config) -> Result<NetPolicy, CliError> {
    for (account, proxies) in &config.own_proxies {
        let mut own = Vec::with_capacity(proxies.len());
        for (id, url) in proxies {
            let parsed = ProxyUrl::parse(url)
                .map_err(|error| CliError::Usage(format!("own_proxies.{account}.{id}: {error}")))?;
            own.push((id.clone(), parsed));
        }
        network = network.account_proxies(account, own);
    }
    Ok(network)
}

fn webhook_retry(seconds: &[u64]) -> Result<RetrySchedule, CliError> {
    let waits: Vec<_> = seconds.iter().copied().map(Duration::from_secs).collect();
    RetrySchedule::new(&waits).ok_or_else(|| {
        let most = RetrySchedule::MAX_RETRIES;
        CliError::Usage(format!("webhook_retries: {} waits; use {most} at most", waits.len()))
    })
}

/// Collects the API keys of the settings file, the key file, the command line and the environment.
pub(crate) fn keys(args: &ServeArgs, config: &Config) -> Result<Keys, CliError> {
    let mut keys = config.keys.clone();
    if let Some(file) = &args.key_file {
        keys.extend(read_json::<Vec<ApiKey>>(file, "--api-keys", &key_fields())?);
    }
    let plain = args.keys.iter().cloned().chain(std::env::var(API_KEY).ok());
    for (index, secret) in plain.filter(|it| !it.is_empty()).enumerate() {
        let name = format!("key-{}", index + 1);
        let key = ApiKey::new(name, AccountId::default(), &secret);
        keys.push(key.map_err(|error| CliError::Usage(error.to_string()))?);
    }
    if args.key_file.is_some() && keys.is_empty() {
        let message = "the file of --api-keys has no key: add one that `rungs key NAME` generates";
        return Err(CliError::Usage(message.to_owned()));
    }
    Keys::new(keys).map_err(|error| CliError::Usage(error.to_string()))
}

/// The fields of the settings file.
fn config_fields() -> KnownFields {
    KnownFields::of::<Config>().list("keys", key_fields())
}

/// The fields of an API key, in the settings file or in the file of `--api-keys`.
fn key_fields() -> KnownFields {
    KnownFields::of::<ApiKey>().object("spend", KnownFields::of::<Budget>())
}

/// Reads an object with these fields, or a list of such objects.
fn read_json<T: for<'de> Deserialize<'de>>(
    file: &Path,
    option: &str,
    known: &KnownFields,
) -> Result<T, CliError> {
    let path = file.display();
    let text = std::fs::read_to_string(file).map_err(|error| {
        let reason = io_reason(&error);
        CliError::Usage(format!("{option}: cannot read {path} ({reason}): check the path"))
    })?;
    let invalid = |error: &dyn std::fmt::Display| {
        CliError::Usage(format!("{option}: {path} is invalid: {error}"))
    };
    let value: Value = serde_json::from_str(&text).map_err(|error| invalid(&error))?;
    let objects = value.as_array().map_or(std::slice::from_ref(&value), Vec::as_slice);
    if let Some(field) = objects.iter().flat_map(|it| known.unknown(it)).next() {
        let line = input::line_of(&field, &text);
        let place = line.map_or_else(String::new, |it| format!("line {it}: "));
        return Err(invalid(&format_args!("{place}{field}")));
    }
    // From the text and not from the value, so that an error names the line.
    serde_json::from_str(&text).map_err(|error| invalid(&error))
}
