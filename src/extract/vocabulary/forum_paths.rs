/// Words in the addresses of forums.
pub(crate) const FORUM_PATHS: &[&str] = &[
    "comments",
    "discussion",
    "discussions",
    "forum",
    "forums",
    "showthread",
    "thread",
    "threads",
    "topic",
    "topics",
    "viewtopic",
];
