//! Options to items, and options to an engine.

use rungs::core::request::Item;
use rungs::engine::{EngineBuilder, Settings};
use rungs::fetch::{Chrome, Http, Pdf, Tesseract};
use rungs::llm::{Chat, ChatModel};
use rungs::net::{NetPolicy, ProxyUrl};
use rungs::ports::store::Store;
use rungs::webhook::Webhooks;
use rungs::{Batch, Engine};

use crate::Failure;
use crate::args::{NetArgs, PageArgs};

/// The environment's name for the webhooks' secret: a command line can be read by others.
const SECRET: &str = "RUNGS_WEBHOOK_SECRET";

/// The environment's names for the language model that answers prompts: the base URL of its chat
/// completions API, its name there, and the key.
const MODEL_URL: &str = "RUNGS_LLM_URL";
const MODEL: &str = "RUNGS_LLM_MODEL";
const MODEL_KEY: &str = "RUNGS_LLM_KEY";

/// The item that the options describe, without a URL.
pub(crate) fn item(args: &PageArgs) -> Result<Item, Failure> {
    let mut item = Item {
        mode: args.mode,
        formats: args.formats.clone(),
        timeout: args.timeout,
        extraction_profile: args.profile,
        extraction_prompt: args.prompt.clone(),
        include_raw_html: args.raw_html,
        ..Item::default()
    };
    item.cost_controls.max_tier = args.max_tier;
    item.cost_controls.force_tier = args.force_tier;
    for header in &args.headers {
        let Some((name, value)) = header.split_once(':') else {
            return Err(Failure::Usage(format!("--header '{header}' is not 'Name: value'")));
        };
        item.headers.push((name.trim().to_owned(), value.trim().to_owned()));
    }
    if let Some(file) = &args.schema {
        let wrong = |why: String| Failure::Usage(format!("--schema {}: {why}", file.display()));
        let text = std::fs::read_to_string(file).map_err(|why| wrong(why.to_string()))?;
        item.extraction_schema =
            Some(serde_json::from_str(&text).map_err(|why| wrong(why.to_string()))?);
    }
    Ok(item)
}

/// Returns the network policy that the options describe.
pub(crate) fn network(args: &NetArgs) -> Result<NetPolicy, Failure> {
    let network = NetPolicy::new();
    let network = if args.allow_private { network.allow_private() } else { network };
    let proxies = args.proxies.iter().map(|it| ProxyUrl::parse(it));
    let proxies: Vec<ProxyUrl> = proxies
        .collect::<Result<_, _>>()
        .map_err(|why| Failure::Usage(format!("--proxy: {why}")))?;
    Ok(network.proxies(proxies))
}

/// An engine on `store` with what the options ask for.
pub(crate) fn engine(
    args: &NetArgs,
    settings: Settings,
    store: impl Store + 'static,
) -> Result<Engine, Failure> {
    let builder = parts(args)?.store(store).settings(settings);
    builder.build().map_err(|error| Failure::of(&error))
}

/// What delivers webhooks.
pub(crate) fn webhooks(network: NetPolicy) -> Webhooks {
    let webhooks = match std::env::var(SECRET) {
        Ok(secret) if !secret.is_empty() => Webhooks::signed_with(secret),
        _ => Webhooks::unsigned(),
    };
    webhooks.network(network)
}

/// The model that answers prompts, if the environment names one.
pub(crate) fn prompts(network: NetPolicy) -> Result<Option<Chat>, Failure> {
    let said = |name: &str| std::env::var(name).ok().filter(|it| !it.is_empty());
    let Some(base) = said(MODEL_URL) else { return Ok(None) };
    let name = said(MODEL).ok_or_else(|| {
        Failure::Usage(format!("{MODEL_URL} is set and {MODEL} is not: it names the model"))
    })?;
    let mut model =
        ChatModel::new(&base, name).map_err(|why| Failure::Usage(format!("{MODEL_URL}: {why}")))?;
    if let Some(key) = said(MODEL_KEY) {
        model = model.api_key(key);
    }
    Ok(Some(Chat::new(model).network(network)))
}

/// Everything of an engine but its store and its settings.
pub(crate) fn parts(args: &NetArgs) -> Result<EngineBuilder, Failure> {
    let network = network(args)?;
    let http = Http::new().network(network.clone());
    let chrome = Chrome::new().network(network.clone());
    let builder = Engine::builder().http(http).webhooks(webhooks(network.clone()));
    let builder = args.browser.unwrap_or_default().add_to(builder, &chrome)?;
    let builder = match prompts(network)? {
        Some(it) => builder.prompts(it),
        None => builder,
    };
    // Where the program is missing, the error of the first image says how to get it.
    Ok(builder.ocr(Tesseract::new()).pdf(Pdf::new()))
}

/// A batch of these items.
pub(crate) fn batch(items: Vec<Item>, webhook: Option<&str>, key: String) -> Batch {
    let batch = Batch::new(items).idempotency_key(key);
    match webhook {
        Some(url) => batch.webhook(url),
        None => batch,
    }
}
