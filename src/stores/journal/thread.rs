//! The thread that writes and syncs: everything that waits shares one sync.

use std::sync::atomic::Ordering;

use super::clean;
use super::shared::Shared;

/// Runs until the store is closed, then puts everything on disk.
pub(super) fn run(shared: &Shared) {
    let _ended = Ended(shared);
    loop {
        let group = {
            let mut state = shared.lock();
            while !state.is_wanted() && !shared.is_closing.load(Ordering::Acquire) {
                let woken = shared.wake.wait(state);
                state = woken.unwrap_or_else(std::sync::PoisonError::into_inner);
            }
            if !state.is_wanted() && !state.is_behind() {
                if state.failed.is_none() {
                    // Opening the store drops the zeros, too.
                    let _ = state.drop_preallocated();
                }
                return;
            }
            shared.preallocate(&mut state);
            state.take_group()
        };
        let written = group.write_and_sync();
        let (answered, is_dirty) = {
            let mut state = shared.lock();
            let mut answered = state.finish_group(group, written);
            shared.roll_if_full(&mut state);
            answered.extend(state.answered());
            (answered, clean::is_due(&state, shared.segment_bytes))
        };
        for (caller, result) in answered {
            // The caller may no longer wait.
            let _ = caller.send(result);
        }
        if is_dirty {
            // It has a signal already if the channel is full.
            let _ = shared.clean.try_send(());
        }
    }
}

/// Answers the callers if the thread ends for a reason of its own.
pub(super) struct Ended<'a>(pub(super) &'a Shared);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.writing = None;
        state.has_ended = true;
        state.fail(&"its thread has ended: open the store again");
    }
}
