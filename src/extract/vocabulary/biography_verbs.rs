/// Verbs behind the name of a person in a note about that person.
pub(crate) const BIOGRAPHY_VERBS: &[&str] = &[
    "covers", "es", "est", "has", "is", "ist", "lives", "schreibt", "was", "works", "writes", "è",
];
