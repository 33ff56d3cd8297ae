//! Rules about the README, the guide and the examples: an application needs few imports and no workarounds.

use std::path::{Path, PathBuf};

fn examples() -> Vec<(PathBuf, String)> {
    let dir = std::fs::read_dir("examples").expect("a readable directory");
    let paths = dir.map(|entry| entry.expect("a readable entry").path());
    let sources = paths.filter(|path| path.extension().is_some_and(|it| it == "rs"));
    sources.map(|path| (path.clone(), std::fs::read_to_string(path).expect("readable"))).collect()
}

/// The blocks of Rust code in a document.
fn blocks(document: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(document).expect("readable");
    let blocks = text.split("```rust\n").skip(1);
    blocks.map(|it| it.split("```").next().unwrap_or_default().to_owned()).collect()
}

/// The blocks of Rust code in the README.
fn readme_blocks() -> Vec<String> {
    blocks(Path::new("README.md"))
}

/// The pages of the guide that have Rust code, with their blocks.
fn guide_blocks() -> Vec<(PathBuf, Vec<String>)> {
    let dir = std::fs::read_dir("docs").expect("a readable directory");
    let paths = dir.map(|entry| entry.expect("a readable entry").path());
    let pages = paths.filter(|path| path.extension().is_some_and(|it| it == "md"));
    let blocks = pages.map(|path| (path.clone(), blocks(&path)));
    blocks.filter(|(_, blocks)| !blocks.is_empty()).collect()
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
    sources.extend(guide_blocks().into_iter().map(|(path, blocks)| (path, blocks.concat())));

    for (path, text) in sources {
        for word in ["unreachable!", "Box<dyn"] {
            assert!(!text.contains(word), "{}: {word}", path.display());
        }
    }
}

#[test]
fn every_page_of_the_guide_with_rust_code_is_a_doctest() {
    let doctests = std::fs::read_to_string("src/guide_doctests.rs").expect("readable");
    let pages = guide_blocks();

    assert!(pages.len() >= 8, "{} pages", pages.len());
    for (path, blocks) in pages {
        assert!(doctests.contains(&format!("\"../{}\"", path.display())), "{}", path.display());
        for block in blocks {
            let is_hidden = |line: &str| line == "#" || line.starts_with("# ");
            assert!(!block.lines().any(is_hidden), "{} has hidden lines", path.display());
        }
    }
}
