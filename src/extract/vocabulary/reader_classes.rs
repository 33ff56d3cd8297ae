/// Class words of what readers and buyers wrote.
pub(crate) const READER_CLASSES: &[&str] =
    &["comment", "comments", "quote", "rev", "review", "reviews", "testimonial", "testimonials"];
