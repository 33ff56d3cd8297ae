//! Lease renewals, which touch no record but the job.

use std::time::Duration;

use crate::core::id::JobId;
use crate::core::job::Fence;
use crate::core::record::{Key, Record};
use crate::core::time::Timestamp;
use crate::engine::changes::job_of;
use crate::engine::writer::{Change, Draft};

/// Renews the lease of a job. It names nothing else, so that it conflicts with no other change.
#[derive(Debug)]
pub(super) struct Renew {
    pub(super) job: JobId,
    pub(super) fence: Fence,
    /// The duration of the lease, from the commit on.
    pub(super) lease: Duration,
}

impl Change for Renew {
    /// `false` if another worker holds the job, or if it has ended.
    type Out = bool;

    fn is_step(&self) -> bool {
        true
    }

    fn keys(&self) -> Vec<Key> {
        vec![Key::Job(self.job)]
    }

    fn apply(&self, draft: &mut Draft, now: Timestamp) -> bool {
        let until = now.after(self.lease);
        let Some(job) = job_of(draft, self.job).and_then(|it| it.renewed(self.fence, until)) else {
            return false;
        };
        draft.put(Record::Job(job));
        true
    }
}
