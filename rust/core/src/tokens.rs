//! Splits a message head into its parts, without judging them (RFC 9112 sections 3 to 5).
//!
//! A head is everything up to and with the first empty line. Lines end with CRLF and nothing else,
//! one space stands where the grammar has one, and no line is folded: what a lenient parser would
//! repair is refused, because two parsers that repair differently are an attack.

use memchr::memchr;

use crate::decision::{ProtocolError, Reason, Refusal};

/// The fields of a head, in wire order.
pub type Fields<'a> = Vec<(&'a [u8], &'a [u8])>;

/// A request line (RFC 9112 section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestLine<'a> {
    /// Method.
    pub method: &'a [u8],
    /// Target.
    pub target: &'a [u8],
    /// Two digits, as in 11 for HTTP/1.1.
    pub version: u32,
}

/// A status line (RFC 9112 section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusLine<'a> {
    /// Two digits, as in 11 for HTTP/1.1.
    pub version: u32,
    /// Status code.
    pub status: u16,
    /// Reason phrase, which may be empty.
    pub reason: &'a [u8],
}

/// Why a head cannot be split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeadError {
    /// The first line is not what it has to be.
    Start,
    /// The version is none that is spoken.
    Version,
    /// The method is none that is registered.
    Method,
    /// A line ends with something else than CRLF, or the head has no end, or goes on behind it.
    LineEnd,
    /// A line is folded.
    Folded,
    /// A field has no colon.
    Colon,
}

impl HeadError {
    const fn detail(self) -> &'static str {
        match self {
            Self::Start => "The first line of the head is malformed.",
            Self::Version => "Only HTTP/1.1 and HTTP/1.0 are spoken here.",
            Self::Method => "The method is not known.",
            Self::LineEnd => "A line of the head does not end with CRLF.",
            Self::Folded => "A header field is folded over several lines.",
            Self::Colon => "A header field has no colon.",
        }
    }
}

impl From<HeadError> for Refusal {
    fn from(error: HeadError) -> Self {
        let reason = match error {
            HeadError::Version => Reason::VersionNotSupported,
            HeadError::Method => Reason::NotImplemented,
            _ => Reason::BadRequest,
        };
        Self::new(reason, error.detail())
    }
}

impl From<HeadError> for ProtocolError {
    fn from(error: HeadError) -> Self {
        Self(error.detail())
    }
}

/// Methods that are registered (RFC 9110 section 16.1), and those of caches (PURGE), of UPnP
/// (M-SEARCH, NOTIFY and its subscriptions) and of Icecast (SOURCE).
///
/// A method that nobody registered is answered with 501: what it would do is unknown, so neither a
/// route nor a retry could be decided for it.
const METHODS: [&[u8]; 45] = [
    b"GET",
    b"POST",
    b"PUT",
    b"HEAD",
    b"DELETE",
    b"PATCH",
    b"OPTIONS",
    b"CONNECT",
    b"TRACE",
    b"ACL",
    b"BASELINE-CONTROL",
    b"BIND",
    b"CHECKIN",
    b"CHECKOUT",
    b"COPY",
    b"LABEL",
    b"LINK",
    b"LOCK",
    b"MERGE",
    b"MKACTIVITY",
    b"MKCALENDAR",
    b"MKCOL",
    b"MKREDIRECTREF",
    b"MKWORKSPACE",
    b"MOVE",
    b"ORDERPATCH",
    b"PROPFIND",
    b"PROPPATCH",
    b"PURGE",
    b"QUERY",
    b"REBIND",
    b"REPORT",
    b"SEARCH",
    b"UNBIND",
    b"UNCHECKOUT",
    b"UNLINK",
    b"UNLOCK",
    b"UPDATE",
    b"UPDATEREDIRECTREF",
    b"VERSION-CONTROL",
    b"M-SEARCH",
    b"NOTIFY",
    b"SOURCE",
    b"SUBSCRIBE",
    b"UNSUBSCRIBE",
];

