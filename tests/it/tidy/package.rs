//! What the package says of itself: crates, versions and examples.

use std::process::Command;

use super::source::files;

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

/// What cargo prints, without a network and with the versions of `Cargo.lock`: it fails where that
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
    line.unwrap_or_else(|| panic!("no {key}")).trim_matches('"').to_owned()
}

#[test]
fn the_lock_file_names_the_version_of_the_package() {
    let lock = std::fs::read_to_string("Cargo.lock").expect("a lock file");
    let version = of_package("version");

    let entry = format!("name = \"rungs\"\nversion = \"{version}\"\n");

    assert!(lock.contains(&entry), "Cargo.lock names another version than {version}");
    cargo(&["tree", "--depth", "0"]);
}
