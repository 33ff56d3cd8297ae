//! The command line's words.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use rungs::core::request::{Format, Mode, Profile};
use rungs::core::tier::Tier;

use crate::driver::BrowserDriver;

/// Gets pages by the cheapest way that works.
#[derive(Debug, Parser)]
#[command(name = "rungs", version, about)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Get one page and print it.
    Scrape(ScrapeArgs),
    /// Get many pages; the same command again goes on where it stopped.
    Batch(BatchArgs),
    /// Run the REST service.
    Serve(ServeArgs),
    /// Make an API key, and the line with its hash that the service is given.
    Key(KeyArgs),
    /// Show the batches of a store, or one of them job by job.
    Status(StatusArgs),
    /// Say what pages would cost.
    Estimate(EstimateArgs),
    /// Say what is installed for which tier, and how to get the rest.
    Doctor,
}

/// The options of a page.
#[derive(Clone, Debug, Args)]
pub(crate) struct PageArgs {
    /// auto, html, js, pdf or ocr.
    #[arg(long, default_value = "auto")]
    pub(crate) mode: Mode,
    /// What is made of a page, by commas: markdown, text, html, json, `json_v2`, rag, content, raw.
    #[arg(long, value_delimiter = ',', default_value = "markdown")]
    pub(crate) formats: Vec<Format>,
    /// Never climb above this tier: 1, 2, 3, 3.5 or 4.
    #[arg(long)]
    pub(crate) max_tier: Option<Tier>,
    /// Run exactly this tier.
    #[arg(long)]
    pub(crate) force_tier: Option<Tier>,
    /// Seconds for the whole ladder, 1 to 300.
    #[arg(long, default_value_t = 90)]
    pub(crate) timeout: u64,
    /// What kind of thing the page is about.
    #[arg(long, default_value = "auto")]
    pub(crate) profile: Profile,
    /// A file with the fields to extract, as JSON Schema.
    #[arg(long, value_name = "FILE")]
    pub(crate) schema: Option<PathBuf>,
    /// What to ask a language model about the page; `RUNGS_LLM_URL`, `RUNGS_LLM_MODEL` and
    /// `RUNGS_LLM_KEY` say which.
    #[arg(long, value_name = "TEXT")]
    pub(crate) prompt: Option<String>,
    /// Keep the page's source beside the formats, as `raw_html` of the result object.
    #[arg(long)]
    pub(crate) raw_html: bool,
    /// A header to send, as 'Name: value'; may be repeated.
    #[arg(long = "header", value_name = "K: V")]
    pub(crate) headers: Vec<String>,
    #[command(flatten)]
    pub(crate) net: NetArgs,
}

/// How the network is reached.
#[derive(Clone, Debug, Args)]
pub(crate) struct NetArgs {
    /// A proxy for tier 3: `http://host:port` or `socks5://host:port`; may be repeated.
    #[arg(long = "proxy", value_name = "URL")]
    pub(crate) proxies: Vec<String>,
    /// Let requests reach private and loopback addresses.
    #[arg(long)]
    pub(crate) allow_private: bool,
    /// Driver of the browser tier. `headless-chrome` needs a build with the feature `headless_chrome`. Defaults to
    /// `chromium`.
    #[arg(long, value_enum, value_name = "DRIVER")]
    pub(crate) browser: Option<BrowserDriver>,
}

#[derive(Debug, Args)]
pub(crate) struct ScrapeArgs {
    /// The page's address.
    pub(crate) url: String,
    #[command(flatten)]
    pub(crate) page: PageArgs,
    /// Print the whole result object.
    #[arg(long)]
    pub(crate) json: bool,
    /// Lay the text out for this many columns, 20 to 1,000; needs `--formats text`.
    #[arg(long, value_name = "COLUMNS", conflicts_with = "json")]
    pub(crate) width: Option<usize>,
}

#[derive(Debug, Args)]
pub(crate) struct BatchArgs {
    /// A file with a URL or a JSON object a line, or - for standard input.
    pub(crate) file: PathBuf,
    /// Keep jobs and results here, so that nothing is lost or fetched twice.
    #[arg(long, value_name = "DIR")]
    pub(crate) store: Option<PathBuf>,
    /// Append results here, a JSON object a line; standard output if not said.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Pages at the same time.
    #[arg(long, default_value_t = 32)]
    pub(crate) concurrency: usize,
    /// Pages of one site at the same time.
    #[arg(long, default_value_t = 8)]
    pub(crate) per_host: usize,
    /// Pages of one site in a second.
    #[arg(long, value_name = "PER_SECOND")]
    pub(crate) rate: Option<f64>,
    /// Where `batch.completed` goes, once for every hundred URLs.
    #[arg(long, value_name = "URL")]
    pub(crate) webhook: Option<String>,
    #[command(flatten)]
    pub(crate) page: PageArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Where to listen; 127.0.0.1:8080 if not said. Elsewhere than on loopback it needs a key.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
    /// Keep jobs and results here; in memory, and lost with the process, if not said.
    #[arg(long, value_name = "DIR")]
    pub(crate) store: Option<PathBuf>,
    /// A key that is let in, 16 characters at least; may be repeated. Others on this machine can read
    /// a command line: `--api-keys` and `RUNGS_API_KEY` keep a key to yourself.
    #[arg(long = "api-key", value_name = "KEY")]
    pub(crate) keys: Vec<String>,
    /// A file with a JSON list of keys: name, account, hash and limits, as `rungs key` prints them.
    #[arg(long = "api-keys", value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// A JSON file with settings; what the command line says wins.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) net: NetArgs,
}

#[derive(Debug, Args)]
pub(crate) struct KeyArgs {
    /// What the key is called where its use is shown.
    pub(crate) name: String,
    /// Whose credits it spends, and whose batches it sees.
    #[arg(long, default_value = "default")]
    pub(crate) account: String,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// The batch; all of them if not said.
    pub(crate) batch: Option<rungs::core::id::BatchId>,
    /// The store.
    #[arg(long, value_name = "DIR")]
    pub(crate) store: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct EstimateArgs {
    /// The pages.
    #[arg(required = true)]
    pub(crate) urls: Vec<String>,
    #[command(flatten)]
    pub(crate) page: PageArgs,
}
