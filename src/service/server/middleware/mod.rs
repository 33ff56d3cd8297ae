//! One concern per file, from the outside in: security headers, request id, request metrics, compression, error body,
//! authentication with its limits, balance headers.

mod authenticate;
mod balance;
mod compress;
mod cross_site;
mod error_body;
mod request_id;
mod request_metrics;
mod security_headers;

pub(super) use authenticate::{
    admit, authenticate, authenticate_admin, authenticate_guarded, authenticate_metrics,
    presented_key,
};
pub(super) use balance::show_balance;
pub(super) use compress::compress;
pub(super) use cross_site::check as check_cross_site;
pub(super) use error_body::error_body;
pub(super) use request_id::{new_request_id, request_id, set_request_id};
pub(super) use request_metrics::request_metrics;
pub(super) use security_headers::security_headers;
