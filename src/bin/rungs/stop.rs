//! The signals that stop the program.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Exit code of a program that Ctrl-C ended, as shells report it.
const INTERRUPTED: u8 = 130;
/// Exit code of a program that SIGTERM ended, as shells report it.
const TERMINATED: u8 = 143;

/// The signal that stopped the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StopSignal {
    /// Ctrl-C.
    Interrupt,
    /// The request of a supervisor.
    Terminate,
}

impl StopSignal {
    /// Returns the exit code of a command that the signal interrupted.
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Self::Interrupt => INTERRUPTED,
            Self::Terminate => TERMINATED,
        }
    }
}

/// Takes over SIGINT and SIGTERM at once, and returns a future that waits for one of them.
pub(crate) fn signals() -> impl Future<Output = StopSignal> {
    let interrupts = signal(SignalKind::interrupt()).ok();
    let terminations = signal(SignalKind::terminate()).ok();
    async move {
        tokio::select! {
            biased;
            () = next(terminations) => StopSignal::Terminate,
            () = next(interrupts) => StopSignal::Interrupt,
        }
    }
}

/// Waits for the next signal; for ever if it could not be taken over.
async fn next(signals: Option<Signal>) {
    match signals {
        Some(mut signals) => {
            signals.recv().await;
        }
        None => std::future::pending().await,
    }
}
