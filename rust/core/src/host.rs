//! Host names and authorities (RFC 9110 section 7.2, RFC 3986 section 3.2), strictly.

use std::borrow::Cow;
use std::net::Ipv6Addr;

use crate::grammar::digits;

/// Longest host that is accepted: the limit of DNS names.
const LONGEST: usize = 255;

/// A host with an optional port that passed the syntax checks; ASCII only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Authority<'a> {
    /// Host and port as they were written.
    pub text: &'a [u8],
    /// The host alone; an IPv6 address keeps its brackets.
    pub name: &'a [u8],
    /// The port, if one was written.
    pub port: Option<u16>,
}

impl<'a> Authority<'a> {
    /// Check `host[:port]`: a registered name of letters, digits, `-`, `.` and `_`, an IPv4
    /// address, or an IPv6 address in brackets.
    ///
    /// Narrower than the grammar on purpose: userinfo, percent-encoding and sub-delims in hosts
    /// serve confusion, not clients. `_` is tolerated because container names carry it.
    #[must_use]
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let end = if text.first() == Some(&b'[') {
            text.iter().position(|&byte| byte == b']')? + 1
        } else {
            text.iter()
                .position(|&byte| byte == b':')
                .unwrap_or(text.len())
        };
        let (name, rest) = text.split_at(end);
        let port = match rest {
            [] => None,
            [b':', port @ ..] => Some(parse_port(port)?),
            _ => return None,
        };
        (name.len() <= LONGEST && is_host(name)).then_some(Self { text, name, port })
    }

    /// Whether both name the same host and port, where `default` is what no port means.
    #[must_use]
    pub fn is_same(&self, other: &Self, default: u16) -> bool {
        self.name.eq_ignore_ascii_case(other.name)
            && self.port.unwrap_or(default) == other.port.unwrap_or(default)
    }

    /// The host in the form in which routes are looked up: in lower case and without the dot of a
    /// fully qualified name. Nearly always it is written so.
    #[must_use]
    pub fn lookup_name(&self) -> Cow<'a, str> {
        let name = self.name.strip_suffix(b".").unwrap_or(self.name);
        // Hosts are ASCII; an empty name is what no route has.
        let name = std::str::from_utf8(name).unwrap_or_default();
        if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Cow::Owned(name.to_ascii_lowercase())
        } else {
            Cow::Borrowed(name)
        }
    }
}

/// Digits from 1 to 65535 without leading zeros: more than one spelling invites disagreement.
fn parse_port(text: &[u8]) -> Option<u16> {
    if text.first() == Some(&b'0') {
        return None;
    }
    u16::try_from(digits(text)?).ok()
}

fn is_host(name: &[u8]) -> bool {
    if let [b'[', address @ .., b']'] = name {
        return std::str::from_utf8(address).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok());
    }
    let mut previous = b'.';
    for &byte in name {
        let is_label_byte = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let is_separator = byte == b'.' && previous != b'.';
        if !is_label_byte && !is_separator {
            return false;
        }
        previous = byte;
    }
    !name.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_with_and_without_port() {
        for (text, name, port) in [
            ("example.com", "example.com", None),
            ("Example.COM:8080", "Example.COM", Some(8080)),
            ("127.0.0.1:1", "127.0.0.1", Some(1)),
            ("[::1]", "[::1]", None),
            ("[2001:db8::1]:65535", "[2001:db8::1]", Some(65535)),
            ("my_service.", "my_service.", None),
        ] {
            let authority = Authority::parse(text.as_bytes()).expect(text);
            assert_eq!((authority.name, authority.port), (name.as_bytes(), port));
        }
    }

    #[test]
    fn malformed_hosts_are_refused() {
        for text in [
            "",
            " ",
            "a b",
            "user@host",
            "a,b",
            "a:",
            "a:0",
            "a:65536",
            "a:080",
            "a:+1",
            "a:1:2",
            ":80",
            "a%41",
            "a/b",
            "[::1",
            "[::1]x",
            "[fe80::1%25eth0]",
            "[v1.x]",
            "::1",
            ".",
            "a..b",
            ".a",
            "a\\b",
            "h\u{e9}",
        ] {
            assert_eq!(Authority::parse(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(Authority::parse(&[b'a'; 256]), None);
    }

    #[test]
    fn the_default_port_is_no_port() {
        let parse = |text: &'static str| Authority::parse(text.as_bytes()).expect(text);
        assert!(parse("A.example").is_same(&parse("a.EXAMPLE:80"), 80));
        assert!(!parse("a.example").is_same(&parse("a.example:443"), 80));
        assert!(!parse("a.example").is_same(&parse("b.example"), 80));
    }

    #[test]
    fn names_are_looked_up_in_lower_case_without_final_dot() {
        let name = |text: &'static str| {
            let authority = Authority::parse(text.as_bytes()).expect(text);
            authority.lookup_name()
        };
        assert_eq!(name("API.Example.:80"), "api.example");
        assert!(matches!(
            name("api.example:80"),
            Cow::Borrowed("api.example")
        ));
    }
}
