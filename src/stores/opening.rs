//! The lock and the time of opening, which the stores on disk share.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::core::time::{Timestamp, millis};

/// The longest wait for another process to release its lock: a killed process may hold it for a moment.
pub(super) const LOCK_PATIENCE: Duration = Duration::from_secs(3);
/// The pause between two attempts to lock.
pub(super) const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// Returns the machine's time, at which leases of the previous process are released.
pub(super) fn now() -> Timestamp {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(millis(since_1970))
}
