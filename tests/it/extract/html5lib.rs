//! The reader of ordinary pages on the tree-construction tests of html5lib-tests (`tests/html5lib`, MIT).

use std::path::Path;

use rungs::extract::{ReaderComparison, compare_readers};

/// Returns the documents of a test file: those of a fragment have no page.
fn documents(file: &str) -> impl Iterator<Item = &str> {
    file.split("#data\n").filter(|case| !case.contains("#document-fragment")).filter_map(|case| {
        let end = case.find("\n#errors")?;
        Some(&case[..end])
    })
}

#[test]
fn documents_of_html5lib_are_read_like_html5ever_or_refused() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/html5lib");
    let (mut equal, mut refused) = (0, 0);
    for entry in std::fs::read_dir(dir).expect("the tests of html5lib") {
        let path = entry.expect("readable").path();
        if path.extension().is_none_or(|it| it != "dat") {
            continue;
        }
        let bytes = std::fs::read(&path).expect("readable");
        let text = String::from_utf8_lossy(&bytes);
        for document in documents(&text) {
            match compare_readers(document) {
                ReaderComparison::Equal => equal += 1,
                ReaderComparison::Refused => refused += 1,
                other => panic!("{}: {document:?}: {other:?}", path.display()),
            }
        }
    }

    assert!(equal > 1_000, "{equal} equal");
    assert!(refused < equal / 3, "{refused} refused, {equal} equal");
}
