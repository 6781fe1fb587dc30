//! Which header fields mean something to a gateway, by name.
//!
//! Each name is looked at once, when the message comes in; every later rule asks the resulting
//! [`Field`] and never compares text again.

use crate::grammar::{folded, is_token};

/// What a header field is to the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// Host (RFC 9110 section 7.2).
    Host,
    /// Content-Length (RFC 9110 section 8.6).
    ContentLength,
    /// Transfer-Encoding (RFC 9112 section 6.1).
    TransferEncoding,
    /// Connection (RFC 9110 section 7.6.1).
    Connection,
    /// Upgrade (RFC 9110 section 7.8).
    Upgrade,
    /// Expect (RFC 9110 section 10.1.1).
    Expect,
    /// Via (RFC 9110 section 7.6.3).
    Via,
    /// Date (RFC 9110 section 6.6.1).
    Date,
    /// X-Forwarded-For.
    ForwardedFor,
    /// X-Forwarded-Proto.
    ForwardedProto,
    /// X-Forwarded-Host.
    ForwardedHost,
    /// X-Request-ID.
    RequestId,
    /// traceparent (W3C Trace Context).
    Traceparent,
    /// tracestate (W3C Trace Context).
    Tracestate,
    /// Origin (Fetch).
    Origin,
    /// Access-Control-Request-Method (Fetch).
    RequestMethod,
    /// Access-Control-Request-Headers (Fetch).
    RequestHeaders,
    /// Any Access-Control-* field of a response (Fetch).
    AccessControl,
    /// A field of one connection only, never passed on.
    HopByHop,
    /// A field that only gateways set, or a spelling by which one could be forged.
    Reserved,
    /// An end-to-end field on which messages depend: Connection cannot nominate it away.
    Essential,
    /// Any other.
    Other,
}

/// Longest name that is recognised as a whole.
const LONGEST: usize = 32;

/// A name that is not a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAToken;

impl Field {
    /// Recognise a name in any case, and forged spellings with `_` for `-`.
    ///
    /// # Errors
    ///
    /// [`NotAToken`] when the name is empty or has a byte that is no tchar.
    #[inline]
    pub fn recognise(name: &[u8]) -> Result<Self, NotAToken> {
        let mut buffer = [0_u8; LONGEST];
        let length = name.len().min(LONGEST);
        buffer[..length].copy_from_slice(&name[..length]);
        // Over the whole buffer, so that the compiler folds many bytes at once.
        for byte in &mut buffer {
            *byte = alias(*byte);
        }
        // A name that is known as a whole consists of tchar; others have to be looked at.
        let known = if name.len() == length {
            Self::whole(&buffer[..length])
        } else {
            None
        };
        let field = match known {
            Some(field) => field,
            None if is_token(name) && resembles_framing(name) => Self::Reserved,
            None if is_token(name) => Self::by_prefix(&buffer[..length]),
            None => return Err(NotAToken),
        };
        match field {
            Self::Other | Self::Essential | Self::Origin | Self::Date => Ok(field),
            _ if !name.contains(&b'_') => Ok(field),
            // What is not for the gateway is nobody's forgery.
            Self::AccessControl | Self::RequestMethod | Self::RequestHeaders => Ok(Self::Other),
            // An upstream that reads `Content_Length` as Content-Length must not see it.
            _ => Ok(Self::Reserved),
        }
    }

    /// The field with this lower-case name, if it means something.
    fn whole(name: &[u8]) -> Option<Self> {
        // The compiler turns this into a choice by length, then bytes.
        Some(match name {
            b"te"
            | b"keep-alive"
            | b"proxy-connection"
            | b"proxy-authenticate"
            | b"proxy-authorization"
            | b"trailer"
            | b"http2-settings" => Self::HopByHop,
            b"via" => Self::Via,
            b"host" => Self::Host,
            b"date" => Self::Date,
            b"origin" => Self::Origin,
            b"expect" => Self::Expect,
            b"upgrade" => Self::Upgrade,
            b"connection" => Self::Connection,
            b"content-length" => Self::ContentLength,
            b"transfer-encoding" => Self::TransferEncoding,
            b"x-request-id" => Self::RequestId,
            b"traceparent" => Self::Traceparent,
            b"tracestate" => Self::Tracestate,
            b"x-forwarded-for" => Self::ForwardedFor,
            b"x-forwarded-proto" => Self::ForwardedProto,
            b"x-forwarded-host" => Self::ForwardedHost,
            b"access-control-request-method" => Self::RequestMethod,
            b"access-control-request-headers" => Self::RequestHeaders,
            b"forwarded" | b"x-forwarded" | b"x-real-ip" | b"x-original-url" | b"x-rewrite-url" => {
                Self::Reserved
            }
            b"age"
            | b"vary"
            | b"etag"
            | b"allow"
            | b"range"
            | b"cookie"
            | b"expires"
            | b"location"
            | b"set-cookie"
            | b"retry-after"
            | b"content-type"
            | b"authorization"
            | b"cache-control"
            | b"content-range"
            | b"last-modified"
            | b"content-encoding"
            | b"www-authenticate"
            | b"x-frame-options"
            | b"x-content-type-options"
            | b"content-security-policy"
            | b"strict-transport-security" => Self::Essential,
            // So common that it pays to know them.
            b"accept" | b"accept-encoding" | b"accept-language" | b"user-agent" | b"server" => {
                Self::Other
            }
            _ => return None,
        })
    }

