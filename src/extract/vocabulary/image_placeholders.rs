/// Parts of the file names of images that stand in until the real image is loaded.
pub(crate) const IMAGE_PLACEHOLDERS: &[&str] =
    &["1x1", "blank", "grey", "lazy", "loading", "pixel", "placeholder", "spacer", "transparent"];
