/// Classes that content systems give the element with the text of an article, alone or behind a prefix.
pub(crate) const BODY_CLASSES: &[&str] = &[
    "article-body",
    "article-content",
    "article-text",
    "articlebody",
    "blog-content",
    "entry-body",
    "entry-content",
    "markdown-body",
    "post-body",
    "post-content",
    "prose",
    "rich-text",
    "rte",
    "story-body",
];
