//! The trace context of a submission, as the W3C recommendation [Trace Context] defines it.
//!
//! A job keeps the context of its submission, so that the process that fetches its page can continue the trace. This
//! module parses and writes the headers; it starts no spans.
//!
//! # Invariants
//!
//! * Ids are not zero.
//! * The list of vendors' state is a valid header value of at most [`TraceContext::MAX_STATE_BYTES`] bytes.
//!
//! [Trace Context]: https://www.w3.org/TR/trace-context/

use std::fmt;

use serde::{Deserialize, Serialize};

/// The flags that the recommendation defines: sampled, and random trace id.
const KNOWN_FLAGS: u8 = 0b11;
const SAMPLED: u8 = 0b1;
/// The length of `traceparent` in version 00.
const PARENT_BYTES: usize = 55;
/// The most members of `tracestate`.
const MAX_MEMBERS: usize = 32;
/// The longest key and the longest value of a member of `tracestate`, in bytes.
const MAX_MEMBER_BYTES: usize = 256;

/// The error for a text that is not a `traceparent` header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "traceparent is not `<version>-<trace id>-<parent id>-<flags>` in lower-case hexadecimal: send the header of W3C Trace Context"
)]
pub struct ParseTraceError;

/// The place of a submission in a distributed trace: the headers `traceparent` and `tracestate`.
///
/// ```
/// use rungs::core::trace::TraceContext;
///
/// let context: TraceContext = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse()?;
/// let context = context.with_state("vendor=t61rcWkgMzE");
///
/// assert_eq!(context.trace_id(), "0af7651916cd43dd8448eb211c80319c");
/// assert!(context.is_sampled());
/// assert_eq!(context.state(), Some("vendor=t61rcWkgMzE"));
/// # Ok::<(), rungs::core::trace::ParseTraceError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "Stored", try_from = "Stored")]
pub struct TraceContext {
    trace: u128,
    parent: u64,
    flags: u8,
    state: String,
}

/// The stored form: numbers, which are half as long as the header.
#[derive(Serialize, Deserialize)]
struct Stored(u64, u64, u64, u8, String);

impl From<TraceContext> for Stored {
    fn from(context: TraceContext) -> Self {
        let TraceContext { trace, parent, flags, state } = context;
        let half = |number: u128| u64::try_from(number & u128::from(u64::MAX)).unwrap_or_default();
        Self(half(trace >> 64), half(trace), parent, flags, state)
    }
}

impl TryFrom<Stored> for TraceContext {
    type Error = ParseTraceError;

    fn try_from(stored: Stored) -> Result<Self, ParseTraceError> {
        let Stored(high, low, parent, flags, state) = stored;
        let trace = u128::from(high) << 64 | u128::from(low);
        Ok(Self::new(trace, parent, flags)?.with_state(&state))
    }
}

impl TraceContext {
    /// The longest `tracestate` that is kept, in bytes. The recommendation requires at least this.
    pub const MAX_STATE_BYTES: usize = 512;

    fn new(trace: u128, parent: u64, flags: u8) -> Result<Self, ParseTraceError> {
        if trace == 0 || parent == 0 {
            return Err(ParseTraceError);
        }
        Ok(Self { trace, parent, flags: flags & KNOWN_FLAGS, state: String::new() })
    }

    /// Sets the header `tracestate`; several are joined by commas first. A list that is malformed or longer than
    /// [`Self::MAX_STATE_BYTES`] is dropped, as the recommendation requires.
    #[must_use]
    pub fn with_state(mut self, state: &str) -> Self {
        self.state = valid_state(state).unwrap_or_default();
        self
    }

    /// Returns the id of the trace: 32 lower-case hexadecimal digits.
    pub fn trace_id(&self) -> String {
        format!("{:032x}", self.trace)
    }

    /// Returns the id of the span that submitted: 16 lower-case hexadecimal digits.
    pub fn parent_id(&self) -> String {
        format!("{:016x}", self.parent)
    }

    /// Returns `true` if the caller records the trace.
    pub fn is_sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// Returns the header `tracestate`; `None` if there is none.
    pub fn state(&self) -> Option<&str> {
        (!self.state.is_empty()).then_some(self.state.as_str())
    }
}

/// Writes the header `traceparent`.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace, self.parent, self.flags)
    }
}

/// Reads the header `traceparent`. Of later versions, the fields of version 00 are read.
impl std::str::FromStr for TraceContext {
    type Err = ParseTraceError;

