//! Decides which addresses may be connected to.
//!
//! Globally routable addresses and explicitly allowed networks pass. Every other address is
//! refused: this machine, its local network, the metadata service of its cloud, and unassigned
//! ranges. The guard only checks an address. The connector passes it the very address that it then
//! connects to, so a second lookup cannot substitute another one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

use crate::net::{Network, ParseNetworkError};

/// The address rules of a [`NetPolicy`](crate::net::NetPolicy). By default only public addresses
/// pass.
///
/// # Invariants
///
/// * An IPv4 network allows no IPv6 address that embeds one of its addresses: legitimate links do
///   not use such addresses.
///
/// # Example
///
/// ```
/// use rungs::net::Guard;
///
/// let guard = Guard::default().allow("127.0.0.0/8")?;
/// assert!(guard.check([127, 0, 0, 1].into()).is_ok());
/// assert!(guard.check([169, 254, 169, 254].into()).is_err());
/// # Ok::<(), rungs::net::ParseNetworkError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guard {
    allowed: Vec<Network>,
    allow_all: bool,
}

impl Guard {
    /// Allows a network such as `127.0.0.0/8` or `fd00::/8`. A bare address is a network of one.
    ///
    /// # Errors
    ///
    /// [`ParseNetworkError`] if the text is not a network.
    pub fn allow(self, network: &str) -> Result<Self, ParseNetworkError> {
        Ok(self.allow_network(network.parse()?))
    }

    /// Allows a network.
    pub fn allow_network(mut self, network: Network) -> Self {
        self.allowed.push(network);
        self
    }

    /// Allows every address. Use it only in a closed network, never for URLs from outside.
    pub fn allow_private(mut self) -> Self {
        self.allow_all = true;
        self
    }

    /// Checks if `address` may be connected to.
    ///
    /// # Errors
    ///
    /// [`AddressRefused`], which names the kind of address.
    pub fn check(&self, address: IpAddr) -> Result<(), AddressRefused> {
        if self.allow_all || self.allowed.iter().any(|it| it.contains(address)) {
            return Ok(());
        }
        match special_use(address) {
            None => Ok(()),
            Some(kind) => Err(AddressRefused { address, kind }),
        }
    }
}

/// The guard refused an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the address {address} is not allowed ({kind}): allow its network in the network policy")]
pub struct AddressRefused {
    address: IpAddr,
    kind: &'static str,
}

impl AddressRefused {
    /// The address.
    pub fn address(&self) -> IpAddr {
        self.address
    }
}

/// Returns the special use of `address`, or `None` if it is globally routable.
fn special_use(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(it) => special_v4(it),
        IpAddr::V6(it) => special_v6(it),
    }
}

const fn v4(octets: [u8; 4], prefix_len: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::from_octets(octets), prefix_len)
}

const fn v6(segments: [u16; 8], prefix_len: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::from_segments(segments), prefix_len)
}

/// The IANA special-purpose registry, and one address that a cloud uses as if it were in it.
const SPECIAL_V4: &[(Ipv4Net, &str)] = &[
    (v4([0, 0, 0, 0], 8), "this network, 0.0.0.0/8"),
    (v4([10, 0, 0, 0], 8), "private"),
    (v4([100, 64, 0, 0], 10), "carrier-grade NAT"),
    (v4([127, 0, 0, 0], 8), "loopback"),
    // Azure's host agent: a public address that answers only inside its own cloud.
    (v4([168, 63, 129, 16], 32), "a cloud's host agent"),
    (v4([169, 254, 0, 0], 16), "link-local"),
    (v4([172, 16, 0, 0], 12), "private"),
    (v4([192, 0, 0, 0], 24), "reserved for protocols"),
    (v4([192, 0, 2, 0], 24), "reserved for documentation"),
    (v4([192, 88, 99, 0], 24), "a 6to4 relay"),
    (v4([192, 168, 0, 0], 16), "private"),
    (v4([198, 18, 0, 0], 15), "reserved for benchmarking"),
    (v4([198, 51, 100, 0], 24), "reserved for documentation"),
    (v4([203, 0, 113, 0], 24), "reserved for documentation"),
    (v4([224, 0, 0, 0], 4), "multicast"),
    (v4([240, 0, 0, 0], 4), "reserved or broadcast"),
];

