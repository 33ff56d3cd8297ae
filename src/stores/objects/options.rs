//! The settings of an object store.

use std::fmt;
use std::time::Duration;

use crate::net::NetPolicy;

/// Settings of [`Objects`](super::Objects).
///
/// ```
/// use std::time::Duration;
///
/// use rungs::stores::ObjectsOptions;
///
/// let options = ObjectsOptions::new()
///     .with_config("region", "eu-central-1")
///     .with_config("endpoint", "http://minio.internal:9000")
///     .with_timeout(Duration::from_secs(20));
/// assert_eq!(options.retries, 3);
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct ObjectsOptions {
    /// The time to store or load a body with all retries, or to list or delete 1,000 objects. Defaults to one minute.
    pub timeout: Duration,
    /// The time for one request. Defaults to 20 seconds.
    pub request_timeout: Duration,
    /// The number of retries of a request that failed with a lost connection, a timeout or a status of 429 or 500 and
    /// above. Defaults to 3.
    pub retries: usize,
    /// The number of requests at the same time. Defaults to 64.
    pub max_requests: usize,
    /// The rules for connections to the object store. Defaults to a policy that allows every address, because the
    /// application, and not a user, chooses the endpoint. Its proxies are not used.
    pub network: NetPolicy,
    pub(super) config: Vec<(String, String)>,
    pub(super) is_isolated: bool,
}

impl ObjectsOptions {
    /// Creates the default settings.
    pub fn new() -> Self {
        Self {
            timeout: Duration::from_mins(1),
            request_timeout: Duration::from_secs(20),
            retries: 3,
            max_requests: 64,
            network: NetPolicy::new().allow_private(),
            config: Vec::new(),
            is_isolated: false,
        }
    }

    /// Sets a value of the provider by the name that `object_store` gives it, such as `access_key_id`,
    /// `secret_access_key`, `region` and `endpoint` of S3. It takes precedence over the environment.
    #[must_use]
    pub fn with_config(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.config.push((name.into(), value.into()));
        self
    }

    /// Ignores the environment variables (`AWS_*`, `GOOGLE_*`, `AZURE_*`).
    #[must_use]
    pub fn without_environment(mut self) -> Self {
        self.is_isolated = true;
        self
    }

    /// Sets the time to store or load a body with all retries.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the rules for connections.
    #[must_use]
    pub fn with_network(mut self, network: NetPolicy) -> Self {
        self.network = network;
        self
    }

    /// Returns every value for a provider whose variables begin with `prefix`, least important first. Names are in lower
    /// case.
    pub(super) fn values(&self, prefix: &str) -> Vec<(String, String)> {
        let mut values = Vec::new();
        if !self.is_isolated && !prefix.is_empty() {
            let variables = std::env::vars_os().filter_map(|(name, value)| {
                Some((name.into_string().ok()?, value.into_string().ok()?))
            });
            // An empty variable is one that is not set, as in the providers' own tools.
            values.extend(
                variables.filter(|(name, value)| name.starts_with(prefix) && !value.is_empty()),
            );
            // Two names of one setting, such as the default region, have an order.
            values.sort();
        }
        values.extend(self.config.iter().cloned());
        for (name, _) in &mut values {
            name.make_ascii_lowercase();
        }
        values
    }
}

impl Default for ObjectsOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for ObjectsOptions {
    /// Formats the settings without the values of the provider, which contain credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.config.iter().map(|(name, _)| name).collect();
        f.debug_struct("ObjectsOptions")
            .field("timeout", &self.timeout)
            .field("request_timeout", &self.request_timeout)
            .field("retries", &self.retries)
            .field("max_requests", &self.max_requests)
            .field("network", &self.network)
            .field("config", &names)
            .finish_non_exhaustive()
    }
}
