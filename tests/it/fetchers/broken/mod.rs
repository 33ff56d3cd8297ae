//! The proof of the fetcher kits: each of these fetchers has one mistake, and the checks named beside
//! it catch it. Other checks may catch it, too.

mod documents;
mod pages;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::support::checks::{assert_caught, failures};
use crate::support::fetchers::{Browser, http};
use documents::{BadSheets, BadSigns, Misreading};
use pages::{Bad, Mistake};
use rungs::testkit::fetcher::{
    browser, check_browser, check_http, check_ocr, check_pdf, http, ocr, pdf,
};

/// The time limit of a check. The kit itself waits 10 s for what must end.
const LIMIT: Duration = Duration::from_secs(12);

/// A `#[test]` for each mistake, and the list of all checks that are named.
macro_rules! broken {
    ($named:ident, $kind:ident, $kit:ident, $open:expr, $($mistake:ident: $($check:ident)+;)+) => {
        #[allow(non_upper_case_globals)]
        const $named: &[&str] = &[$($(stringify!($check)),+),+];

        mod $named {
            use super::*;

            $(
                #[test]
                #[allow(non_snake_case)]
                fn $mistake() {
                    let checks = [$(stringify!($check)),+].map(|name| {
                        let check = $kit::CHECKS.iter().find(|it| it.0 == name);
                        let check = check.expect("a check of the kit").1;
                        (name, move || check(Arc::new($open($kind::$mistake))))
                    });
                    let mistake = stringify!($mistake);
                    let may_panic = mistake.starts_with("Panics");
                    assert_caught(mistake, may_panic, failures(LIMIT, checks));
                }
            )+
        }
    };
}

broken! {
    over_http, Mistake, http, |it| Bad::new(it, http()),

    AsksTwice:
        a_page_is_returned_unchanged
        an_error_status_is_a_response
        the_method_and_the_body_reach_the_site
        concurrent_attempts_get_their_own_responses;
    TriesAgainAfterAnError: an_error_status_is_a_response;
    TriesAgainAfterAHangUp:
        a_closed_connection_is_an_error_without_a_retry
        a_post_over_a_kept_connection_is_sent_once;
    TakesEveryStatusFor200: an_error_status_is_a_response a_response_without_a_body_is_returned;
    RefusesErrorStatuses: an_error_status_is_a_response;
    RefusesEmptyBodies: a_response_without_a_body_is_returned;
    RefusesStrayRedirects: a_redirect_without_a_target_is_a_response;
    ReportsTheAskedUrl: redirects_are_followed_and_returned;
    ForgetsTheHops: redirects_are_followed_and_returned;
    CallsEveryErrorBroken: endless_redirects_are_refused a_closed_port_is_an_error;
    WritesNamesInCapitals: headers_are_complete_and_in_lower_case;
    KeepsOneHeaderAName: headers_are_complete_and_in_lower_case;
    LeavesBodiesPacked: a_compressed_body_is_decompressed;
    TakesNoiseForAPage: a_response_that_is_not_http_is_an_error a_truncated_body_is_an_error;
    PanicsAtNoise: no_response_makes_the_fetcher_panic a_response_that_is_not_http_is_an_error;
    KeepsHalfABody: a_truncated_body_is_an_error;
    AlwaysGets: the_method_and_the_body_reach_the_site;
    SortsTheQuery: the_request_target_is_sent_unchanged;
    DropsTheHostsHeaders: the_items_headers_reach_the_site;
    SharesCookies: jobs_do_not_share_cookies;
    NamesABrowsersTier: every_reported_tier_is_served;
    MixesAnswersUp: concurrent_attempts_get_their_own_responses;
    WorksOneByOne: an_attempt_that_hangs_blocks_no_other;
    NeverRecovers: a_failure_does_not_affect_the_next_attempt;
    QuotesTheUrl: errors_name_neither_userinfo_nor_query;
    StopsAByteShort: a_body_is_returned_up_to_its_limit;
    IgnoresTheByteLimit:
        a_body_is_returned_up_to_its_limit
        a_declared_length_above_the_limit_is_refused
        a_body_of_unknown_length_is_refused_at_the_limit
        the_body_limit_applies_after_decompression;
    CutsWithoutAWord: a_body_of_unknown_length_is_refused_at_the_limit endless_headers_are_refused;
    IgnoresTheDeadline:
        a_site_that_never_answers_ends_at_the_deadline
        a_head_that_trickles_ends_at_the_deadline
        a_body_that_trickles_ends_at_the_deadline
        one_deadline_covers_every_hop
        a_zero_deadline_is_a_timeout;
    GoesOnWhenDropped:
        a_dropped_attempt_closes_its_connection
        dropping_an_attempt_drops_its_body
        a_dropped_attempt_follows_no_redirect;
}

