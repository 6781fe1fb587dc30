//! Who asks: the peer of a connection, and the client behind proxies that are trusted.

use std::net::IpAddr;
use std::sync::Arc;

use crate::framing::Seen;
use crate::grammar::list;

/// The other end of one client connection.
#[derive(Debug, Clone)]
pub struct Peer {
    /// IP address as text; empty for a unix socket.
    pub address: Arc<str>,
    /// Whether what it says of the client is believed.
    pub trusted: bool,
    /// Whether the connection is TLS.
    pub secure: bool,
}

impl Peer {
    /// The scheme by which the client came: what a trusted peer says, or what the connection shows.
    #[must_use]
    pub fn scheme(&self, given: Seen<'_>) -> &'static str {
        match given.once() {
            Some(b"https") if self.trusted => "https",
            Some(b"http") if self.trusted => "http",
            _ if self.secure => "https",
            _ => "http",
        }
    }
}

/// A range of addresses of one family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    bits: u32,
}

/// Ranges of addresses.
#[derive(Debug, Default)]
pub struct Networks(Vec<Network>);

impl Networks {
    /// Read networks written as `address` or `address/bits`.
    ///
    /// # Errors
    ///
    /// Which of them is none.
    pub fn parse(networks: &[String]) -> Result<Self, &str> {
        let networks = networks
            .iter()
            .map(|text| Network::parse(text).ok_or(&**text));
        networks.collect::<Result<_, _>>().map(Self)
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an address is in one of them.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }
}

/// The networks of proxies whose word is believed.
#[derive(Debug, Default)]
pub struct TrustedProxies {
    networks: Networks,
}

impl TrustedProxies {
    /// Read networks written as `address` or `address/bits`.
    ///
    /// # Errors
    ///
    /// Which of them is none.
    pub fn parse(networks: &[String]) -> Result<Self, String> {
        let networks = Networks::parse(networks)
            .map_err(|text| format!("trusted_proxies: {text:?} is no network"))?;
        Ok(Self { networks })
    }

    fn contains(&self, address: IpAddr) -> bool {
        self.networks.contains(address)
    }

    /// The peer at an address; an empty one is that of a unix socket, which only this machine's
    /// processes with access to its file can use.
    #[must_use]
    pub fn peer(&self, address: &str, secure: bool) -> Option<Peer> {
        if address.is_empty() {
            return Some(Peer {
                address: "".into(),
                trusted: true,
                secure,
            });
        }
        let address = parse_address(address)?;
        let trusted = self.contains(address);
        Some(Peer {
            address: address.to_string().into(),
            trusted,
            secure,
        })
    }

    /// Walk X-Forwarded-For from the right, where the nearest proxy wrote, as long as what was
    /// found is itself trusted. The first address that is not, or the last that can be read, is the
    /// client's.
    ///
    /// Elements further left come from the client and could name anybody (CVE-2022-24112).
    pub fn client<'a>(
        &self,
        peer: &Peer,
        forwarded_for: impl DoubleEndedIterator<Item = &'a [u8]>,
    ) -> Arc<str> {
        let mut client = None;
        if peer.trusted {
            let elements = forwarded_for.rev().flat_map(|value| list(value).rev());
            for element in elements.filter(|element| !element.is_empty()) {
                let Some(address) = parse_element(element) else {
                    break;
                };
                client = Some(address);
                if !self.contains(address) {
                    break;
                }
            }
        }
        client.map_or_else(
            || Arc::clone(&peer.address),
            |address| address.to_string().into(),
        )
    }
}

impl Network {
    fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            Some(bits) => bits.parse().ok().filter(|&bits| bits <= most)?,
            None => most,
        };
        Some(Self { address, bits })
    }

    fn contains(&self, address: IpAddr) -> bool {
        let differs = match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                (own.to_bits() ^ other.to_bits())
                    .checked_shr(32 - self.bits)
                    .unwrap_or(0)
                    != 0
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                (own.to_bits() ^ other.to_bits())
                    .checked_shr(128 - self.bits)
                    .unwrap_or(0)
                    != 0
            }
            _ => true,
        };
        !differs
    }
}

