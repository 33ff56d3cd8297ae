//! Addresses of pages, and the guard in front of the network.
//!
//! The first byte selects a URL as text, a network as text, or an address as bytes. The expected result is computed
//! independently, from the ranges of the registry as text and from std.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rungs::core::url::PageUrl;
use rungs::net::{Guard, Network, ProxyUrl};
use rungs::ports::notify::Notifier;
use rungs::webhook::Webhooks;
use url::{Host, Url};

use super::bytes::Bytes;

pub fn run(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    match bytes.below(4) {
        0 => page_url(&String::from_utf8_lossy(bytes.rest())),
        1 => network(&mut bytes),
        2 => address(v4(&mut bytes).into()),
        _ => address(v6(&mut bytes).into()),
    }
}

fn v4(bytes: &mut Bytes<'_>) -> Ipv4Addr {
    let mut octets = [0; 4];
    octets.fill_with(|| bytes.byte());
    octets.into()
}

/// Any address, or one of the forms that carry one of version 4.
fn v6(bytes: &mut Bytes<'_>) -> Ipv6Addr {
    let form = bytes.below(6);
    if form == 0 {
        let mut octets = [0; 16];
        octets.fill_with(|| bytes.byte());
        return octets.into();
    }
    let bits = u128::from(v4(bytes).to_bits());
    let rest = u128::from(bytes.number());
    Ipv6Addr::from_bits(match form {
        1 => 0xffff << 32 | bits,
        2 => 0x0064_ff9b << 96 | bits,
        3 => 0x2002 << 112 | bits << 80 | rest,
        4 => 0x0064_ff9b_0001 << 80 | rest << 16 | bits,
        _ => bits,
    })
}

/// Ranges that are not for the public, first and last address.
const CLOSED_V4: [(&str, &str); 16] = [
    ("0.0.0.0", "0.255.255.255"),
    ("10.0.0.0", "10.255.255.255"),
    ("100.64.0.0", "100.127.255.255"),
    ("127.0.0.0", "127.255.255.255"),
    ("168.63.129.16", "168.63.129.16"),
    ("169.254.0.0", "169.254.255.255"),
    ("172.16.0.0", "172.31.255.255"),
    ("192.0.0.0", "192.0.0.255"),
    ("192.0.2.0", "192.0.2.255"),
    ("192.88.99.0", "192.88.99.255"),
    ("192.168.0.0", "192.168.255.255"),
    ("198.18.0.0", "198.19.255.255"),
    ("198.51.100.0", "198.51.100.255"),
    ("203.0.113.0", "203.0.113.255"),
    ("224.0.0.0", "239.255.255.255"),
    ("240.0.0.0", "255.255.255.255"),
];
const CLOSED_V6: [(&str, &str); 3] = [
    ("2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff"),
];

fn within<A: std::str::FromStr<Err: std::fmt::Debug> + PartialOrd>(
    it: &A,
    ranges: &[(&str, &str)],
) -> bool {
    ranges.iter().any(|(first, last)| {
        *it >= first.parse::<A>().expect("an address") && *it <= last.parse::<A>().expect("one")
    })
}

fn public_v4(it: Ipv4Addr) -> bool {
    let named = it.is_private()
        || it.is_loopback()
        || it.is_link_local()
        || it.is_multicast()
        || it.is_broadcast()
        || it.is_documentation()
        || it.is_unspecified();
    let listed = within(&it, &CLOSED_V4);
    assert!(!named || listed, "the list here lacks {it}");
    !listed
}

fn public_v6(it: Ipv6Addr) -> bool {
    let octets = it.octets();
    let four =
        |at: usize| Ipv4Addr::new(octets[at], octets[at + 1], octets[at + 2], octets[at + 3]);
    if let Some(mapped) = it.to_ipv4_mapped() {
        return public_v4(mapped);
    }
    match it.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, _, _] => public_v4(four(12)),
        [0x2002, ..] => public_v4(four(2)),
        // What is given out begins with the bits 001.
        [first, ..] => first >> 13 == 1 && !within(&it, &CLOSED_V6),
    }
}

fn public(it: IpAddr) -> bool {
    match it {
        IpAddr::V4(it) => public_v4(it),
        IpAddr::V6(it) => public_v6(it),
    }
}

