//! The parent's side of one reading process: start it, pass the document, collect messages, end it.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::{Instant, timeout, timeout_at};

use super::protocol::{
    DocumentInfo, HEADER_BYTES, PageContent, ReadTask, ReaderMessage, Unreadable,
};
use super::start;
use crate::fetch::subprocess;

/// Environment variables that the process inherits, because they locate its libraries. It inherits no others.
const INHERITED_VARIABLES: [&str; 2] = ["LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"];
/// Maximum number of bytes read from its standard error.
const MAX_STDERR_BYTES: u64 = 4_096;
/// Maximum number of characters of its standard error in an error message.
const MAX_QUOTE_CHARS: usize = 200;

/// Time that a process has to end after it closed its output.
const MAX_REAP_WAIT: Duration = Duration::from_secs(1);

/// The parts of a document received so far. They remain if the process dies.
#[derive(Debug, Default)]
pub(super) struct PartialDocument {
    pub(super) info: Option<DocumentInfo>,
    pub(super) pages: Vec<PageContent>,
    /// Images with the index of their page, from 0.
    pub(super) images: Vec<(usize, Vec<u8>)>,
}

/// The outcome of a reading.
#[derive(Debug)]
pub(super) enum ReadOutcome {
    /// All pages, or as many as the limit allows, were read.
    Complete,
    /// The deadline passed first.
    TimedOut,
    /// The document cannot be read.
    Unreadable(Unreadable),
    /// The document yields more bytes than the limit.
    TooLarge,
    /// The process gave up, most likely because of its memory limit; how it ended.
    Died(String),
    /// A signal from outside ended the process; how it ended.
    Interrupted(String),
    /// The process did not start, or is not a reader; the reason.
    NoReader(String),
}

/// Reads `document` in a process of its own. Dropping the future kills the process.
pub(super) async fn read(
    task: &ReadTask,
    document: &[u8],
    deadline: Instant,
    max_output_bytes: u64,
    partial: &mut PartialDocument,
) -> ReadOutcome {
    if !start::is_in_executable() {
        let reason = "PDFs are read by starting the executable again, and this code is not part of it \
            but of a library that is loaded later";
        return ReadOutcome::NoReader(reason.to_owned());
    }
    let mut child = match spawn(task) {
        Ok(child) => child,
        Err(error) => {
            return ReadOutcome::NoReader(format!("the reading process cannot start: {error}"));
        }
    };
    let exchange = exchange(&mut child, task, document, max_output_bytes, partial);
    let outcome = timeout_at(deadline, exchange).await.unwrap_or(ReadOutcome::TimedOut);
    // Kills the process if it is still running, and reaps it.
    if let Err(error) = child.kill().await {
        tracing::warn!(%error, "a process that reads PDFs could not be killed");
    }
    outcome
}

fn spawn(task: &ReadTask) -> std::io::Result<Child> {
    let task = serde_json::to_string(task)?;
    Command::new(start::executable::path()?)
        .env_clear()
        .envs(subprocess::inherited_environment(&INHERITED_VARIABLES))
        .env(start::TASK_VARIABLE, task)
        // A signal for this process's group, such as that of Ctrl-C, must not end the reading.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
}

async fn exchange(
    child: &mut Child,
    task: &ReadTask,
    document: &[u8],
    max_output_bytes: u64,
    partial: &mut PartialDocument,
) -> ReadOutcome {
    let (Some(mut stdin), Some(mut stdout), Some(stderr)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return ReadOutcome::NoReader("the reading process has no pipes".to_owned());
    };
    let mut remaining_bytes = max_output_bytes;
    // The document is sent only to a program that has proven to be the reader.
    match next_message(&mut stdout, &mut remaining_bytes).await {
        Received::Message(ReaderMessage::Ready { token }) if token == task.token => {}
        _ => {
            if let Some(how) = interruption(child).await {
                return ReadOutcome::Interrupted(how);
            }
            let reason = "the executable did not become a reader when it was started again";
            return ReadOutcome::NoReader(reason.to_owned());
        }
    }
    let send = async {
        // A reader that ends early reports the reason itself.
        stdin.write_all(document).await.ok();
        drop(stdin);
    };
    let receive = receive(&mut stdout, &mut remaining_bytes, partial);
    let ((), outcome) = tokio::join!(send, receive);
    if let Some(outcome) = outcome {
        return outcome;
    }
    // Its last message fits into the pipe, so it need not be read before the process ends.
    let mut complaint = Vec::new();
    stderr.take(MAX_STDERR_BYTES).read_to_end(&mut complaint).await.ok();
    let status = child.wait().await;
    if let Ok(status) = status
        && subprocess::was_interrupted(status)
    {
        return ReadOutcome::Interrupted(status.to_string());
    }
    let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
    let complaint = String::from_utf8_lossy(&complaint);
    let first_line = complaint.lines().map(str::trim).find(|line| !line.is_empty());
    ReadOutcome::Died(match first_line {
        Some(line) => {
            format!("{status}: {}", line.chars().take(MAX_QUOTE_CHARS).collect::<String>())
        }
        None => status,
    })
}

/// Returns how a signal from outside ended the process, `None` if none did.
async fn interruption(child: &mut Child) -> Option<String> {
    let status = timeout(MAX_REAP_WAIT, child.wait()).await.ok()?.ok()?;
    subprocess::was_interrupted(status).then(|| status.to_string())
}

/// Collects messages until the last one. Returns `None` if the pipe ends before that.
async fn receive(
    stdout: &mut ChildStdout,
    remaining_bytes: &mut u64,
    partial: &mut PartialDocument,
) -> Option<ReadOutcome> {
    loop {
        let message = match next_message(stdout, remaining_bytes).await {
            Received::Message(message) => message,
            Received::TooLarge => return Some(ReadOutcome::TooLarge),
            Received::Nothing => return None,
        };
        match message {
            ReaderMessage::Info(info) => partial.info = Some(info),
            ReaderMessage::Page(page) => partial.pages.push(page),
            ReaderMessage::Image { page, bytes } => partial.images.push((page, bytes)),
            ReaderMessage::Unreadable(reason) => return Some(ReadOutcome::Unreadable(reason)),
            ReaderMessage::TimedOut => return Some(ReadOutcome::TimedOut),
            ReaderMessage::End => return Some(ReadOutcome::Complete),
            ReaderMessage::Ready { .. } => return None,
        }
    }
}

enum Received {
    Message(ReaderMessage),
    /// The message exceeds the remaining bytes.
    TooLarge,
    /// The pipe ended, or the message is malformed.
    Nothing,
}

async fn next_message(stdout: &mut ChildStdout, remaining_bytes: &mut u64) -> Received {
    let mut header = [0; HEADER_BYTES];
    if stdout.read_exact(&mut header).await.is_err() {
        return Received::Nothing;
    }
    let length = ReaderMessage::body_length(header);
    if length > *remaining_bytes {
        return Received::TooLarge;
    }
    *remaining_bytes -= length;
    // Memory grows with the bytes received: a length alone allocates nothing.
    let mut body = Vec::new();
    match stdout.take(length).read_to_end(&mut body).await {
        Ok(count) if count as u64 == length => {
            ReaderMessage::decode(header, &body).map_or(Received::Nothing, Received::Message)
        }
        _ => Received::Nothing,
    }
}
