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
            a_page_comes_back_whole
            an_error_status_is_an_answer
            an_answer_without_a_body_is_an_answer
            a_redirect_without_an_aim_is_an_answer
            headers_are_complete_and_in_lower_case
            redirects_are_followed_and_told
            redirects_without_end_end
            a_compressed_body_comes_back_decoded
            what_is_no_http_is_no_answer
            nothing_a_site_says_makes_it_panic
            a_body_cut_short_is_no_answer
            a_hang_up_is_no_answer_and_not_tried_again
            a_closed_port_is_no_answer
            the_method_and_the_body_arrive_as_asked
            the_path_and_the_query_arrive_as_written
            the_hosts_headers_arrive
            a_post_over_a_kept_connection_is_sent_once
            what_one_job_learned_no_other_sends
            it_serves_the_tiers_it_names
            attempts_at_once_get_their_own_answers
            an_attempt_that_hangs_holds_up_no_other
            a_failure_leaves_it_in_order
            errors_name_neither_userinfo_nor_query
            a_body_is_kept_up_to_its_limit_and_no_further
            a_body_that_says_it_is_too_large_is_refused
            a_body_of_unknown_length_is_cut_at_the_limit
            a_compressed_body_counts_as_what_it_becomes
            headers_without_end_end
            a_site_that_never_answers_ends_at_the_deadline
            a_head_that_trickles_ends_at_the_deadline
            a_body_that_trickles_ends_at_the_deadline
            one_deadline_covers_every_hop
            no_time_at_all_is_a_timeout
            a_dropped_attempt_closes_its_connection
            a_body_is_given_up_with_its_attempt
            a_dropped_attempt_follows_no_redirect
        ] }
    };
}

crate::each_http_check!(super::table, HttpFetcher);
