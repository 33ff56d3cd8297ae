//! Rules about the source itself: layers, sizes, words, documents, and the package's statements about itself.

mod docs;
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

/// The lines that are code, without those that are built for tests only.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let tests = source::Stripped::of(text).test_lines;
    let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line));
    let lines = lines.filter(move |(at, _)| !tests.iter().any(|it| it.contains(at)));
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

/// Returns the lines of each hunk before the change, which the patch expects in the file.
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
    for imported in waiting.values_mut() {
        imported.retain(|it| imports.contains_key(it));
    }
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

/// The names of response fields that consist of several words, which no other literal of the code equals.
fn api_fields() -> Vec<String> {
    let mut text = String::new();
    for_each_source("src/service/wire/openapi/responses", &mut |_, file| text.push_str(file));
    // rustfmt puts the name on a line of its own where the property does not fit one line.
    let calls = text.split("property(").skip(1).map(str::trim_start);
    let literals = calls.filter_map(|it| it.strip_prefix('"')?.split_once("\","));
    let mut names: Vec<String> = literals
        .map(|(name, _)| name.to_owned())
        .filter(|it| {
            it.contains('_') && it.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase())
        })
        .collect();
    names.sort();
    names.dedup();
    names
}

#[test]
fn only_the_wire_module_names_fields_of_the_api() {
    let names = api_fields();
    assert!(names.len() > 60, "{names:?}");
    for_each_source("src", &mut |path, text| {
        // What extraction produces has fields of its own, such as the date of an article.
        // The arguments of tools for agents are an interface of their own.
        let exempt = ["src/service/wire", "src/wire", "src/extract", "src/bin/rungs/mcp"];
        if exempt.iter().any(|it| path.starts_with(it)) {
            return;
        }
        // A field that serde renames keeps the name that a store has on disk.
        let lines = code_lines(text).filter(|it| !it.1.trim_start().starts_with("#[serde("));
        for (at, line) in lines {
            for name in &names {
                let literal = format!("\"{name}\"");
                assert!(
                    !line.contains(&literal),
                    "{}:{at}: {literal} is a field of the API: move it to service::wire",
                    path.display()
                );
            }
        }
    });
}
