//! One reading process: started, given its document, listened to, and gone when that ends.

use std::path::PathBuf;
use std::process::Stdio;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::{Instant, timeout_at};

use super::frame::{About, Flaw, Frame, HEAD, Sheet, Task};
use super::start;
use crate::fetch::program;

/// What of the environment the process sees beside its task: where its libraries are.
const KEPT: [&str; 2] = ["LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"];
/// The most bytes of a complaint that are read.
const MAX_COMPLAINT: u64 = 4_096;
/// The most letters of it in an error.
const MAX_QUOTE: usize = 200;

/// What came of a document so far. It stays when the process does not.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) about: Option<About>,
    pub(super) sheets: Vec<Sheet>,
    /// Images by the number of their page, from 0.
    pub(super) images: Vec<(usize, Vec<u8>)>,
}

/// How a reading ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// With the last page, or the last that is read.
    Whole,
    /// Before it, for want of time.
    Late,
    /// There is no document.
    Flaw(Flaw),
    /// It says more than its bound.
    TooMuch,
    /// The process was killed or gave up, most likely for want of memory: how it ended.
    Died(String),
    /// No process, or one that is no reader: why.
    NoReader(String),
}

/// Reads `document` in a process of its own. Dropping the future kills the process.
pub(super) async fn read(
    task: &Task,
    document: &[u8],
    until: Instant,
    output: u64,
    gathered: &mut Gathered,
) -> Ended {
    if !start::is_in_executable() {
        let why = "PDFs are read by starting the executable again, and this code is not part of it \
            but of a library that is loaded later";
        return Ended::NoReader(why.to_owned());
    }
    let mut child = match spawn(task) {
        Ok(child) => child,
        Err(why) => return Ended::NoReader(format!("the reading process cannot start: {why}")),
    };
    let talking = talk(&mut child, task, document, output, gathered);
    let ended = timeout_at(until, talking).await.unwrap_or(Ended::Late);
    // One that has ended is reaped by this, and one that has not is ended.
    if let Err(error) = child.kill().await {
        tracing::warn!(%error, "a process that reads PDFs could not be ended");
    }
    ended
}

fn spawn(task: &Task) -> std::io::Result<Child> {
    let task = serde_json::to_string(task)?;
    Command::new(executable()?)
        .env_clear()
        .envs(program::environment(&KEPT))
        .env(start::TASK, task)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
}

/// This very executable, whatever became of its file since.
#[cfg(target_os = "linux")]
#[expect(clippy::unnecessary_wraps, reason = "other systems have to look for it")]
fn executable() -> std::io::Result<PathBuf> {
    Ok(PathBuf::from("/proc/self/exe"))
}

#[cfg(not(target_os = "linux"))]
fn executable() -> std::io::Result<PathBuf> {
    std::env::current_exe()
}

async fn talk(
    child: &mut Child,
    task: &Task,
    document: &[u8],
    output: u64,
    gathered: &mut Gathered,
) -> Ended {
    let no_pipes = || Ended::NoReader("the reading process has no pipes".to_owned());
    let (Some(mut stdin), Some(mut stdout), Some(stderr)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return no_pipes();
    };
    let mut left = output;
    // No byte of the document is given to a program that did not say that it is the reader.
    match next(&mut stdout, &mut left).await {
        Next::Frame(Frame::Ready { token }) if token == task.token => {}
        _ => {
            let why = "the executable did not become a reader when it was started again";
            return Ended::NoReader(why.to_owned());
        }
    }
    let give = async {
        // A reader that ends early says why by itself.
        stdin.write_all(document).await.ok();
        drop(stdin);
    };
    let hear = hear(&mut stdout, &mut left, gathered);
    let mut complaint = Vec::new();
    let mut stderr = stderr.take(MAX_COMPLAINT);
    let ((), ended) = tokio::join!(give, hear);
    if let Some(ended) = ended {
        return ended;
    }
    // What it has to say last fits into the pipe: it needs nobody to listen before.
    stderr.read_to_end(&mut complaint).await.ok();
    let status = child.wait().await;
    let how = status.map_or_else(|why| why.to_string(), |it| it.to_string());
    let why = String::from_utf8_lossy(&complaint);
    Ended::Died(match why.lines().map(str::trim).find(|it| !it.is_empty()) {
        Some(why) => format!("{how}: {}", why.chars().take(MAX_QUOTE).collect::<String>()),
        None => how,
    })
}

/// Takes frames until the last one. `None` where they end without one.
async fn hear(stdout: &mut ChildStdout, left: &mut u64, gathered: &mut Gathered) -> Option<Ended> {
    loop {
        match next(stdout, left).await {
            Next::Frame(Frame::About(about)) => gathered.about = Some(about),
            Next::Frame(Frame::Sheet(sheet)) => gathered.sheets.push(sheet),
            Next::Frame(Frame::Image { page, bytes }) => gathered.images.push((page, bytes)),
            Next::Frame(Frame::Flaw(flaw)) => return Some(Ended::Flaw(flaw)),
            Next::Frame(Frame::Late) => return Some(Ended::Late),
            Next::Frame(Frame::End) => return Some(Ended::Whole),
            Next::TooMuch => return Some(Ended::TooMuch),
            Next::Frame(Frame::Ready { .. }) | Next::Nothing => return None,
        }
    }
}

enum Next {
    Frame(Frame),
    TooMuch,
    /// The pipe is at its end, or holds no frame.
    Nothing,
}

async fn next(stdout: &mut ChildStdout, left: &mut u64) -> Next {
    let mut head = [0; HEAD];
    if stdout.read_exact(&mut head).await.is_err() {
        return Next::Nothing;
    }
    let length = Frame::length(head);
    if length > *left {
        return Next::TooMuch;
    }
    *left -= length;
    // The bytes are there before there is room made for them: a length alone costs nothing.
    let mut body = Vec::new();
    match stdout.take(length).read_to_end(&mut body).await {
        Ok(read) if read as u64 == length => {
            Frame::parse(head, &body).map_or(Next::Nothing, Next::Frame)
        }
        _ => Next::Nothing,
    }
}
