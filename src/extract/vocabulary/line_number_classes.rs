/// Classes of elements that hold the number of a line of code.
pub(crate) const LINE_NUMBER_CLASSES: &[&str] = &[
    "blob-num",
    "gutter",
    "hljs-ln-numbers",
    "line-num",
    "line-number",
    "line-numbers",
    "lineno",
    "linenos",
    "linenumber",
    "linenumbers",
    "ln",
    "lnt",
];
