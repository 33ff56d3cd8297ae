//! The proof of the fetcher kits: each of these fetchers has one mistake, and the checks named beside
//! it catch it. Other checks may catch it, too.

mod documents;
mod pages;

use std::collections::BTreeSet;

use crate::support::fetchers::{Browser, http};
use documents::{BadSheets, BadSigns, Misreading};
use pages::{Bad, Mistake};
use rungs::testkit::KitReport;
use rungs::testkit::fetcher::{
    browser, check_browser, check_http, check_ocr, check_pdf, http, ocr, pdf,
};

fn assert_caught(mistake: &str, report: &KitReport, by: &[&str]) {
    for check in by {
        assert!(report.has_failed(check), "{mistake} passed `{check}`; {report}");
    }
    // A failed check names the behavior and the requirement; a panic comes from the fetcher.
    for failure in &report.failed {
        let (did, must) = failure.message.split_once("; it must ").expect("both are said");
        assert!(!did.is_empty() && !must.is_empty(), "{mistake}: {failure}");
        let is_panic = did.contains("panicked");
        assert!(!is_panic || mistake.starts_with("Panics"), "{mistake}: {failure}");
    }
}

/// A `#[test]` for each mistake, and the list of all checks that are named.
macro_rules! broken {
    ($named:ident, $kind:ident, $run:expr, $($mistake:ident: $($check:ident)+;)+) => {
        #[allow(non_upper_case_globals)]
        const $named: &[&str] = &[$($(stringify!($check)),+),+];

        mod $named {
            use super::*;

            $(
                #[test]
                #[allow(non_snake_case)]
                fn $mistake() {
                    let run: fn($kind) -> KitReport = $run;
                    let by = [$(stringify!($check)),+];
                    assert_caught(stringify!($mistake), &run($kind::$mistake), &by);
                }
            )+
        }
    };
}

broken! {
    over_http, Mistake, |it| check_http(move || Bad::new(it, http())),

    AsksTwice:
        a_page_comes_back_whole
        an_error_status_is_an_answer
        the_method_and_the_body_arrive_as_asked
        attempts_at_once_get_their_own_answers;
    TriesAgainAfterAnError: an_error_status_is_an_answer;
    TriesAgainAfterAHangUp:
        a_hang_up_is_no_answer_and_not_tried_again
        a_post_over_a_kept_connection_is_sent_once;
    TakesEveryStatusFor200: an_error_status_is_an_answer an_answer_without_a_body_is_an_answer;
    RefusesErrorStatuses: an_error_status_is_an_answer;
    RefusesEmptyBodies: an_answer_without_a_body_is_an_answer;
    RefusesStrayRedirects: a_redirect_without_an_aim_is_an_answer;
    ReportsTheAskedUrl: redirects_are_followed_and_told;
    ForgetsTheHops: redirects_are_followed_and_told;
    CallsEveryErrorBroken: redirects_without_end_end a_closed_port_is_no_answer;
    WritesNamesInCapitals: headers_are_complete_and_in_lower_case;
    KeepsOneHeaderAName: headers_are_complete_and_in_lower_case;
    LeavesBodiesPacked: a_compressed_body_comes_back_decoded;
    TakesNoiseForAPage: what_is_no_http_is_no_answer a_body_cut_short_is_no_answer;
    PanicsAtNoise: nothing_a_site_says_makes_it_panic what_is_no_http_is_no_answer;
    KeepsHalfABody: a_body_cut_short_is_no_answer;
    AlwaysGets: the_method_and_the_body_arrive_as_asked;
    SortsTheQuery: the_path_and_the_query_arrive_as_written;
    DropsTheHostsHeaders: the_hosts_headers_arrive;
    SharesCookies: what_one_job_learned_no_other_sends;
    NamesABrowsersTier: it_serves_the_tiers_it_names;
    MixesAnswersUp: attempts_at_once_get_their_own_answers;
    WorksOneByOne: an_attempt_that_hangs_holds_up_no_other;
    NeverRecovers: a_failure_leaves_it_in_order;
    QuotesTheUrl: errors_name_neither_userinfo_nor_query;
    StopsAByteShort: a_body_is_kept_up_to_its_limit_and_no_further;
    IgnoresTheByteLimit:
        a_body_is_kept_up_to_its_limit_and_no_further
        a_body_that_says_it_is_too_large_is_refused
        a_body_of_unknown_length_is_cut_at_the_limit
        a_compressed_body_counts_as_what_it_becomes;
    CutsWithoutAWord: a_body_of_unknown_length_is_cut_at_the_limit headers_without_end_end;
    IgnoresTheDeadline:
        a_site_that_never_answers_ends_at_the_deadline
        a_head_that_trickles_ends_at_the_deadline
        a_body_that_trickles_ends_at_the_deadline
        one_deadline_covers_every_hop
        no_time_at_all_is_a_timeout;
    GoesOnWhenDropped:
        a_dropped_attempt_closes_its_connection
        a_body_is_given_up_with_its_attempt
        a_dropped_attempt_follows_no_redirect;
}

broken! {
    in_a_browser, Mistake, |it| check_browser(move || Bad::new(it, Browser::default())),

    AsksTwice: a_page_is_rendered an_error_status_is_an_answer attempts_at_once_get_their_own_pages;
    ReportsTheAskedUrl: redirects_are_followed_and_told;
    RunsNoScripts: a_script_has_run;
    WritesNamesInCapitals: headers_are_the_pages_in_lower_case;
    DropsTheHostsHeaders: the_hosts_headers_arrive;
    SharesCookies: what_one_job_learned_no_other_sends;
    AlwaysPaints: what_was_not_asked_for_is_not_made a_printed_page_is_a_pdf;
    NeverPaints: a_screenshot_is_a_png;
    IgnoresTheByteLimit: a_page_over_the_limit_is_refused;
    IgnoresTheDeadline: a_site_that_never_answers_ends_at_the_deadline no_time_at_all_is_a_timeout;
    GoesOnWhenDropped: a_dropped_attempt_closes_its_connection;
    ShowsAPageOfItsOwn: a_hang_up_is_no_answer a_closed_port_is_no_answer;
    QuotesTheUrl: errors_name_neither_userinfo_nor_query;
    WorksOneByOne: an_attempt_that_hangs_holds_up_no_other;
    NeverRecovers: a_failure_leaves_it_in_order;
}

broken! {
    of_pdfs, Misreading, |it| check_pdf(move || BadSheets::new(it)),

    TurnsTheOrder: pages_come_in_order_with_their_text;
    InventsATitle: the_title_is_the_documents_own;
    ReadsAnything: no_bytes_are_no_document what_is_no_pdf_is_an_error;
    PanicsAtDamage: damage_is_no_panic;
    HangsAtDepth: nesting_without_measure_ends;
    CountsItsReadings: the_same_document_reads_the_same readings_at_once_are_kept_apart;
    IgnoresTheDeadline: no_time_at_all_is_a_timeout;
    StopsWhenDropped: a_dropped_attempt_leaves_it_in_order;
}

broken! {
    of_images, Misreading, |it| check_ocr(move || BadSigns::new(it)),

    SeesThings: a_blank_image_has_no_words;
    PointsOutside: words_lie_within_the_image;
    ReadsAnything: no_bytes_are_no_image what_is_no_image_is_an_error;
    PanicsAtDamage: damage_is_no_panic;
    CountsItsReadings: the_same_image_reads_the_same readings_at_once_are_kept_apart;
    IgnoresTheDeadline: no_time_at_all_is_a_timeout;
    StopsWhenDropped: a_dropped_attempt_leaves_it_in_order;
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
