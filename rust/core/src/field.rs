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
    /// Authorization (RFC 9110 section 11.6.2).
    Authorization,
    /// Cookie (RFC 6265 section 5.4).
    Cookie,
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

/// The names that mean something, in lower case, sorted by length.
static KNOWN: [(&[u8], Field); 55] = [
    (b"te", Field::HopByHop),
    (b"age", Field::Essential),
    (b"via", Field::Via),
    (b"host", Field::Host),
    (b"date", Field::Date),
    (b"etag", Field::Essential),
    (b"vary", Field::Essential),
    (b"allow", Field::Essential),
    (b"range", Field::Essential),
    (b"accept", Field::Other),
    (b"cookie", Field::Cookie),
    (b"expect", Field::Expect),
    (b"origin", Field::Origin),
    (b"server", Field::Other),
    (b"expires", Field::Essential),
    (b"trailer", Field::HopByHop),
    (b"upgrade", Field::Upgrade),
    (b"location", Field::Essential),
    (b"forwarded", Field::Reserved),
    (b"x-real-ip", Field::Reserved),
    (b"connection", Field::Connection),
    (b"user-agent", Field::Other),
    (b"keep-alive", Field::HopByHop),
    (b"set-cookie", Field::Essential),
    (b"tracestate", Field::Tracestate),
    (b"retry-after", Field::Essential),
    (b"traceparent", Field::Traceparent),
    (b"x-forwarded", Field::Reserved),
    (b"content-type", Field::Essential),
    (b"x-request-id", Field::RequestId),
    (b"authorization", Field::Authorization),
    (b"cache-control", Field::Essential),
    (b"content-range", Field::Essential),
    (b"last-modified", Field::Essential),
    (b"x-rewrite-url", Field::Reserved),
    (b"content-length", Field::ContentLength),
    (b"http2-settings", Field::HopByHop),
    (b"x-original-url", Field::Reserved),
    (b"accept-encoding", Field::Other),
    (b"accept-language", Field::Other),
    (b"x-forwarded-for", Field::ForwardedFor),
    (b"x-frame-options", Field::Essential),
    (b"content-encoding", Field::Essential),
    (b"proxy-connection", Field::HopByHop),
    (b"www-authenticate", Field::Essential),
    (b"x-forwarded-host", Field::ForwardedHost),
    (b"transfer-encoding", Field::TransferEncoding),
    (b"x-forwarded-proto", Field::ForwardedProto),
    (b"proxy-authenticate", Field::HopByHop),
    (b"proxy-authorization", Field::HopByHop),
    (b"x-content-type-options", Field::Essential),
    (b"content-security-policy", Field::Essential),
    (b"strict-transport-security", Field::Essential),
    (b"access-control-request-method", Field::RequestMethod),
    (b"access-control-request-headers", Field::RequestHeaders),
];

/// Length of the longest of [`KNOWN`].
const LONGEST: usize = KNOWN[KNOWN.len() - 1].0.len();

/// Where the names of each length start in [`KNOWN`], and one more for the end of the last.
static STARTS: [u8; LONGEST + 2] = starts();

const fn starts() -> [u8; LONGEST + 2] {
    let mut starts = [0; LONGEST + 2];
    let mut index = 0;
    let mut length = 0;
    while index < KNOWN.len() {
        assert!(
            length <= KNOWN[index].0.len() + 1,
            "KNOWN is sorted by length"
        );
        while length <= KNOWN[index].0.len() {
            starts[length] = index as u8;
            length += 1;
        }
        index += 1;
    }
    starts[LONGEST + 1] = KNOWN.len() as u8;
    starts
}

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
        // A name that is known consists of tchar; others have to be looked at.
        let field = match Self::known(name) {
            Some(field) => field,
            None if !is_token(name) => return Err(NotAToken),
            None if resembles_framing(name) => Self::Reserved,
            None => Self::by_prefix(name),
        };
        match field {
            Self::Other
            | Self::Essential
            | Self::Authorization
            | Self::Cookie
            | Self::Origin
            | Self::Date => Ok(field),
            _ if !name.contains(&b'_') => Ok(field),
            // What is not for the gateway is nobody's forgery.
            Self::AccessControl | Self::RequestMethod | Self::RequestHeaders => Ok(Self::Other),
            // An upstream that reads `Content_Length` as Content-Length must not see it.
            _ => Ok(Self::Reserved),
        }
    }

    /// The field with this name, if it is one of [`KNOWN`].
    fn known(name: &[u8]) -> Option<Self> {
        let start = *STARTS.get(name.len())?;
        let end = *STARTS.get(name.len() + 1)?;
        KNOWN[usize::from(start)..usize::from(end)]
            .iter()
            .find(|(known, _)| is_spelling(name, known))
            .map(|&(_, field)| field)
    }

    /// What the beginning of a name makes of it.
    fn by_prefix(name: &[u8]) -> Self {
        let starts_with = |prefix: &[u8]| {
            name.split_at_checked(prefix.len())
                .is_some_and(|(start, _)| is_spelling(start, prefix))
        };
        if starts_with(b"x-forwarded-") {
            Self::Reserved
        } else if starts_with(b"access-control-") {
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

/// Whether `name` is `known`, which is in lower case and as long, in any case and with `_` as `-`.
#[must_use]
#[inline]
pub fn is_spelling(name: &[u8], known: &[u8]) -> bool {
    name.iter()
        .zip(known)
        .all(|(&byte, &form)| folded(byte) == form)
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
}