    fn from_str(text: &str) -> Result<Self, ParseTraceError> {
        let text = text.trim_matches([' ', '\t']);
        let (head, rest) = text.split_at_checked(PARENT_BYTES).ok_or(ParseTraceError)?;
        let mut fields = head.split('-');
        let mut field = |digits: usize| {
            let field = fields.next().filter(|it| it.len() == digits).ok_or(ParseTraceError)?;
            let is_hex = field.bytes().all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'));
            is_hex.then_some(field).ok_or(ParseTraceError)
        };
        let version = field(2)?;
        let number = |digits: &str| u128::from_str_radix(digits, 16).map_err(|_| ParseTraceError);
        let trace = number(field(32)?)?;
        let parent = u64::try_from(number(field(16)?)?).map_err(|_| ParseTraceError)?;
        let flags = u8::try_from(number(field(2)?)?).map_err(|_| ParseTraceError)?;
        let rest_fits = if version == "00" {
            rest.is_empty()
        } else {
            rest.is_empty() || rest.starts_with('-')
        };
        if version == "ff" || !rest_fits {
            return Err(ParseTraceError);
        }
        Self::new(trace, parent, flags)
    }
}

/// Returns the list without empty members and superfluous spaces, if it is valid.
fn valid_state(state: &str) -> Option<String> {
    let members = state.split(',').map(|it| it.trim_matches([' ', '\t']));
    let members: Vec<_> = members.filter(|it| !it.is_empty()).take(MAX_MEMBERS + 1).collect();
    if members.len() > MAX_MEMBERS || !members.iter().all(|it| is_member(it)) {
        return None;
    }
    let joined = members.join(",");
    (joined.len() <= TraceContext::MAX_STATE_BYTES).then_some(joined)
}

fn is_member(member: &str) -> bool {
    let Some((key, value)) = member.split_once('=') else { return false };
    let in_key = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || b"_-*/@".contains(&it);
    let in_value = |it: u8| matches!(it, b' '..=b'~') && it != b'=';
    (1..=MAX_MEMBER_BYTES).contains(&key.len())
        && (1..=MAX_MEMBER_BYTES).contains(&value.len())
        && key.bytes().all(in_key)
        && value.bytes().all(in_value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn context(text: &str) -> TraceContext {
        text.parse().expect("a traceparent")
    }

    #[test]
    fn a_traceparent_is_written_as_it_was_read() {
        assert_eq!(context(PARENT).to_string(), PARENT);
        assert_eq!(context(PARENT).parent_id(), "b7ad6b7169203331");
        assert!(!context(&PARENT.replace("-01", "-00")).is_sampled());
    }

    #[test]
    fn a_later_version_is_read_as_version_00() {
        let later = format!("{}-more", PARENT.replacen("00", "42", 1)).replace("-01-", "-fd-");

        assert_eq!(context(&later).to_string(), PARENT);
    }

    #[test]
    fn a_malformed_traceparent_is_refused() {
        for text in [
            "",
            "00",
            &PARENT[..54],
            &format!("{PARENT}-more"),
            &PARENT.to_uppercase(),
            &PARENT.replacen("00", "ff", 1),
            &PARENT.replace('-', "_"),
            &PARENT.replace("b7ad6b7169203331", "0000000000000000"),
            &PARENT.replace("0af7651916cd43dd8448eb211c80319c", &"0".repeat(32)),
            &PARENT.replace("0af7", "0ag7"),
            &format!("{}é", &PARENT[..54]),
        ] {
            assert_eq!(text.parse::<TraceContext>(), Err(ParseTraceError), "{text}");
        }
    }

    #[test]
    fn only_a_valid_tracestate_is_kept() {
        let state = |text: &str| context(PARENT).with_state(text).state().map(str::to_owned);

        assert_eq!(state("a=1, ,b@c= 2 ").as_deref(), Some("a=1,b@c= 2"));
        let most = vec!["k=v"; MAX_MEMBERS].join(",");
        assert_eq!(state(&most), Some(most.clone()));
        for text in [
            "",
            "a",
            "=1",
            "a=",
            "A=1",
            "a=b=c",
            "a=\r\nx: y",
            "a=é",
            &format!("{most},k=v"),
            &format!("a={0},b={0}", "x".repeat(256)),
            &format!("a={}", "x".repeat(257)),
        ] {
            assert_eq!(state(text), None, "{text}");
        }
    }

    #[test]
    fn a_stored_context_is_read_back() {
        for context in [context(PARENT), context(PARENT).with_state("a=1")] {
            let stored = serde_json::to_string(&context).expect("plain data");
            let read: TraceContext = serde_json::from_str(&stored).expect("its own form");

            assert_eq!(read, context, "{stored}");
        }
        assert!(serde_json::from_str::<TraceContext>(r#"[0,0,1,0,""]"#).is_err(), "no trace");
    }
}
