//! The commands and the JSON of the README and of the guide, as a reader types them.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rungs::testkit::site::Site;
use serde_json::{Value, json};

use super::http;
use super::program::Serving;
use super::world::site;

/// The blocks of a page in one language.
fn blocks<'a>(text: &'a str, language: &str) -> impl Iterator<Item = &'a str> {
    let open = format!("```{language}\n");
    let starts: Vec<usize> = text.match_indices(&open).map(|it| it.0 + open.len()).collect();
    starts.into_iter().map(|at| text[at..].split("```").next().unwrap_or_default())
}

/// The commands of a block of shell, each on one line and without its remark.
fn lines_of(block: &str) -> Vec<String> {
    let whole = block.replace("\\\n", " ");
    // A quoted body may go over several lines.
    let mut lines: Vec<String> = Vec::new();
    for line in whole.lines() {
        match lines.last_mut().filter(|it| it.matches('\'').count() % 2 == 1) {
            Some(open) => open.push_str(line.trim()),
            None => lines.push(line.split("  #").next().unwrap_or_default().trim().to_owned()),
        }
    }
    lines.retain(|it| !it.is_empty());
    lines
}

/// The commands of the first block of shell below a heading.
fn commands(file: &str, heading: &str) -> Vec<String> {
    let text = std::fs::read_to_string(file).expect("a readable file");
    let (_, rest) = text.split_once(&format!("\n{heading}\n")).expect("the heading");
    lines_of(blocks(rest, "sh").next().expect("a block of shell"))
}

/// The directory of the program as it was built for the tests.
fn programs() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_rungs")).parent().expect("a directory")
}

/// A shell in `dir` that finds the program by its name.
fn shell(dir: &Path, command: &str) -> Command {
    let mut shell = Command::new("bash");
    let path = std::env::var("PATH").unwrap_or_default();
    shell.current_dir(dir).env("PATH", format!("{}:{path}", programs().display()));
    shell.env("NO_PROXY", "*").env_remove("RUNGS_API_KEY").args(["-c", command]);
    shell
}

