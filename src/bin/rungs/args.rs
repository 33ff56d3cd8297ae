//! Command-line arguments.

#![expect(clippy::doc_markdown, reason = "clap prints these comments as they are, not as Markdown")]

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use rungs::core::crawl::SitemapUse;
use rungs::core::request::{Format, Mode, Profile};
use rungs::core::tier::Tier;

use crate::driver::BrowserDriver;
use crate::values;

/// Fetches pages with the cheapest tier that works.
#[derive(Debug, Parser)]
#[command(name = "rungs", version)]
#[command(after_help = "Set RUNGS_LOG, for example to rungs=debug, to log to standard error.\n\n\
    Exit codes: 0 success; 1 failure, for example of a page; 2 wrong arguments or input, nothing was fetched;\n\
    130 interrupted by Ctrl-C; 143 stopped by SIGTERM.")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Fetch one page and print it.
    #[command(
        after_help = "Example: rungs scrape https://example.com/ --formats text --width 80\n\n\
        Exit codes: 0 the page was printed or is unchanged, 1 it failed, 2 wrong arguments."
    )]
    Scrape(ScrapeArgs),
    /// Fetch many pages. With --store, rerunning the same command resumes where it left off.
    #[command(after_help = "Example: rungs batch urls.txt --store data --out results.jsonl\n\n\
        Exit codes: 0 every page succeeded, 1 pages failed (0 with --keep-going), 2 wrong arguments or input,\n\
        130 interrupted by Ctrl-C, 143 stopped by SIGTERM.")]
    Batch(BatchArgs),
    /// List the URLs of a site, from its sitemaps and its links.
    #[command(after_help = "Example: rungs map https://example.com/ --search pricing\n\n\
        Exit codes: 0 URLs were printed, 1 none was found, 2 wrong arguments.")]
    Map(MapArgs),
    /// Fetch the pages of a site. With --store, rerunning the same command resumes where it left off.
    #[command(
        after_help = "Example: rungs crawl https://example.com/docs/ --include '/docs/*' --store data --out docs.jsonl\n\n\
        Exit codes: 0 every page succeeded, 1 pages failed or the crawl ended early (0 with --keep-going),\n\
        2 wrong arguments, 130 interrupted by Ctrl-C, 143 stopped by SIGTERM."
    )]
    Crawl(CrawlArgs),
    /// Run the REST service until SIGINT or SIGTERM.
    #[command(after_help = "Example: rungs serve --store data --api-keys keys.json\n\n\
        On several machines: rungs serve --role api and rungs serve --role worker, all with the same\n\
        --store postgres://rungs@db.example/rungs")]
    Serve(ServeArgs),
    /// Serve tools for agents over the Model Context Protocol: on standard input and output, or over HTTP.
    #[command(after_help = "Example: rungs mcp --budget 500000\n\n\
        Over HTTP, at http://127.0.0.1:8080/mcp: rungs mcp --transport http --api-keys keys.json\n\n\
        Exit codes: 0 the client closed standard input, or SIGINT or SIGTERM stopped the program; 1 failure;\n\
        2 wrong arguments.")]
    Mcp(McpArgs),
    /// Generate an API key. The key alone goes to standard output, its entry for the file of --api-keys to standard
    /// error.
    #[command(after_help = "Example: rungs key ci --account acme > ci.key")]
    Key(KeyArgs),
    /// Grant credits to an account, or print its balance.
    #[command(after_help = "Example: rungs grant acme 5000000 --key invoice-17 --store data")]
    Grant(GrantArgs),
    /// List the 100 newest batches and crawls of a store, or the jobs of one batch.
    #[command(after_help = "Example: rungs status --store data")]
    Status(StatusArgs),
    /// Price pages without fetching them.
    #[command(after_help = "Example: rungs estimate https://example.com/ --max-tier 3")]
    Estimate(EstimateArgs),
    /// Check the programs that each tier and mode needs, and print how to install what is missing.
    Doctor(DoctorArgs),
}