/// Split a request head.
///
/// # Errors
///
/// [`HeadError`].
pub fn read_request<'a>(
    head: &'a [u8],
    fields: &mut Fields<'a>,
) -> Result<RequestLine<'a>, HeadError> {
    let mut rest = head;
    let line = take_line(&mut rest)?;
    let space = memchr(b' ', line).ok_or(HeadError::Start)?;
    let (method, line) = (&line[..space], &line[space + 1..]);
    let space = memchr(b' ', line).ok_or(HeadError::Start)?;
    let (target, version) = (&line[..space], &line[space + 1..]);
    if method.is_empty() || target.is_empty() {
        return Err(HeadError::Start);
    }
    let version = read_version(version)?;
    if !METHODS.contains(&method) {
        return Err(HeadError::Method);
    }
    read_fields(rest, fields)?;
    Ok(RequestLine {
        method,
        target,
        version,
    })
}

/// Split a response head.
///
/// # Errors
///
/// [`HeadError`].
pub fn read_response<'a>(
    head: &'a [u8],
    fields: &mut Fields<'a>,
) -> Result<StatusLine<'a>, HeadError> {
    let mut rest = head;
    let line = take_line(&mut rest)?;
    let space = memchr(b' ', line).ok_or(HeadError::Start)?;
    let version = read_version(&line[..space])?;
    let line = &line[space + 1..];
    let (digits, reason) = match line {
        // The space in front of an absent reason is often left out.
        [_, _, _] => (line, &line[3..]),
        [_, _, _, b' ', reason @ ..] => (&line[..3], reason),
        _ => return Err(HeadError::Start),
    };
    let mut status = 0;
    for &digit in digits {
        if !digit.is_ascii_digit() {
            return Err(HeadError::Start);
        }
        status = status * 10 + u16::from(digit - b'0');
    }
    read_fields(rest, fields)?;
    Ok(StatusLine {
        version,
        status,
        reason,
    })
}

fn read_version(text: &[u8]) -> Result<u32, HeadError> {
    match text {
        b"HTTP/1.1" => Ok(11),
        b"HTTP/1.0" => Ok(10),
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
            if major.is_ascii_digit() && minor.is_ascii_digit() =>
        {
            Err(HeadError::Version)
        }
        _ => Err(HeadError::Start),
    }
}

fn read_fields<'a>(mut rest: &'a [u8], fields: &mut Fields<'a>) -> Result<(), HeadError> {
    loop {
        let line = take_line(&mut rest)?;
        match line.first() {
            None if rest.is_empty() => return Ok(()),
            None => return Err(HeadError::LineEnd),
            Some(b' ' | b'\t') => return Err(HeadError::Folded),
            Some(_) => {}
        }
        let colon = memchr(b':', line).ok_or(HeadError::Colon)?;
        let value = &line[colon + 1..];
        fields.push((&line[..colon], value.strip_prefix(b" ").unwrap_or(value)));
    }
}

