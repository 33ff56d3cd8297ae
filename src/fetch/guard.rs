//! Which addresses may be connected to.
//!
//! The rule is "globally routable, or opened by name": everything that could be this machine, its
//! network, its cloud's metadata service or nobody at all is refused. The guard only judges an
//! address; the connector asks it about the very address that it then connects to, so that no
//! second look-up can answer otherwise.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// The address policy of one client. By default it opens nothing.
///
/// # Invariants
///
/// * A version 4 network opens no version 6 form that embeds one of its addresses: such a form in
///   a page's link has no honest use.
///
/// # Example
///
/// ```
/// use rungs::fetch::guard::Guard;
///
/// let guard = Guard::default().allow("127.0.0.0/8")?;
/// assert!(guard.check([127, 0, 0, 1].into()).is_ok());
/// assert!(guard.check([169, 254, 169, 254].into()).is_err());
/// # Ok::<(), rungs::fetch::guard::ParseNetworkError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guard {
    open: Vec<Network>,
    open_all: bool,
}

impl Guard {
    /// Opens one network, such as `127.0.0.0/8` or `fd00::/8`; a bare address is a network of one.
    ///
    /// # Errors
    ///
    /// [`ParseNetworkError`] if the text is none.
    pub fn allow(self, network: &str) -> Result<Self, ParseNetworkError> {
        Ok(self.allow_network(network.parse()?))
    }

    /// Opens one network.
    pub fn allow_network(mut self, network: Network) -> Self {
        self.open.push(network);
        self
    }

    /// Opens everything. For a closed network of the host's own, never for pages from outside.
    pub fn allow_private(mut self) -> Self {
        self.open_all = true;
        self
    }

    /// Whether `address` may be connected to.
    ///
    /// # Errors
    ///
    /// [`AddressRefused`], which says what kind of address it is.
    pub fn check(&self, address: IpAddr) -> Result<(), AddressRefused> {
        if self.open_all || self.open.iter().any(|it| it.contains(address)) {
            return Ok(());
        }
        match special_use(address) {
            None => Ok(()),
            Some(what) => Err(AddressRefused { address, what }),
        }
    }
}

/// The guard refused an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{address} is refused: it is {what}, and that network was not opened")]
pub struct AddressRefused {
    address: IpAddr,
    what: &'static str,
}

impl AddressRefused {
    /// The address.
    pub fn address(&self) -> IpAddr {
        self.address
    }
}

/// A range of addresses, written `address/bits`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Network {
    base: IpAddr,
    bits: u8,
}

/// The text is no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{given}` is no network; write it as 10.0.0.0/8 or fd00::/8, with no bits set after the prefix"
)]
pub struct ParseNetworkError {
    given: String,
}

impl Network {
    /// Whether `address` is in it. A version 4 network contains no version 6 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.base, address) {
            (IpAddr::V4(base), IpAddr::V4(it)) => v4_in(it, base, self.bits),
            (IpAddr::V6(base), IpAddr::V6(it)) => v6_in(it, base, self.bits),
            _ => false,
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let (base, bits) = match text.split_once('/') {
            Some((base, bits)) => (base.parse::<IpAddr>().ok()?, Some(bits.parse::<u8>().ok()?)),
            None => (text.parse::<IpAddr>().ok()?, None),
        };
        let most = if base.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(most);
        if bits > most {
            return None;
        }
        let stray = match base {
            IpAddr::V4(it) => it.to_bits() & !mask_v4(bits) != 0,
            IpAddr::V6(it) => it.to_bits() & !mask_v6(bits) != 0,
        };
        (!stray).then_some(Self { base, bits })
    }
}

impl From<IpAddr> for Network {
    fn from(base: IpAddr) -> Self {
        Self { base, bits: if base.is_ipv4() { 32 } else { 128 } }
    }
}

impl FromStr for Network {
    type Err = ParseNetworkError;

    fn from_str(text: &str) -> Result<Self, ParseNetworkError> {
        Self::parse(text.trim())
            .ok_or_else(|| ParseNetworkError { given: text.chars().take(60).collect() })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.bits)
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn mask_v4(bits: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0)
}

fn mask_v6(bits: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0)
}

fn v4_in(address: Ipv4Addr, base: Ipv4Addr, bits: u8) -> bool {
    (address.to_bits() ^ base.to_bits()) & mask_v4(bits) == 0
}

fn v6_in(address: Ipv6Addr, base: Ipv6Addr, bits: u8) -> bool {
    (address.to_bits() ^ base.to_bits()) & mask_v6(bits) == 0
}

/// What `address` is if it is not globally routable.
fn special_use(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(it) => special_v4(it),
        IpAddr::V6(it) => special_v6(it),
    }
}

