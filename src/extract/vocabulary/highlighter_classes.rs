/// Classes of highlighters that are no language.
pub(crate) const HIGHLIGHTER_CLASSES: &[&str] = &[
    "codehilite",
    "hljs",
    "linenums",
    "numberLines",
    "prettyprint",
    "prettyprinted",
    "sourceCode",
];
