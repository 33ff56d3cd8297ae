//! The files of bodies on disk.

use std::fs;

use rungs::core::job::BodyRef;
use rungs::ports::store::Bodies;
use rungs::stores::BodyFiles;
use rungs::testkit::run;
use rungs::testkit::store::sample::batch_id;

use super::format::path;

/// Reads a file of two bodies. A later release may compress differently, but must read this file.
#[test]
fn a_file_of_bodies_reads_back_unchanged() {
    let bodies = BodyFiles::open(path("bodies")).expect("opened");
    let texts = ["a body", &"another body, ".repeat(40)];
    if std::env::var_os("RUNGS_NEW_FORMAT_FILES").is_some() && !path("bodies.references").exists() {
        let put = |text: &str| run(bodies.put(batch_id(1), text.into())).expect("put").0;
        fs::write(path("bodies.references"), texts.map(put).join("\n")).expect("written");
    }
    let references = fs::read_to_string(path("bodies.references")).expect("there");

    let read: Vec<_> = references
        .lines()
        .map(|it| run(bodies.get(BodyRef(it.to_owned()))).expect("readable").expect("there"))
        .collect();

    assert_eq!(read, texts.map(str::as_bytes));
}
