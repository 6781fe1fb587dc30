//! Where a message's body ends: RFC 9112 section 6.3, without its leniencies.
//!
//! Every request smuggling attack is two parties that answer this question differently. So each
//! message for which the RFC offers a choice between repair and refusal is refused, and what
//! passes is framed anew towards the other side.

use crate::grammar::{digits, is_token, list, trim};

/// How often a field that must stand alone was seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Seen<'a> {
    /// Never.
    #[default]
    Absent,
    /// Once, with this value.
    Once(&'a [u8]),
    /// More than once, be it with the same value.
    Repeated,
}

impl<'a> Seen<'a> {
    /// Note one more occurrence.
    pub fn add(&mut self, value: &'a [u8]) {
        *self = if *self == Self::Absent {
            Self::Once(value)
        } else {
            Self::Repeated
        };
    }

    /// The value, if there is exactly one.
    #[must_use]
    pub const fn once(self) -> Option<&'a [u8]> {
        match self {
            Self::Once(value) => Some(value),
            Self::Absent | Self::Repeated => None,
        }
    }
}

/// The version of a message; all others are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
}

impl Version {
    /// The version from its two digits, as in 11 for HTTP/1.1.
    #[must_use]
    pub const fn from_digits(digits: u32) -> Option<Self> {
        match digits {
            10 => Some(Self::Http10),
            11 => Some(Self::Http11),
            _ => None,
        }
    }

    /// As it stands in Via.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Http10 => "1.0",
            Self::Http11 => "1.1",
        }
    }
}

/// The fields that frame a message.
#[derive(Debug, Clone, Copy)]
pub struct Framing<'a> {
    /// Version of the message.
    pub version: Version,
    /// Content-Length.
    pub content_length: Seen<'a>,
    /// The values of Transfer-Encoding.
    pub transfer_encoding: &'a [&'a [u8]],
}

/// The body of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestBody {
    /// Neither announced nor present.
    Absent,
    /// As many bytes, which may be none.
    Length(u64),
    /// In chunks.
    Chunked,
}

impl RequestBody {
    /// Whether anything follows the head.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        matches!(self, Self::Absent | Self::Length(0))
    }
}

/// The body of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponseBody {
    /// The response ends with its head; the length is what GET would have given.
    Bodiless(Option<u64>),
    /// As many bytes.
    Length(u64),
    /// In chunks.
    Chunked,
    /// Everything until the upstream closes.
    UntilClose,
}

/// Why a message's framing is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FramingError {
    /// Transfer-Encoding in an HTTP/1.0 message.
    CodingInOldVersion,
    /// Both Transfer-Encoding and Content-Length.
    Both,
    /// Transfer codings besides chunked, in good order.
    UnknownCoding,
    /// A Transfer-Encoding that is malformed or does not end in chunked.
    BadCoding,
    /// A Content-Length that is not one number.
    BadLength,
    /// Transfer-Encoding where no body can be.
    CodingWithoutBody,
}

impl FramingError {
    /// One sentence for the client or the log.
    #[must_use]
    pub const fn detail(self) -> &'static str {
        match self {
            Self::CodingInOldVersion => "Transfer-Encoding is not part of HTTP/1.0.",
            Self::Both => "Transfer-Encoding and Content-Length exclude each other.",
            Self::UnknownCoding => "No transfer coding but chunked is implemented.",
            Self::BadCoding => "Transfer-Encoding has to be exactly chunked.",
            Self::BadLength => "Content-Length has to be one decimal number.",
            Self::CodingWithoutBody => "Transfer-Encoding may not stand where no body can be.",
        }
    }
}

