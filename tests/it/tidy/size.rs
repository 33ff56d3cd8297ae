//! Files and functions that fit in a head, and code that cannot panic or corrupt memory unnoticed.

use super::source::{code_below, files, lines_with, text};

const MAX_LINES: usize = 600;
/// The longest function that clippy lets pass.
const MAX_FUNCTION_LINES: usize = 70;
/// The one file with unsafe code.
const UNSAFE_FILE: &str = "src/fetch/pdf/start.rs";

#[test]
fn no_file_is_over_600_lines() {
    for dir in ["src", "tests", "examples", "benches", "fuzz/src"] {
        for path in files(dir) {
            let lines = text(&path).lines().count();
            assert!(lines <= MAX_LINES, "{} has {lines} lines", path.display());
        }
    }
}

#[test]
fn clippy_holds_functions_to_70_lines() {
    let settings = std::fs::read_to_string("clippy.toml").expect("settings");
    let threshold = settings.lines().find_map(|it| it.strip_prefix("too-many-lines-threshold = "));
    assert_eq!(threshold, Some(MAX_FUNCTION_LINES.to_string().as_str()));
    for dir in ["src", "tests", "examples", "benches"] {
        for path in files(dir) {
            let is_allowed = text(&path).contains(concat!("clippy::too_many_", "lines"));
            assert!(!is_allowed, "{} takes a function out of the lint", path.display());
        }
    }
}

#[test]
fn no_code_unwraps() {
    for (path, code) in code_below("src") {
        let found: Vec<_> = lines_with(&code, ".unwrap()").collect();
        assert!(found.is_empty(), "{}: say why it cannot fail: {found:?}", path.display());
    }
}

#[test]
fn unsafe_code_is_in_one_file() {
    // The lint denies it; no other file may allow it, by a macro neither.
    let words =
        [concat!("allow(un", "safe"), concat!("ctor(un", "safe"), concat!("expect(un", "safe")];
    for path in ["src", "tests", "examples"].into_iter().flat_map(files) {
        let text = text(&path);
        let has = words.iter().any(|it| text.contains(it));
        assert_eq!(has, path.ends_with(UNSAFE_FILE), "{}: unsafe code", path.display());
    }
}
