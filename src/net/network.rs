//! Ranges of IP addresses in CIDR notation.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

/// Maximum number of characters of a malformed network that its error repeats.
const MAX_SHOWN_CHARS: usize = 60;

/// A range of addresses in CIDR notation, such as `10.0.0.0/8` or `fd00::/8`.
///
/// # Invariants
///
/// * No bits are set after the prefix.
///
/// # Example
///
/// ```
/// use rungs::net::Network;
///
/// let network: Network = "10.0.0.0/8".parse()?;
/// assert!(network.contains([10, 1, 2, 3].into()));
/// assert!("10.0.0.1/8".parse::<Network>().is_err());
/// # Ok::<(), rungs::net::ParseNetworkError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network(IpNet);

/// The text is not a network in CIDR notation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{given}` is not a network: write it as 10.0.0.0/8 or fd00::/8, without bits set after the prefix"
)]
pub struct ParseNetworkError {
    given: String,
}

impl Network {
    /// Returns `true` if `address` is in this network. An IPv4 network contains no IPv6 address,
    /// not even one that embeds an IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address)
    }
}

impl From<IpAddr> for Network {
    /// Returns the network that consists of this one address.
    fn from(address: IpAddr) -> Self {
        Self(address.into())
    }
}

impl FromStr for Network {
    type Err = ParseNetworkError;

    /// Parses `address/prefix length`. A bare address is a network of one.
    fn from_str(text: &str) -> Result<Self, ParseNetworkError> {
        let parsed = match text.trim().split_once('/') {
            // The standard library's parser is stricter than ipnet's: it takes no leading zeros.
            Some((address, length)) => parse_cidr(address, length),
            None => text.trim().parse::<IpAddr>().ok().map(IpNet::from),
        };
        let shown = || text.chars().take(MAX_SHOWN_CHARS).collect();
        parsed.map(Self).ok_or_else(|| ParseNetworkError { given: shown() })
    }
}

fn parse_cidr(address: &str, prefix_len: &str) -> Option<IpNet> {
    let network = IpNet::new(address.parse().ok()?, prefix_len.parse().ok()?).ok()?;
    (network.trunc() == network).then_some(network)
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_networks_and_stray_bits_are_refused() {
        for text in
            ["", "x", "10.0.0.0/33", "::/129", "10.0.0.1/8", "10.0.0.0/", "fd00::1/8", "1/8"]
        {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_network_prints_as_it_is_written() {
        for (text, printed) in [
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("::/0", "::/0"),
            (" 10.1.2.3 ", "10.1.2.3/32"),
            ("::1", "::1/128"),
        ] {
            assert_eq!(text.parse::<Network>().expect(text).to_string(), printed);
        }
    }
}
