//! The user agent of tier 1.

use http::HeaderValue;

const DEFAULT: &str = concat!("rungs/", env!("CARGO_PKG_VERSION"));
/// The most bytes of a user agent. Browsers send about 120.
const MAX_BYTES: usize = 256;

/// The text cannot be sent as a user agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UserAgentError {
    /// The text is empty or blank.
    #[error("the user agent is empty: name your crawler and a way to reach you")]
    Empty,
    /// The text is longer than 256 bytes.
    #[error("the user agent is {0} bytes long: use at most 256")]
    TooLong(usize),
    /// The text contains a character that is not printable ASCII.
    #[error("the user agent contains {0:?}: use printable ASCII")]
    Character(char),
}

/// A user agent that can be sent.
#[derive(Clone, Debug)]
pub(super) struct UserAgent(HeaderValue);

impl UserAgent {
    pub(super) fn parse(text: &str) -> Result<Self, UserAgentError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(UserAgentError::Empty);
        }
        if text.len() > MAX_BYTES {
            return Err(UserAgentError::TooLong(text.len()));
        }
        if let Some(odd) = text.chars().find(|it| !matches!(it, ' '..='~')) {
            return Err(UserAgentError::Character(odd));
        }
        let value = HeaderValue::from_str(text).expect("printable ASCII is a header value");
        Ok(Self(value))
    }

    pub(super) fn value(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl Default for UserAgent {
    fn default() -> Self {
        Self(HeaderValue::from_static(DEFAULT))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_agent_is_printable_ascii_of_bounded_length() {
        let parse = |text: &str| UserAgent::parse(text).map(drop);

        assert_eq!(parse("harbour/1.0 (+https://harbour.example/bot)"), Ok(()));
        assert_eq!(parse(" "), Err(UserAgentError::Empty));
        assert_eq!(parse("a\r\nx-injected: 1"), Err(UserAgentError::Character('\r')));
        assert_eq!(parse("häfen"), Err(UserAgentError::Character('ä')));
        assert_eq!(parse(&"a".repeat(257)), Err(UserAgentError::TooLong(257)));
    }
}
