//! The layers: the folders that each folder may import. ARCHITECTURE.md gives the reasons.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::source::{code_below, lines_with, references};

/// The folders of `src`, from the inside out, each with the folders that it may name. A folder names
/// only folders above it in this list, so they form no cycle.
const FOLDERS: &[(&str, &[&str])] = &[
    ("core", &[]),
    ("ports", &["core"]),
    ("net", &["core", "ports"]),
    ("schema", &["core"]),
    ("extract", &["core", "ports", "schema"]),
    ("stores", &["core", "ports", "net"]),
    ("testkit", &["core", "ports"]),
    ("fetch", &["core", "ports", "net"]),
    ("webhook", &["core", "ports", "net"]),
    ("llm", &["core", "ports", "net", "schema"]),
    ("wire", &["core", "ports"]),
    ("engine", &["core", "ports", "extract", "wire"]),
    ("service", &["core", "ports", "engine", "wire"]),
];

/// The one file of the engine that names an extractor or the body of a notification: the defaults.
const DEFAULTS: &str = "src/engine/builder.rs";

/// The kinds of fetcher. None knows another; what they share is beside them or in `net`.
const FETCHERS: &[&str] = &["browser", "http", "ocr", "pdf"];

/// Every name of another folder in `src`: the file, the line, and the two folders.
fn edges() -> Vec<(PathBuf, usize, String, String)> {
    let mut edges = Vec::new();
    for (path, code) in code_below("src") {
        let parts: Vec<_> = path.iter().filter_map(|it| it.to_str()).collect();
        let [_, from, _, ..] = parts[..] else { continue };
        for (line, to) in references(&path, &code) {
            let is_other = to.first().is_some_and(|it| it != from);
            if is_other && Path::new("src").join(&to[0]).is_dir() {
                edges.push((path.clone(), line, from.to_owned(), to[0].clone()));
            }
        }
    }
    edges
}

#[test]
fn folders_form_no_cycle() {
    let mut inner = BTreeSet::new();
    for (folder, may_name) in FOLDERS {
        let outer: Vec<_> = may_name.iter().filter(|it| !inner.contains(*it)).collect();
        assert!(outer.is_empty(), "{folder} may name {outer:?}, which are not further inside");
        inner.insert(*folder);
    }
}

#[test]
fn folders_name_only_folders_further_inside() {
    let edges = edges();
    assert!(edges.len() > 300, "only {} names of another folder were read", edges.len());
    none(edges.into_iter().filter_map(|(path, line, from, to)| {
        // The programs use the library as any application does.
        if from == "bin" {
            return None;
        }
        let folder = FOLDERS.iter().find(|it| it.0 == from);
        let may_name = folder.unwrap_or_else(|| panic!("src/{from} has no place in FOLDERS")).1;
        let may = match (from.as_str(), to.as_str()) {
            ("engine", "extract" | "wire") => path == Path::new(DEFAULTS),
            _ => may_name.contains(&to.as_str()),
        };
        (!may).then(|| format!("{}:{line}: {from} must not name {to}", path.display()))
    }));
}

#[test]
fn fetchers_do_not_name_each_other() {
    for from in FETCHERS {
        let dir = format!("src/fetch/{from}");
        none(code_below(&dir).iter().flat_map(|(path, code)| {
            references(path, code).into_iter().filter_map(move |(line, to)| {
                let [folder, to, ..] = &to[..] else { return None };
                let is_other = folder == "fetch" && to != from && FETCHERS.contains(&to.as_str());
                is_other.then(|| format!("{}:{line}: {from} must not name {to}", path.display()))
            })
        }));
    }
}

/// Fails with all of `violations`, if there are any.
fn none(violations: impl Iterator<Item = String>) {
    let all: Vec<_> = violations.collect();
    assert!(all.is_empty(), "{}", all.join("\n"));
}

#[test]
fn the_core_reads_no_clock_and_does_no_io() {
    forbid(
        "src/core",
        &["tokio", "async ", ".await", "::now()", "std::net", "std::fs", "std::env"],
    );
}

#[test]
fn the_ports_need_no_runtime() {
    forbid("src/ports", &["tokio"]);
    for (path, code) in code_below("src/ports") {
        // The default of `Store::apply` is a loop over the calls of a store, on any runtime.
        let awaits = lines_with(&code, ".await").count();
        assert!(awaits == 0 || path.ends_with("apply.rs"), "{}: `.await`", path.display());
    }
}

fn forbid(dir: &str, banned: &[&str]) {
    for (path, code) in code_below(dir) {
        for word in banned {
            let found: Vec<_> = lines_with(&code, word).collect();
            assert!(found.is_empty(), "{}: `{word}` in lines {found:?}", path.display());
        }
    }
}
