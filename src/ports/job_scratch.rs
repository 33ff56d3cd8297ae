//! The state that a fetcher keeps between the attempts of a job.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// A fetcher's state that is kept between the attempts of a job, such as cookies.
///
/// Each job has its own, which is dropped when the job leaves the worker. Only the fetcher knows
/// its type.
#[derive(Clone, Default)]
pub struct JobScratch(Arc<Mutex<Option<Box<dyn Any + Send>>>>);

impl JobScratch {
    /// Runs `work` on the value of type `T`, which is its default at first.
    pub fn with<T: Default + Send + 'static, R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !slot.as_ref().is_some_and(|it| it.is::<T>()) {
            *slot = Some(Box::new(T::default()));
        }
        let value = slot.as_mut().and_then(|it| it.downcast_mut());
        work(value.expect("the slot was filled with a `T` just above"))
    }
}

impl fmt::Debug for JobScratch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JobScratch")
    }
}
