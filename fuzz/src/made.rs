//! Properties of every result of an extractor, for any document.

use rungs::ports::extract::Extracted;
use scraper::Html as Tree;
use serde_json::Value;

/// The largest ratio of a result to its document: each format contains the page again, relative links become
/// absolute, and a line in nested lists has a mark for each list.
const MAX_GROWTH: usize = 500;
const MAX_ADDED: usize = 65_536;

/// Checks that readable HTML runs and loads nothing, neither as it is written nor after another parser has parsed and
/// serialized it.
pub fn is_harmless(html: &str) {
    let tree = Tree::parse_fragment(html);
    look(&tree);
    look(&Tree::parse_fragment(&tree.html()));
}

fn look(tree: &Tree) {
    for element in tree.tree.values().filter_map(|it| it.as_element()) {
        let name = element.name();
        let active = ["script", "style", "iframe", "object", "embed", "form", "base", "link"];
        assert!(!active.contains(&name), "<{name}> in readable HTML");
        for (attribute, value) in element.attrs() {
            assert!(
                !attribute.starts_with("on") && attribute != "style",
                "{attribute} in <{name}>"
            );
            let scheme: String =
                value.chars().filter(|it| !it.is_whitespace() && !it.is_control()).collect();
            let scheme = scheme.to_ascii_lowercase();
            let address = ["href", "src", "cite", "action"].contains(&attribute);
            assert!(!address || !scheme.starts_with("javascript:"), "{value} in <{name}>");
        }
    }
}

/// A result is stored inside others and read back later; if it cannot be, the page is lost.
pub fn is_kept(made: &Extracted, length: usize) {
    let wrapped = serde_json::json!({ "a": { "b": { "c": { "d": made } } } });
    let written = wrapped.to_string();
    let most = length * MAX_GROWTH + MAX_ADDED;
    assert!(written.len() <= most, "{} bytes made of {length}", written.len());
    let mut read: Value = serde_json::from_str(&written).expect("what was written can be read");
    let read: Extracted =
        serde_json::from_value(read["a"]["b"]["c"]["d"].take()).expect("it is one");
    // Where its images are is for who reads them next, and not kept.
    let mut kept = made.clone();
    kept.images = Vec::new();
    assert_eq!(read, kept, "a result changed on its way through the store");
}
