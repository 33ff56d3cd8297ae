//! Rules about the documents: length, links, plain words, and an entry for every error code.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rungs::core::price::PriceList;
use rungs::core::tier::Tier;

use super::code_lines;
use super::words::banned_phrases;

/// Most lines of the README.
const MAX_README_LINES: usize = 250;
/// Most lines of a page of the guide.
const MAX_PAGE_LINES: usize = 200;
/// Folders without documents of ours.
const SKIPPED: [&str; 3] = [".git", "node_modules", "target"];

fn documents(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).expect("a readable directory") {
        let path = entry.expect("a readable entry").path();
        let is_skipped = SKIPPED.iter().any(|it| path.ends_with(it));
        if path.is_dir() && !path.is_symlink() && !is_skipped {
            documents(&path, found);
        } else if path.extension().is_some_and(|it| it == "md") {
            found.push(path);
        }
    }
}

/// Every Markdown file of the repository, with its text.
fn all_documents() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    documents(Path::new("."), &mut found);
    assert!(found.len() > 20, "{} documents", found.len());
    found.into_iter().map(|path| (path.clone(), text(&path))).collect()
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The pages of the guide, by file name.
fn guide() -> BTreeMap<String, String> {
    let entries = std::fs::read_dir("docs").expect("the guide");
    let paths = entries.map(|it| it.expect("an entry").path());
    let pages = paths.filter(|it| it.extension().is_some_and(|it| it == "md"));
    let name = |it: &Path| it.file_name().expect("a name").to_string_lossy().into_owned();
    pages.map(|it| (name(&it), text(&it))).collect()
}

#[test]
fn the_readme_and_the_pages_of_the_guide_are_short() {
    let readme = text(Path::new("README.md")).lines().count();
    assert!(readme <= MAX_README_LINES, "README.md has {readme} lines");
    for (name, page) in guide() {
        let lines = page.lines().count();
        assert!(lines < MAX_PAGE_LINES, "docs/{name} has {lines} lines: split it");
    }
}

#[test]
fn the_index_of_the_guide_lists_every_page() {
    let guide = guide();
    let index = &guide["README.md"];

    for name in guide.keys().filter(|it| *it != "README.md") {
        assert!(index.contains(&format!("]({name})")), "docs/README.md does not list {name}");
    }
}

#[test]
fn documents_use_the_plain_words() {
    let phrases = banned_phrases(&["everywhere", "docs"]);
    let mut found = Vec::new();
    for (path, text) in all_documents() {
        for (at, line) in text.lines().enumerate() {
            let line = line.to_lowercase();
            for (phrase, instead) in phrases.iter().filter(|it| line.contains(&it.0)) {
                found.push(format!("{}:{}: `{phrase}`: {instead}", path.display(), at + 1));
            }
        }
    }
    assert!(found.is_empty(), "phrases of the former dialect:\n{}", found.join("\n"));
}

/// The text of a document without its blocks of code and its inline code.
fn prose(text: &str) -> String {
    let mut in_block = false;
    let mut prose = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
        } else if !in_block {
            prose.extend(line.split('`').step_by(2));
            prose.push('\n');
        }
    }
    prose
}

/// The targets of a document's links and pictures.
fn links(text: &str) -> Vec<String> {
    let prose = prose(text);
    let inline = [("](", ')'), ("src=\"", '"'), ("srcset=\"", '"'), ("href=\"", '"')];
    let mut found: Vec<String> = Vec::new();
    for (open, close) in inline {
        let behind = prose.split(open).skip(1);
        found.extend(behind.filter_map(|it| it.split(close).next()).map(str::to_owned));
    }
    let definitions = prose.lines().filter(|it| it.starts_with('['));
    found.extend(definitions.filter_map(|it| it.split_once("]: ")).map(|it| it.1.to_owned()));
    found
}

/// The anchors of a document's headings, as GitHub makes them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut in_block = false;
    let mut anchors = BTreeSet::new();
    for line in text.lines() {
        in_block ^= line.starts_with("```");
        if in_block || !line.starts_with('#') {
            continue;
        }
        let heading = line.trim_start_matches('#').trim().to_lowercase();
        let kept = heading.chars().filter(|it| it.is_alphanumeric() || " -_".contains(*it));
        anchors.insert(kept.map(|it| if it == ' ' { '-' } else { it }).collect());
    }
    anchors
}

/// The reason why a relative link is broken.
fn flaw(document: &Path, text: &str, link: &str) -> Option<String> {
    let (path, anchor) = link.split_once('#').map_or((link, None), |it| (it.0, Some(it.1)));
    let target = match path {
        "" => document.to_owned(),
        path => document.parent().expect("a folder").join(path),
    };
    if !target.exists() {
        return Some(format!("{link}: no such file"));
    }
    let anchor = anchor?;
    let has_anchor = if path.is_empty() {
        anchors(text).contains(anchor)
    } else {
        anchors(&self::text(&target)).contains(anchor)
    };
    (!has_anchor).then(|| format!("{link}: no such heading"))
}

