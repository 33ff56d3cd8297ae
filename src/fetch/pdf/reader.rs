//! The reading process: it limits itself, then reads the document.

use std::io::{Read, Write};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::document;
use super::protocol::{ReadTask, ReaderMessage, Unreadable};

/// Stack of the reading thread. The library recurses on nested objects.
const STACK_BYTES: usize = 64 << 20;
/// CPU seconds beyond the task's time after which the kernel kills the process.
const CPU_GRACE_SECONDS: u64 = 5;

/// The exit code if the limits cannot be set or the parent is gone.
const EXIT_NOT_LIMITED: i32 = 3;
/// The exit code if the document or the results cannot be passed on.
const EXIT_PIPE_BROKEN: i32 = 4;
/// The exit code if the reading thread cannot be started.
const EXIT_NO_THREAD: i32 = 5;

/// Reads the document on standard input and sends messages on standard output. Returns the exit code.
pub(super) fn run(task: ReadTask) -> i32 {
    // A panic is reported by a message; its text on standard error would not be read.
    std::panic::set_hook(Box::new(|_| {}));
    let ready = ReaderMessage::Ready { token: task.token.clone() };
    if send(&ready).is_err() || limit_resources(&task).is_err() {
        return EXIT_NOT_LIMITED;
    }
    let reading = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(move || read(&task));
    match reading.map(std::thread::JoinHandle::join) {
        Ok(Ok(Ok(()))) => 0,
        Ok(Ok(Err(_))) => EXIT_PIPE_BROKEN,
        Ok(Err(_)) => i32::from(send(&ReaderMessage::Unreadable(Unreadable::Panic)).is_err()),
        Err(_) => EXIT_NO_THREAD,
    }
}

fn read(task: &ReadTask) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    std::io::stdin().lock().read_to_end(&mut bytes)?;
    let mut sent = Ok(());
    document::read(bytes, task, &mut |message| {
        if sent.is_ok() {
            sent = send(&message);
        }
    });
    sent
}

fn send(message: &ReaderMessage) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(&message.encode())?;
    out.flush()
}

/// Lowers the limits of this process. They cannot be raised again.
///
/// The limit of the address space is enforced on Linux. Other systems accept it, and may ignore it.
fn limit_resources(task: &ReadTask) -> std::io::Result<()> {
    let cpu_seconds = Duration::from_millis(task.millis).as_secs() + CPU_GRACE_SECONDS;
    let limits = [
        (Resource::Core, 0),
        // A reader writes no files and opens none.
        (Resource::Fsize, 0),
        (Resource::Nofile, 3),
        // If the parent is killed, only this limit enforces the deadline.
        (Resource::Cpu, cpu_seconds),
        (Resource::As, task.memory_bytes),
    ];
    for (resource, limit) in limits {
        // An existing lower hard limit stays.
        let limit = getrlimit(resource).maximum.map_or(limit, |maximum| maximum.min(limit));
        setrlimit(resource, Rlimit { current: Some(limit), maximum: Some(limit) })?;
    }
    Ok(())
}
