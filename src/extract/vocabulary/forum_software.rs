/// Names of forum software in a `generator` element.
pub(crate) const FORUM_SOFTWARE: &[&str] =
    &["discourse", "flarum", "mybb", "nodebb", "phpbb", "vanilla", "vbulletin", "xenforo"];
