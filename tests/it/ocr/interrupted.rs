//! Readers that a signal ends, and programs that are stopped while a reader runs.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rungs::Engine;
use rungs::core::backoff::Backoff;
use rungs::core::failure::ErrorCode;
use rungs::engine::{JobReport, Settings};
use rungs::fetch::{Http, Tesseract};
use rungs::net::NetPolicy;
use rungs::stores::Memory;
use rungs::testkit::site::{Site, SiteResponse};

use crate::ocr::given::BREAD_PNG;
use crate::support::PATIENCE;

/// A directory with a program `tesseract` that prints the word "read" once it may.
///
/// Each start leaves a directory `started-PID`. Files cannot be written under the reader's limits.
struct Program(tempfile::TempDir);

impl Program {
    /// Creates a program that runs `wait` before it prints.
    fn new(wait: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().display().to_string();
        let script = format!(
            "#!/bin/sh\n\
             case \"$1\" in\n\
             --version) echo tesseract 5.3.0; exit;;\n\
             --list-langs) echo 'List of available languages (1):'; echo eng; exit;;\n\
             esac\n\
             mkdir '{path}/started-'$$\n\
             {wait}\n\
             cat >/dev/null\n\
             printf '5\\t1\\t1\\t1\\t1\\t1\\t1\\t2\\t3\\t4\\t95\\tread\\n'\n",
            wait = wait.replace("DIR", &path)
        );
        let program = Self(dir);
        fs::write(program.path(), script).expect("written");
        fs::set_permissions(program.path(), fs::Permissions::from_mode(0o755)).expect("allowed");
        program
    }

    /// Creates a program that waits until [`Program::permit`] is called.
    fn waiting() -> Self {
        Self::new("while [ ! -e 'DIR/go' ]; do sleep 0.02; done")
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("tesseract")
    }

    fn permit(&self) {
        fs::write(self.0.path().join("go"), "").expect("written");
    }

    /// Returns the process ids of all starts.
    fn starts(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).expect("the directory").filter_map(Result::ok);
        let names = entries.filter_map(|it| it.file_name().into_string().ok());
        names.filter_map(|it| it.strip_prefix("started-").map(str::to_owned)).collect()
    }

    /// Waits for the first start.
    fn started(&self) -> String {
        let since = Instant::now();
        while since.elapsed() < PATIENCE {
            if let Some(pid) = self.starts().pop() {
                return pid;
            }
            std::thread::yield_now();
        }
        panic!("the reader did not start");
    }

    /// Builds a command of `rungs` that finds this program.
    fn rungs(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rungs"));
        let path = format!("{}:/usr/bin:/bin", self.0.path().display());
        command.env("PATH", path).args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }
}

fn image_site() -> Site {
    Site::start(|_| SiteResponse::status(200).header("content-type", "image/png").body(BREAD_PNG))
}

fn kill(signal: &str, target: &str) {
    let sent = Command::new("kill").args([signal, "--", target]).status().expect("kill runs");
    assert!(sent.success(), "{signal} did not reach {target}");
}

/// The batch command on one image, with a store and an output file in `dir`.
fn batch(program: &Program, site: &Site, dir: &Path) -> Command {
    let urls = dir.join("urls.txt");
    fs::write(&urls, site.url("/bread.png")).expect("written");
    let mut command = program.rungs(&["batch", "urls.txt", "--store", "store", "--out", "out"]);
    command.current_dir(dir).args(["--allow-private", "--formats", "text"]);
    command
}

#[test]
fn ctrl_c_leaves_a_running_reader_alone() {
    let (program, site) = (Program::waiting(), image_site());
    let dir = tempfile::tempdir().expect("a directory");
    // A terminal sends Ctrl-C to the whole group.
    let mut child = batch(&program, &site, dir.path()).process_group(0).spawn().expect("it starts");
    program.started();

    kill("-INT", &format!("-{}", child.id()));
    program.permit();

    assert_eq!(child.wait().expect("it ended").code(), Some(130));
    let rerun = batch(&program, &site, dir.path()).status().expect("it runs");
    assert_eq!(rerun.code(), Some(0));
    let line = fs::read_to_string(dir.path().join("out")).expect("the results");
    assert!(line.contains("\"succeeded\"") && line.contains("read"), "{line}");
    assert_eq!(program.starts().len(), 1, "the reading was interrupted");
}

#[test]
fn a_stop_of_every_process_at_once_fails_no_page() {
    let (program, site) = (Program::waiting(), image_site());
    let dir = tempfile::tempdir().expect("a directory");
    let mut child = batch(&program, &site, dir.path()).spawn().expect("it starts");
    let reader = program.started();

    kill("-TERM", &reader);
    kill("-TERM", &child.id().to_string());
    program.permit();

    assert_eq!(child.wait().expect("it ended").code(), Some(143));
    let rerun = batch(&program, &site, dir.path()).status().expect("it runs");
    assert_eq!(rerun.code(), Some(0));
    let line = fs::read_to_string(dir.path().join("out")).expect("the results");
    assert!(line.contains("\"succeeded\"") && line.contains("read"), "{line}");
}

async fn scraped(program: &Program) -> JobReport {
    let network = NetPolicy::new().allow_network("127.0.0.0/8").expect("a network");
    let retry = Backoff::PAGE.with_first(Duration::from_millis(1));
    let engine = Engine::builder()
        .store(Memory::default())
        .http(Http::new().network(network))
        .ocr(Tesseract::at(program.path()))
        .settings(Settings::default().with_retry(retry))
        .build()
        .expect("an engine");
    let site = image_site();
    let report = engine.scrape(site.url("/bread.png").as_str()).await.expect("it ends");
    engine.shutdown().await;
    assert_eq!(site.hits_on("/bread.png"), 1, "the image is fetched once");
    report
}

#[tokio::test]
async fn a_reader_that_a_signal_ended_is_started_again() {
    let program = Program::new("[ -e 'DIR/killed' ] || { mkdir 'DIR/killed'; kill -TERM $$; }");

    let report = scraped(&program).await;

    let page = report.result().expect("the second reading");
    assert_eq!((page.text(), program.starts().len()), (Some("read"), 2));
}

#[tokio::test]
async fn a_reader_that_is_always_killed_fails_the_page_in_the_end() {
    let program = Program::new("kill -KILL $$");

    let report = scraped(&program).await;

    let error = report.result().expect_err("it is never read");
    assert!(error.message.contains("ended from outside"), "{error}");
    assert_eq!((error.code, program.starts().len()), (ErrorCode::ExtractionFailed, 3));
}