/// Options of a page.
#[derive(Clone, Debug, Args)]
pub(crate) struct PageArgs {
    /// Method of reading the page: auto, html, js, pdf or ocr.
    #[arg(long, default_value = "auto")]
    pub(crate) mode: Mode,
    /// Output formats, separated by commas: markdown, text, html, json, json_v2, rag, content, raw [default: markdown].
    #[arg(long, value_delimiter = ',')]
    pub(crate) formats: Vec<Format>,
    /// Highest tier to escalate to: 1, 2, 3, 3.5 or 4. Defaults to no limit.
    #[arg(long, value_name = "TIER", value_parser = values::tier)]
    pub(crate) max_tier: Option<Tier>,
    /// The only tier to use: 1, 2, 3, 3.5 or 4. Defaults to escalation.
    #[arg(long, value_name = "TIER", value_parser = values::tier)]
    pub(crate) force_tier: Option<Tier>,
    /// Time for all attempts on a page together, 1 to 300 seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 90, value_parser = values::timeout)]
    pub(crate) timeout: u64,
    /// Kind of content whose fields to extract: auto, product, article, job_posting, faq, recipe, event,
    /// ecommerce_homepage or directory_listing.
    #[arg(long, default_value = "auto")]
    pub(crate) profile: Profile,
    /// File with a JSON Schema of the fields to extract, or its shorthand such as {"price": "number"}.
    #[arg(long, value_name = "FILE")]
    pub(crate) schema: Option<PathBuf>,
    /// Prompt for a language model to extract fields with, up to 2,000 characters. The environment variables
    /// RUNGS_LLM_URL, RUNGS_LLM_MODEL and RUNGS_LLM_KEY configure the model.
    #[arg(long, value_name = "TEXT")]
    pub(crate) prompt: Option<String>,
    /// Add the list of the kept and dropped parts of the page.
    #[arg(long)]
    pub(crate) explain_content: bool,
    /// Add the page's source.
    #[arg(long)]
    pub(crate) raw_html: bool,
    /// Request header, for example 'Accept-Language: de'. Repeatable, up to 50 times.
    #[arg(long = "header", value_name = "NAME: VALUE")]
    pub(crate) headers: Vec<String>,
    #[command(flatten)]
    pub(crate) net: NetArgs,
}

impl PageArgs {
    /// Returns the requested formats, or the default one.
    pub(crate) fn formats_or_default(&self) -> Vec<Format> {
        if self.formats.is_empty() { vec![Format::Markdown] } else { self.formats.clone() }
    }
}

/// Network options.
#[derive(Clone, Debug, Args)]
pub(crate) struct NetArgs {
    /// Proxy for tier 3, for example http://user:password@host:3128 or socks5://host:1080. Repeatable.
    #[arg(long = "proxy", value_name = "URL")]
    pub(crate) proxies: Vec<String>,
    /// Allow requests to private and loopback addresses. Without it, only public addresses are allowed.
    #[arg(long)]
    pub(crate) allow_private: bool,
    /// File with a private Ed25519 key that signs requests (Web Bot Auth): PKCS#8 in PEM or DER, or a JSON Web Key.
    #[arg(long, value_name = "FILE")]
    pub(crate) bot_auth_key: Option<PathBuf>,
    /// Origin whose /.well-known/http-message-signatures-directory has the public key, such as https://bot.example.com.
    #[arg(long, value_name = "URL")]
    pub(crate) bot_auth_agent: Option<String>,
    /// Driver of the browser tier [default: chromium]. headless-chrome needs a build with the feature
    /// headless_chrome.
    #[arg(long, value_enum, value_name = "DRIVER")]
    pub(crate) browser: Option<BrowserDriver>,
}

#[derive(Debug, Args)]
pub(crate) struct ScrapeArgs {
    /// URL of the page, http or https.
    pub(crate) url: String,
    #[command(flatten)]
    pub(crate) page: PageArgs,
    /// Content hash of an earlier result. A page that still has it is not printed.
    #[arg(long, value_name = "HASH", value_parser = values::content_hash)]
    pub(crate) unless: Option<String>,
    /// Print the whole result object as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Directory for one file per format, such as markdown.md. The files' names are printed instead of the page.
    #[arg(long, value_name = "DIR", conflicts_with = "json")]
    pub(crate) out_dir: Option<PathBuf>,
    /// Lay the text out for this many columns, 20 to 1,000. Needs --formats text.
    #[arg(long, value_name = "COLUMNS", conflicts_with = "json", value_parser = values::width)]
    pub(crate) width: Option<usize>,
}

