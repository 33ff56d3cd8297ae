//! The status of a crawl, and the reasons for an early end.

use serde::{Deserialize, Serialize};

/// The reason why a crawl ended before all its pages were fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// Your application canceled it.
    Canceled,
    /// `max_credits`, the budget of the label or the free credits of the account do not cover another page.
    OutOfCredits,
    /// robots.txt disallows the start page, or could not be fetched.
    Robots,
    /// No sitemap that could be read names a page, and links are not followed.
    NoSitemap,
    /// A fetcher panicked while the site was discovered.
    InternalError,
}

impl StopReason {
    /// All reasons.
    pub const ALL: [Self; 5] =
        [Self::Canceled, Self::OutOfCredits, Self::Robots, Self::NoSitemap, Self::InternalError];

    /// Returns the reason as the REST API spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Canceled => "cancelled",
            Self::OutOfCredits => "out_of_credits",
            Self::Robots => "robots",
            Self::NoSitemap => "no_sitemap",
            Self::InternalError => "internal_error",
        }
    }
}

/// The status of a crawl.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CrawlStatus {
    /// robots.txt and the sitemaps are being read.
    Discovering,
    /// Pages are being fetched.
    Running,
    /// All pages were fetched.
    Completed,
    /// Some pages were fetched, and some failed or were not covered by the credits.
    Partial,
    /// No page was fetched.
    Failed,
    /// Your application canceled the crawl.
    Cancelled,
}

impl CrawlStatus {
    /// Returns the status as the REST API spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Discovering => "discovering",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Returns `true` if the status is final.
    pub const fn is_ended(self) -> bool {
        !matches!(self, Self::Discovering | Self::Running)
    }
}

display_as_str!(StopReason, CrawlStatus);
