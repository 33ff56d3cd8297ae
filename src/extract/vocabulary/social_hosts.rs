/// Hosts of pages to follow or to share on.
pub(crate) const SOCIAL_HOSTS: &[&str] = &[
    "api.whatsapp.com",
    "bsky.app",
    "facebook.com",
    "instagram.com",
    "linkedin.com",
    "mastodon.social",
    "pinterest.com",
    "reddit.com",
    "t.me",
    "tiktok.com",
    "twitter.com",
    "wa.me",
    "x.com",
    "youtube.com",
];
