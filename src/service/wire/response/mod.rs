//! Responses: one file per resource.

mod account;
mod batch;
mod billing;
mod crawl;
mod deliveries;
mod estimate;
mod events;
mod extract;
mod job;
mod ledger;
mod limits;
mod results_file;
mod scrape;
mod session;

pub use account::{WireCredits, grant_body, read_granted};
pub use results_file::ResultLine;
pub(crate) use scrape::scraped;
pub use scrape::{result_line, scrape_object};

pub(crate) use account::{Balance, account, balance, billing_usage, granted, usage};
pub(crate) use batch::{
    around_items, batch_accepted, batch_cancelled, batches, health, item, item_without_result,
};
pub(crate) use billing::billing;
pub use crawl::site_map;
pub(crate) use crawl::{
    around_pages, crawl_accepted, crawl_cancelled, crawl_lines, crawl_summary, page_ended_lines,
    page_result,
};
pub(crate) use deliveries::{deliveries, delivery};
pub(crate) use estimate::{batch_estimate, estimate};
pub(crate) use events::{batch_completed_lines, event_lines, job_ended_lines};
pub(crate) use extract::{
    PAGE_SIZE, extract_estimate, extract_usage, extract_usage_summary, extracted,
};
pub(crate) use job::{job, job_accepted};
pub(crate) use ledger::ledger;
pub(crate) use limits::{beta_features, limits, own_beta_features};
pub(crate) use session::{session, session_removed, session_validation, sessions};
