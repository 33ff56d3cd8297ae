//! Items and engines from command-line arguments.

use std::path::Path;
use std::time::Duration;

use rungs::core::request::Item;
use rungs::engine::{BuildError, EngineBuilder, Settings};
use rungs::fetch::{Chrome, Http, Pdf, Tesseract};
use rungs::llm::{Chat, ChatModel};
use rungs::net::{BotKey, NetPolicy, ProxyUrl, WebBotAuth};
use rungs::ports::store::Store;
use rungs::stores::SealingKeys;
use rungs::webhook::{WebhookSecret, Webhooks};
use rungs::{Batch, Engine};

use crate::args::{NetArgs, PageArgs};
use crate::driver::{BrowserDriver, BrowserPlace};
use crate::error::{CliError, io_reason};

/// Environment variable with the secret that signs webhooks. Other users of the machine can read a command line.
const WEBHOOK_SECRET: &str = "RUNGS_WEBHOOK_SECRET";

/// Environment variable with the keys that encrypt sessions, one per line.
const SESSION_KEYS: &str = "RUNGS_SESSION_KEYS";

/// Environment variable with the base URL of a language model's chat completions API.
const MODEL_URL: &str = "RUNGS_LLM_URL";
/// Environment variable with the name of the model.
const MODEL: &str = "RUNGS_LLM_MODEL";
/// Environment variable with the API key of the model.
const MODEL_KEY: &str = "RUNGS_LLM_KEY";

/// Returns a number of hours as a duration.
pub(crate) fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours.saturating_mul(3_600))
}

/// Creates an item with these options and without a URL.
pub(crate) fn item(args: &PageArgs) -> Result<Item, CliError> {
    let mut item = Item::default()
        .mode(args.mode)
        .formats(args.formats_or_default())
        .timeout(Duration::from_secs(args.timeout))
        .profile(args.profile);
    item.extraction_prompt.clone_from(&args.prompt);
    item.advanced.explain_content = args.explain_content;
    item.include_raw_html = args.raw_html;
    item.cost_controls.max_tier = args.max_tier;
    item.cost_controls.force_tier = args.force_tier;
    for header in &args.headers {
        let Some((name, value)) = header.split_once(':') else {
            let message = format!("invalid --header '{header}': use 'Name: value'");
            return Err(CliError::Usage(message));
        };
        item.headers.push((name.trim().to_owned(), value.trim().to_owned()));
    }
    if let Some(file) = &args.schema {
        item.extraction_schema = Some(schema(file)?);
    }
    Ok(item)
}

fn schema(file: &Path) -> Result<serde_json::Value, CliError> {
    let path = file.display();
    let text = std::fs::read_to_string(file).map_err(|error| {
        let reason = io_reason(&error);
        CliError::Usage(format!("--schema: cannot read {path} ({reason}): check the path"))
    })?;
    serde_json::from_str(&text)
        .map_err(|error| CliError::Usage(format!("--schema: {path} is not JSON: {error}")))
}

/// Creates the network policy.
pub(crate) fn network(args: &NetArgs) -> Result<NetPolicy, CliError> {
    let network = NetPolicy::new();
    let network = if args.allow_private { network.allow_private() } else { network };
    let proxies = args.proxies.iter().map(|it| ProxyUrl::parse(it));
    let proxies: Vec<ProxyUrl> = proxies
        .collect::<Result<_, _>>()
        .map_err(|error| CliError::Usage(format!("--proxy: {error}")))?;
    Ok(network.proxies(proxies))
}

/// Creates an engine with this store.
pub(crate) fn engine(
    args: &NetArgs,
    settings: Settings,
    store: impl Store + 'static,
) -> Result<Engine, CliError> {
    let builder = builder(args)?.store(store).settings(settings);
    builder.build().map_err(build_error)
}

/// Converts the error of an engine that was not built. A setting comes from the command line or the settings file.
pub(crate) fn build_error(error: BuildError) -> CliError {
    match error {
        BuildError::Setting { .. } => CliError::Usage(error.to_string()),
        error => CliError::failed(&error),
    }
}

/// Reads the keys that encrypt sessions, from the file or the environment.
pub(crate) fn session_keys(file: Option<&Path>) -> Result<Option<SealingKeys>, CliError> {
    let (source, text) = match file {
        Some(file) => {
            let path = file.display();
            let text = std::fs::read_to_string(file).map_err(|error| {
                let reason = io_reason(&error);
                let message =
                    format!("--session-keys: cannot read {path} ({reason}): check the path");
                CliError::Usage(message)
            })?;
            (format!("--session-keys: {path}"), text)
        }
        None => match std::env::var(SESSION_KEYS) {
            Ok(text) if !text.trim().is_empty() => (SESSION_KEYS.to_owned(), text),
            _ => return Ok(None),
        },
    };
    let keys = SealingKeys::parse(&text);
    keys.map(Some).map_err(|error| CliError::Usage(format!("{source}: {error}")))
}

