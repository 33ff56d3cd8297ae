/// Classes beside which a highlighter writes the language as a class of its own.
pub(crate) const HIGHLIGHTER_MARKERS: &[&str] =
    &["codehilite", "hljs", "prettyprint", "sourceCode"];
