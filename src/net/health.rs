//! Remembers the proxies that could not be reached, so that others of the pool are tried first.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The time for which a proxy that failed is tried last.
const REST: Duration = Duration::from_mins(1);
/// The most proxies that are remembered.
const MAX_PROXIES: usize = 10_000;

/// The proxies that failed lately, by their address and user name.
#[derive(Debug, Default)]
pub(crate) struct ProxyHealth(Mutex<HashMap<String, Instant>>);

impl ProxyHealth {
    fn failures(&self) -> MutexGuard<'_, HashMap<String, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a proxy could not be reached or refused its credentials.
    pub(crate) fn failed(&self, proxy: &str) {
        let mut failures = self.failures();
        if failures.len() >= MAX_PROXIES {
            failures.retain(|_, at| at.elapsed() < REST);
        }
        if failures.len() < MAX_PROXIES {
            failures.insert(proxy.to_owned(), Instant::now());
        }
    }

    /// Notes that a proxy works.
    pub(crate) fn works(&self, proxy: &str) {
        let mut failures = self.failures();
        if !failures.is_empty() {
            failures.remove(proxy);
        }
    }

    /// Returns `true` if the proxy failed lately.
    pub(crate) fn is_resting(&self, proxy: &str) -> bool {
        self.failures().get(proxy).is_some_and(|at| at.elapsed() < REST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_rests_until_it_works() {
        let health = ProxyHealth::default();

        health.failed("a");

        assert!(health.is_resting("a") && !health.is_resting("b"));
        health.works("a");
        assert!(!health.is_resting("a"));
    }
}
