//! Commands on a store in a database.

use std::io::Write as _;
use std::process::Stdio;

use super::{program, rungs, site, text};
use crate::support::postgres::{block_on, client, new_url};

#[test]
fn commands_share_a_database() {
    let (site, url) = (site(), new_url());
    let batch = || {
        let mut child = program()
            .args(["batch", "-", "--allow-private", "--store", &url])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program runs");
        let mut input = child.stdin.take().expect("piped");
        writeln!(input, "{}\n{}", site.url("/a"), site.url("/b")).expect("it reads");
        drop(input);
        child.wait_with_output().expect("it ends")
    };

    let first = batch();
    let again = batch();

    assert!(first.status.success(), "{}", text(&first.stderr));
    assert_eq!(text(&first.stdout).lines().count(), 2, "{}", text(&first.stdout));
    assert!(again.status.success(), "{}", text(&again.stderr));
    let fetched = |output: &[u8]| text(output).matches("Loaf /").count();
    assert!(fetched(&first.stdout) > 0 && fetched(&again.stdout) > 0, "results are read again");
    let status = rungs(&["status", "--store", &url]);
    let listed = text(&status.stdout);
    assert_eq!(listed.matches("batch_").count(), 1, "the second run resumed the first: {listed}");
    let granted = text(&rungs(&["grant", "acme", "500", "--store", &url]).stdout);
    assert!(granted.contains("acme: 500 credits free"), "{granted}");
    let doctor = text(&rungs(&["doctor", "--store", &url]).stdout);
    for fact in
        ["PostgreSQL ", "direct", "records", "dead records", "oldest transaction", "record_pkey"]
    {
        assert!(doctor.contains(fact), "{fact}: {doctor}");
    }
    assert!(doctor.contains(" KiB"), "{doctor}");
    assert!(!doctor.contains("MiB"), "the tables are small: {doctor}");
}

#[test]
fn reading_a_mistyped_schema_creates_none() {
    let url = new_url();
    let (_, schema) = url.split_once("schema=").expect("a schema");
    let exists = || {
        let sql = format!("SELECT to_regnamespace('{schema}') IS NOT NULL");
        let found = block_on(async { client(&url).await.query_one(&sql, &[]).await });
        found.expect("one row").get::<_, bool>(0)
    };

    for command in [&["status"][..], &["doctor"], &["grant", "acme"], &["grant", "acme", "500"]] {
        let refused = rungs(&[command, &["--store", &url]].concat());

        let message = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(2), "{command:?}: {message}");
        assert!(message.contains(&format!("schema `{schema}`: check the URL")), "{message}");
    }
    assert!(!exists());
}

#[test]
fn a_database_that_cannot_be_used_is_named_without_its_password() {
    let url = "postgres://ann:geheim@%2Fnowhere/db";

    let refused = rungs(&["status", "--store", url]);
    let wrong = rungs(&["doctor", "--store", "data"]);

    let message = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{message}");
    assert!(message.contains("check the host and the port"), "{message}");
    assert!(!message.contains("geheim"), "{message}");
    assert_eq!(wrong.status.code(), Some(2), "{}", text(&wrong.stderr));
}
