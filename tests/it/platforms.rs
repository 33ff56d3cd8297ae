//! Rules about platforms: code for one system lies in modules that only that system compiles.

use std::fs;
use std::path::{Path, PathBuf};

/// Modules that are compiled on Unix only: `src/fetch/mod.rs` gates them. The program needs the feature `cli`, which
/// contains theirs.
const UNIX_MODULES: [&str; 5] =
    ["src/bin", "src/fetch/browser", "src/fetch/ocr", "src/fetch/pdf", "src/fetch/subprocess.rs"];
/// Files that have a variant for other systems beside their Unix code.
const FILES_WITH_FALLBACK: [&str; 2] = ["src/stores/dir.rs", "src/stores/journal/file.rs"];
/// Paths and methods that exist on Unix only.
const UNIX_CODE: [&str; 5] = ["std::os::", "rustix::", "libc::", ".process_group(", "signal::unix"];

fn sources(dir: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(dir).expect("a readable directory") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("readable source");
            found.push((path, text));
        }
    }
}

fn all_sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    sources(Path::new("src"), &mut found);
    assert!(!found.is_empty(), "src contains no source");
    found
}

#[test]
fn unix_code_lies_in_gated_modules() {
    for (path, text) in all_sources() {
        if UNIX_MODULES.iter().chain(&FILES_WITH_FALLBACK).any(|gated| path.starts_with(gated)) {
            continue;
        }
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for line in code {
            let found = UNIX_CODE.iter().find(|word| line.contains(**word));
            assert!(found.is_none(), "{}: not gated: {line}", path.display());
        }
    }
}

#[test]
fn only_linux_modules_read_proc() {
    for (path, text) in all_sources() {
        let reads_proc = text.contains("\"/proc");
        assert!(!reads_proc || path.ends_with("procfs.rs"), "{} reads /proc", path.display());
    }
}

#[test]
fn a_feature_that_needs_unix_refuses_other_systems() {
    let gates = fs::read_to_string("src/fetch/mod.rs").expect("readable source");
    for feature in ["browser", "ocr", "pdf"] {
        let refusal = format!("#[cfg(all(feature = \"{feature}\", not(unix)))]\ncompile_error!(");
        let module = format!("#[cfg(all(feature = \"{feature}\", unix))]\npub mod {feature};");
        assert!(gates.contains(&refusal), "no compile_error! for `{feature}`");
        assert!(gates.contains(&module), "the module of `{feature}` is not gated");
    }
}
