/// Labels in front of the name of an author.
pub(crate) const AUTHOR_LABELS: &[&str] = &[
    "article by",
    "author",
    "authored by",
    "authors",
    "by",
    "post by",
    "posted by",
    "published by",
    "story by",
    "text by",
    "words by",
    "written by",
];