fn output_of(dir: &Path, command: &str) -> String {
    let output = shell(dir, command).output().expect("bash runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{command}: {}", text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn the_quick_start_works_as_it_is_written() {
    let (dir, site) = (tempfile::tempdir().expect("a directory"), site());
    let lines = commands("docs/SERVICE.md", "## Quick start");
    let [serve, curl] = &lines[..] else { panic!("two commands: {lines:?}") };
    let arguments = serve.strip_prefix("cargo run --release --features cli -- ");
    let arguments = arguments.expect("the program as the guide builds it");
    assert!(!arguments.contains("--allow-private"), "private networks are closed: {arguments}");
    // The pages of this test are on loopback, and those of the guide are not.
    let command = format!("exec rungs {arguments} --allow-private --listen 127.0.0.1:0");
    let serving = Serving::of(&mut shell(dir.path(), &command));

    let batch: Value =
        serde_json::from_str(&output_of(dir.path(), &local(curl, &serving, &site))).expect("JSON");

    assert_eq!((&batch["total_urls"], &batch["status"]), (&json!(2), &json!("processing")));
    let path = format!("/api/v1/batch/{}", batch["batch_id"].as_str().expect("an id"));
    let status = loop {
        let status = serving.get(&path).json();
        if status["status"] != "processing" {
            break status;
        }
    };
    assert_eq!((&status["status"], &status["completed"]), (&json!("completed"), &json!(2)));
    let markdown = &status["items"][1]["result"]["content"]["markdown"];
    assert!(markdown.as_str().is_some_and(|it| it.contains("Flour, water")), "{markdown}");
    assert!(dir.path().join("data").is_dir(), "the store is where the guide puts it");
    assert_eq!(serving.end("-TERM"), Some(0));
}

#[test]
fn the_commands_for_api_keys_work_as_they_are_written() {
    let dir = tempfile::tempdir().expect("a directory");
    let lines = commands("docs/SERVICE.md", "## API keys");
    let [first, keep, serve] = &lines[..] else { panic!("three commands: {lines:?}") };

    let made = output_of(dir.path(), &format!("{first} 2>&1"));
    let secret = made.lines().next().expect("a key");
    let line = made.lines().last().expect("the line for the file");
    output_of(dir.path(), &keep.replace("ENTRY", line));
    let command = format!("exec {serve} --listen 127.0.0.1:0");
    let serving = Serving::of(&mut shell(dir.path(), &command));

    let hashed = output_of(dir.path(), &format!("printf %s {secret} | sha256sum"));
    let hash = hashed.split_whitespace().next().expect("a hash");
    assert!(line.contains(&format!("sha256:{hash}")), "{line}");
    let asked = |key: &str| {
        http::send(serving.addr, "GET", "/api/v1/usage", &[("x-api-key", key)], b"").status
    };
    assert_eq!((asked(secret), asked("sk_live_0123456789abcdef")), (200, 401));
    assert_eq!(serving.end("-TERM"), Some(0));
}

/// Replaces a command's service and pages by those of the test.
fn local(command: &str, serving: &Serving, site: &Site) -> String {
    command
        .replace("http://127.0.0.1:8080", &format!("http://{}", serving.addr))
        .replace("https://example.com/", &site.url("/a"))
        .replace("https://example.org/", &site.url("/b"))
}

#[test]
fn every_command_of_the_api_page_succeeds() {
    let (dir, site) = (tempfile::tempdir().expect("a directory"), site());
    let serving = Serving::start(&[]);
    let text = std::fs::read_to_string("docs/api.md").expect("the page");
    let (mut batch, mut job) = (String::new(), String::new());
    let mut count = 0;

    for block in blocks(&text, "sh") {
        for command in lines_of(block) {
            let command = local(&command, &serving, &site);
            let command = command.replace("BATCH_ID", &batch).replace("JOB_ID", &job);
            let output = output_of(dir.path(), &command);
            // Only the body of an error has this field.
            assert!(!output.contains("\"retryable\""), "{command}: {output}");
            let value: Value = serde_json::from_str(&output).unwrap_or_default();
            for (id, name) in [(&mut batch, "batch_id"), (&mut job, "job_id")] {
                if let Some(found) = value[name].as_str() {
                    found.clone_into(id);
                }
            }
            count += 1;
        }
    }

    assert!(count >= 12, "{count} commands");
}

#[test]
fn every_item_of_the_guide_is_accepted() {
    let serving = Serving::start(&[]);
    let mut count = 0;

    for page in std::fs::read_dir("docs").expect("the guide") {
        let path = page.expect("an entry").path();
        if path.extension().is_none_or(|it| it != "md") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a readable page");
        for block in blocks(&text, "json") {
            let value: Value = serde_json::from_str(block).expect("JSON");
            if value["url"].is_string() {
                let estimate = serving.post("/api/v1/scrape/estimate", &value);
                assert_eq!(estimate.status, 200, "{}: {}", path.display(), estimate.json());
                count += 1;
            }
        }
    }

    assert!(count >= 4, "{count} items");
}

#[test]
fn the_settings_of_the_guide_are_accepted() {
    let dir = tempfile::tempdir().expect("a directory");
    let text = std::fs::read_to_string("docs/SERVICE.md").expect("the page");
    let (_, settings) = text.split_once("\n## Settings\n").expect("the heading");
    let block = blocks(settings, "json").next().expect("an example");
    let mut settings: Value = serde_json::from_str(block).expect("JSON");
    settings["store"] = json!(dir.path().join("store"));
    let file = dir.path().join("rungs.json");
    std::fs::write(&file, settings.to_string()).expect("written");

    let serving = Serving::start(&["--config", &file.to_string_lossy()]);

    assert_eq!(serving.get("/ready").status, 200);
}

/// The site of the guide's examples, on a free port.
struct ExampleSite {
    child: Child,
    url: String,
}

impl ExampleSite {
    fn start() -> Self {
        let mut command = Command::new("python3");
        command.args(["docs/images/site.py", "0"]).stdout(Stdio::piped());
        let mut child = command.spawn().expect("python3 runs");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let url = line.trim().strip_prefix("serving ").expect("its address").to_owned();
        Self { child, url }
    }
}

impl Drop for ExampleSite {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Replaces durations, which differ from run to run, and the blanks that align them.
fn without_durations(text: &str) -> String {
    let words = text.lines().map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let is_duration =
            |at: usize| words.get(at + 1) == Some(&"ms") && words[at].parse::<u64>().is_ok();
        let shown = words.iter().enumerate().map(|(at, it)| if is_duration(at) { "N" } else { it });
        shown.collect::<Vec<_>>().join(" ")
    });
    words.collect::<Vec<_>>().join("\n")
}

#[test]
fn every_console_session_shows_what_the_program_prints() {
    let (dir, site) = (tempfile::tempdir().expect("a directory"), ExampleSite::start());
    let mut count = 0;

    for page in ["README.md", "docs/cli.md"] {
        let text = std::fs::read_to_string(page).expect("a readable page");
        for block in blocks(&text, "console") {
            for session in block.split("$ ").skip(1) {
                let (command, shown) = session.split_once('\n').expect("a line");
                let command = command.replace("http://127.0.0.1:8000", &site.url);
                let output = shell(dir.path(), &command).output().expect("bash runs");
                let printed = [output.stdout, output.stderr].concat();
                let printed = String::from_utf8_lossy(&printed);
                let printed = printed.replace(&site.url, "http://127.0.0.1:8000");
                assert_eq!(
                    without_durations(&printed),
                    without_durations(shown),
                    "{page}: {command}"
                );
                count += 1;
            }
        }
    }

    assert!(count >= 4, "{count} commands");
}

#[test]
fn the_guide_lists_every_metric() {
    fn sources(dir: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(dir).expect("a readable directory") {
            let path = entry.expect("a readable entry").path();
            if path.is_dir() {
                sources(&path, found);
            } else if path.extension().is_some_and(|it| it == "rs") {
                found.push(std::fs::read_to_string(&path).expect("readable source"));
            }
        }
    }
    let manual = std::fs::read_to_string("docs/operations.md").expect("the page");
    let mut texts = Vec::new();
    sources(Path::new("src"), &mut texts);
    let mut seen = 0;

    for text in &texts {
        for (kind, suffix) in [("counter", "_total"), ("gauge", ""), ("histogram", "")] {
            for rest in text.split(&format!("metrics::{kind}!(\"rungs_")).skip(1) {
                let name = rest.split('"').next().expect("a name");
                let row = format!("| `rungs_{name}{suffix}` | {kind} |");
                assert!(manual.contains(&row), "docs/operations.md has no row {row}");
                seen += 1;
            }
        }
    }

    assert!(seen >= 7, "{seen} metrics");
}
