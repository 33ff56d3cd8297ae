//! Rust source as these rules read it: without comments, text and tests, line by line as it was.

use std::collections::BTreeSet;
use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

/// Every `.rs` file below `dir`, sorted.
pub(super) fn files(dir: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    collect(Path::new(dir), &mut found);
    assert!(!found.is_empty(), "{dir} holds no source");
    found.sort();
    found
}

fn collect(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("a readable directory") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|it| it == "rs") {
            found.push(path);
        }
    }
}

pub(super) fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

/// The code of every file below `dir` that is built without `cfg(test)`.
pub(super) fn code_below(dir: &str) -> Vec<(PathBuf, String)> {
    let all = files(dir);
    let mut tests = BTreeSet::new();
    let mut code = Vec::new();
    for path in &all {
        let stripped = Stripped::of(&text(path));
        tests.extend(stripped.test_modules.iter().flat_map(|it| files_of(path, it)));
        code.push((path.clone(), stripped.code));
    }
    // A file and everything below it.
    code.retain(|(path, _)| !tests.iter().any(|it| path.starts_with(it)));
    code
}

/// Returns the paths at which `mod name;` in the file at `path` may be found, as a file and as a folder.
fn files_of(path: &Path, name: &str) -> [PathBuf; 2] {
    let dir = match path.file_stem().and_then(|it| it.to_str()) {
        Some("mod" | "lib" | "main") => path.parent().expect("a file is in a folder").to_owned(),
        _ => path.with_extension(""),
    };
    [dir.join(format!("{name}.rs")), dir.join(name)]
}

/// A file's code, in which comments, text and tests are blanks.
pub(super) struct Stripped {
    pub(super) code: String,
    /// Modules in files of their own that are built for tests only.
    pub(super) test_modules: Vec<String>,
    /// The lines of items that are built for tests only, counted from 1.
    pub(super) test_lines: Vec<RangeInclusive<usize>>,
}

impl Stripped {
    pub(super) fn of(source: &str) -> Self {
        let mut code = without_comments_and_text(source);
        let (mut test_modules, mut test_lines) = (Vec::new(), Vec::new());
        let mut from = 0;
        while let Some(start) = code[from..].find("#[cfg(").map(|it| it + from) {
            let condition_end = closing(&code, start + 1);
            if !is_for_tests_only(&code[start..condition_end]) {
                from = condition_end;
                continue;
            }
            let end = item_end(&code, condition_end);
            let item = &code[condition_end..end];
            if let Some(name) = item.strip_suffix(';').and_then(|it| it.split_once("mod ")) {
                test_modules.push(name.1.trim().to_owned());
            }
            let line_of = |at: usize| code[..at].matches('\n').count() + 1;
            test_lines.push(line_of(start)..=line_of(end));
            blank(&mut code, start, end);
            from = end;
        }
        Self { code, test_modules, test_lines }
    }
}

/// `true` for `cfg(test)` and `cfg(all(test, ...))`.
fn is_for_tests_only(attribute: &str) -> bool {
    let words = attribute.split(|it: char| !it.is_alphanumeric() && it != '_');
    let mut words = words.filter(|it| !it.is_empty()).skip(1);
    match words.next() {
        Some("test") => true,
        Some("all") => words.any(|it| it == "test") && !attribute.contains("not("),
        _ => false,
    }
}

fn blank(code: &mut String, start: usize, end: usize) {
    let blanks: String =
        code[start..end].chars().map(|it| if it == '\n' { it } else { ' ' }).collect();
    code.replace_range(start..end, &blanks);
}

/// The end of the bracket that is open at `open`, which is behind its closing one.
fn closing(code: &str, open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, it) in code[open..].char_indices() {
        match it {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return open + at + it.len_utf8();
        }
    }
    code.len()
}

/// The end of the item that begins at `start`, its other attributes included.
fn item_end(code: &str, start: usize) -> usize {
    let mut at = start;
    while let Some(it) = code[at..].chars().next() {
        match it {
            ';' => return at + 1,
            '{' => return closing(code, at),
            '(' | '[' => at = closing(code, at),
            _ => at += it.len_utf8(),
        }
    }
    at
}

/// Replaces comments, text and characters by blanks; every other character stays in its place.
fn without_comments_and_text(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    while !rest.is_empty() {
        let length = skipped(rest, code.chars().next_back());
        let (taken, after) = rest.split_at(length.unwrap_or_else(|| first_len(rest)));
        match length {
            Some(_) => code.extend(taken.chars().map(|it| if it == '\n' { it } else { ' ' })),
            None => code.push_str(taken),
        }
        rest = after;
    }
    code
}

fn first_len(text: &str) -> usize {
    text.chars().next().map_or(0, char::len_utf8)
}

/// The bytes of the comment or literal that `rest` begins with, after `before`.
fn skipped(rest: &str, before: Option<char>) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return Some(rest.find("*/").map_or(rest.len(), |it| it + 2));
    }
    if rest.starts_with('"') {
        return Some(quoted(rest, '"'));
    }
    if rest.starts_with('\'') {
        return character(rest);
    }
    let is_word = before.is_some_and(|it| it.is_alphanumeric() || it == '_');
    let raw = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r')).filter(|_| !is_word)?;
    let hashes = raw.len() - raw.trim_start_matches('#').len();
    let text = raw[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let length = text.find(&end).map_or(text.len(), |it| it + end.len());
    Some(rest.len() - text.len() + length)
}