#[derive(Debug, Args)]
pub(crate) struct BatchArgs {
    /// File with one URL or JSON object per line, or - for standard input. Lines that begin with # are skipped.
    pub(crate) file: PathBuf,
    /// Directory for jobs and results, journal:DIR for the journal, or postgres://USER@HOST/DATABASE. With it, a rerun
    /// resumes and fetches no page twice. Defaults to memory.
    #[arg(long, value_name = "DIR")]
    pub(crate) store: Option<PathBuf>,
    /// URL of an object store for results, such as s3://bucket/prefix or file:///directory. Needs --store, which keeps
    /// the jobs. Credentials come from the environment, such as AWS_ACCESS_KEY_ID.
    #[arg(long, value_name = "URL")]
    pub(crate) bodies: Option<String>,
    /// File with the keys that encrypt stored sessions, one per line and the newest first: 32 random bytes, as
    /// openssl rand -hex 32 prints them. The environment variable RUNGS_SESSION_KEYS holds them instead. Without keys,
    /// sessions are refused.
    #[arg(long, value_name = "FILE")]
    pub(crate) session_keys: Option<PathBuf>,
    /// File to append results to, one JSON object per line. Defaults to standard output.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Results file of an earlier run (--out). Pages that have not changed since are reported as unchanged, without
    /// content. An empty file begins a series of runs.
    #[arg(long, value_name = "FILE")]
    pub(crate) unless_from: Option<PathBuf>,
    /// Directory for the pages' files: one directory per page, with one file per format.
    #[arg(long, value_name = "DIR")]
    pub(crate) out_dir: Option<PathBuf>,
    /// Exit with 0 even if pages failed.
    #[arg(long)]
    pub(crate) keep_going: bool,
    /// Number of pages to fetch at the same time.
    #[arg(long, value_name = "PAGES", default_value_t = 32, value_parser = values::count)]
    pub(crate) concurrency: usize,
    /// Number of pages to fetch from one site at the same time.
    #[arg(long, value_name = "PAGES", default_value_t = 8, value_parser = values::count)]
    pub(crate) per_host: usize,
    /// Pages to fetch from one site per second, for example 0.5. Defaults to no limit.
    #[arg(long, value_name = "PER_SECOND", value_parser = values::rate)]
    pub(crate) rate: Option<f64>,
    /// Hours to keep a batch in the store after its last page, at least 24. Defaults to 24.
    #[arg(long, value_name = "HOURS", value_parser = values::retention)]
    pub(crate) retention: Option<u64>,
    /// URL that receives one batch.completed webhook for every 100 pages. RUNGS_WEBHOOK_SECRET sets the secret that
    /// signs it.
    #[arg(long, value_name = "URL")]
    pub(crate) webhook: Option<String>,
    #[command(flatten)]
    pub(crate) page: PageArgs,
}

