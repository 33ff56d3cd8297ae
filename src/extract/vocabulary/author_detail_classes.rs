/// Class words of elements about an author that do not hold the name.
pub(crate) const AUTHOR_DETAIL_CLASSES: &[&str] = &[
    "avatar",
    "bio",
    "description",
    "image",
    "img",
    "photo",
    "position",
    "role",
    "sidebar",
    "social",
    "title",
];
