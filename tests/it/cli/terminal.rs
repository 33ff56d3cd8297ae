//! Activity on a terminal, and the table after Ctrl-C.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{ChildStderr, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, MutexGuard};

use rungs::testkit::site::{RawSite, read_head};

use super::{site, text};

/// Runs a command whose standard error is a terminal, and passes on what it shows.
const TERMINAL: &str = r#"
import fcntl, os, pty, struct, subprocess, sys, termios
screen, terminal = pty.openpty()
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 160, 0, 0))
child = subprocess.Popen(sys.argv[1:], stderr=terminal, env={**os.environ, "TERM": "xterm"})
os.close(terminal)
while True:
    try:
        shown = os.read(screen, 65536)
    except OSError:
        break
    if not shown:
        break
    os.write(2, shown)
sys.exit(child.wait())
"#;

/// A site that delays its responses until the test releases them.
struct Held {
    site: RawSite,
    gate: Arc<Mutex<()>>,
    requests: Receiver<()>,
}

impl Held {
    fn start() -> Self {
        let gate = Arc::new(Mutex::new(()));
        let waits = Arc::clone(&gate);
        let (asked, requests) = mpsc::sync_channel(1_000);
        let site = RawSite::start(move |mut stream| {
            // A connection without a request is closed.
            if read_head(&mut stream).is_ok() {
                let _ = asked.send(());
                drop(waits.lock());
                respond(&mut stream);
            }
        });
        Self { site, gate, requests }
    }

    fn hold(&self) -> MutexGuard<'_, ()> {
        self.gate.lock().expect("no test panicked with it")
    }
}

fn respond(stream: &mut TcpStream) {
    let paragraph = "<p>Flour, water, salt and time are all that a good loaf needs, and of these time is the one \
                     that most people are least willing to give.</p>";
    let page =
        format!("<title>Loaf</title><article><h1>Loaf</h1>{}</article>", paragraph.repeat(5));
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        page.len()
    );
    // A program that stopped has closed the connection.
    let _ = stream.write_all(format!("{head}{page}").as_bytes());
}

/// Starts the program with a terminal as its standard error.
fn on_a_terminal(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("python3");
    command.current_dir(dir).env_remove("RUNGS_LOG").args(["-c", TERMINAL]);
    command.arg(env!("CARGO_BIN_EXE_rungs")).args(arguments).arg("--allow-private");
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Reads until all of `words` were shown in one frame, and returns the frame.
fn wait_for_frame(screen: &mut BufReader<ChildStderr>, words: &[&str]) -> String {
    let mut seen = String::new();
    loop {
        let mut frame = Vec::new();
        let read = screen.read_until(b'\r', &mut frame).expect("readable");
        let frame = text(&frame);
        if words.iter().all(|it| frame.contains(it)) {
            return frame;
        }
        seen.push_str(&frame);
        assert!(read > 0, "{words:?} were not shown: {seen}");
    }
}

#[test]
fn a_terminal_shows_pages_done_failed_rate_and_time_left() {
    let (dir, site, held) = (tempfile::tempdir().expect("a directory"), site(), Held::start());
    let urls = [site.url("/a"), site.url("/gone"), held.site.url("/held")].join("\n");
    std::fs::write(dir.path().join("urls.txt"), urls).expect("written");
    let guard = held.hold();

    let mut child =
        on_a_terminal(dir.path(), &["batch", "urls.txt"]).spawn().expect("python3 runs");
    let mut screen = BufReader::new(child.stderr.take().expect("piped"));
    let frame = wait_for_frame(&mut screen, &["2 of 3 done", "1 failed", " left"]);
    drop(guard);
    let mut rest = String::new();
    screen.read_to_string(&mut rest).expect("text");
    let output = child.wait_with_output().expect("it ends");

    let rate = frame.split(", ").nth(2).expect("the rate");
    let (number, unit) = rate.split_once('/').expect("a number per unit");
    assert!(number.parse::<f64>().is_ok() && number.len() <= 4, "{rate}");
    assert!(unit == "s" || unit == "min", "{rate}");
    assert_eq!(output.status.code(), Some(1), "{rest}");
    assert_eq!(text(&output.stdout).lines().count(), 3, "results go to standard output alone");
    let table = rest.split("status ").nth(1).expect("the table");
    assert!(table.contains("succeeded") && table.contains("failed"), "{table}");
}

#[test]
fn a_scrape_shows_activity_on_a_terminal_alone() {
    let (dir, held) = (tempfile::tempdir().expect("a directory"), Held::start());
    let url = held.site.url("/held");
    let guard = held.hold();

    let mut child =
        on_a_terminal(dir.path(), &["scrape", &format!("{url}?token=t0ps3cret")]).spawn();
    let child = child.as_mut().expect("python3 runs");
    let mut screen = BufReader::new(child.stderr.take().expect("piped"));
    let frame = wait_for_frame(&mut screen, &[&format!("fetching {url}"), " s "]);
    drop(guard);
    let mut page = String::new();
    child.stdout.take().expect("piped").read_to_string(&mut page).expect("text");
    let piped = super::rungs(&["scrape", &url, "--allow-private"]);

    assert!(!frame.contains("t0ps3cret"), "{frame}");
    assert!(page.starts_with("# Loaf\n"), "{page}");
    assert!(child.wait().expect("it ends").success());
    assert_eq!((text(&piped.stderr), text(&piped.stdout)), (String::new(), page));
}

#[test]
fn an_interrupted_batch_prints_the_states_in_which_it_left_its_pages() {
    let (dir, held) = (tempfile::tempdir().expect("a directory"), Held::start());
    let urls: Vec<String> = (0..251).map(|it| held.site.url(&format!("/{it}"))).collect();
    std::fs::write(dir.path().join("urls.txt"), urls.join("\n")).expect("written");
    let guard = held.hold();
    let arguments = ["batch", "urls.txt", "--allow-private", "--concurrency", "2", "--keep-going"];
    let mut command = super::program();
    command.current_dir(dir.path()).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());

    let mut child = command.spawn().expect("the program runs");
    for _ in 0..2 {
        held.requests.recv().expect("the site runs");
    }
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().expect("kill runs").success());
    let mut notes = BufReader::new(child.stderr.take().expect("piped"));
    let mut said = String::new();
    while !said.contains("stopping") {
        assert!(notes.read_line(&mut said).expect("text") > 0, "{said}");
    }
    drop(guard);
    notes.read_to_string(&mut said).expect("the table");
    let output = child.wait_with_output().expect("it ends");

    let jobs_in = |state: &str| -> usize {
        let (_, table) = said.split_once("\nstatus ").expect("the table");
        let rows = table.lines().filter(|it| it.starts_with(state));
        rows.map(|it| it.split_whitespace().rev().nth(1).expect("a number"))
            .fold(0, |sum, it| sum + it.parse::<usize>().expect("a number of jobs"))
    };
    let ended = text(&output.stdout).lines().count();
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(ended >= 2 && jobs_in("succeeded ") == ended, "{ended} results: {said}");
    let (queued, unsubmitted) = (jobs_in("queued "), jobs_in("not submitted "));
    assert_eq!((ended + queued + unsubmitted, unsubmitted % 100), (251, 51), "{said}");
}
