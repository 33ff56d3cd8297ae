/// Class words of single comments by readers.
pub(crate) const COMMENT_CLASSES: &[&str] = &["comment", "comments", "reply", "replies"];
