//! The pages of the guide give the results that it shows.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::given::filled;

#[test]
fn the_guide_shows_what_its_pages_give() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schemas.md");
    let guide = fs::read_to_string(path).expect("the guide");
    let mut checked = 0;
    for section in guide.split("\n## ").skip(1) {
        let blocks: Vec<&str> = section.split("```").skip(1).step_by(2).collect();
        let block = |at: usize| blocks[at].split_once('\n').expect("a block").1;
        let schema: Value = serde_json::from_str(block(1)).expect("a schema");
        let shown: Value = serde_json::from_str(block(2)).expect("a result");

        assert_eq!(filled(block(0), &schema), shown, "{section}");
        checked += 1;
    }
    assert_eq!(checked, 5);
}
