//! Rules for the headers that a caller sets, shared by the HTTP fetcher and the browsers.

/// Headers that do not identify the sender of a request: only they follow a redirect to another
/// origin.
const FOLLOWS_ANYWHERE: [&str; 3] = ["accept", "accept-language", "user-agent"];
/// Headers that frame a request: the client writes them, never the caller.
const FRAMING: [&str; 3] = ["content-length", "host", "transfer-encoding"];

/// Returns `true` if a caller's header may be sent to another origin than the one that the caller
/// named.
pub(super) fn follows_anywhere(name: &str) -> bool {
    FOLLOWS_ANYWHERE.iter().any(|it| it.eq_ignore_ascii_case(name))
}

/// Builds the warning for a redirect without a target, whose body is used as browsers do.
pub(super) fn without_target(status: u16) -> String {
    format!("the site answered {status} without a target: its body was used")
}

/// Returns `true` if only the client may write the header.
pub(super) fn is_framing(name: &str) -> bool {
    FRAMING.iter().any(|it| it.eq_ignore_ascii_case(name))
}
