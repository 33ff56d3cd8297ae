//! The parts of a page that `rungs scrape` prints or writes to files.

use rungs::testkit::site::{Site, SiteResponse};
use serde_json::Value;

use super::{rungs, text};

const PRODUCT: &str = r#"<!DOCTYPE html><title>Dough scraper</title>
<script type="application/ld+json">{"@context": "https://schema.org", "@type": "Product",
 "name": "Dough scraper", "offers": {"@type": "Offer", "price": "7.50", "priceCurrency": "EUR"}}</script>
<article><h1>Dough scraper</h1><p>A flat blade of steel with a grip of beech, made for cutting dough and for cleaning the
table afterwards. It weighs little and lasts for years, and nobody who has used one goes back to a knife. Wash it by
hand, dry it at once, and oil the grip before every winter, when the air of a heated kitchen would crack it.</p>
</article>"#;

/// Scrapes the page of a product with these options, in a directory with a schema.
fn scrape(site: &Site, options: &[&str]) -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("schema.json"), r#"{"price": "number"}"#).expect("written");
    let mut command = super::program();
    command.current_dir(dir.path()).args(["scrape", &site.url("/"), "--allow-private"]);
    let output = command.args(options).output().expect("the program runs");
    assert!(output.status.success(), "{options:?}: {}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "", "{options:?}");
    (dir, text(&output.stdout))
}

#[test]
fn options_that_extract_fields_print_the_fields_alone() {
    let site = Site::start(|_| SiteResponse::html(PRODUCT));

    let (_, schema) = scrape(&site, &["--schema", "schema.json"]);
    let (_, profile) = scrape(&site, &["--profile", "product"]);
    let (_, json) = scrape(&site, &["--schema", "schema.json", "--formats", "json"]);

    let schema: Value = serde_json::from_str(&schema).expect("JSON alone");
    assert_eq!(schema, serde_json::json!({ "price": 7.5 }));
    assert_eq!(serde_json::from_str::<Value>(&json).expect("the fields once"), schema);
    let profile: Value = serde_json::from_str(&profile).expect("JSON alone");
    assert_eq!(profile["name"], "Dough scraper", "{profile}");
}

#[test]
fn several_formats_are_printed_as_separate_sections() {
    let site = Site::start(|_| SiteResponse::html(PRODUCT));

    let (_, page) = scrape(&site, &["--formats", "text,markdown", "--schema", "schema.json"]);

    let heads: Vec<&str> = page.lines().filter(|it| it.starts_with("==> ")).collect();
    assert_eq!(heads, ["==> fields <==", "==> text <==", "==> markdown <=="], "{page}");
    assert!(page.contains("\n\n==> markdown <==\n# Dough scraper\n"), "{page}");
}

#[test]
fn an_output_directory_gets_one_file_for_each_format() {
    let site = Site::start(|_| SiteResponse::html(PRODUCT));

    let options = ["--formats", "markdown,json_v2", "--raw-html", "--profile", "product"];
    let (dir, printed) = scrape(&site, &[&options[..], &["--out-dir", "page"]].concat());

    let names = ["profile.json", "markdown.md", "json_v2.json", "source.html"];
    let paths: Vec<String> = names.iter().map(|it| format!("page/{it}")).collect();
    assert_eq!(printed.lines().collect::<Vec<_>>(), paths);
    let read = |name: &str| std::fs::read_to_string(dir.path().join("page").join(name));
    assert!(read("markdown.md").expect("a file").starts_with("# Dough scraper\n"));
    assert!(read("source.html").expect("a file").starts_with("<!DOCTYPE html>"));
    let tree = read("json_v2.json").expect("a file");
    assert!(serde_json::from_str::<Value>(&tree).expect("JSON").is_object(), "{tree}");
}

#[test]
fn a_format_that_the_document_lacks_is_reported() {
    let site = Site::start(|_| {
        SiteResponse::status(200).header("content-type", "text/plain").body("Flour and water.")
    });

    let output = rungs(&["scrape", &site.url("/"), "--allow-private", "--profile", "recipe"]);

    assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), String::new()));
    assert!(text(&output.stderr).contains("`profile`"), "{}", text(&output.stderr));
}
