//! The Connection field (RFC 9110 section 7.6.1) and what follows from it: persistence,
//! nominated fields and upgrades.

use crate::field::Field;
use crate::framing::Version;
use crate::grammar::{is_token, list};

/// Most fields that one message may nominate; each is compared with each field.
///
/// Real messages nominate one or two. Without a bound, a head of the permitted size could ask for
/// more than a million comparisons.
const MOST_NOMINATIONS: usize = 32;

/// The options that a message's Connection fields list.
#[derive(Debug, Default, Clone)]
pub struct Options<'a> {
    /// The connection ends after this exchange.
    pub close: bool,
    /// A 1.0 peer wants the connection to persist.
    pub keep_alive: bool,
    /// Upgrade is meant for the next hop.
    pub upgrade: bool,
    /// Fields that are for the next hop only and have no other meaning to the gateway.
    nominated: Vec<&'a [u8]>,
}

/// More fields are nominated than any honest message does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooManyNominations;

impl<'a> Options<'a> {
    /// Read one Connection field.
    ///
    /// Elements that are no tokens nominate nothing: no field can have such a name.
    ///
    /// # Errors
    ///
    /// [`TooManyNominations`].
    pub fn read(&mut self, value: &'a [u8]) -> Result<(), TooManyNominations> {
        for option in list(value) {
            if option.eq_ignore_ascii_case(b"close") {
                self.close = true;
            } else if option.eq_ignore_ascii_case(b"keep-alive") {
                self.keep_alive = true;
            } else if option.eq_ignore_ascii_case(b"upgrade") {
                self.upgrade = true;
            } else if Field::recognise(option).is_ok_and(Field::can_be_nominated) {
                if self.nominated.len() == MOST_NOMINATIONS {
                    return Err(TooManyNominations);
                }
                self.nominated.push(option);
            }
        }
        Ok(())
    }

    /// Whether the field `name` goes no further than this hop.
    #[must_use]
    #[inline]
    pub fn nominates(&self, name: &[u8]) -> bool {
        self.nominated
            .iter()
            .any(|option| option.eq_ignore_ascii_case(name))
    }

    /// Whether the connection may persist after the exchange (RFC 9112 section 9.3).
    #[must_use]
    pub const fn persists(&self, version: Version) -> bool {
        match version {
            Version::Http11 => !self.close,
            Version::Http10 => self.keep_alive && !self.close,
        }
    }
}

/// Whether `value` of Upgrade is a list of protocols of which none frames HTTP again.
///
/// A tunnel for `h2c`, `HTTP/2.0` or `TLS/1.0` would carry requests past every rule of the
/// gateway, so these wishes are not passed on; a server may ignore Upgrade (RFC 9110 section 7.8).
#[must_use]
pub fn may_be_tunnelled(value: &[u8]) -> bool {
    list(value).all(|protocol| {
        let mut parts = protocol.splitn(2, |&byte| byte == b'/');
        let name = parts.next().unwrap_or_default();
        is_token(name)
            && parts.next().is_none_or(is_token)
            && ![&b"h2c"[..], b"h2", b"http", b"tls"]
                .iter()
                .any(|refused| name.eq_ignore_ascii_case(refused))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options<'a>(values: &[&'a str]) -> Options<'a> {
        let mut options = Options::default();
        for value in values {
            options.read(value.as_bytes()).expect("few nominations");
        }
        options
    }

    #[test]
    fn persistence_by_version() {
        for (value, old, new) in [
            ("", false, true),
            ("close", false, false),
            ("Keep-Alive", true, true),
            ("keep-alive, CLOSE", false, false),
            ("closed", false, true),
        ] {
            let options = options(&[value]);
            assert_eq!(options.persists(Version::Http10), old, "{value}");
            assert_eq!(options.persists(Version::Http11), new, "{value}");
        }
    }

    #[test]
    fn fields_are_nominated_in_any_case_and_line() {
        let options = options(&["X-Hop, upgrade", "x-other ,"]);
        assert!(options.upgrade);
        assert!(options.nominates(b"x-hop") && options.nominates(b"X-OTHER"));
        assert!(!options.nominates(b"x-end") && !options.nominates(b""));
    }

    #[test]
    fn fields_that_messages_depend_on_cannot_be_nominated() {
        for name in [
            "Host",
            "Content-Length",
            "Transfer-Encoding",
            "Authorization",
            "Cookie",
            "X-Forwarded-For",
            "X-Real-IP",
            "X-Request-ID",
            "traceparent",
            "Content-Type",
            "X_Forwarded_Host",
            "Origin",
            "Via",
        ] {
            assert!(!options(&[name]).nominates(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn nominations_are_bounded() {
        let many = "x,".repeat(MOST_NOMINATIONS + 1);
        assert_eq!(
            Options::default().read(many.as_bytes()),
            Err(TooManyNominations)
        );
    }

    #[test]
    fn only_protocols_that_are_not_http_are_tunnelled() {
        for value in ["websocket", "WebSocket", "a/1.0, b"] {
            assert!(may_be_tunnelled(value.as_bytes()), "{value}");
        }
        for value in [
            "h2c",
            "websocket, H2C",
            "HTTP/2.0",
            "TLS/1.2",
            "",
            "a,,b",
            "a b",
            "a/",
        ] {
            assert!(!may_be_tunnelled(value.as_bytes()), "{value}");
        }
    }
}