fn address(it: IpAddr) {
    let closed = Guard::default();
    assert_eq!(closed.check(it).is_ok(), public(it), "{it}");
    if let Err(refused) = closed.check(it) {
        assert_eq!(refused.address(), it);
        assert!(refused.to_string().contains(&it.to_string()));
    }
    let alone = Guard::default().allow_network(it.into());
    assert!(alone.check(it).is_ok());
    assert!(Guard::default().allow_private().check(it).is_ok());
    let literal = match it {
        IpAddr::V4(it) => format!("https://{it}/"),
        IpAddr::V6(it) => format!("https://[{it}]/"),
    };
    page_url(&literal);
    assert_eq!(Webhooks::unsigned().accepts(&literal).is_ok(), public(it), "{literal}");
}

fn network(bytes: &mut Bytes<'_>) {
    let addresses = [IpAddr::from(v4(bytes)), v6(bytes).into()];
    let text = String::from_utf8_lossy(bytes.take(60)).into_owned();
    let made = addresses.map(|it| format!("{it}/{}", text.len()));
    for text in [text].iter().chain(&made) {
        let Ok(network) = text.parse::<Network>() else { continue };
        let printed = network.to_string();
        assert_eq!(printed.parse(), Ok(network), "{text} was printed as {printed}");
        let guard = Guard::default().allow(text).expect("it was one a moment ago");
        let (base, bits) = printed.split_once('/').expect("an address and its bits");
        let bits: u32 = bits.parse().expect("a number");
        for it in addresses {
            let inside = shares_prefix(it, base.parse().expect("an address"), bits);
            assert_eq!(network.contains(it), inside, "{it} in {printed}");
            assert_eq!(guard.check(it).is_ok(), inside || public(it), "{it} behind {printed}");
        }
    }
}

/// Returns `true` if two addresses begin with the same bits, compared one by one.
fn shares_prefix(one: IpAddr, other: IpAddr, bits: u32) -> bool {
    let digits = |it: IpAddr| match it {
        IpAddr::V4(it) => format!("{:032b}", it.to_bits()),
        IpAddr::V6(it) => format!("{:0128b}", it.to_bits()),
    };
    let (one, other) = (digits(one), digits(other));
    one.len() == other.len()
        && one.chars().zip(other.chars()).take(bits as usize).all(|(a, b)| a == b)
}

fn page_url(text: &str) {
    webhook_url(text);
    if let Ok(proxy) = ProxyUrl::parse(text) {
        let shown = format!("{proxy} {proxy:?}");
        assert!(!shown.contains('@'), "{shown} shows who asks");
    }
    let Ok(page) = PageUrl::parse(text) else { return };
    assert_eq!(PageUrl::parse(page.as_str()), Ok(page.clone()));
    assert!(page.as_str().len() <= PageUrl::MAX_LEN && !page.host().is_empty());
    assert!(page.site().starts_with(&page.host()));
    let shown = format!("{page} {page:?}");
    assert!(!shown.contains(['?', '#']), "{shown}");
    let Ok(url) = Url::parse(page.as_str()) else { return };
    assert!(matches!(url.scheme(), "http" | "https"));
    assert_eq!(url.scheme() == "https", page.is_https());
    let in_host = page.to_string();
    let host = in_host.split("://").nth(1).and_then(|it| it.split(['/', '\\']).next());
    let userinfo = !url.username().is_empty() || url.password().is_some();
    assert!(!userinfo || !host.unwrap_or_default().contains('@'), "{in_host} shows who asks");
    // The connection goes to the host of the URL as browsers parse it. Ours must be of the same kind.
    if let Some(Host::Ipv6(it)) = url.host() {
        assert_eq!(page.host().trim_matches(['[', ']']).parse(), Ok(it));
    }
    let written_port = page.site().rsplit_once(':').and_then(|(_, it)| it.parse::<u16>().ok());
    assert_eq!(url.port(), written_port, "{text}");
}

/// A receiver's address is https, and no literal of it is private.
fn webhook_url(text: &str) {
    if Webhooks::unsigned().accepts(text).is_err() {
        return;
    }
    let url = Url::parse(text.trim()).expect("an accepted address is one");
    assert_eq!(url.scheme(), "https");
    match url.host().expect("https has a host") {
        Host::Ipv4(it) => assert!(public_v4(it), "{it}"),
        Host::Ipv6(it) => assert!(public_v6(it), "{it}"),
        Host::Domain(name) => {
            let name = name.trim_end_matches('.');
            assert!(name != "localhost" && !name.ends_with(".localhost"), "{name}");
        }
    }
}