broken! {
    in_a_browser, Mistake, browser, |it| Bad::new(it, Browser::default()),

    AsksTwice: a_page_is_rendered an_error_status_is_a_response concurrent_attempts_get_their_own_pages;
    ReportsTheAskedUrl: redirects_are_followed_and_returned;
    RunsNoScripts: a_script_has_run;
    WritesNamesInCapitals: the_headers_are_those_of_the_page_in_lower_case;
    DropsTheHostsHeaders: the_items_headers_reach_the_site;
    SharesCookies: jobs_do_not_share_cookies;
    AlwaysPaints: artifacts_are_made_only_on_request a_printed_page_is_a_pdf;
    NeverPaints: a_screenshot_is_a_png;
    IgnoresTheByteLimit: a_page_over_the_limit_is_refused;
    IgnoresTheDeadline: a_site_that_never_answers_ends_at_the_deadline a_zero_deadline_is_a_timeout;
    GoesOnWhenDropped: a_dropped_attempt_closes_its_connection;
    ShowsAPageOfItsOwn: a_closed_connection_is_an_error a_closed_port_is_an_error;
    QuotesTheUrl: errors_name_neither_userinfo_nor_query;
    WorksOneByOne: an_attempt_that_hangs_blocks_no_other;
    NeverRecovers: a_failure_does_not_affect_the_next_attempt;
}

broken! {
    of_pdfs, Misreading, pdf, BadSheets::new,

    TurnsTheOrder: pages_come_in_order_with_their_text;
    InventsATitle: the_title_is_that_of_the_metadata;
    ReadsAnything: an_empty_document_is_an_error a_document_that_is_not_a_pdf_is_an_error;
    PanicsAtDamage: damage_does_not_panic;
    HangsAtDepth: deep_nesting_does_not_overflow_the_stack;
    CountsItsReadings: the_same_document_reads_the_same concurrent_readings_do_not_mix;
    IgnoresTheDeadline: a_zero_deadline_is_a_timeout;
    StopsWhenDropped: a_dropped_attempt_does_not_affect_the_next;
}

broken! {
    of_images, Misreading, ocr, BadSigns::new,

    SeesThings: a_blank_image_has_no_words;
    PointsOutside: words_are_inside_the_image;
    ReadsAnything: an_empty_image_is_an_error a_document_that_is_not_an_image_is_an_error;
    PanicsAtDamage: damage_does_not_panic;
    CountsItsReadings: the_same_image_reads_the_same concurrent_readings_do_not_mix;
    IgnoresTheDeadline: a_zero_deadline_is_a_timeout;
    StopsWhenDropped: a_dropped_attempt_does_not_affect_the_next;
}

#[test]
fn the_wrappers_without_a_mistake_pass_every_check() {
    let reports = [
        check_http(|| Bad::new(Mistake::None, http())),
        check_browser(|| Bad::new(Mistake::None, Browser::default())),
        check_pdf(|| BadSheets::new(Misreading::None)),
        check_ocr(|| BadSigns::new(Misreading::None)),
    ];

    for report in reports {
        assert!(report.failed.is_empty(), "{report}");
    }
}

#[test]
fn every_check_of_the_kits_catches_some_fetcher() {
    let names = |checks: &[&'static str], named: &[&str]| -> Vec<&'static str> {
        let named: BTreeSet<_> = named.iter().copied().collect();
        checks.iter().copied().filter(|it| !named.contains(it)).collect()
    };
    let over_http_names: Vec<_> = http::CHECKS.iter().map(|it| it.0).collect();
    let browser_names: Vec<_> = browser::CHECKS.iter().map(|it| it.0).collect();
    let pdf: Vec<_> = pdf::CHECKS.iter().map(|it| it.0).collect();
    let ocr: Vec<_> = ocr::CHECKS.iter().map(|it| it.0).collect();

    let idle = [
        names(&over_http_names, over_http),
        names(&browser_names, in_a_browser),
        names(&pdf, of_pdfs),
        names(&ocr, of_images),
    ]
    .concat();

    assert!(idle.is_empty(), "no broken fetcher is caught by {idle:?}");
}
