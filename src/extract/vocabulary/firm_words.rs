/// Words in the names of firms and of programs, which are no authors.
pub(crate) const FIRM_WORDS: &[&str] = &[
    "admin",
    "administrator",
    "ag",
    "corp",
    "corporation",
    "ev",
    "gmbh",
    "inc",
    "llc",
    "ltd",
    "plc",
    "verlag",
    "webmaster",
    "wordpress",
];
