//! Rules about the source itself.

use std::path::{Path, PathBuf};

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).expect("a readable directory") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|it| it == "rs") {
            found.push(path);
        }
    }
}

fn for_each_source(dir: &str, check: &mut dyn FnMut(&Path, &str)) {
    let mut found = Vec::new();
    sources(Path::new(dir), &mut found);
    assert!(!found.is_empty(), "{dir} holds no source");
    for path in found {
        check(&path, &std::fs::read_to_string(&path).expect("readable source"));
    }
}

/// The lines that are code, up to the file's own tests.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = code.lines().enumerate().map(|(at, line)| (at + 1, line));
    lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
}

fn forbid(dir: &str, banned: &[&str]) {
    for_each_source(dir, &mut |path, text| {
        for (at, line) in code_lines(text) {
            for word in banned {
                assert!(
                    !line.contains(word),
                    "{}:{at}: `{word}` has no place here",
                    path.display()
                );
            }
        }
    });
}

#[test]
fn the_core_decides_and_does_nothing_else() {
    forbid(
        "src/core",
        &[
            "tokio",
            "async ",
            "::now()",
            "crate::ports",
            "crate::engine",
            "crate::fetch",
            "crate::extract",
            "crate::stores",
            "crate::service",
            "std::net",
            "std::fs",
        ],
    );
}

#[test]
fn the_ports_need_no_runtime_and_see_no_adapter() {
    let adapters =
        ["crate::fetch", "crate::extract", "crate::llm", "crate::stores", "crate::webhook"];
    forbid("src/ports", &["tokio", "crate::engine", "crate::service"]);
    forbid("src/ports", &adapters);
}

#[test]
fn the_engine_sees_no_adapter_but_its_defaults() {
    forbid("src/engine", &["crate::fetch", "crate::llm", "crate::stores", "crate::webhook"]);
    for_each_source("src/engine", &mut |path, text| {
        // The defaults: the extractor and the format of notifications.
        let default = path.ends_with("builder.rs");
        assert!(default || !text.contains("crate::extract"), "{}", path.display());
        assert!(default || !text.contains("crate::service"), "{}", path.display());
    });
}

#[test]
fn adapters_do_not_see_the_engine() {
    for dir in ["src/fetch", "src/extract", "src/llm", "src/net", "src/stores", "src/webhook"] {
        forbid(dir, &["crate::engine", "crate::service"]);
    }
}

#[test]
fn no_file_is_over_600_lines_and_none_unwraps() {
    for_each_source("src", &mut |path, text| {
        let lines = text.lines().count();
        assert!(lines <= 600, "{} has {lines} lines", path.display());
        for (at, line) in code_lines(text) {
            assert!(!line.contains(".unwrap()"), "{}:{at}: say why it cannot fail", path.display());
        }
    });
}

/// What the part of a patch for one file takes for granted there: each hunk's lines before the change.
fn expected_by(part: &str) -> (&str, Vec<String>) {
    let path = part.lines().find_map(|it| it.strip_prefix("+++ b/")).expect("it names its file");
    let hunks = part.split("\n@@ ").skip(1).map(|hunk| {
        let lines = hunk.lines().skip(1).filter_map(|it| it.strip_prefix([' ', '-']));
        lines.flat_map(|it| [it, "\n"]).collect()
    });
    (path, hunks.collect())
}

/// A fault that no longer applies proves nothing, and nobody would notice.
#[test]
fn every_fault_of_the_simulator_fits_the_code() {
    let faults: Vec<_> = std::fs::read_dir("tests/sim/faults").expect("faults").collect();
    assert!(faults.len() >= 15, "{} faults", faults.len());
    for fault in faults {
        let fault = fault.expect("a readable entry").path();
        let patch = std::fs::read_to_string(&fault).expect("a patch");
        assert!(patch.contains("\n@@ "), "{} changes nothing", fault.display());
        for (path, hunks) in patch.split("diff --git ").skip(1).map(expected_by) {
            let text = std::fs::read_to_string(path).expect("the file that it changes");
            for hunk in hunks {
                let said = "does not fit any more; make it anew:";
                assert!(text.contains(&hunk), "{} {path} {said}\n{hunk}", fault.display());
            }
        }
    }
}

#[test]
fn unsafe_code_is_in_one_file_only() {
    for dir in ["src", "tests", "examples"] {
        for_each_source(dir, &mut |path, text| {
            // The lint denies it; this sees to it that nobody allows it, be it by a macro.
            let words = [
                concat!("allow(un", "safe"),
                concat!("ctor(un", "safe"),
                concat!("expect(un", "safe"),
            ];
            let has = words.iter().any(|it| text.contains(it));
            let may = path.ends_with("src/fetch/pdf/start.rs");
            assert_eq!(has, may, "{}: unsafe code", path.display());
        });
    }
}

#[test]
fn the_readme_lists_every_example() {
    let readme = std::fs::read_to_string("README.md").expect("a README");
    let mut found = Vec::new();
    sources(Path::new("examples"), &mut found);
    for path in found {
        let name = path.file_stem().and_then(|it| it.to_str()).expect("a name").to_owned();
        assert!(readme.contains(&format!("`{name}`")), "the README does not name `{name}`");
    }
}

/// The crates below `rungs` with these arguments to `cargo tree`.
fn crates(arguments: &[&str]) -> Vec<String> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = std::process::Command::new(cargo)
        .args(["tree", "--offline", "--locked", "-e", "normal,build", "--prefix", "none"])
        .args(["--format", "{p}"])
        .args(arguments)
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("names are UTF-8");
    let mut names: Vec<String> = text
        .lines()
        .map(|line| line.trim_end_matches(" (*)").to_owned())
        .filter(|line| !line.is_empty() && !line.starts_with("rungs "))
        .collect();
    names.sort();
    names.dedup();
    names
}

#[test]
fn the_core_alone_is_under_20_crates_and_has_no_tokio() {
    let core = crates(&["--no-default-features"]);

    assert!(core.len() < 20, "{} crates: {core:?}", core.len());
    assert!(!core.iter().any(|it| it.starts_with("tokio")), "{core:?}");
}

#[test]
fn the_default_features_are_under_200_crates_with_one_tls_provider() {
    let all = crates(&[]);

    assert!(all.len() < 200, "{} crates", all.len());
    assert!(!all.iter().any(|it| it.starts_with("aws-lc")), "two TLS providers");
}
