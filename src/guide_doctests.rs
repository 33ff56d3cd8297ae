//! Compiles the Rust snippets of the README and of the guide with the doctests.

macro_rules! pages {
    ($($name:ident = $path:literal,)+) => {
        $(#[doc = include_str!($path)] struct $name;)+
    };
}

pages! {
    Readme = "../README.md",
    GettingStarted = "../docs/getting-started.md",
    Batches = "../docs/batches.md",
    Changes = "../docs/changes.md",
    Crawling = "../docs/crawling.md",
    Tiers = "../docs/tiers.md",
    Pricing = "../docs/pricing.md",
    Extraction = "../docs/extraction.md",
    Documents = "../docs/documents.md",
    Fetchers = "../docs/fetchers.md",
    Sessions = "../docs/sessions.md",
    SignedRequests = "../docs/signed-requests.md",
    Stores = "../docs/stores.md",
    Objects = "../docs/objects.md",
    PostgreSql = "../docs/postgres.md",
    Webhooks = "../docs/webhooks.md",
    Tracing = "../docs/tracing.md",
}