/// Reads the key that signs requests.
pub(crate) fn bot_auth(
    file: Option<&Path>,
    agent: Option<&str>,
) -> Result<Option<WebBotAuth>, CliError> {
    let Some(file) = file else {
        return match agent {
            Some(_) => {
                let message =
                    "--bot-auth-agent has no effect without a key: add --bot-auth-key FILE";
                Err(CliError::Usage(message.to_owned()))
            }
            None => Ok(None),
        };
    };
    let path = file.display();
    let usage = |reason: String| CliError::Usage(format!("--bot-auth-key: {path}: {reason}"));
    let bytes = std::fs::read(file).map_err(|error| usage(io_reason(&error)))?;
    let key = BotKey::parse(&bytes).map_err(|error| usage(error.to_string()))?;
    let identity = WebBotAuth::new(key);
    let identity = match agent {
        Some(url) => identity
            .agent(url)
            .map_err(|error| CliError::Usage(format!("--bot-auth-agent: {error}")))?,
        None => identity,
    };
    Ok(Some(identity))
}

/// Creates the webhook client.
pub(crate) fn webhooks(network: NetPolicy) -> Result<Webhooks, CliError> {
    let webhooks = match std::env::var(WEBHOOK_SECRET) {
        Ok(secret) if !secret.is_empty() => {
            check_secret(WEBHOOK_SECRET, &secret)?;
            Webhooks::signed_with(secret)
        }
        _ => Webhooks::unsigned(),
    };
    Ok(webhooks.network(network))
}

/// Checks a signing secret that `place` contains.
pub(crate) fn check_secret(place: &str, secret: &str) -> Result<(), CliError> {
    let checked = WebhookSecret::parse(secret);
    checked.map(drop).map_err(|error| CliError::Usage(format!("{place}: {error}")))
}

/// Creates the language model for prompts, if the environment configures one.
fn model(network: NetPolicy) -> Result<Option<Chat>, CliError> {
    let variable = |name: &str| std::env::var(name).ok().filter(|it| !it.is_empty());
    let Some(base) = variable(MODEL_URL) else { return Ok(None) };
    let name = variable(MODEL).ok_or_else(|| {
        let message =
            format!("{MODEL_URL} is set without {MODEL}: set it to the name of the model");
        CliError::Usage(message)
    })?;
    let mut model = ChatModel::new(&base, name)
        .map_err(|error| CliError::Usage(format!("{MODEL_URL}: {error}")))?;
    if let Some(key) = variable(MODEL_KEY) {
        model = model.api_key(key);
    }
    Ok(Some(Chat::new(model).network(network)))
}

/// Creates the builder of an engine, complete but for the store and the settings.
pub(crate) fn builder(args: &NetArgs) -> Result<EngineBuilder, CliError> {
    let identity = bot_auth(args.bot_auth_key.as_deref(), args.bot_auth_agent.as_deref())?;
    builder_on(network(args)?, args.browser, BrowserPlace::Here, identity)
}

/// As [`builder`], with this network policy, for the browsers of this machine or of others.
pub(crate) fn builder_on(
    network: NetPolicy,
    browser: Option<BrowserDriver>,
    place: BrowserPlace,
    identity: Option<WebBotAuth>,
) -> Result<EngineBuilder, CliError> {
    let http = Http::new().network(network.clone());
    let http = match identity {
        Some(identity) => http.web_bot_auth(identity),
        None => http,
    };
    let chrome = Chrome::new().network(network.clone());
    let builder = Engine::builder().http(http).webhooks(webhooks(network.clone())?);
    let builder = browser.unwrap_or_default().add_to(builder, &chrome, place)?;
    let builder = match model(network)? {
        Some(model) => builder.prompts(model),
        None => builder,
    };
    // If tesseract is missing, the first image fails with an error that names the package to install.
    Ok(builder.ocr(Tesseract::new()).pdf(Pdf::new()))
}

/// Creates a batch of these items.
pub(crate) fn batch(items: Vec<Item>, webhook: Option<&str>, key: String) -> Batch {
    let batch = Batch::new(items).idempotency_key(key);
    match webhook {
        Some(url) => batch.webhook(url),
        None => batch,
    }
}
