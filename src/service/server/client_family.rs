//! Families of API clients, for the few responses that cannot suit all of them.
//!
//! Job states have one vocabulary everywhere else. Only this module translates them, for the client that the request's
//! headers name.

use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::header::USER_AGENT;

use crate::core::job::JobState;

/// Time between the response and the end of a client's own wait.
const MARGIN: Duration = Duration::from_secs(5);
/// Minimum wait for a page, whatever the client requests.
const MIN_WAIT: Duration = Duration::from_secs(1);

/// A family of clients that use the same words for job states. Public for tests only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientFamily {
    /// Any other client: the words of the batch guide.
    Any,
    /// The Python SDK, which fails on a state that it does not know.
    Python,
    /// The Node SDK, whose `scrape` cannot poll a job.
    Node,
    /// The MCP server, which cannot poll such a job either.
    Mcp,
}

/// The wait of a synchronous scrape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ScrapeWait {
    /// The maximum wait for the page.
    pub(super) longest: Duration,
    /// The response if the page is not finished by then.
    pub(super) on_timeout: OnTimeout,
}

/// The response to a scrape whose page is not finished in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OnTimeout {
    /// 202 with the job's id, to be polled.
    Accepted,
    /// 504, for clients that only understand a page or an error.
    GatewayTimeout,
}

impl ClientFamily {
    /// Detects the family from the headers in which clients name themselves.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let text = |name: &str| headers.get(name).and_then(|it| it.to_str().ok());
        let agent = text(USER_AGENT.as_str()).unwrap_or_default();
        let source = text("x-alterlab-source").unwrap_or_default();
        let is = |prefix: &str, short: &str| agent.starts_with(prefix) || source.starts_with(short);
        if is("AlterLab-Python-SDK/", "python-sdk/") {
            Self::Python
        } else if is("alterlab-node/", "node-sdk/") {
            Self::Node
        } else if is("alterlab-mcp-server/", "mcp-server/") {
            Self::Mcp
        } else {
            Self::Any
        }
    }

    /// Returns the word for a job's state that this family understands.
    pub(super) fn state_word(self, state: JobState) -> &'static str {
        match (self, state) {
            (Self::Python | Self::Node, JobState::Queued) => "pending",
            (Self::Python, JobState::Processing) => "running",
            (Self::Python | Self::Node, JobState::Succeeded) => "completed",
            (_, state) => state.as_str(),
        }
    }

    /// Returns the wait of a scrape with this `timeout`, where the service waits for `limit` at most.
    pub(super) fn scrape_wait(self, timeout: Duration, limit: Duration) -> ScrapeWait {
        match self {
            Self::Any => {
                ScrapeWait { longest: timeout.min(limit), on_timeout: OnTimeout::Accepted }
            }
            // The client gives up after the timeout that it sends, and then requests the page again.
            Self::Python => {
                let longest = timeout.saturating_sub(MARGIN).max(MIN_WAIT).min(limit);
                ScrapeWait { longest, on_timeout: OnTimeout::Accepted }
            }
            Self::Node | Self::Mcp => {
                ScrapeWait { longest: timeout, on_timeout: OnTimeout::GatewayTimeout }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &'static str, value: &str) -> ClientFamily {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().expect("a header's value"));
        ClientFamily::of(&headers)
    }

    #[test]
    fn clients_are_recognized_by_their_headers() {
        assert_eq!(named("user-agent", "AlterLab-Python-SDK/2.1.3"), ClientFamily::Python);
        assert_eq!(named("user-agent", "alterlab-node/2.0.0"), ClientFamily::Node);
        assert_eq!(named("user-agent", "alterlab-mcp-server/1.7.1"), ClientFamily::Mcp);
        assert_eq!(named("x-alterlab-source", "mcp-server/1.7.1"), ClientFamily::Mcp);
        assert_eq!(named("user-agent", "curl/8.5.0"), ClientFamily::Any);
        assert_eq!(ClientFamily::of(&HeaderMap::new()), ClientFamily::Any);
    }

    #[test]
    fn each_family_reads_states_in_its_own_words() {
        let words = |family: ClientFamily| JobState::ALL.map(|it| family.state_word(it));

        assert_eq!(words(ClientFamily::Any), ["queued", "processing", "succeeded", "failed"]);
        assert_eq!(words(ClientFamily::Mcp), ["queued", "processing", "succeeded", "failed"]);
        assert_eq!(words(ClientFamily::Python), ["pending", "running", "completed", "failed"]);
        assert_eq!(words(ClientFamily::Node), ["pending", "processing", "completed", "failed"]);
    }

    #[test]
    fn a_scrape_waits_no_longer_than_its_client() {
        let seconds = Duration::from_secs;
        let wait =
            |family: ClientFamily, timeout| family.scrape_wait(seconds(timeout), seconds(60));

        let accepted =
            |longest| ScrapeWait { longest: seconds(longest), on_timeout: OnTimeout::Accepted };
        let timed_out = |longest| ScrapeWait {
            longest: seconds(longest),
            on_timeout: OnTimeout::GatewayTimeout,
        };
        assert_eq!(wait(ClientFamily::Any, 90), accepted(60));
        assert_eq!(wait(ClientFamily::Any, 30), accepted(30));
        assert_eq!(wait(ClientFamily::Python, 30), accepted(25));
        assert_eq!(wait(ClientFamily::Python, 3), accepted(1));
        assert_eq!(wait(ClientFamily::Node, 90), timed_out(90));
        assert_eq!(wait(ClientFamily::Mcp, 300), timed_out(300));
    }
}
