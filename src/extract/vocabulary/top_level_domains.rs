/// Last parts of addresses that name no country.
pub(crate) const TOP_LEVEL_DOMAINS: &[&str] =
    &["biz", "blog", "com", "edu", "gov", "info", "net", "news", "online", "org", "shop", "site"];
