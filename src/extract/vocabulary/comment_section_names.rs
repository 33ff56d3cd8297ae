/// Classes and ids of the comments below an article.
pub(crate) const COMMENT_SECTION_NAMES: &[&str] = &[
    "comment-list",
    "comment-respond",
    "commentlist",
    "comments",
    "comments-area",
    "comments-section",
    "disqus_thread",
    "respond",
];
