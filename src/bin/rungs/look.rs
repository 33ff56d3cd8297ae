//! `rungs status`, `estimate` and `doctor`: looking without fetching.

use std::process::ExitCode;

use rungs::core::credits::Credits;
use rungs::core::tier::Tier;
use rungs::engine::Settings;
use rungs::fetch::{Chrome, Pdf, Tesseract};
use rungs::ports::store::{ListQuery, Store};
use rungs::stores::{Memory, Sled};

use rungs::core::record::{Key, Record, RecordKind};

use crate::args::{EstimateArgs, StatusArgs};
use crate::{Done, Failure, say, setup};

/// Batches shown at most.
const SHOWN: usize = 100;

/// Shows what a store holds. It reads the store alone: no engine runs, so nothing is fetched.
pub(crate) async fn status(args: StatusArgs) -> Done {
    // Opening makes a store where there is none, and whoever only looks has mistyped its name.
    if !args.store.is_dir() {
        return Err(Failure::Usage(format!("there is no store in {}", args.store.display())));
    }
    let store = Sled::open(&args.store).map_err(|error| Failure::of(&error))?;
    match args.batch {
        None => all(&store).await,
        Some(id) => one(&store, id).await,
    }
}

async fn all(store: &Sled) -> Done {
    let list = ListQuery::new(RecordKind::Batch, SHOWN).descending();
    let found = store.list(list).await.map_err(|error| Failure::of(&error))?;
    say(format_args!(
        "{:<42} {:<10} {:>6} {:>6} {:>6} {:>10}",
        "batch", "status", "done", "failed", "total", "credits"
    ));
    for it in found {
        if let Record::Batch(batch) = it.record {
            let tally = batch.tally;
            say(format_args!(
                "{:<42} {:<10} {:>6} {:>6} {:>6} {:>10}",
                batch.id.to_string(),
                batch.status().as_str(),
                tally.succeeded,
                tally.failed,
                tally.total,
                batch.charged.0,
            ));
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn one(store: &Sled, id: rungs::core::id::BatchId) -> Done {
    let failed = |error: rungs::ports::store::StoreError| Failure::of(&error);
    let found = store.load(vec![Key::Batch(id)]).await.map_err(failed)?;
    let Some(Record::Batch(batch)) = found.into_iter().flatten().next().map(|it| it.record) else {
        return Err(Failure::Other(format!("there is no batch {id} in this store")));
    };
    say(format_args!(
        "{} {} of {} ended",
        batch.status().as_str(),
        batch.tally.total - batch.tally.pending(),
        batch.tally.total
    ));
    let keys = batch.jobs.iter().copied().map(Key::Job).collect();
    for found in store.load(keys).await.map_err(failed)?.into_iter().flatten() {
        if let Record::Job(job) = found.record {
            say(format_args!("{:<10} {} {}", job.state.as_str(), job.id, job.request.page()));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Says what pages would cost.
pub(crate) async fn estimate(args: EstimateArgs) -> Done {
    let engine = setup::engine(&args.page.net, Settings::default(), Memory::default())?;
    let mut sum = Credits::ZERO;
    for url in &args.urls {
        let mut item = setup::item(&args.page)?;
        item.url.clone_from(url);
        let estimate =
            engine.estimate(item).map_err(|flaw| Failure::Usage(format!("{url}: {flaw}")))?;
        let tier = estimate.tier.map_or_else(|| "none".to_owned(), |it| it.to_string());
        say(format_args!(
            "{:>8} to {:>8} credits  from tier {tier}  {url}",
            estimate.credits.0, estimate.most.0
        ));
        sum = sum.saturating_add(estimate.most);
    }
    say(format_args!("{:>20} credits would be held (1,000,000 are one dollar)", sum.0));
    engine.shutdown().await;
    Ok(ExitCode::SUCCESS)
}

/// Says which browser there is.
async fn browser(tier: Tier) {
    let (ready, how) = match Chrome::new().installed().await {
        Ok(it) => {
            let sandbox = if it.is_sandboxed {
                ""
            } else {
                "; without its sandbox, because it has none for root"
            };
            ("ready", format!("{}, {}{sandbox}", it.version, it.program.display()))
        }
        Err(why) => ("not ready", why.to_string()),
    };
    say(format_args!("tier {:<4} {:<8} {ready:<14} {how}", tier.number(), tier.name()));
}

/// Says what is installed for which tier.
pub(crate) async fn doctor() -> ExitCode {
    for tier in Tier::ALL {
        let (ready, how) = match tier {
            Tier::Curl | Tier::Http | Tier::LightJs => ("ready", "built in"),
            Tier::Stealth => ("needs a proxy", "give one with --proxy URL"),
            Tier::Browser => {
                browser(tier).await;
                continue;
            }
        };
        say(format_args!("tier {:<4} {:<8} {ready:<14} {how}", tier.number(), tier.name()));
    }
    let (ready, how) = match Pdf::new().check().await {
        Ok(()) => ("ready", "built in, in a process of its own".to_owned()),
        Err(why) => ("not ready", why.to_string()),
    };
    say(format_args!("mode pdf  {:<8} {ready:<14} {how}", ""));
    let (ready, how) = match Tesseract::new().installed().await {
        Ok(it) => {
            let (program, languages) = (it.program.display(), it.languages.join(", "));
            ("ready", format!("{}, {program}, reads {languages}", it.version))
        }
        Err(why) => ("not ready", why.to_string()),
    };
    say(format_args!("mode ocr  {:<8} {ready:<14} {how}", ""));
    ExitCode::SUCCESS
}
