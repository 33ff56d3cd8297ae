//! A journal on a real file system, driven beside the memory store: both must answer alike, and a crash cuts the log
//! anywhere behind the last acknowledged commit.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use rungs::core::time::Timestamp;
use rungs::ports::BoxFuture;
use rungs::ports::store::StoreError;
use rungs::stores::Journal;
use tempfile::TempDir;

use crate::rng::Rng;

/// Larger than the log of a run: segments are removed in the background, at times that no seed decides.
const SEGMENT_BYTES: u64 = 1 << 30;
/// The directory of a file system in memory, where a sync takes no time.
const IN_MEMORY: &str = "/dev/shm";

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Blocks this thread, and with it the simulated time, until the journal has answered.
fn wait<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(done) => return done,
            Poll::Pending => thread::park(),
        }
    }
}

/// A point to which a crash may take the log back.
#[derive(Clone, Debug)]
struct Point {
    end: u64,
    mark: Vec<u8>,
}

pub(crate) struct Disk {
    scratch: TempDir,
    /// `None` only while the process is down.
    journal: Option<Journal>,
    /// The points after each commit of the log, and before the first one.
    points: Vec<Point>,
}

impl Disk {
    pub(crate) fn new() -> Self {
        let parent = Path::new(IN_MEMORY);
        let parent = if parent.is_dir() { parent.to_owned() } else { std::env::temp_dir() };
        let scratch = tempfile::tempdir_in(parent).expect("a directory");
        let mut disk = Self { scratch, journal: None, points: Vec::new() };
        disk.open(Timestamp::default());
        disk
    }

    fn open(&mut self, now: Timestamp) {
        let opened = Journal::open_sized(self.scratch.path(), now, SEGMENT_BYTES);
        self.journal = Some(opened.expect("what a crash leaves behind opens"));
        self.committed();
    }

    fn journal(&self) -> &Journal {
        self.journal.as_ref().expect("the process runs")
    }

    fn mark(&self) -> PathBuf {
        self.scratch.path().join("acknowledged")
    }

    /// Adds the point after the commit that the log has gained.
    pub(crate) fn committed(&mut self) {
        let mark = fs::read(self.mark()).expect("readable");
        self.points.push(Point { end: self.end(), mark });
    }

    /// Returns the bytes of the log.
    pub(crate) fn end(&self) -> u64 {
        self.journal().log_bytes()
    }

    /// Makes one call of the journal and waits for its end.
    pub(crate) fn call<T>(
        &self,
        call: impl FnOnce(&Journal) -> BoxFuture<'_, Result<T, StoreError>>,
    ) -> T {
        wait(call(self.journal())).expect("the disk works")
    }

    /// Cuts the log somewhere behind what was on disk, `flushed` commits and `least` bytes, and opens it again. Returns
    /// the number of commits before the cut, and the place of the cut.
    pub(crate) fn crash(
        &mut self,
        flushed: usize,
        least: u64,
        now: Timestamp,
        rng: &mut Rng,
    ) -> (usize, u64) {
        let end = self.end();
        self.journal = None;
        let least = least.max(self.points[flushed].end);
        let cut = least + rng.below(end - least + 1);
        let log = self.scratch.path().join("0000000001.log");
        let file = File::options().write(true).open(log).expect("it is there");
        file.set_len(cut).expect("cut");
        if rng.chance(50) {
            // Written in advance, or never.
            file.set_len(cut + rng.below(10_000)).expect("zeros follow");
        }
        // It is written after the sync of the last commit that was acknowledged.
        fs::write(self.mark(), &self.points[flushed].mark).expect("written");
        let kept = self.points.iter().rposition(|it| it.end <= cut).expect("the first one");
        self.points.truncate(kept);
        self.open(now);
        (kept, cut)
    }
}
