//! Chooses the route of a request: direct, or through one of the policy's proxies.

use crate::core::request::{Country, JobRequest};
use crate::core::tier::Tier;
use crate::net::NetPolicy;
use crate::net::policy::OwnProxy;
use crate::ports::fetch::{FetchError, FetchErrorKind, FetchRequest};

/// The first hop of a route, as an index into the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum RouteVia {
    Direct,
    /// The proxy of the pool with this index.
    Pool(usize),
    /// The application's own proxy with this index.
    Own(usize),
}

/// The route of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) via: RouteVia,
    /// Warnings for options of the request that the route does not satisfy.
    pub(crate) warnings: Vec<String>,
}

impl Route {
    pub(crate) fn is_proxied(&self) -> bool {
        self.via != RouteVia::Direct
    }

    /// Returns `true` if the application's own proxy is used.
    pub(crate) fn is_own(&self) -> bool {
        matches!(self.via, RouteVia::Own(_))
    }
}

impl NetPolicy {
    /// Chooses the route of a request by its tier and its proxy options.
    ///
    /// # Errors
    ///
    /// `Unavailable` if it requests a proxy that is not configured.
    pub(crate) fn route(&self, request: &FetchRequest) -> Result<Route, FetchError> {
        let advanced = request.options.advanced();
        let site = request.url.site();
        let via = if advanced.use_own_proxy {
            self.own_candidate(request, &site)
        } else if advanced.use_proxy || request.tier == Tier::Stealth {
            self.pool_candidate(&request.options, &site)
        } else {
            Some(RouteVia::Direct)
        };
        let via = via.ok_or_else(|| {
            let message = "no configured proxy matches the job's proxy options: \
                           configure one, or drop `use_proxy`, `use_own_proxy` and `proxy_country`";
            FetchError::new(FetchErrorKind::Unavailable, message)
        })?;
        let warnings = self.unmet_country(via, request.options.location().country.as_ref());
        Ok(Route { via, warnings: warnings.into_iter().collect() })
    }

    /// An own proxy is used as its owner configured it, even if its country is unknown.
    fn own_candidate(&self, request: &FetchRequest, site: &str) -> Option<RouteVia> {
        let id = request.options.advanced().proxy_integration_id.as_deref();
        let serves = |it: &OwnProxy| it.serves(&request.account, id);
        let candidates = (0..).zip(self.own()).filter(|(_, own)| serves(own));
        let candidates: Vec<_> = candidates.map(|(index, _)| index).collect();
        sticky(&candidates, site).map(RouteVia::Own)
    }

    /// Returns the proxies of the pool that may replace each other for a request; none if it uses no proxy of the
    /// pool.
    pub(crate) fn candidates(&self, request: &FetchRequest) -> Vec<RouteVia> {
        let advanced = request.options.advanced();
        if advanced.use_own_proxy || !(advanced.use_proxy || request.tier == Tier::Stealth) {
            return Vec::new();
        }
        let mut candidates = self.pool_candidates(&request.options);
        candidates.sort_by_key(|index| self.is_resting(*index));
        candidates.into_iter().map(RouteVia::Pool).collect()
    }

    /// Returns the proxy of a site. While it is down, another one takes its place.
    fn pool_candidate(&self, options: &JobRequest, site: &str) -> Option<RouteVia> {
        let mut candidates = self.pool_candidates(options);
        let chosen = sticky(&candidates, site)?;
        if self.is_resting(chosen) {
            candidates.retain(|index| !self.is_resting(*index));
        }
        Some(RouteVia::Pool(sticky(&candidates, site).unwrap_or(chosen)))
    }

    /// Returns the proxies in the country that the job requires, or else those in the country that it prefers, or
    /// else all.
    fn pool_candidates(&self, options: &JobRequest) -> Vec<usize> {
        let within = |country: Option<&Country>| -> Vec<usize> {
            let candidates = (0..).zip(self.pool()).filter(|(_, proxy)| proxy.serves(country));
            candidates.map(|(index, _)| index).collect()
        };
        match options.advanced().proxy_country.as_ref() {
            Some(required) => within(Some(required)),
            None => match within(options.location().country.as_ref()) {
                preferred if preferred.is_empty() => within(None),
                preferred => preferred,
            },
        }
    }

    fn unmet_country(&self, via: RouteVia, country: Option<&Country>) -> Option<String> {
        let country = country?;
        let met = self.proxy(via).is_some_and(|proxy| proxy.serves(Some(country)));
        (!met).then(|| {
            format!(
                "location.country was not met: no proxy in {country} was used; \
                 configure one and set use_proxy"
            )
        })
    }
}

/// Chooses one of `candidates` by `site` alone, so that a site always sees the same proxy.
fn sticky(candidates: &[usize], site: &str) -> Option<usize> {
    // FNV-1a: stable across releases and machines, unlike the standard library's hasher.
    let hash = site.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let count = u64::try_from(candidates.len()).ok()?;
    let index = usize::try_from(hash.checked_rem(count)?).ok()?;
    candidates.get(index).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_keeps_its_proxy() {
        let all = [0, 1, 2, 3, 4];

        assert_eq!(sticky(&all, "a.test"), sticky(&all, "a.test"));
        assert!((0..50).any(|it| sticky(&all, &format!("{it}.test")) != sticky(&all, "a")));
        assert_eq!(sticky(&[], "a.test"), None);
    }
}
