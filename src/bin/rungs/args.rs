//! Command-line arguments.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use rungs::core::request::{Format, Mode, Profile};
use rungs::core::tier::Tier;

use crate::driver::BrowserDriver;

/// Fetches pages with the cheapest method that works.
#[derive(Debug, Parser)]
#[command(name = "rungs", version, about)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Fetch one page and print it.
    Scrape(ScrapeArgs),
    /// Fetch many pages. With --store, rerunning the command resumes where it left off.
    Batch(BatchArgs),
    /// Run the REST service.
    Serve(ServeArgs),
    /// Generate an API key, and the entry with its hash for the file of --api-keys.
    Key(KeyArgs),
    /// List the batches of a store, or the jobs of one batch.
    Status(StatusArgs),
    /// Price pages without fetching them.
    Estimate(EstimateArgs),
    /// Check what each tier needs, and how to install what is missing.
    Doctor,
}

/// Options of a page.
#[derive(Clone, Debug, Args)]
pub(crate) struct PageArgs {
    /// Method of reading the page: auto, html, js, pdf or ocr.
    #[arg(long, default_value = "auto")]
    pub(crate) mode: Mode,
    /// Output formats, separated by commas: markdown, text, html, json, `json_v2`, rag, content, raw.
    #[arg(long, value_delimiter = ',', default_value = "markdown")]
    pub(crate) formats: Vec<Format>,
    /// Highest tier to escalate to: 1, 2, 3, 3.5 or 4.
    #[arg(long)]
    pub(crate) max_tier: Option<Tier>,
    /// Use this tier only.
    #[arg(long)]
    pub(crate) force_tier: Option<Tier>,
    /// Time for all attempts together, 1 to 300 seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 90)]
    pub(crate) timeout: u64,
    /// Kind of content to extract into json, such as article or product.
    #[arg(long, default_value = "auto")]
    pub(crate) profile: Profile,
    /// File with a JSON Schema of the fields to extract.
    #[arg(long, value_name = "FILE")]
    pub(crate) schema: Option<PathBuf>,
    /// Prompt for a language model to extract fields with. The environment variables `RUNGS_LLM_URL`,
    /// `RUNGS_LLM_MODEL` and `RUNGS_LLM_KEY` configure the model.
    #[arg(long, value_name = "TEXT")]
    pub(crate) prompt: Option<String>,
    /// Include the page's source in the result object, as `raw_html`.
    #[arg(long)]
    pub(crate) raw_html: bool,
    /// Request header as 'Name: value'. Repeatable.
    #[arg(long = "header", value_name = "NAME: VALUE")]
    pub(crate) headers: Vec<String>,
    #[command(flatten)]
    pub(crate) net: NetArgs,
}

/// Network options.
#[derive(Clone, Debug, Args)]
pub(crate) struct NetArgs {
    /// Proxy for tier 3: `http://host:port` or `socks5://host:port`. Repeatable.
    #[arg(long = "proxy", value_name = "URL")]
    pub(crate) proxies: Vec<String>,
    /// Allow requests to private and loopback addresses.
    #[arg(long)]
    pub(crate) allow_private: bool,
    /// Driver of the browser tier. `headless-chrome` needs a build with the feature `headless_chrome`. Defaults to
    /// `chromium`.
    #[arg(long, value_enum, value_name = "DRIVER")]
    pub(crate) browser: Option<BrowserDriver>,
}

#[derive(Debug, Args)]
pub(crate) struct ScrapeArgs {
    /// URL of the page.
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
    /// File with one URL or JSON object per line, or - for standard input.
    pub(crate) file: PathBuf,
    /// Directory for jobs and results, so that a rerun loses nothing and fetches nothing twice.
    #[arg(long, value_name = "DIR")]
    pub(crate) store: Option<PathBuf>,
    /// File to append results to, one JSON object per line. Defaults to standard output.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Pages to fetch at the same time.
    #[arg(long, value_name = "PAGES", default_value_t = 32)]
    pub(crate) concurrency: usize,
    /// Pages to fetch from one site at the same time.
    #[arg(long, value_name = "PAGES", default_value_t = 8)]
    pub(crate) per_host: usize,
    /// Pages to fetch from one site per second. Defaults to no limit.
    #[arg(long, value_name = "PER_SECOND")]
    pub(crate) rate: Option<f64>,
    /// URL that receives a `batch.completed` webhook for every 100 URLs.
    #[arg(long, value_name = "URL")]
    pub(crate) webhook: Option<String>,
    #[command(flatten)]
    pub(crate) page: PageArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Address to listen on. Defaults to 127.0.0.1:8080. Other than loopback addresses require an API key.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
    /// Directory for jobs and results. Defaults to memory, which is lost when the process ends.
    #[arg(long, value_name = "DIR")]
    pub(crate) store: Option<PathBuf>,
    /// API key to accept, at least 16 characters. Repeatable. Other users of this machine can read a command line:
    /// prefer `--api-keys` or the environment variable `RUNGS_API_KEY`.
    #[arg(long = "api-key", value_name = "KEY")]
    pub(crate) keys: Vec<String>,
    /// JSON file with a list of API keys: name, account, hash and limits, as `rungs key` prints them.
    #[arg(long = "api-keys", value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// JSON file with settings. Options on the command line take precedence.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) net: NetArgs,
}

#[derive(Debug, Args)]
pub(crate) struct KeyArgs {
    /// Name of the key, under which its usage is reported.
    pub(crate) name: String,
    /// Account that owns the key's batches and pays for them.
    #[arg(long, default_value = "default")]
    pub(crate) account: String,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Id of a batch. Defaults to all batches.
    pub(crate) batch: Option<rungs::core::id::BatchId>,
    /// Directory of the store.
    #[arg(long, value_name = "DIR")]
    pub(crate) store: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct EstimateArgs {
    /// URLs of the pages.
    #[arg(required = true, value_name = "URL")]
    pub(crate) urls: Vec<String>,
    #[command(flatten)]
    pub(crate) page: PageArgs,
}