/// The bytes of the literal that begins and ends with `quote`.
fn quoted(rest: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, it) in rest.char_indices().skip(1) {
        if it == quote && !is_escaped {
            return at + 1;
        }
        is_escaped = it == '\\' && !is_escaped;
    }
    rest.len()
}

/// The bytes of a character, unless the quote begins a lifetime.
fn character(rest: &str) -> Option<usize> {
    let mut characters = rest.chars().skip(1);
    let is_character = match characters.next()? {
        '\\' => true,
        _ => characters.next() == Some('\''),
    };
    is_character.then(|| quoted(rest, '\''))
}

/// The modules that code in the file at `path` names, from the root of the crate: `crate::a::b` is
/// `[a, b]`, whether it is written so, by `super`, or in braces. Names behind the modules are in it, too.
pub(super) fn references(path: &Path, code: &str) -> Vec<(usize, Vec<String>)> {
    let module = module_of(path);
    let mut found = Vec::new();
    for (at, _) in code.match_indices("::") {
        let before = &code[..at];
        let word = before.rsplit(|it: char| !it.is_alphanumeric() && it != '_').next();
        let word = word.unwrap_or_default();
        let is_first = !before[..before.len() - word.len()].ends_with("::");
        let base = match word {
            "crate" => Some(Vec::new()),
            "super" if is_first => up(&module, code, at),
            _ => None,
        };
        let Some(base) = base else { continue };
        let line = before.matches('\n').count() + 1;
        let mut behind = &code[at + 2..];
        while let Some(rest) = behind.strip_prefix("super::") {
            behind = rest;
        }
        for names in expanded(behind) {
            found.push((line, base.iter().cloned().chain(names).collect()));
        }
    }
    found
}

/// The module that a chain of `super` before `at` leads to; `None` where it begins in an inline module
/// that may be any.
fn up(module: &[String], code: &str, at: usize) -> Option<Vec<String>> {
    let steps = 1 + code[at..].split("::").skip(1).take_while(|it| *it == "super").count();
    Some(module[..module.len().checked_sub(steps)?].to_vec())
}

/// The path of the module in this file, from the root of the crate.
pub(super) fn module_of(path: &Path) -> Vec<String> {
    let below = path.strip_prefix("src").unwrap_or(path).with_extension("");
    let mut parts: Vec<_> =
        below.components().map(|it| it.as_os_str().to_string_lossy().into_owned()).collect();
    if parts.last().is_some_and(|it| ["mod", "lib", "main"].contains(&it.as_str())) {
        parts.pop();
    }
    parts
}

/// The paths that `rest` begins with: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn expanded(rest: &str) -> Vec<Vec<String>> {
    if rest.starts_with('{') {
        let inner = &rest[1..closing(rest, 0) - 1];
        return split_top_level(inner).iter().flat_map(|it| expanded(it.trim())).collect();
    }
    let length = rest.find(|it: char| !it.is_alphanumeric() && it != '_').unwrap_or(rest.len());
    let (name, behind) = rest.split_at(length);
    if name.is_empty() {
        return Vec::new();
    }
    let after = behind.strip_prefix("::").map(expanded).unwrap_or_default();
    if after.is_empty() {
        return vec![vec![name.to_owned()]];
    }
    let with_name = |it: Vec<String>| std::iter::once(name.to_owned()).chain(it).collect();
    after.into_iter().map(with_name).collect()
}

fn split_top_level(list: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    let mut parts = Vec::new();
    let mut start = 0;
    for (at, it) in list.char_indices() {
        match it {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&list[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&list[start..]);
    parts
}

/// The numbers of the lines of `code` that hold `word`.
pub(super) fn lines_with<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    code.lines().enumerate().filter(move |(_, it)| it.contains(word)).map(|(at, _)| at + 1)
}

#[test]
fn tests_are_stripped_and_what_follows_them_is_kept() {
    let source = "\
use crate::a;\n\
#[cfg(test)]\nmod fixtures;\n\
#[cfg(test)]\n#[allow(x)]\nmod tests {\n    use crate::b; // }\n    const Q: char = '}';\n}\n\
#[cfg(all(test, unix))]\nfn only() -> [u8; 2] { crate::c() }\n\
#[cfg(feature = \"test\")]\nmod kept;\n\
fn last<'a>(it: &'a str) -> &'a str { r#\"crate::d \"quoted\" \"#; crate::e::f(it) }\n";

    let stripped = Stripped::of(source);

    assert_eq!(stripped.test_modules, ["fixtures"]);
    assert_eq!(stripped.code.lines().count(), source.lines().count());
    for gone in ["crate::b", "crate::c", "crate::d", "fixtures"] {
        assert!(!stripped.code.contains(gone), "{gone} in {}", stripped.code);
    }
    for kept in ["crate::a", "mod kept", "crate::e::f(it)"] {
        assert!(stripped.code.contains(kept), "no {kept} in {}", stripped.code);
    }
}

#[test]
fn references_are_read_from_the_root() {
    let code =
        "use crate::a::{B, c::{D, e}};\nuse super::super::x::Y;\nuse super::z;\nself::w::v();";

    let found = references(Path::new("src/fetch/http/mod.rs"), code);

    let shown: Vec<_> =
        found.iter().map(|(line, it)| format!("{line} {}", it.join("::"))).collect();
    assert_eq!(shown, ["1 a::B", "1 a::c::D", "1 a::c::e", "2 x::Y", "3 fetch::z"]);
}
