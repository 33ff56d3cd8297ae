//! `rungs map` and `rungs crawl`: the URLs of a site, and its pages.

use std::process::ExitCode;

use rungs::core::crawl::{CrawlRules, CrawlStatus};
use rungs::core::credits::Credits;
use rungs::engine::{Crawl, CrawlHandle, Map, Settings};
use rungs::service::wire;
use rungs::stores::Memory;
use rungs::{Engine, EngineError};
use sha2::{Digest, Sha256};

use crate::args::{CrawlArgs, MapArgs, SiteArgs};
use crate::deliveries::{self, Ended};
use crate::error::{CliError, CommandResult};
use crate::results::Results;
use crate::stop::StopSignal;
use crate::{bodies, print, setup, stop};

/// Prints the URLs of a site.
pub(crate) async fn map(args: MapArgs) -> CommandResult {
    let engine = setup::engine(&args.net, Settings::default(), Memory::default())?;
    let mut map = Map::of(args.url).rules(rules(&args.site, args.max_pages, args.max_depth));
    if let Some(words) = args.search {
        map = map.search(words);
    }
    if args.metadata {
        map = map.include_metadata();
    }
    let found = engine.map(map).await.map_err(CliError::submission)?;
    engine.shutdown().await;
    for warning in &found.warnings {
        eprintln!("rungs: {warning}");
    }
    if args.json {
        print::line(wire::site_map(&found));
    } else {
        found.urls.iter().for_each(|it| print::line(&it.url));
    }
    Ok(if found.urls.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn rules(site: &SiteArgs, max_pages: u32, max_depth: u16) -> CrawlRules {
    let mut rules = CrawlRules::default();
    (rules.max_pages, rules.max_depth) = (max_pages, max_depth);
    rules.include.clone_from(&site.include);
    rules.exclude.clone_from(&site.exclude);
    rules.include_subdomains = site.include_subdomains;
    rules.respect_robots = !site.ignore_robots;
    rules.sitemap = site.sitemap;
    rules.sitemap_path.clone_from(&site.sitemap_path);
    rules
}

/// Crawls a site and writes the result of each page once.
pub(crate) async fn crawl(args: CrawlArgs) -> CommandResult {
    let mut item = setup::item(&args.page)?;
    item.url.clone_from(&args.url);
    let mut rules = rules(&args.site, args.max_pages, args.max_depth);
    rules.max_credits = args.max_credits.map(Credits);
    let key = idempotency_key(&item, &rules, args.webhook.as_deref());
    let mut crawl = Crawl::of(item).rules(rules).idempotency_key(key);
    if let Some(url) = &args.webhook {
        crawl = crawl.webhook(url.clone());
    }
    let stopped = stop::signals();
    let engine = engine(&args).await?;
    let began = engine.now();
    let mut handle = engine.crawl(crawl).await.map_err(CliError::submission)?;
    let max_pages = args.max_pages as usize;
    let mut results = Results::open(args.out.as_deref(), args.out_dir.as_deref(), max_pages)?;
    let followed = async {
        follow(&engine, &mut handle, &mut results).await?;
        if args.webhook.is_some() {
            let ended = [Ended::Crawl(handle.id())];
            deliveries::wait(&engine, &ended, began, args.store.is_some()).await;
        }
        Ok::<_, CliError>(())
    };
    let done = tokio::select! {
        done = followed => done.map(|()| None),
        signal = stopped => Ok(Some(signal)),
    };
    engine.shutdown().await;
    let signal = done?;
    results.print_table(handle.position() as usize);
    Ok(exit_code(&args, signal, &handle, &results))
}

async fn follow(
    engine: &Engine,
    handle: &mut CrawlHandle,
    results: &mut Results,
) -> Result<(), CliError> {
    let failed = |error: EngineError| CliError::failed(&error);
    while let Some(job) = handle.next_page().await.map_err(failed)? {
        // Files are numbered in the order of the ends, which no later run changes.
        results.deliver(engine, &job, handle.position() as usize).await?;
    }
    Ok(())
}

async fn engine(args: &CrawlArgs) -> Result<Engine, CliError> {
    let mut settings = Settings::default().with_concurrency(args.concurrency);
    settings.pacing.per_host = args.per_host;
    settings.pacing.per_second = args.rate;
    let builder = setup::builder(&args.page.net)?.settings(settings);
    let builder = bodies::add_stores(builder, args.store.as_deref(), None, None);
    builder.await?.build().map_err(setup::build_error)
}

/// Returns the key of a crawl: the same arguments name the same crawl in a store.
fn idempotency_key(
    item: &rungs::core::request::Item,
    rules: &CrawlRules,
    webhook: Option<&str>,
) -> String {
    let parts =
        serde_json::to_vec(&(item, rules, webhook)).expect("the keys of every item are strings");
    format!("cli-{:x}", Sha256::digest(parts))
}

/// Reports how the command ended and returns its exit code.
fn exit_code(
    args: &CrawlArgs,
    signal: Option<StopSignal>,
    handle: &CrawlHandle,
    results: &Results,
) -> ExitCode {
    if let Some(signal) = signal {
        let remedy = match args.store {
            Some(_) => "rerun the same command to resume",
            None => "use --store to be able to resume",
        };
        eprintln!("rungs: interrupted: {remedy}");
        return ExitCode::from(signal.exit_code());
    }
    let record = handle.record();
    for warning in &record.warnings {
        eprintln!("rungs: {warning}");
    }
    if let Some(reason) = record.stop {
        eprintln!("rungs: the crawl ended early: {reason}");
    }
    let (failed, total) = results.failed_of_total();
    if record.status() == CrawlStatus::Completed || args.keep_going {
        return ExitCode::SUCCESS;
    }
    if failed > 0 {
        eprintln!("rungs: {failed} of {total} pages failed: their results have the reasons");
    }
    ExitCode::FAILURE
}