    /// What the beginning of a lower-case name makes of it.
    fn by_prefix(name: &[u8]) -> Self {
        if name.starts_with(b"x-forwarded-") {
            Self::Reserved
        } else if name.starts_with(b"access-control-") {
            Self::AccessControl
        } else {
            Self::Other
        }
    }

    /// Whether an option of Connection with this name removes the field.
    ///
    /// Only fields without meaning to the gateway can be nominated: otherwise a client could make
    /// it drop what it added or what the upstream decides by (CVE-2024-45410).
    #[must_use]
    pub const fn can_be_nominated(self) -> bool {
        matches!(self, Self::Other)
    }
}

/// Whether a name that does not frame a message would, were its separators dropped or repeated.
///
/// Some servers fold `Transfer---Encoding` or `transfer.encoding` into the real name.
fn resembles_framing(name: &[u8]) -> bool {
    let letters = || name.iter().filter(|byte| byte.is_ascii_alphanumeric());
    let is = |real: &[u8]| {
        letters()
            .map(u8::to_ascii_lowercase)
            .eq(real.iter().copied())
    };
    is(b"transferencoding") || is(b"contentlength")
}

/// `byte` in lower case, and `-` for `_`, whatever it may be otherwise.
const fn alias(byte: u8) -> u8 {
    let is_upper = byte.wrapping_sub(b'A') < 26;
    let lower = byte | (is_upper as u8) << 5;
    if lower == b'_' { b'-' } else { lower }
}

/// A set of field names with a small number for each, asked for every field of a message.
///
/// Most names differ from all members in length alone, which one bit decides.
#[derive(Debug, Default)]
pub struct FieldNames {
    lengths: u64,
    members: Vec<(Box<[u8]>, usize)>,
}

impl FieldNames {
    /// Add a name, in any spelling. The first number given to a name stays.
    pub fn insert(&mut self, name: &[u8], number: usize) {
        if self.get(name).is_none() {
            self.lengths |= Self::length_bit(name);
            let member = name.iter().map(|&byte| folded(byte)).collect();
            self.members.push((member, number));
        }
    }

    /// The number of `name`, whatever its case and with `_` as `-`.
    #[must_use]
    #[inline]
    pub fn get(&self, name: &[u8]) -> Option<usize> {
        if self.lengths & Self::length_bit(name) == 0 {
            return None;
        }
        self.search(name)
    }

    /// Whether `name` is a member.
    #[must_use]
    #[inline]
    pub fn contains(&self, name: &[u8]) -> bool {
        self.get(name).is_some()
    }

    fn search(&self, name: &[u8]) -> Option<usize> {
        let same = |member: &[u8]| {
            member.len() == name.len()
                && member
                    .iter()
                    .zip(name)
                    .all(|(&form, &byte)| form == folded(byte))
        };
        self.members
            .iter()
            .find(|(member, _)| same(member))
            .map(|&(_, number)| number)
    }

    const fn length_bit(name: &[u8]) -> u64 {
        1 << (name.len() & 63)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str) -> Field {
        Field::recognise(name.as_bytes()).expect("a token")
    }

    #[test]
    fn names_are_recognised_in_any_case() {
        assert_eq!(field("hOsT"), Field::Host);
        assert_eq!(field("CONTENT-LENGTH"), Field::ContentLength);
        assert_eq!(
            field("Access-Control-Request-Headers"),
            Field::RequestHeaders
        );
        assert_eq!(field("access-control-allow-origin"), Field::AccessControl);
        assert_eq!(
            field("X-Forwarded-Anything-At-All-However-Long-It-May-Be"),
            Field::Reserved
        );
        assert_eq!(field("X-Custom"), Field::Other);
        assert_eq!(field("A-Name-Of-More-Than-Thirty-Two-Bytes"), Field::Other);
    }

    #[test]
    fn forged_spellings_are_reserved() {
        for name in [
            "Content_Length",
            "transfer_encoding",
            "X_Forwarded_For",
            "x-forwarded_for",
            "X_Real_IP",
            "x_request_id",
            "keep_alive",
            "proxy_connection",
            "x_original-url",
            "Transfer---Encoding",
            "Transfer___Encoding",
            "transfer.encoding",
            "-content-length",
            "CONTENTLENGTH",
            "Transfer-------------------------------Encoding",
        ] {
            assert_eq!(field(name), Field::Reserved, "{name}");
        }
        assert_eq!(field("content_type"), Field::Essential);
        for name in [
            "content-lengths",
            "accept_charset",
            "access_control_request_method",
            "my_field",
            "trace_parent",
        ] {
            assert_eq!(field(name), Field::Other, "{name}");
        }
    }

    #[test]
    fn names_are_tokens() {
        for name in [
            "",
            "host ",
            "host\0",
            "\x0fost",
            "a b",
            "a:",
            "\u{e9}",
            "a\0",
            "a-very-long-name-of-more-than-32-bytes(",
            " a",
        ] {
            assert_eq!(
                Field::recognise(name.as_bytes()),
                Err(NotAToken),
                "{name:?}"
            );
        }
    }

    #[test]
    fn sets_ignore_case_and_separators() {
        let mut names = FieldNames::default();
        names.insert(b"X-User-ID", 0);
        names.insert(b"x_user_id", 1);
        names.insert(b"Server", 2);
        assert_eq!(names.get(b"x-user_id"), Some(0));
        assert_eq!(names.get(b"SERVER"), Some(2));
        assert_eq!(names.get(b"Served"), None);
        assert_eq!(names.get(b"X"), None);
    }
}
