/// Attributes in which pages that load images late keep the address.
pub(crate) const LATE_IMAGE_ATTRIBUTES: &[&str] = &[
    "data-actualsrc",
    "data-full-src",
    "data-hi-res-src",
    "data-image-src",
    "data-lazy-src",
    "data-lazyload",
    "data-orig-file",
    "data-original",
    "data-original-src",
    "data-src",
];
