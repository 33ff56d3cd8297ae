//! Which client is asking, for the few things that no single answer can be right about.
//!
//! States are kept in one vocabulary and translated here alone, by what the client says of itself.

use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::header::USER_AGENT;

use crate::core::job::JobState;

/// What a client that ends its own wait gets its answer before.
const MARGIN: Duration = Duration::from_secs(5);
/// The shortest wait for a page, whatever the client says.
const LEAST: Duration = Duration::from_secs(1);

/// A family of clients that read states in the same words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Client {
    /// Anyone else: the words of the guide.
    Any,
    /// The Python SDK, which ends with an error on words that it does not know.
    Python,
    /// The Node SDK, which cannot wait for a job that `scrape` was answered with.
    Node,
    /// The MCP server, which cannot either.
    Mcp,
}

/// How long a synchronous scrape is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hold {
    /// The longest wait.
    pub(super) most: Duration,
    /// What an unfinished job is answered with then.
    pub(super) then: Unfinished,
}

/// The answer to a scrape that is not finished in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfinished {
    /// 202 and the job's id, to be polled.
    Accepted,
    /// 504, for clients that take nothing but a page or an error.
    TimedOut,
}

impl Client {
    /// Reads the headers in which clients name themselves.
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

    /// The word for a job's state that this client understands.
    pub(super) fn word(self, state: JobState) -> &'static str {
        match (self, state) {
            (Self::Python | Self::Node, JobState::Queued) => "pending",
            (Self::Python, JobState::Processing) => "running",
            (Self::Python | Self::Node, JobState::Succeeded) => "completed",
            (_, state) => state.as_str(),
        }
    }

    /// How long a scrape with this `timeout` is held, where others are held for `usual` at most.
    pub(super) fn hold(self, timeout: Duration, usual: Duration) -> Hold {
        match self {
            Self::Any => Hold { most: timeout.min(usual), then: Unfinished::Accepted },
            // Its own patience is the timeout it sends, and then it asks for the page once more.
            Self::Python => {
                let most = timeout.saturating_sub(MARGIN).max(LEAST).min(usual);
                Hold { most, then: Unfinished::Accepted }
            }
            Self::Node | Self::Mcp => Hold { most: timeout, then: Unfinished::TimedOut },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &'static str, value: &str) -> Client {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().expect("a header's value"));
        Client::of(&headers)
    }

    #[test]
    fn clients_are_told_apart_by_what_they_say_of_themselves() {
        assert_eq!(named("user-agent", "AlterLab-Python-SDK/2.1.3"), Client::Python);
        assert_eq!(named("user-agent", "alterlab-node/2.0.0"), Client::Node);
        assert_eq!(named("user-agent", "alterlab-mcp-server/1.7.1"), Client::Mcp);
        assert_eq!(named("x-alterlab-source", "mcp-server/1.7.1"), Client::Mcp);
        assert_eq!(named("user-agent", "curl/8.5.0"), Client::Any);
        assert_eq!(Client::of(&HeaderMap::new()), Client::Any);
    }

    #[test]
    fn each_client_reads_states_in_its_own_words() {
        let words = |client: Client| JobState::ALL.map(|it| client.word(it));

        assert_eq!(words(Client::Any), ["queued", "processing", "succeeded", "failed"]);
        assert_eq!(words(Client::Mcp), ["queued", "processing", "succeeded", "failed"]);
        assert_eq!(words(Client::Python), ["pending", "running", "completed", "failed"]);
        assert_eq!(words(Client::Node), ["pending", "processing", "completed", "failed"]);
    }

    #[test]
    fn who_cannot_poll_is_held_to_the_end_and_who_gives_up_first_is_answered_before() {
        let seconds = Duration::from_secs;
        let hold = |client: Client, timeout| client.hold(seconds(timeout), seconds(60));

        let accepted = |most| Hold { most: seconds(most), then: Unfinished::Accepted };
        let timed_out = |most| Hold { most: seconds(most), then: Unfinished::TimedOut };
        assert_eq!(hold(Client::Any, 90), accepted(60));
        assert_eq!(hold(Client::Any, 30), accepted(30));
        assert_eq!(hold(Client::Python, 30), accepted(25));
        assert_eq!(hold(Client::Python, 3), accepted(1));
        assert_eq!(hold(Client::Node, 90), timed_out(90));
        assert_eq!(hold(Client::Mcp, 300), timed_out(300));
    }
}
