//! Rules about the README and the examples: an application needs few imports and no workarounds.

use std::path::PathBuf;

fn examples() -> Vec<(PathBuf, String)> {
    let dir = std::fs::read_dir("examples").expect("a readable directory");
    let paths = dir.map(|entry| entry.expect("a readable entry").path());
    let sources = paths.filter(|path| path.extension().is_some_and(|it| it == "rs"));
    sources.map(|path| (path.clone(), std::fs::read_to_string(path).expect("readable"))).collect()
}

/// The blocks of Rust code in the README.
fn readme_blocks() -> Vec<String> {
    let readme = std::fs::read_to_string("README.md").expect("readable");
    let blocks = readme.split("```rust\n").skip(1);
    blocks.map(|it| it.split("```").next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn the_readme_shows_the_quickstart_example() {
    let quickstart = std::fs::read_to_string("examples/quickstart.rs").expect("readable");

    let blocks = readme_blocks();

    assert!(!blocks.is_empty(), "the README has no Rust code");
    for block in blocks {
        assert!(quickstart.contains(&block), "not in examples/quickstart.rs:\n{block}");
    }
}

#[test]
fn the_readme_example_has_one_import_and_no_hidden_lines() {
    for block in readme_blocks() {
        let imports = block.lines().filter(|line| line.trim_start().starts_with("use "));
        assert_eq!(imports.count(), 1, "{block}");
        assert!(!block.lines().any(|line| line == "#" || line.starts_with("# ")), "{block}");
    }
}

#[test]
fn every_example_needs_two_imports_of_rungs_at_most() {
    let examples = examples();

    assert!(examples.len() >= 15, "{} examples", examples.len());
    for (path, text) in examples {
        let imports = text.lines().filter(|line| {
            let line = line.trim_start();
            line.starts_with("use rungs") || line.starts_with("pub use rungs")
        });
        assert!(imports.count() <= 2, "{}", path.display());
    }
}

#[test]
fn every_example_does_without_unreachable_and_boxed_errors() {
    let mut sources = examples();
    sources.push(("README.md".into(), readme_blocks().concat()));

    for (path, text) in sources {
        for word in ["unreachable!", "Box<dyn"] {
            assert!(!text.contains(word), "{}: {word}", path.display());
        }
    }
}
