/// Separators that end the name in a byline.
pub(crate) const BYLINE_SEPARATORS: &[&str] =
    &[" - ", " at ", " on ", " – ", " — ", "(", ",", ";", "|", "·", "»", "•"];
