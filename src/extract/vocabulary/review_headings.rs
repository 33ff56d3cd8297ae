/// Parts of headings over what buyers wrote.
pub(crate) const REVIEW_HEADINGS: &[&str] =
    &["avis client", "bewertung", "opinion", "recension", "review"];
