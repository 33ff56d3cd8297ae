//! The operations of the API, one file per group of resources.

mod crawls;
mod extract;
mod money;
mod pages;
mod service;
mod sessions;

/// One operation of the API.
pub(super) struct Operation {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) id: &'static str,
    pub(super) summary: &'static str,
    /// Parameters, by their names in `requests::parameters`.
    pub(super) parameters: &'static [&'static str],
    /// Schema of the request body.
    pub(super) body: Option<&'static str>,
    /// `true` if an empty body means an empty object.
    pub(super) is_body_optional: bool,
    /// Statuses of success, each with the schema of its body.
    pub(super) responses: &'static [(&'static str, &'static str)],
    /// Statuses of errors, beside those of every operation.
    pub(super) errors: &'static [&'static str],
}

impl Operation {
    const fn get(path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self {
            method: "get",
            path,
            id,
            summary,
            parameters: &[],
            body: None,
            is_body_optional: false,
            responses: &[],
            errors: &[],
        }
    }

    const fn post(path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self { method: "post", ..Self::get(path, id, summary) }
    }
}

/// Returns all operations.
pub(super) fn all() -> impl Iterator<Item = &'static Operation> {
    [
        pages::OPERATIONS,
        &crawls::OPERATIONS,
        extract::OPERATIONS,
        sessions::OPERATIONS,
        money::OPERATIONS,
        service::OPERATIONS,
    ]
    .into_iter()
    .flatten()
}
