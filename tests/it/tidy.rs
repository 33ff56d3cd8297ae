//! Rules about the source itself: layers, sizes, words, and what the package says of itself.

mod layers;
mod package;
mod size;
mod source;
mod words;

use std::collections::{BTreeMap, BTreeSet};
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

/// The paths below `crate::extract` that a file names, each as its segments.
fn extract_paths(text: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for after in text.split("crate::extract::").skip(1) {
        let statement = after.split(';').next().unwrap_or_default();
        expand(&[], statement, &mut found);
    }
    found
}

/// Adds every path of a use tree such as `a::{b, c::{d, e}}`; what follows the tree is ignored.
fn expand(before: &[String], tree: &str, found: &mut Vec<Vec<String>>) {
    let end = tree.find(|it: char| !it.is_alphanumeric() && it != '_').unwrap_or(tree.len());
    let (name, rest) = tree.split_at(end);
    let mut path = before.to_vec();
    path.extend((!name.is_empty()).then(|| name.to_owned()));
    let rest = rest.strip_prefix("::").unwrap_or(if name.is_empty() { rest } else { "" });
    let Some(inside) = rest.strip_prefix('{') else {
        return if rest.starts_with(char::is_alphabetic) {
            expand(&path, rest, found);
        } else {
            found.push(path);
        };
    };
    let (mut depth, mut part) = (0, String::new());
    for symbol in inside.chars() {
        match symbol {
            '}' if depth == 0 => break,
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                expand(&path, std::mem::take(&mut part).trim(), found);
                continue;
            }
            _ => {}
        }
        part.push(symbol);
    }
    expand(&path, part.trim(), found);
}

/// The folder below `src/extract` that a path of modules leads into: a file at the top is a folder of its
/// own, and the root is the empty name.
fn extract_folder(path: &[String]) -> String {
    let mut folder = PathBuf::from("src/extract");
    for (at, name) in path.iter().enumerate() {
        if folder.join(name).is_dir() {
            folder.push(name);
        } else if at == 0 && folder.join(name).with_extension("rs").is_file() {
            return name.clone();
        } else {
            break;
        }
    }
    folder.strip_prefix("src/extract").expect("a folder inside").display().to_string()
}

/// Each folder of the extractor, at any depth, is one node made of the files directly in it; `mod.rs` and
/// the files at the top orchestrate, so each of them is a node too. Inside a folder files may know each
/// other.
#[test]
fn the_folders_of_the_extractor_form_no_cycle() {
    let mut imports: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for_each_source("src/extract", &mut |path, text| {
        let inside = path.strip_prefix("src/extract").expect("a file inside").with_extension("");
        let mut module: Vec<String> =
            inside.iter().map(|it| it.to_str().expect("UTF-8").to_owned()).collect();
        module.retain(|it| it != "mod");
        let from = extract_folder(&module);
        // What a folder's own face declares below itself.
        let children = text.lines().filter_map(|it| {
            let rest = it.strip_prefix("pub(crate) ").unwrap_or(it).strip_prefix("mod ")?;
            Some(module.iter().cloned().chain([rest.trim_end_matches(';').to_owned()]).collect())
        });
        let named: Vec<Vec<String>> = extract_paths(text).into_iter().chain(children).collect();
        // A face that takes something from what is around it imports that.
        let around = text.lines().any(|it| it.starts_with("use super::"));
        let parent = (path.ends_with("mod.rs") && around)
            .then(|| module.get(..module.len().saturating_sub(1)).unwrap_or_default().to_vec());
        let to = named.iter().chain(&parent).map(|it| extract_folder(it)).filter(|it| *it != from);
        imports.entry(from.clone()).or_default().extend(to.collect::<Vec<_>>());
    });
    assert!(imports.len() > 10, "{} folders", imports.len());

    // A folder that imports only folders which are done is done; what stays over stands in a cycle.
    let mut waiting = imports.clone();
    while let Some(done) = waiting
        .iter()
        .find(|(_, to)| to.iter().all(|it| !waiting.contains_key(it)))
        .map(|it| it.0.clone())
    {
        waiting.remove(&done);
    }
    waiting.values_mut().for_each(|to| to.retain(|it| imports.contains_key(it)));
    assert!(waiting.is_empty(), "these folders import each other in a circle: {waiting:#?}");
}

#[test]
fn word_lists_are_sorted_and_stand_alone() {
    for_each_source("src/extract/vocabulary", &mut |path, text| {
        if path.ends_with("mod.rs") {
            return;
        }
        assert_eq!(text.matches("const ").count(), 1, "{}: one list per file", path.display());
        let lines = text.lines().map(str::trim).filter(|it| it.starts_with(['"', '(']));
        let entries: Vec<&str> = lines.filter_map(|it| it.split('"').nth(1)).collect();
        let sorted = entries.is_sorted() || text.contains("In order of precedence");
        assert!(sorted, "{} is not sorted", path.display());
    });
}

/// Both the extractor and the model client stand on it.
#[test]
fn the_schema_language_is_as_pure_as_the_core() {
    forbid("src/schema", &["tokio", "async ", "::now()", "crate::", "std::net", "std::fs"]);
}
