//! Checks of every [`HttpFetcher`].

mod answers;
mod bounds;
mod requests;

pub use answers::*;
pub use bounds::*;
pub use requests::*;

use std::sync::Arc;

use crate::ports::fetch::HttpFetcher;

/// A fetcher as the engine holds it.
pub type AnyHttpFetcher = Arc<dyn HttpFetcher>;

/// Calls a macro with every check's name; for the macros of this kit.
#[doc(hidden)]
#[macro_export]
macro_rules! each_http_check {
    ($then:path, $($arg:tt)*) => {
        $then! { ($($arg)*) [
            a_page_is_returned_unchanged
            an_error_status_is_a_response
            a_response_without_a_body_is_returned
            a_redirect_without_a_target_is_a_response
            headers_are_complete_and_in_lower_case
            redirects_are_followed_and_returned
            endless_redirects_are_refused
            a_compressed_body_is_decompressed
            a_response_that_is_not_http_is_an_error
            no_response_makes_the_fetcher_panic
            a_truncated_body_is_an_error
            a_closed_connection_is_an_error_without_a_retry
            a_closed_port_is_an_error
            the_method_and_the_body_reach_the_site
            the_request_target_is_sent_unchanged
            the_items_headers_reach_the_site
            a_post_over_a_kept_connection_is_sent_once
            jobs_do_not_share_cookies
            every_reported_tier_is_served
            concurrent_attempts_get_their_own_responses
            an_attempt_that_hangs_blocks_no_other
            a_failure_does_not_affect_the_next_attempt
            errors_name_neither_userinfo_nor_query
            a_body_is_returned_up_to_its_limit
            a_declared_length_above_the_limit_is_refused
            a_body_of_unknown_length_is_refused_at_the_limit
            the_body_limit_applies_after_decompression
            endless_headers_are_refused
            a_site_that_never_answers_ends_at_the_deadline
            a_head_that_trickles_ends_at_the_deadline
            a_body_that_trickles_ends_at_the_deadline
            one_deadline_covers_every_hop
            a_zero_deadline_is_a_timeout
            a_dropped_attempt_closes_its_connection
            dropping_an_attempt_drops_its_body
            a_dropped_attempt_follows_no_redirect
        ] }
    };
}

crate::each_http_check!(super::table, HttpFetcher);