/// The part of a site that a map or a crawl covers.
#[derive(Debug, Args)]
pub(crate) struct SiteArgs {
    /// Glob that the path of a page must match, such as '/docs/*'. Repeatable: one of them must match.
    #[arg(long, value_name = "GLOB")]
    pub(crate) include: Vec<String>,
    /// Glob that the path of a page must not match. Repeatable.
    #[arg(long, value_name = "GLOB")]
    pub(crate) exclude: Vec<String>,
    /// Include the hosts below that of the start page.
    #[arg(long)]
    pub(crate) include_subdomains: bool,
    /// Include pages that robots.txt disallows.
    #[arg(long)]
    pub(crate) ignore_robots: bool,
    /// Use of the site's sitemaps: include, skip, or only, which follows no links.
    #[arg(long, value_name = "USE", default_value = "include")]
    pub(crate) sitemap: SitemapUse,
    /// Path of a sitemap to read instead of those that robots.txt names.
    #[arg(long, value_name = "PATH")]
    pub(crate) sitemap_path: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct MapArgs {
    /// URL of the start page, http or https.
    pub(crate) url: String,
    /// Most URLs to list, up to 50,000.
    #[arg(long, value_name = "PAGES", default_value_t = 500)]
    pub(crate) max_pages: u32,
    /// Most links from the start page, up to 10.
    #[arg(long, value_name = "LINKS", default_value_t = 3)]
    pub(crate) max_depth: u16,
    /// Words to look for. The most relevant URLs are listed first.
    #[arg(long, value_name = "WORDS")]
    pub(crate) search: Option<String>,
    /// Read up to 100 pages for their titles and descriptions.
    #[arg(long)]
    pub(crate) metadata: bool,
    /// Print the whole map as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) site: SiteArgs,
    #[command(flatten)]
    pub(crate) net: NetArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CrawlArgs {
    /// URL of the start page, http or https.
    pub(crate) url: String,
    /// Most pages to fetch, up to 100,000.
    #[arg(long, value_name = "PAGES", default_value_t = 50)]
    pub(crate) max_pages: u32,
    /// Most links from the start page, up to 50.
    #[arg(long, value_name = "LINKS", default_value_t = 3)]
    pub(crate) max_depth: u16,
    /// Most credits of the whole crawl. Defaults to no limit.
    #[arg(long, value_name = "CREDITS")]
    pub(crate) max_credits: Option<u64>,
    #[command(flatten)]
    pub(crate) site: SiteArgs,
    /// Directory for jobs and results, journal:DIR for the journal, or postgres://USER@HOST/DATABASE. With it, a rerun
    /// resumes and fetches no page twice. Defaults to memory.
    #[arg(long, value_name = "DIR")]
    pub(crate) store: Option<PathBuf>,
    /// File to append results to, one JSON object per line. Defaults to standard output.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Directory for the pages' files: one directory per page, with one file per format.
    #[arg(long, value_name = "DIR")]
    pub(crate) out_dir: Option<PathBuf>,
    /// Exit with 0 even if pages failed.
    #[arg(long)]
    pub(crate) keep_going: bool,
    /// Number of pages to fetch at the same time.
    #[arg(long, value_name = "PAGES", default_value_t = 32, value_parser = values::count)]
    pub(crate) concurrency: usize,
    /// Number of pages to fetch from one site at the same time.
    #[arg(long, value_name = "PAGES", default_value_t = 8, value_parser = values::count)]
    pub(crate) per_host: usize,
    /// Pages to fetch from one site per second, for example 0.5. Defaults to no limit.
    #[arg(long, value_name = "PER_SECOND", value_parser = values::rate)]
    pub(crate) rate: Option<f64>,
    /// URL that receives one crawl.completed webhook. RUNGS_WEBHOOK_SECRET sets the secret that signs it.
    #[arg(long, value_name = "URL")]
    pub(crate) webhook: Option<String>,
    #[command(flatten)]
    pub(crate) page: PageArgs,
}

/// The part of a service that a process takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// Serve the API and fetch pages.
    #[default]
    All,
    /// Serve the API and fetch nothing.
    Api,
    /// Fetch pages and serve nothing but /health, /ready and /metrics.
    Worker,
}

impl Role {
    /// Returns `true` if the process serves the API.
    pub(crate) fn serves_api(self) -> bool {
        self != Self::Worker
    }

    /// Returns `true` if the process fetches pages, delivers webhooks and removes what has expired.
    pub(crate) fn works(self) -> bool {
        self != Self::Api
    }
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Part of the service that this process takes. Roles other than all need a --store that processes share:
    /// postgres://USER@HOST/DATABASE.
    #[arg(long, value_enum, value_name = "ROLE", default_value_t)]
    pub(crate) role: Role,
    /// Address to listen on [default: 127.0.0.1:8080]. Other than loopback addresses require an API key.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
    /// Directory for jobs and results, journal:DIR for the journal, or postgres://USER@HOST/DATABASE. Defaults to
    /// memory, which is lost when the process ends.
    #[arg(long, value_name = "DIR")]
    pub(crate) store: Option<PathBuf>,
    /// URL of an object store for results, such as s3://bucket/prefix or file:///directory. Needs --store, which keeps
    /// the jobs. Credentials come from the environment, such as AWS_ACCESS_KEY_ID.
    #[arg(long, value_name = "URL")]
    pub(crate) bodies: Option<String>,
    /// File with the keys that encrypt stored sessions, one per line and the newest first: 32 random bytes, as
    /// openssl rand -hex 32 prints them. The environment variable RUNGS_SESSION_KEYS holds them instead. Without keys,
    /// sessions are refused.
    #[arg(long, value_name = "FILE")]
    pub(crate) session_keys: Option<PathBuf>,
    /// API key to accept, at least 16 characters. Repeatable. Other users of this machine can read a command line:
    /// prefer --api-keys or the environment variable RUNGS_API_KEY.
    #[arg(long = "api-key", value_name = "KEY")]
    pub(crate) keys: Vec<String>,
    /// JSON file with a list of API keys: name, account, hash and limits, as rungs key prints them.
    #[arg(long = "api-keys", value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// Seconds between the attempts to deliver a webhook, separated by commas. Defaults to
    /// 10,60,300,1800,7200,18000,36000.
    #[arg(long, value_name = "SECONDS", value_delimiter = ',')]
    pub(crate) webhook_retries: Option<Vec<u64>>,
    /// JSON file with settings. Options on the command line take precedence.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Hours to keep a batch after its last page, at least 24. Defaults to 24.
    #[arg(long, value_name = "HOURS", value_parser = values::retention)]
    pub(crate) retention: Option<u64>,
    /// Number of pages of one account to fetch at the same time. Defaults to no limit.
    #[arg(long, value_name = "PAGES", value_parser = values::count)]
    pub(crate) per_account: Option<usize>,
    #[command(flatten)]
    pub(crate) net: NetArgs,
}

/// The way in which agents reach `rungs mcp`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Transport {
    /// Messages on standard input and output, for one client that starts the program.
    #[default]
    Stdio,
    /// Streamable HTTP at /mcp, for any number of clients.
    Http,
}