/// An address without zone; an IPv4 address in IPv6 clothes is the IPv4 address.
fn parse_address(text: &str) -> Option<IpAddr> {
    let (address, _zone) = text.split_once('%').unwrap_or((text, ""));
    address
        .parse()
        .ok()
        .map(|address: IpAddr| address.to_canonical())
}

/// An element of X-Forwarded-For: an address, which some proxies write with a port.
fn parse_element(element: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(element).ok()?;
    if let Some(rest) = text.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        let is_port = port.is_empty() || port.strip_prefix(':').is_some_and(is_digits);
        return if is_port {
            parse_address(address)
        } else {
            None
        };
    }
    match text.split_once(':') {
        Some((address, port)) if !port.contains(':') => {
            if is_digits(port) {
                parse_address(address)
            } else {
                None
            }
        }
        _ => parse_address(text),
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(networks: &[&str]) -> TrustedProxies {
        let networks: Vec<_> = networks.iter().map(ToString::to_string).collect();
        TrustedProxies::parse(&networks).expect("networks")
    }

    fn client(address: &str, forwarded_for: &[&str]) -> String {
        let proxies = proxies(&["10.0.0.0/8", "2001:db8::/32", "127.0.0.1"]);
        let peer = proxies.peer(address, false).expect("an address");
        let values = forwarded_for.iter().map(|value| value.as_bytes());
        proxies.client(&peer, values).to_string()
    }

    #[test]
    fn networks_contain_addresses_of_their_family() {
        let trusts = |networks: &[&str], address: &str| {
            proxies(networks)
                .peer(address, false)
                .expect("an address")
                .trusted
        };
        assert!(trusts(&["10.1.0.0/16"], "10.1.255.255") && !trusts(&["10.1.0.0/16"], "10.2.0.0"));
        assert!(trusts(&["10.0.0.1"], "::ffff:10.0.0.1"));
        assert!(trusts(&["0.0.0.0/0"], "1.2.3.4") && !trusts(&["0.0.0.0/0"], "::1"));
        assert!(trusts(&["::/0"], "::1") && !trusts(&["::/0"], "1.2.3.4"));
        assert!(trusts(&["fe80::/10"], "fe80::1%eth0") && trusts(&["10.0.0.9/8"], "10.1.1.1"));
        assert!(!trusts(&[], "127.0.0.1") && trusts(&[], ""));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in [
            "",
            "a",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.0/",
            "10.0.0.0/-1",
            "10/8",
            "1.2.3.4/8/8",
        ] {
            assert!(TrustedProxies::parse(&[text.to_owned()]).is_err(), "{text}");
        }
        assert!(proxies(&[]).peer("localhost", false).is_none());
    }

    #[test]
    fn a_stranger_is_the_client_whatever_it_says() {
        assert_eq!(client("192.0.2.1", &["10.0.0.1"]), "192.0.2.1");
    }

    #[test]
    fn trusted_proxies_are_walked_from_right_to_left() {
        for (values, expected) in [
            (&["198.51.100.7, 192.0.2.1, 10.0.0.2"][..], "192.0.2.1"),
            (&["198.51.100.7", "192.0.2.1", "10.0.0.2"], "192.0.2.1"),
            (&["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            (&["192.0.2.1, unknown, 10.0.0.2"], "10.0.0.2"),
            (&["192.0.2.1:8080"], "192.0.2.1"),
            (&["[2001:db9::1]:8080"], "2001:db9::1"),
            (&["[2001:db9::1]"], "2001:db9::1"),
            (&["2001:db9::1"], "2001:db9::1"),
            (&["::ffff:192.0.2.1"], "192.0.2.1"),
            (&["", "192.0.2.1,", ", "], "192.0.2.1"),
            (&["192.0.2.1:x"], "10.0.0.1"),
            (&["[::1]x"], "10.0.0.1"),
            (&[], "10.0.0.1"),
        ] {
            assert_eq!(client("10.0.0.1", values), expected, "{values:?}");
        }
        assert_eq!(client("", &["192.0.2.1"]), "192.0.2.1");
        assert_eq!(client("", &[]), "");
    }
}