impl Framing<'_> {
    /// The body of a request with these fields.
    ///
    /// # Errors
    ///
    /// [`FramingError`] when two recipients could disagree.
    pub fn request_body(&self) -> Result<RequestBody, FramingError> {
        // Steps 1 and 2 are about responses.
        // Steps 3 and 4: a Transfer-Encoding decides, alone.
        if self.is_chunked()? {
            return Ok(RequestBody::Chunked);
        }
        Ok(match self.length()? {
            // Steps 5 and 6: a valid Content-Length.
            Some(length) => RequestBody::Length(length),
            // Step 7: neither means no body.
            None => RequestBody::Absent,
        })
    }

    /// The body of a response with these fields to a request that was or was not HEAD.
    ///
    /// # Errors
    ///
    /// [`FramingError`] when two recipients could disagree.
    pub fn response_body(&self, status: u16, to_head: bool) -> Result<ResponseBody, FramingError> {
        let chunked = self.is_chunked()?;
        let length = self.length()?;
        // Step 1: HEAD, 1xx, 204 and 304 end with the head, whatever their fields say.
        if matches!(status, 100..=199 | 204) {
            // RFC 9112 section 6.1: no Transfer-Encoding; RFC 9110 section 8.6: no Content-Length,
            // which is common enough in 204 to be dropped rather than refused.
            if chunked {
                return Err(FramingError::CodingWithoutBody);
            }
            return Ok(ResponseBody::Bodiless(None));
        }
        if to_head || status == 304 {
            return Ok(ResponseBody::Bodiless(length));
        }
        // Step 2 is about CONNECT, which never gets here.
        // Steps 3 and 4.
        if chunked {
            return Ok(ResponseBody::Chunked);
        }
        // Steps 5 and 6, else 8: a response may end by closing.
        Ok(length.map_or(ResponseBody::UntilClose, ResponseBody::Length))
    }

    /// Steps 3 and 4: whether Transfer-Encoding is exactly chunked; anything else is refused.
    fn is_chunked(&self) -> Result<bool, FramingError> {
        match self.transfer_encoding {
            [] => Ok(false),
            // Section 6.1: a server may also treat such a message as faulty, and we do.
            _ if self.version == Version::Http10 => Err(FramingError::CodingInOldVersion),
            _ if self.content_length != Seen::Absent => Err(FramingError::Both),
            [coding] if is_chunked(coding) => Ok(true),
            codings if end_in_chunked(codings) => Err(FramingError::UnknownCoding),
            _ => Err(FramingError::BadCoding),
        }
    }

    /// Steps 5 and 6: the length, if one is given.
    fn length(&self) -> Result<Option<u64>, FramingError> {
        match self.content_length {
            Seen::Absent => Ok(None),
            Seen::Once(value) => digits(value).map(Some).ok_or(FramingError::BadLength),
            // Step 5 permits equal repetitions to be merged; we do not.
            Seen::Repeated => Err(FramingError::BadLength),
        }
    }
}

fn is_chunked(coding: &[u8]) -> bool {
    coding.eq_ignore_ascii_case(b"chunked")
}

/// Whether `values` make a list of transfer codings in good order, of which the last is chunked:
/// something that the gateway understands, but does not implement.
fn end_in_chunked(values: &[&[u8]]) -> bool {
    let mut elements = values
        .iter()
        .rev()
        .flat_map(|value| list(value).rev())
        .filter(|element| !element.is_empty());
    elements.next().is_some_and(is_chunked) && elements.all(is_coding)
}