/// The period of a budget, in UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum BudgetPeriod {
    /// A day.
    #[default]
    Daily,
    /// A week, from Monday.
    Weekly,
    /// A calendar month.
    Monthly,
}

#[derive(Debug, Args)]
pub(crate) struct McpArgs {
    /// Way in which agents reach the tools.
    #[arg(long, value_enum, value_name = "TRANSPORT", default_value_t)]
    pub(crate) transport: Transport,
    /// Most credits that agents may spend in each period; 1,000,000 are one dollar. Defaults to no limit. With API keys,
    /// each key has a budget of its own instead: spend in the file of --api-keys.
    #[arg(long, value_name = "CREDITS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) budget: Option<u64>,
    /// Period of --budget.
    #[arg(long, value_enum, value_name = "PERIOD", default_value_t, requires = "budget")]
    pub(crate) budget_period: BudgetPeriod,
    /// Most tokens of one tool result, 1,000 to 200,000. A call may ask for fewer with max_tokens.
    #[arg(long, value_name = "TOKENS", default_value_t = 25_000, value_parser = values::output_tokens)]
    pub(crate) max_output_tokens: u32,
    #[command(flatten)]
    pub(crate) service: ServeArgs,
}

#[derive(Debug, Args)]
pub(crate) struct KeyArgs {
    /// Name of the key, under which its usage is reported.
    pub(crate) name: String,
    /// Account that owns the key's batches and pays for them.
    #[arg(long, default_value = "default")]
    pub(crate) account: String,
    /// Generate a key that opens `/metrics` and nothing else.
    #[arg(long, conflicts_with = "admin")]
    pub(crate) metrics: bool,
    /// Generate a key that grants credits and shows balances, and opens nothing else.
    #[arg(long)]
    pub(crate) admin: bool,
}

#[derive(Debug, Args)]
pub(crate) struct GrantArgs {
    /// Name of the account.
    pub(crate) account: String,
    /// Number of credits to add; 1,000,000 are one dollar. Without it, the balance is printed.
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) credits: Option<u64>,
    /// Key of the grant, such as the number of an invoice. Repeating a grant with the same key adds nothing. Defaults to
    /// a random key.
    #[arg(long, requires = "credits")]
    pub(crate) key: Option<String>,
    /// Directory of the store, journal:DIR, or postgres://USER@HOST/DATABASE. No other process may have a directory
    /// open.
    #[arg(long, value_name = "DIR", required_unless_present = "url", conflicts_with = "url")]
    pub(crate) store: Option<PathBuf>,
    /// Address of a running service, such as http://127.0.0.1:8080. RUNGS_ADMIN_KEY holds an API key with the scope
    /// admin, if the service requires keys.
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Id of a batch, for example batch_0191d2a4-5b6c-7000-8000-000000000001. Defaults to all batches and crawls.
    pub(crate) batch: Option<rungs::core::id::BatchId>,
    /// Directory of the store, journal:DIR, or postgres://USER@HOST/DATABASE. No other process may have a directory
    /// open.
    #[arg(long, value_name = "DIR")]
    pub(crate) store: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Database to check: postgres://USER@HOST/DATABASE.
    #[arg(long, value_name = "URL")]
    pub(crate) store: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct EstimateArgs {
    /// URLs of the pages, http or https.
    #[arg(required = true, value_name = "URL")]
    pub(crate) urls: Vec<String>,
    #[command(flatten)]
    pub(crate) page: PageArgs,
}
