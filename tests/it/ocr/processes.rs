//! Processes: how many there are, and that none is left.
use std::fs;
use std::process::Command;
use std::time::Duration;

use rungs::fetch::ocr::{Layout, OcrLimits, Tesseract};
use rungs::ports::fetch::{DocumentRequest, FetchErrorKind, OcrEngine};
use tokio::task::JoinSet;

use crate::ocr::given::{BREAD_PNG, BREAD_TEXT, digits, read, request};

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// The children of this process that were started with this `--psm`: each test has its own.
fn children(layout: &str) -> Vec<u32> {
    let wanted = format!("\0--psm\0{layout}\0");
    let all = fs::read_dir("/proc").expect("Linux has it").filter_map(Result::ok);
    all.filter_map(|it| it.file_name().to_str()?.parse().ok())
        .filter(|pid| is_child(*pid))
        .filter(|pid| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(&wanted)
        })
        .collect()
}

/// Whether it is there, running or dead and not reaped.
fn is_child(pid: u32) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    // Behind the name, which may hold anything: the state, then the parent.
    let parent = stat.rsplit(')').next().and_then(|it| it.split_whitespace().nth(1));
    parent.and_then(|it| it.parse().ok()) == Some(std::process::id())
}

/// A child held still, so that it does not end by itself; killed at last if nobody else did.
struct Held(u32);

impl Held {
    fn new(pid: u32) -> Self {
        signal("-STOP", pid);
        Self(pid)
    }
}

impl Drop for Held {
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

async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(it) = look() {
                return it;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.unwrap_or_else(|_| panic!("{what} in vain"))
}

#[tokio::test]
async fn a_dropped_reading_leaves_no_process_and_gives_its_place_back() {
    let limits = OcrLimits { processes: 1, ..OcrLimits::default() };
    let reader = Tesseract::new().limits(limits).layout(Layout::Sparse);
    let image = digits(4_000, 3_000);
    let mut reading = reader.recognize(request(&image, "eng"));
    let pid = tokio::select! {
        read = &mut reading => panic!("it ended by itself: {read:?}"),
        pid = until("waited for the process", || children("11").pop()) => pid,
    };
    let held = Held::new(pid);

    drop(reading);

    until("waited for its end", || (!is_child(held.0)).then_some(())).await;
    let next = read(&reader, BREAD_PNG).await.expect("there is a place again");
    assert!(next.text.contains("Bread"));
}

#[tokio::test]
async fn a_deadline_ends_the_process_before_it_ends_the_reading() {
    let reader = Tesseract::new().layout(Layout::SparseAnyWayUp);
    read(&reader, BREAD_PNG).await.expect("the languages are known from here on");
    let image = digits(4_000, 3_000);
    let ask = DocumentRequest { deadline: Duration::from_millis(500), ..request(&image, "eng") };
    let mut reading = reader.recognize(ask);
    let pid = tokio::select! {
        read = &mut reading => panic!("it ended before it began: {read:?}"),
        pid = until("waited for the process", || children("12").pop()) => pid,
    };
    let held = Held::new(pid);

    let error = reading.await.expect_err("it never ends by itself");

    assert_eq!(error.kind(), FetchErrorKind::Timeout, "{error}");
    assert!(!is_child(held.0), "it is still there");
}

#[tokio::test]
async fn no_time_at_all_starts_nothing() {
    let reader = Tesseract::at("rungs-no-such-program");
    let ask = DocumentRequest { deadline: Duration::ZERO, ..request(BREAD_PNG, "eng") };

    let error = reader.recognize(ask).await.expect_err("no time");

    assert_eq!(error.kind(), FetchErrorKind::Timeout);
}

#[tokio::test]
async fn waiting_for_a_place_counts_against_the_deadline() {
    let limits = OcrLimits { processes: 1, ..OcrLimits::default() };
    let reader = Tesseract::new().limits(limits).layout(Layout::Column);
    let image = digits(4_000, 3_000);
    let mut first = reader.recognize(request(&image, "eng"));
    let pid = tokio::select! {
        read = &mut first => panic!("it ended by itself: {read:?}"),
        pid = until("waited for the process", || children("4").pop()) => pid,
    };
    let _held = Held::new(pid);

    let ask = DocumentRequest { deadline: Duration::from_secs(4), ..request(BREAD_PNG, "eng") };
    let second = tokio::select! {
        read = &mut first => panic!("it ended by itself: {read:?}"),
        read = reader.recognize(ask) => read,
    };

    assert_eq!(second.expect_err("the place is taken").kind(), FetchErrorKind::Timeout);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_at_once_are_all_read_by_two_processes() {
    let limits = OcrLimits { processes: 2, ..OcrLimits::default() };
    let reader = Tesseract::new().limits(limits).layout(Layout::Block);
    let mut readings = JoinSet::new();
    for _ in 0..20 {
        let reader = reader.clone();
        readings.spawn(async move { read(&reader, BREAD_PNG).await });
    }

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
            None => tokio::task::yield_now().await,
        }
    }
    assert!((1..=2).contains(&most), "{most} processes at once");
    assert_eq!(children("6"), Vec::<u32>::new());
}
