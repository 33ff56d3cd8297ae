//! The reading process from the inside: limits first, then the document.

use std::io::{Read, Write};
use std::time::Duration;

use super::frame::{Flaw, Frame, Task};
use super::read;

/// The stack of the reading thread: the library recurses on what is nested.
const STACK: usize = 64 << 20;
/// What the process may use beyond the time of its task, in seconds of CPU.
const GRACE: u64 = 5;

/// Reads the document on standard input and answers on standard output. Returns the exit code.
pub(super) fn run(task: Task) -> i32 {
    // A panic is told by a frame; its text would only be read by nobody.
    std::panic::set_hook(Box::new(|_| {}));
    let ready = Frame::Ready { token: task.token.clone() };
    if say(&ready).is_err() || bound(&task).is_err() {
        return 3;
    }
    let reading = std::thread::Builder::new().stack_size(STACK).spawn(move || talk(&task));
    match reading.map(std::thread::JoinHandle::join) {
        Ok(Ok(Ok(()))) => 0,
        Ok(Ok(Err(_))) => 4,
        Ok(Err(_)) => i32::from(say(&Frame::Flaw(Flaw::Panic)).is_err()),
        Err(_) => 5,
    }
}

fn talk(task: &Task) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    std::io::stdin().lock().read_to_end(&mut bytes)?;
    let mut told = Ok(());
    read::read(bytes, task, &mut |frame| {
        if told.is_ok() {
            told = say(&frame);
        }
    });
    told
}

fn say(frame: &Frame) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(&frame.bytes())?;
    out.flush()
}

/// Takes from this process what reading needs none of. Nothing undoes it: limits only go down.
#[cfg(unix)]
fn bound(task: &Task) -> std::io::Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let seconds = Duration::from_millis(task.millis).as_secs() + GRACE;
    let limits = [
        (Resource::Core, 0),
        // It writes no file, and opens none.
        (Resource::Fsize, 0),
        (Resource::Nofile, 3),
        // For a host that is killed: nobody is left then to keep the deadline.
        (Resource::Cpu, seconds),
        (Resource::As, task.memory),
    ];
    for (resource, most) in limits {
        // Its own hard limit may be lower, which is as good.
        let most = getrlimit(resource).maximum.map_or(most, |it| it.min(most));
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?;
    }
    Ok(())
}

/// Elsewhere the process has its time and the bounds of its words only.
#[cfg(not(unix))]
fn bound(_: &Task) -> std::io::Result<()> {
    Ok(())
}
