//! The number of processes, and their end.

use std::fs;
use std::process::Command;
use std::time::Duration;

use rungs::fetch::ocr::{OcrLimits, PageSegmentation, Tesseract};
use rungs::ports::fetch::{FetchErrorKind, OcrEngine};
use tokio::task::JoinSet;

use crate::ocr::given::{BREAD_PNG, BREAD_TEXT, digits, read, request};

/// Time within which everything here happens, even on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);

/// Returns the children of this process that were started with this `--psm`. Each test uses its own.
fn children(psm: &str) -> Vec<u32> {
    let wanted = format!("\0--psm\0{psm}\0");
    let all = fs::read_dir("/proc").expect("Linux has it").filter_map(Result::ok);
    all.filter_map(|it| it.file_name().to_str()?.parse().ok())
        .filter(|pid| is_child(*pid))
        .filter(|pid| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(&wanted)
        })
        .collect()
}

/// Returns `true` if the process exists, running or not reaped.
fn is_child(pid: u32) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    // After the name, which may contain anything: the state, then the parent.
    let parent = stat.rsplit(')').next().and_then(|it| it.split_whitespace().nth(1));
    parent.and_then(|it| it.parse().ok()) == Some(std::process::id())
}

/// A stopped child, so that it does not end by itself. Dropping it kills the child if it still exists.
struct StoppedChild(u32);

impl StoppedChild {
    fn new(pid: u32) -> Self {
        signal("-STOP", pid);
        Self(pid)
    }
}

impl Drop for StoppedChild {
    fn drop(&mut self) {
        if is_child(self.0) {
            signal("-KILL", self.0);
        }
    }
}

fn signal(name: &str, pid: u32) {
    let sent =
        Command::new("sh").args(["-c", "kill \"$0\" \"$1\"", name, &pid.to_string()]).status();
    assert!(sent.expect("a shell").success(), "{name} did not reach {pid}");
}

/// Waits until `check` returns a value.
async fn eventually<T>(what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    let mut checks = tokio::time::interval(Duration::from_millis(5));
    let waiting = async {
        loop {
            if let Some(value) = check() {
                return value;
            }
            checks.tick().await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, waiting).await;
    waited.unwrap_or_else(|_| panic!("{what}: not within {PATIENCE:?}"))
}

#[tokio::test]
async fn a_dropped_reading_returns_its_permit() {
    let limits = OcrLimits::default().with_max_processes(1);
    let reader = Tesseract::new().limits(limits).page_segmentation(PageSegmentation::SparseText);
    let image = digits(4_000, 3_000);
    let mut reading = reader.recognize(request(&image, "eng"));
    let pid = tokio::select! {
        read = &mut reading => panic!("it ended by itself: {read:?}"),
        pid = eventually("the process starts", || children("11").pop()) => pid,
    };
    let stopped = StoppedChild::new(pid);

    drop(reading);

    eventually("it ends", || (!is_child(stopped.0)).then_some(())).await;
    let next = read(&reader, BREAD_PNG).await.expect("the permit is free again");
    assert!(next.text.contains("Bread"));
}

#[tokio::test]
async fn the_process_has_ended_when_a_deadline_is_reported() {
    let reader = Tesseract::new().page_segmentation(PageSegmentation::SparseTextOsd);
    read(&reader, BREAD_PNG).await.expect("the languages are listed once");
    let image = digits(4_000, 3_000);
    // On a busy machine the process may start after the first deadlines.
    for deadline in [1, 4, 16, 64].map(Duration::from_secs) {
        let mut reading = reader.recognize(request(&image, "eng").with_deadline(deadline));
        let pid = tokio::select! {
            read = &mut reading => {
                assert_eq!(read.expect_err("too early").kind(), FetchErrorKind::Timeout);
                continue;
            }
            pid = eventually("the process starts", || children("12").pop()) => pid,
        };
        let stopped = StoppedChild::new(pid);

        let error = reading.await.expect_err("it never ends by itself");

        assert_eq!(error.kind(), FetchErrorKind::Timeout, "{error}");
        assert!(!is_child(stopped.0), "it still exists");
        return;
    }
    panic!("no process was seen");
}

#[tokio::test]
async fn a_zero_deadline_starts_no_process() {
    let reader = Tesseract::at("rungs-no-such-program");
    let second_request = request(BREAD_PNG, "eng").with_deadline(Duration::ZERO);

    let error = reader.recognize(second_request).await.expect_err("no time");

    assert_eq!(error.kind(), FetchErrorKind::Timeout);
}

#[tokio::test]
async fn waiting_for_a_permit_counts_against_the_deadline() {
    let limits = OcrLimits::default().with_max_processes(1);
    let reader = Tesseract::new().limits(limits).page_segmentation(PageSegmentation::SingleColumn);
    let image = digits(4_000, 3_000);
    let mut first = reader.recognize(request(&image, "eng"));
    let pid = tokio::select! {
        read = &mut first => panic!("it ended by itself: {read:?}"),
        pid = eventually("the process starts", || children("4").pop()) => pid,
    };
    let _stopped = StoppedChild::new(pid);

    let second_request = request(BREAD_PNG, "eng").with_deadline(Duration::from_secs(4));
    let second = tokio::select! {
        read = &mut first => panic!("it ended by itself: {read:?}"),
        read = reader.recognize(second_request) => read,
    };

    assert_eq!(second.expect_err("the permit is taken").kind(), FetchErrorKind::Timeout);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_images_are_read_by_two_processes() {
    let limits = OcrLimits::default().with_max_processes(2);
    let reader = Tesseract::new().limits(limits).page_segmentation(PageSegmentation::SingleBlock);
    let mut readings = JoinSet::new();
    for _ in 0..20 {
        let reader = reader.clone();
        readings.spawn(async move { read(&reader, BREAD_PNG).await });
    }

    let mut checks = tokio::time::interval(Duration::from_millis(5));
    let mut most = 0;
    let mut read = 0;
    while read < 20 {
        most = most.max(children("6").len());
        match readings.try_join_next() {
            Some(done) => {
                let done = done.expect("no panic").expect("read");
                assert_eq!(done.text, BREAD_TEXT);
                read += 1;
            }
            None => {
                checks.tick().await;
            }
        }
    }
    assert!((1..=2).contains(&most), "{most} processes at once");
    assert_eq!(children("6"), Vec::<u32>::new());
}