/// The IANA special-purpose registry, and one address that a cloud uses as if it were in it.
fn special_v4(address: Ipv4Addr) -> Option<&'static str> {
    const TABLE: &[([u8; 4], u8, &str)] = &[
        ([0, 0, 0, 0], 8, "this network (0.0.0.0/8)"),
        ([10, 0, 0, 0], 8, "private"),
        ([100, 64, 0, 0], 10, "shared between a carrier's customers"),
        ([127, 0, 0, 0], 8, "loopback"),
        // Azure's host agent: a public address that answers only inside its own cloud.
        ([168, 63, 129, 16], 32, "a cloud's host agent"),
        ([169, 254, 0, 0], 16, "link-local"),
        ([172, 16, 0, 0], 12, "private"),
        ([192, 0, 0, 0], 24, "reserved for protocols"),
        ([192, 0, 2, 0], 24, "for documentation"),
        ([192, 88, 99, 0], 24, "a 6to4 relay"),
        ([192, 168, 0, 0], 16, "private"),
        ([198, 18, 0, 0], 15, "for benchmarking"),
        ([198, 51, 100, 0], 24, "for documentation"),
        ([203, 0, 113, 0], 24, "for documentation"),
        ([224, 0, 0, 0], 4, "multicast"),
        ([240, 0, 0, 0], 4, "reserved or broadcast"),
    ];
    TABLE
        .iter()
        .find(|(base, bits, _)| v4_in(address, Ipv4Addr::from(*base), *bits))
        .map(|(_, _, what)| *what)
}

fn special_v6(address: Ipv6Addr) -> Option<&'static str> {
    let within = |base: [u16; 8], bits| v6_in(address, Ipv6Addr::from(base), bits);
    let low = || special_v4(Ipv4Addr::from_bits(low_32(address.to_bits())));

    if address.is_unspecified() {
        return Some("unspecified");
    }
    if address.is_loopback() {
        return Some("loopback");
    }
    // Forms that carry a version 4 address are as good as the address that they carry.
    if within([0, 0, 0, 0, 0, 0xffff, 0, 0], 96) || within([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96) {
        return low();
    }
    if within([0x2002, 0, 0, 0, 0, 0, 0, 0], 16) {
        return special_v4(Ipv4Addr::from_bits(low_32(address.to_bits() >> 80)));
    }
    if within([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48) {
        return Some("a local translation to version 4");
    }
    if within([0; 8], 96) {
        return Some("an outdated form of a version 4 address");
    }
    if within([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7) {
        return Some("private");
    }
    if within([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10) {
        return Some("link-local");
    }
    if within([0xff00, 0, 0, 0, 0, 0, 0, 0], 8) {
        return Some("multicast");
    }
    // Teredo, ORCHID and benchmarking are all in here.
    if within([0x2001, 0, 0, 0, 0, 0, 0, 0], 23) {
        return Some("reserved for protocols");
    }
    if within([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32) || within([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20) {
        return Some("for documentation");
    }
    // Nothing else has been given out for global use.
    (!within([0x2000, 0, 0, 0, 0, 0, 0, 0], 3)).then_some("reserved")
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
    fn everything_else_is_refused() {
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
    fn an_opened_network_opens_no_other() {
        let guard =
            Guard::default().allow("127.0.0.0/8").and_then(|it| it.allow("fd00::/8")).expect("two");

        assert!(!refused(&guard, "127.9.9.9"));
        assert!(!refused(&guard, "fd12::1"));
        for it in ["10.0.0.1", "128.0.0.1", "::1", "fc00::1", "169.254.169.254"] {
            assert_eq!(refused(&guard, it), it != "128.0.0.1", "{it}");
        }
    }

    #[test]
    fn a_version_4_rule_opens_no_embedded_form() {
        let guard = Guard::default().allow("127.0.0.0/8").expect("network");

        for it in ["::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "::127.0.0.1"] {
            assert!(refused(&guard, it), "{it}");
        }
        let guard = guard.allow("::ffff:127.0.0.0/104").expect("network");
        assert!(!refused(&guard, "::ffff:127.0.0.1"));
    }

    #[test]
    fn allow_private_opens_all() {
        let guard = Guard::default().allow_private();

        assert!(!refused(&guard, "::ffff:127.0.0.1"));
        assert!(!refused(&guard, "169.254.169.254"));
    }

    #[test]
    fn what_is_no_network_is_an_error() {
        for it in ["", "x", "10.0.0.0/33", "::/129", "10.0.0.1/8", "10.0.0.0/", "fd00::1/8", "1/8"]
        {
            assert!(it.parse::<Network>().is_err(), "{it}");
        }
        for (it, shown) in [
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("::/0", "::/0"),
            (" 10.1.2.3 ", "10.1.2.3/32"),
            ("::1", "::1/128"),
        ] {
            assert_eq!(it.parse::<Network>().expect(it).to_string(), shown);
        }
    }
}
