/// Class words of elements that hold the date of a page.
pub(crate) const DATE_CLASSES: &[&str] =
    &["byline", "date", "datetime", "meta", "posted", "pubdate", "published", "timestamp"];
