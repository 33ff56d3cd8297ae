/// Words behind `user` in a class that marks what users wrote or how a style treats them.
pub(crate) const USER_CONTENT_WORDS: &[&str] = &["content", "generated", "select", "text"];