/// Whether `text` is a transfer coding (RFC 9112 section 7): a token with parameters.
fn is_coding(text: &[u8]) -> bool {
    let mut parts = text.split(|&byte| byte == b';').map(trim);
    parts.next().is_some_and(is_token)
        && parts.all(|parameter| {
            let mut halves = parameter.splitn(2, |&byte| byte == b'=').map(trim);
            halves.next().is_some_and(is_token) && halves.next().is_some_and(is_token)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn framed<T>(
        version: Version,
        lengths: &[&str],
        codings: &[&str],
        ask: impl FnOnce(&Framing<'_>) -> T,
    ) -> T {
        let mut content_length = Seen::Absent;
        for value in lengths {
            content_length.add(value.as_bytes());
        }
        let codings: Vec<_> = codings.iter().map(|value| value.as_bytes()).collect();
        ask(&Framing {
            version,
            content_length,
            transfer_encoding: &codings,
        })
    }

    fn request(lengths: &[&str], codings: &[&str]) -> Result<RequestBody, FramingError> {
        framed(Version::Http11, lengths, codings, |framing| {
            framing.request_body()
        })
    }

    #[test]
    fn bodies_of_requests() {
        assert_eq!(request(&[], &[]), Ok(RequestBody::Absent));
        assert_eq!(request(&["0"], &[]), Ok(RequestBody::Length(0)));
        assert_eq!(request(&["42"], &[]), Ok(RequestBody::Length(42)));
        assert_eq!(request(&[], &["Chunked"]), Ok(RequestBody::Chunked));
    }

    #[test]
    fn lengths_that_two_recipients_could_read_differently() {
        for lengths in [
            &[""][..],
            &["+1"],
            &["-1"],
            &["1 1"],
            &["1,1"],
            &["0x1"],
            &["1_0"],
            &["1", "1"],
            &["1", "2"],
            &["\u{661}"],
        ] {
            assert_eq!(
                request(lengths, &[]),
                Err(FramingError::BadLength),
                "{lengths:?}"
            );
        }
    }

    #[test]
    fn codings_that_two_recipients_could_read_differently() {
        for codings in [
            &[""][..],
            &[","],
            &["chunked, gzip"],
            &["chunked", "gzip"],
            &["identity"],
            &["xchunked"],
            &["chunked;q=1"],
            &["\"chunked\""],
            &["\x0bchunked"],
            &["chunked\0"],
            &["a b, chunked"],
            &["gzip;a, chunked"],
        ] {
            assert_eq!(
                request(&[], codings),
                Err(FramingError::BadCoding),
                "{codings:?}"
            );
        }
        for codings in [
            &["gzip, chunked"][..],
            &["identity,CHUNKED"],
            &["a;b=c , chunked"],
            &["gzip", "chunked"],
            &[",chunked"],
            &["chunked,"],
            &["chunked, chunked"],
            &["chunked", "chunked"],
        ] {
            assert_eq!(
                request(&[], codings),
                Err(FramingError::UnknownCoding),
                "{codings:?}"
            );
        }
    }

    #[test]
    fn length_and_coding_exclude_each_other() {
        for length in ["0", "5", "x"] {
            assert_eq!(request(&[length], &["chunked"]), Err(FramingError::Both));
            assert_eq!(request(&[length], &["gzip"]), Err(FramingError::Both));
        }
    }

    #[test]
    fn old_messages_have_no_codings() {
        framed(Version::Http10, &[], &["chunked"], |old| {
            assert_eq!(old.request_body(), Err(FramingError::CodingInOldVersion));
            assert_eq!(
                old.response_body(200, false),
                Err(FramingError::CodingInOldVersion)
            );
        });
    }

    #[test]
    fn bodies_of_responses() {
        let of = |lengths: &[&str], codings: &[&str], status, to_head| {
            let ask = |framing: &Framing<'_>| framing.response_body(status, to_head);
            framed(Version::Http11, lengths, codings, ask)
        };
        assert_eq!(of(&["5"], &[], 200, false), Ok(ResponseBody::Length(5)));
        assert_eq!(of(&[], &["chunked"], 200, false), Ok(ResponseBody::Chunked));
        assert_eq!(of(&[], &[], 200, false), Ok(ResponseBody::UntilClose));
        assert_eq!(
            of(&["5"], &[], 200, true),
            Ok(ResponseBody::Bodiless(Some(5)))
        );
        assert_eq!(
            of(&["5"], &[], 304, false),
            Ok(ResponseBody::Bodiless(Some(5)))
        );
        assert_eq!(
            of(&[], &["chunked"], 304, false),
            Ok(ResponseBody::Bodiless(None))
        );
        assert_eq!(
            of(&[], &["chunked"], 200, true),
            Ok(ResponseBody::Bodiless(None))
        );
        assert_eq!(
            of(&["5"], &[], 204, false),
            Ok(ResponseBody::Bodiless(None))
        );
        assert_eq!(
            of(&[], &["chunked"], 204, false),
            Err(FramingError::CodingWithoutBody)
        );
        assert_eq!(
            of(&[], &["chunked"], 101, false),
            Err(FramingError::CodingWithoutBody)
        );
        assert_eq!(of(&["5"], &["chunked"], 200, true), Err(FramingError::Both));
        assert_eq!(of(&["x"], &[], 304, false), Err(FramingError::BadLength));
    }

    proptest! {
        /// Whatever the fields, a body is either refused or framed by exactly one of them.
        #[test]
        fn one_field_frames(
            lengths in prop::collection::vec("[0-9+, x]{0,3}", 0..3),
            codings in prop::collection::vec("(chunked|gzip|,| |x){0,3}", 0..3),
        ) {
            let lengths: Vec<_> = lengths.iter().map(String::as_str).collect();
            let codings: Vec<_> = codings.iter().map(String::as_str).collect();
            match request(&lengths, &codings) {
                Ok(RequestBody::Chunked) => {
                    prop_assert!(lengths.is_empty());
                    prop_assert_eq!(codings, ["chunked"]);
                }
                Ok(RequestBody::Length(length)) => {
                    prop_assert!(codings.is_empty() && lengths.len() == 1);
                    prop_assert_eq!(lengths[0].parse::<u64>(), Ok(length));
                }
                Ok(RequestBody::Absent) => prop_assert!(lengths.is_empty() && codings.is_empty()),
                Err(_) => prop_assert!(!lengths.is_empty() || !codings.is_empty()),
            }
        }
    }
}