#[test]
fn every_relative_link_leads_to_a_file_and_a_heading() {
    let (mut broken, mut count) = (Vec::new(), 0);
    for (path, text) in all_documents() {
        for link in links(&text) {
            let is_relative = !link.contains("://") && !link.starts_with("mailto:");
            count += usize::from(is_relative);
            let flaw = Some(link).filter(|_| is_relative).and_then(|it| flaw(&path, &text, &it));
            broken.extend(flaw.map(|it| format!("{}: {it}", path.display())));
        }
    }
    assert!(broken.is_empty(), "broken links:\n{}", broken.join("\n"));
    assert!(count > 50, "{count} links");
}

/// The text literals of a source file that are spelled like an error code.
fn codes_in(path: &str) -> BTreeSet<String> {
    let source = text(Path::new(path));
    let lines = code_lines(&source).flat_map(|(_, line)| line.split('"').skip(1).step_by(2));
    let is_code = |it: &&str| {
        it.len() > 5 && it.bytes().all(|byte| byte == b'_' || byte.is_ascii_uppercase())
    };
    lines.filter(is_code).map(str::to_owned).collect()
}

/// The codes that the tables of a section of the troubleshooting page list, each with the rest of its row.
fn listed(section: &str) -> BTreeMap<String, String> {
    let page = text(Path::new("docs/troubleshooting.md"));
    let (_, rest) = page.split_once(&format!("\n## {section}\n")).expect("the section");
    let rows = rest.split("\n## ").next().unwrap_or_default().lines();
    let rows = rows.filter_map(|it| it.strip_prefix("| `")?.split_once("` | "));
    rows.map(|(code, rest)| (code.to_owned(), rest.to_owned())).collect()
}

#[test]
fn the_guide_lists_every_error_code_with_its_meaning() {
    let sections =
        [("Jobs", "src/core/failure.rs", 25), ("API", "src/service/wire/problem.rs", 15)];
    for (section, source, fewest) in sections {
        let codes = codes_in(source);
        assert!(codes.len() >= fewest, "{source} has {} codes", codes.len());

        let listed = listed(section);

        let names: BTreeSet<String> = listed.keys().cloned().collect();
        assert_eq!(names, codes, "docs/troubleshooting.md, {section}, differs from {source}");
        for (code, row) in listed {
            let meaning = row.split(" | ").nth(1).unwrap_or_default();
            assert!(meaning.len() > 10, "{code} has no meaning");
        }
    }
}

#[test]
fn the_guide_lists_every_exit_code() {
    let page = text(Path::new("docs/cli.md"));
    let (mut sources, mut count) = (Vec::new(), 0);
    super::sources(Path::new("src/bin/rungs"), &mut sources);

    for source in sources {
        for (_, value) in text(&source).lines().filter_map(|it| it.split_once(": u8 = ")) {
            let row = format!("\n| {} | ", value.trim_end_matches(';'));
            assert!(page.contains(&row), "docs/cli.md has no exit code {value}");
            count += 1;
        }
    }

    assert!(count >= 2, "{count} exit codes");
}

/// A number with commas between thousands, as the guide writes it.
fn with_commas(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[test]
fn the_guide_lists_the_default_prices() {
    let prices = PriceList::default();
    let (pricing, tiers) = (text(Path::new("docs/pricing.md")), text(Path::new("docs/tiers.md")));

    for (tier, price) in Tier::ALL.into_iter().zip(prices.tiers) {
        let amount = format!("{} | {} |", with_commas(price.0), price.dollars());
        let row = format!("| {} {} | {amount}", tier.number(), tier.name());
        assert!(pricing.contains(&row), "docs/pricing.md has no row {row}");
        let rung = format!("  {:<4} {:<9}", tier.number(), tier.name());
        let line = tiers.lines().find(|it| it.starts_with(&rung)).expect("the tier's rung");
        assert!(line.ends_with(&price.dollars().to_string()), "docs/tiers.md: {line}");
    }
    let add_ons = [
        ("screenshot", prices.screenshot),
        ("page printed to PDF (`generate_pdf`)", prices.pdf),
        ("OCR (mode `ocr`, `advanced.ocr`)", prices.ocr),
        ("proxy of the pool (`use_proxy`)", prices.proxy),
        ("unchanged page (304)", prices.not_modified),
    ];
    for (name, price) in add_ons {
        let row = format!("| {name} | {} | {} |", with_commas(price.0), price.dollars());
        assert!(pricing.contains(&row), "docs/pricing.md has no {row}");
    }
    for factor in [
        format!("`other_method_per_mille: {}`", prices.other_method_per_mille),
        format!("`own_proxy_per_mille: {}`", prices.own_proxy_per_mille),
    ] {
        assert!(pricing.contains(&factor), "docs/pricing.md has no {factor}");
    }
}

#[test]
fn a_broken_link_is_found() {
    let document = Path::new("docs/README.md");
    let text = "# One\n\n[a](#one) [b](#two) [c](stores.md) [d](none.md) [e](stores.md#nowhere) `[f](no)`\n";

    let broken: Vec<String> =
        links(text).iter().filter_map(|it| flaw(document, text, it)).collect();

    let expected =
        ["#two: no such heading", "none.md: no such file", "stores.md#nowhere: no such heading"];
    assert_eq!(broken, expected);
}
