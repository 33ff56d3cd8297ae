//! The package's statements about itself: crates, versions and examples.

use std::process::Command;

use serde_json::Value;

use super::source::files;

/// The documented commands build at most this; the image builds less.
const ALL: &[&str] = &["--all-features"];
const MAX_CORE_CRATES: usize = 20;
const MAX_DEFAULT_CRATES: usize = 200;

#[test]
fn the_readme_lists_every_example() {
    let readme = std::fs::read_to_string("README.md").expect("a README");
    for path in files("examples") {
        let name = path.file_stem().and_then(|it| it.to_str()).expect("a name").to_owned();
        assert!(readme.contains(&format!("`{name}`")), "the README does not name `{name}`");
    }
}

/// Returns the output of cargo, offline and with the versions of `Cargo.lock`: it fails where that
/// file does not fit `Cargo.toml`.
fn cargo(arguments: &[&str]) -> String {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let (command, rest) = arguments.split_first().expect("a command");
    let output = Command::new(cargo)
        .args([command, "--offline", "--locked"])
        .args(rest)
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("names are UTF-8")
}

/// The crates below `rungs` with these features, as `name v1.2.3`.
fn crates(kinds: &str, features: &[&str]) -> Vec<String> {
    let format = ["tree", "-e", kinds, "--prefix", "none", "--format", "{p}"];
    let text = cargo(&[&format[..], features].concat());
    let lines =
        text.lines().map(|it| it.trim_end_matches(" (*)").trim_end_matches(" (proc-macro)"));
    let mut names: Vec<_> =
        lines.filter(|it| !it.is_empty() && !it.starts_with("rungs ")).map(str::to_owned).collect();
    names.sort();
    names.dedup();
    names
}

#[test]
fn the_core_alone_is_under_20_crates_without_tokio() {
    let core = crates("normal,build", &["--no-default-features"]);

    assert!(core.len() < MAX_CORE_CRATES, "{} crates: {core:?}", core.len());
    assert!(!core.iter().any(|it| it.starts_with("tokio")), "{core:?}");
}

#[test]
fn the_default_features_are_under_200_crates_with_one_tls_provider() {
    let all = crates("normal,build", &[]);

    assert!(all.len() < MAX_DEFAULT_CRATES, "{} crates", all.len());
    assert!(!all.iter().any(|it| it.starts_with("aws-lc")), "two TLS providers");
}

/// The value of `key` in the first section of `Cargo.toml`.
fn of_package(key: &str) -> String {
    let manifest = std::fs::read_to_string("Cargo.toml").expect("a manifest");
    let line = manifest.lines().find_map(|it| it.strip_prefix(key)?.strip_prefix(" = "));
    let value = line.and_then(|it| it.split('"').nth(1));
    value.unwrap_or_else(|| panic!("no {key}")).to_owned()
}

/// `1.92` and `1.92.0` as numbers that compare.
fn version(text: &str) -> Vec<u32> {
    let mut numbers: Vec<_> = text
        .split('.')
        .map(|it| it.parse().unwrap_or_else(|_| panic!("no version: {text}")))
        .collect();
    numbers.resize(3, 0);
    numbers
}

/// The newest Rust that a crate below `rungs` asks for, and that crate.
fn needed(kinds: &str, features: &[&str]) -> (Vec<u32>, String) {
    let used = crates(kinds, features);
    let of_platform =
        ["metadata", "--format-version", "1", "--filter-platform", "x86_64-unknown-linux-gnu"];
    let metadata: Value =
        serde_json::from_str(&cargo(&[&of_platform[..], features].concat())).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages").iter();
    let needs = packages.filter_map(|it| {
        let name = format!("{} v{}", it["name"].as_str()?, it["version"].as_str()?);
        let rust = version(it["rust_version"].as_str()?);
        used.contains(&name).then_some((rust, name))
    });
    needs.max().expect("some crate names a version")
}

#[test]
fn the_rust_version_suffices_for_every_crate() {
    let stated = version(&of_package("rust-version"));

    let (needed, by) = needed("normal,build,dev", ALL);

    assert!(stated >= needed, "Cargo.toml states {stated:?}, and {by} needs {needed:?}");
}

#[test]
fn the_dockerfile_builds_with_the_stated_rust_version() {
    let dockerfile = std::fs::read_to_string("Dockerfile").expect("a Dockerfile");
    let image = dockerfile.lines().find_map(|it| it.strip_prefix("FROM rust:")).expect("a base");
    let base = version(image.split('-').next().expect("a version"));
    let build = dockerfile.lines().find(|it| it.contains("cargo build")).expect("a build");
    let features = build.split_once("--features ").expect("features").1;
    let features = features.split_whitespace().next().expect("features");

    let (needed, by) = needed("normal,build", &["--features", features]);

    assert_eq!(base, version(&of_package("rust-version")), "the base differs from Cargo.toml");
    assert!(base >= needed, "the base has {base:?}, and {by} needs {needed:?}");
    assert!(build.contains("--locked"), "the image is built with other versions than the tests");
}

#[test]
fn the_lock_file_names_the_version_of_the_package() {
    let lock = std::fs::read_to_string("Cargo.lock").expect("a lock file");
    let version = of_package("version");

    let entry = format!("name = \"rungs\"\nversion = \"{version}\"\n");

    assert!(lock.contains(&entry), "Cargo.lock names another version than {version}");
    cargo(&["tree", "--depth", "0"]);
}