fn special_v4(address: Ipv4Addr) -> Option<&'static str> {
    SPECIAL_V4.iter().find(|(network, _)| network.contains(&address)).map(|(_, kind)| *kind)
}

/// IPv4-mapped addresses and the well-known prefix for translation (RFC 6052).
const CARRIES_V4: [Ipv6Net; 2] =
    [v6([0, 0, 0, 0, 0, 0xffff, 0, 0], 96), v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96)];
const SIX_TO_FOUR: Ipv6Net = v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16);
/// The only range that IANA has allocated for global unicast.
const GLOBAL_UNICAST: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

/// In order: the first match names the address.
const SPECIAL_V6: &[(Ipv6Net, &str)] = &[
    (v6([0; 8], 128), "unspecified"),
    (v6([0, 0, 0, 0, 0, 0, 0, 1], 128), "loopback"),
    (v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48), "a local translation to IPv4"),
    (v6([0; 8], 96), "an outdated form of an IPv4 address"),
    (v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), "private"),
    (v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), "link-local"),
    (v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8), "multicast"),
    // Teredo, ORCHID and benchmarking are all in this range.
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), "reserved for protocols"),
    (v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), "reserved for documentation"),
    (v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), "reserved for documentation"),
];

fn special_v6(address: Ipv6Addr) -> Option<&'static str> {
    // An address that embeds an IPv4 address is judged by the embedded one.
    if CARRIES_V4.iter().any(|it| it.contains(&address)) {
        return special_v4(Ipv4Addr::from_bits(low_32(address.to_bits())));
    }
    if SIX_TO_FOUR.contains(&address) {
        return special_v4(Ipv4Addr::from_bits(low_32(address.to_bits() >> 80)));
    }
    let special = SPECIAL_V6.iter().find(|(network, _)| network.contains(&address));
    match special {
        Some((_, kind)) => Some(kind),
        None => (!GLOBAL_UNICAST.contains(&address)).then_some("reserved"),
    }
}

fn low_32(bits: u128) -> u32 {
    u32::try_from(bits & u128::from(u32::MAX)).expect("the mask leaves 32 bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect(text)
    }

    fn refused(guard: &Guard, text: &str) -> bool {
        guard.check(ip(text)).is_err()
    }

    #[test]
    fn public_addresses_pass() {
        for it in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700:4700::1111",
            "2001:4860:4860::8888",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
            "2002:808:808::1",
        ] {
            assert!(!refused(&Guard::default(), it), "{it}");
        }
    }

    #[test]
    fn special_addresses_are_refused() {
        for it in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "10.255.255.255",
            "100.64.0.0",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.255",
            "168.63.129.16",
            "169.254.169.254",
            "172.16.0.0",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.0",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.7",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::8.8.8.8",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::808:808",
            "100::1",
            "2001::1",
            "2001:0:4136:e378::",
            "2001:2::1",
            "2001:10::1",
            "2001:20::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:a00:1::1",
            "3fff::1",
            "4000::1",
            "5f00::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(refused(&Guard::default(), it), "{it}");
        }
    }

    #[test]
    fn an_allowed_network_allows_no_other() {
        let guard =
            Guard::default().allow("127.0.0.0/8").and_then(|it| it.allow("fd00::/8")).expect("two");

        assert!(!refused(&guard, "127.9.9.9"));
        assert!(!refused(&guard, "fd12::1"));
        for it in ["10.0.0.1", "128.0.0.1", "::1", "fc00::1", "169.254.169.254"] {
            assert_eq!(refused(&guard, it), it != "128.0.0.1", "{it}");
        }
    }

    #[test]
    fn an_ipv4_network_allows_no_embedded_form() {
        let guard = Guard::default().allow("127.0.0.0/8").expect("network");

        for it in ["::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "::127.0.0.1"] {
            assert!(refused(&guard, it), "{it}");
        }
        let guard = guard.allow("::ffff:127.0.0.0/104").expect("network");
        assert!(!refused(&guard, "::ffff:127.0.0.1"));
    }

    #[test]
    fn allow_private_allows_every_address() {
        let guard = Guard::default().allow_private();

        assert!(!refused(&guard, "::ffff:127.0.0.1"));
        assert!(!refused(&guard, "169.254.169.254"));
    }
}