/// Take the next line, which is given without its CRLF. Any other CR is no character of a field
/// or of a first line, and refused where their characters are looked at.
fn take_line<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], HeadError> {
    let end = memchr(b'\n', rest).ok_or(HeadError::LineEnd)?;
    let (line, after) = rest.split_at(end);
    *rest = &after[1..];
    line.strip_suffix(b"\r").ok_or(HeadError::LineEnd)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn request(head: &str) -> Result<(String, String, u32), HeadError> {
        let mut fields = Vec::new();
        let line = read_request(head.as_bytes(), &mut fields)?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok((text(line.method), text(line.target), line.version))
    }

    fn status(head: &str) -> Result<(u32, u16, String), HeadError> {
        let mut fields = Vec::new();
        let line = read_response(head.as_bytes(), &mut fields)?;
        Ok((
            line.version,
            line.status,
            String::from_utf8_lossy(line.reason).into_owned(),
        ))
    }

    #[test]
    fn a_request_line_has_three_parts_and_single_spaces() {
        assert_eq!(
            request("GET /a?b HTTP/1.1\r\n\r\n"),
            Ok(("GET".into(), "/a?b".into(), 11))
        );
        assert_eq!(
            request("PUT / HTTP/1.0\r\n\r\n"),
            Ok(("PUT".into(), "/".into(), 10))
        );
        for line in [
            "",
            "GET",
            "GET /",
            "GET  / HTTP/1.1",
            "GET /  HTTP/1.1",
            " GET / HTTP/1.1",
            "GET / HTTP/1.1 ",
            "GET\t/ HTTP/1.1",
            "GET / http/1.1",
            "GET / HTTP/1.1x",
            "GET / HTTP/11",
            "GET / RTSP/1.0",
            "GET / ICE/1.0",
            "GET / a HTTP/1.1",
            "GET / HTTP/x.1",
        ] {
            assert_eq!(
                request(&format!("{line}\r\n\r\n")),
                Err(HeadError::Start),
                "{line:?}"
            );
        }
    }

    #[test]
    fn other_versions_and_methods_have_answers_of_their_own() {
        for version in ["0.9", "1.2", "2.0", "3.0", "9.9"] {
            assert_eq!(
                request(&format!("GET / HTTP/{version}\r\n\r\n")),
                Err(HeadError::Version)
            );
        }
        for method in ["get", "FOO", "GETT", "G\u{e9}T"] {
            assert_eq!(
                request(&format!("{method} / HTTP/1.1\r\n\r\n")),
                Err(HeadError::Method)
            );
        }
        assert_eq!(request("PRI * HTTP/2.0\r\n\r\n"), Err(HeadError::Version));
    }

    #[test]
    fn a_status_line_may_lack_its_reason() {
        assert_eq!(
            status("HTTP/1.1 200 OK then\r\n\r\n"),
            Ok((11, 200, "OK then".into()))
        );
        assert_eq!(
            status("HTTP/1.0 404 \r\n\r\n"),
            Ok((10, 404, String::new()))
        );
        assert_eq!(status("HTTP/1.1 204\r\n\r\n"), Ok((11, 204, String::new())));
        for line in [
            "HTTP/1.1",
            "HTTP/1.1 ",
            "HTTP/1.1 20",
            "HTTP/1.1 2000 OK",
            "HTTP/1.1  200 OK",
            "HTTP/1.1 2x0 OK",
            "HTTP/1.1\t200 OK",
            "200 OK",
            "HTTP/1.1 +20 OK",
            " HTTP/1.1 200 OK",
        ] {
            assert_eq!(
                status(&format!("{line}\r\n\r\n")),
                Err(HeadError::Start),
                "{line:?}"
            );
        }
        assert_eq!(status("HTTP/2.0 200 OK\r\n\r\n"), Err(HeadError::Version));
    }

    #[test]
    fn lines_end_with_crlf_and_are_not_folded() {
        let head = |fields: &str| request(&format!("GET / HTTP/1.1\r\n{fields}"));
        assert!(head("A: b\r\nC:d\r\n\r\n").is_ok());
        for fields in [
            "A: b\n\r\n",
            "A: b\r\n\n",
            "A: b\r\n",
            "A: b",
            "",
            "A: b\r\n\r\nrest",
        ] {
            assert_eq!(head(fields), Err(HeadError::LineEnd), "{fields:?}");
        }
        assert_eq!(head("A: b\r\n c\r\n\r\n"), Err(HeadError::Folded));
        assert_eq!(head(" A: b\r\n\r\n"), Err(HeadError::Folded));
        assert_eq!(head("A b\r\n\r\n"), Err(HeadError::Colon));
    }

    #[test]
    fn fields_are_split_at_the_first_colon_and_one_space() {
        let mut fields = Vec::new();
        let head = b"GET / HTTP/1.1\r\nA : b:c \r\n:\r\n\r\n";
        read_request(head, &mut fields).expect("a head");
        assert_eq!(fields, [(&b"A "[..], &b"b:c "[..]), (b"", b"")]);
    }

    proptest! {
        #[test]
        fn what_was_joined_is_split_again(
            method in prop::sample::select(METHODS.to_vec()),
            target in "[!-~]{1,20}",
            written in prop::collection::vec(("[!-9;-~]{1,9}", "[ -~]{0,12}"), 0..6),
        ) {
            let mut head = [method, b" ", target.as_bytes(), b" HTTP/1.1\r\n"].concat();
            for (name, value) in &written {
                head.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
            }
            head.extend_from_slice(b"\r\n");
            let mut fields = Vec::new();
            let line = read_request(&head, &mut fields).expect("well formed");
            prop_assert_eq!((line.method, line.target), (method, target.as_bytes()));
            let split: Vec<_> = written.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes())).collect();
            prop_assert_eq!(fields, split);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let mut fields = Vec::new();
            let _ = read_request(&bytes, &mut fields);
            let _ = read_response(&bytes, &mut fields);
        }
    }
}
