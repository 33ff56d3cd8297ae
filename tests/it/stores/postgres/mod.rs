//! The store in a PostgreSQL database, against a real server.

mod backlog;
mod cut;
#[cfg(feature = "html")]
mod engine;
mod errors;
mod lost;
mod network;
mod plans;

use std::error::Error as _;
use std::sync::Arc;

use rungs::stores::Postgres;
use rungs::testkit::must_pass;
use rungs::testkit::store::{CHECKS, check_all_shared};

use crate::support::postgres::{block_on, connected, new_url, open};

/// The tests among which the checks of the kit are divided: one each would start many processes.
const PARTS: usize = 4;

/// Returns the reason for which a URL cannot be opened.
fn why(url: &str) -> String {
    let refused = block_on(Postgres::connect(url)).expect_err("refused");
    refused.source().expect("the cause").to_string()
}

fn pass(part: usize) {
    for &(name, check) in CHECKS.iter().skip(part).step_by(PARTS) {
        eprintln!("{name}");
        must_pass(move || check(Arc::new(open(&new_url()))));
    }
}

#[test]
fn postgres_passes_the_first_part_of_the_kit() {
    pass(0);
}

#[test]
fn postgres_passes_the_second_part_of_the_kit() {
    pass(1);
}

#[test]
fn postgres_passes_the_third_part_of_the_kit() {
    pass(2);
}

#[test]
fn postgres_passes_the_last_part_of_the_kit() {
    pass(3);
}

#[test]
fn postgres_passes_the_kit_of_shared_stores() {
    let report = check_all_shared(|| {
        let url = new_url();
        move || connected(url.clone())
    });

    assert!(report.failed.is_empty(), "{report}");
    assert!(report.passed.len() >= 9, "{report}");
}
