//! Fetchers: what gets a page.
