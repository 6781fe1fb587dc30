//! A request head that passed every guard which needs no route.

use std::borrow::Cow;

use crate::connection::{self, Options};
use crate::decision::{Reason, Refusal};
use crate::field::Field;
use crate::framing::{Framing, FramingError, RequestBody, Seen, Version};
use crate::grammar::{is_field_value, is_token, trim};
use crate::host::Authority;
use crate::specification::Limits;
use crate::target::Target;

/// The fields of a message as a tokeniser delivered them, in wire order.
pub type RawFields<'a> = [(&'a [u8], &'a [u8])];

/// A request head as a tokeniser delivered it.
#[derive(Debug, Clone, Copy)]
pub struct RawRequest<'a> {
    /// Method.
    pub method: &'a [u8],
    /// Target.
    pub target: &'a [u8],
    /// Fields.
    pub fields: &'a RawFields<'a>,
    /// Two digits, as in 11 for HTTP/1.1.
    pub version: u32,
}

/// One field line with a valid name and value.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// Name as it was written.
    pub name: &'a [u8],
    /// Value without whitespace around it.
    pub value: &'a [u8],
    /// What it is to the gateway.
    pub field: Field,
}

/// The field lines of a request or response, with what frames and routes every message.
#[derive(Debug)]
pub struct Lines<'a> {
    /// The lines, in wire order.
    pub all: Vec<Line<'a>>,
    /// Bytes of all lines on the wire.
    pub size: usize,
    /// Content-Length.
    pub content_length: Seen<'a>,
    /// The values of Transfer-Encoding.
    pub transfer_encoding: Vec<&'a [u8]>,
    /// Options of Connection.
    pub options: Options<'a>,
}

/// Why the fields of a message are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinesError {
    /// More lines or bytes than the limits allow.
    TooLarge(&'static str),
    /// Syntax.
    Malformed(&'static str),
}

impl LinesError {
    /// One sentence for the client or the log.
    #[must_use]
    pub const fn detail(self) -> &'static str {
        match self {
            Self::TooLarge(detail) | Self::Malformed(detail) => detail,
        }
    }
}

impl<'a> Lines<'a> {
    /// Check and recognise each field of a message.
    ///
    /// # Errors
    ///
    /// [`LinesError`] when a limit is passed or a name or value may not stand.
    pub fn read(fields: &RawFields<'a>, limits: &Limits) -> Result<Self, LinesError> {
        if fields.len() > limits.header_count {
            return Err(LinesError::TooLarge("There are too many header fields."));
        }
        let mut lines = Self {
            all: Vec::with_capacity(fields.len()),
            size: 0,
            content_length: Seen::Absent,
            transfer_encoding: Vec::new(),
            options: Options::default(),
        };
        for &(name, value) in fields {
            // Two bytes for ": ", two for the line's end.
            lines.size += name.len() + value.len() + 4;
            if lines.size > limits.header_bytes {
                return Err(LinesError::TooLarge("The header fields are too large."));
            }
            lines.push(name, trim(value))?;
        }
        Ok(lines)
    }

    #[inline]
    fn push(&mut self, name: &'a [u8], value: &'a [u8]) -> Result<(), LinesError> {
        let field = Field::recognise(name)
            .map_err(|_| LinesError::Malformed("The name of a header field is malformed."))?;
        if !is_field_value(value) {
            return Err(LinesError::Malformed(
                "The value of a header field is malformed.",
            ));
        }
        match field {
            Field::ContentLength => self.content_length.add(value),
            Field::TransferEncoding => self.transfer_encoding.push(value),
            Field::Connection => self.options.read(value).map_err(|_| {
                LinesError::Malformed("The Connection field nominates too many fields.")
            })?,
            _ => {}
        }
        self.all.push(Line { name, value, field });
        Ok(())
    }

    /// The fields that frame the message.
    #[must_use]
    pub fn framing(&self, version: Version) -> Framing<'_> {
        Framing {
            version,
            content_length: self.content_length,
            transfer_encoding: &self.transfer_encoding,
        }
    }

    /// The values of one field, in wire order.
    #[must_use]
    pub fn values(&self, field: Field) -> impl DoubleEndedIterator<Item = &'a [u8]> + '_ {
        self.all
            .iter()
            .filter(move |line| line.field == field)
            .map(|line| line.value)
    }
}

/// The fields of a request that must not be repeated to be believed.
#[derive(Debug, Default)]
struct Singles<'a> {
    host: Seen<'a>,
    expect: Seen<'a>,
    upgrade: Seen<'a>,
    request_id: Seen<'a>,
    forwarded_proto: Seen<'a>,
    forwarded_host: Seen<'a>,
    traceparent: Seen<'a>,
    origin: Seen<'a>,
    request_method: Seen<'a>,
    request_headers: Seen<'a>,
}

impl<'a> Singles<'a> {
    fn of(lines: &[Line<'a>]) -> Self {
        let mut singles = Self::default();
        for line in lines {
            let slot = match line.field {
                Field::Host => &mut singles.host,
                Field::Expect => &mut singles.expect,
                Field::Upgrade => &mut singles.upgrade,
                Field::RequestId => &mut singles.request_id,
                Field::ForwardedProto => &mut singles.forwarded_proto,
                Field::ForwardedHost => &mut singles.forwarded_host,
                Field::Traceparent => &mut singles.traceparent,
                Field::Origin => &mut singles.origin,
                Field::RequestMethod => &mut singles.request_method,
                Field::RequestHeaders => &mut singles.request_headers,
                _ => continue,
            };
            slot.add(line.value);
        }
        singles
    }
}

/// A request head that passed the guards.
#[derive(Debug)]
pub struct RequestHead<'a> {
    /// Method: a token.
    pub method: &'a [u8],
    /// Version.
    pub version: Version,
    /// Target, taken apart.
    pub target: Target<'a>,
    /// Canonical path.
    pub path: Cow<'a, str>,
    /// The server that is asked for: Host, or what absolute-form names.
    pub host: Option<Authority<'a>>,
    /// Field lines.
    pub lines: Lines<'a>,
    /// Body.
    pub body: RequestBody,
    /// Whether the client waits for 100 (Continue) before it sends its body.
    pub expects_continue: bool,
    /// Protocols to which the client wishes to change and may.
    pub upgrade: Option<&'a [u8]>,
    /// X-Request-ID, believed from trusted peers only; so are the next three.
    pub request_id: Option<&'a [u8]>,
    /// X-Forwarded-Proto.
    pub forwarded_proto: Option<&'a [u8]>,
    /// X-Forwarded-Host.
    pub forwarded_host: Option<&'a [u8]>,
    /// traceparent.
    pub traceparent: Option<&'a [u8]>,
    /// Origin.
    pub origin: Option<&'a [u8]>,
    /// Access-Control-Request-Method.
    pub request_method: Option<&'a [u8]>,
    /// Access-Control-Request-Headers.
    pub request_headers: Option<&'a [u8]>,
}

impl<'a> RequestHead<'a> {
    /// Apply the guards, in the order in which a recipient would stumble.
    ///
    /// # Errors
    ///
    /// [`Refusal`] with what the client is told.
    pub fn read(raw: &RawRequest<'a>, limits: &Limits) -> Result<Self, Refusal> {
        let version = Version::from_digits(raw.version).ok_or_else(|| {
            Refusal::new(
                Reason::VersionNotSupported,
                "Only HTTP/1.0 and HTTP/1.1 are spoken.",
            )
        })?;
        check_method(raw.method)?;
        if raw.target.len() > limits.target_bytes {
            return Err(Refusal::new(
                Reason::TargetTooLong,
                "The request target is too long.",
            ));
        }
        let lines = Lines::read(raw.fields, limits)?;
        let singles = Singles::of(&lines.all);
        let body = lines.framing(version).request_body()?;
        let target = Target::parse(raw.method, raw.target).map_err(Refusal::bad_request)?;
        let host = read_host(singles.host, &target, version)?;
        check_expectation(singles.expect, version)?;
        let path = crate::path::canonical(target.path)
            .map_err(|error| Refusal::bad_request(error.detail()))?;
        // An upgrade is possible from 1.1 only, and a body would have to be read before the change.
        let may_upgrade = lines.options.upgrade && version == Version::Http11 && body.is_empty();
        Ok(Self {
            method: raw.method,
            version,
            target,
            path,
            host,
            body,
            // Ignored from 1.0 clients, and without a body there is nothing to wait for.
            expects_continue: version == Version::Http11
                && singles.expect != Seen::Absent
                && !body.is_empty(),
            upgrade: singles
                .upgrade
                .once()
                .filter(|value| may_upgrade && connection::may_be_tunnelled(value)),
            request_id: singles.request_id.once(),
            forwarded_proto: singles.forwarded_proto.once(),
            forwarded_host: singles.forwarded_host.once(),
            traceparent: singles.traceparent.once(),
            origin: singles.origin.once(),
            request_method: singles.request_method.once(),
            request_headers: singles.request_headers.once(),
            lines,
        })
    }

    /// Whether the connection may persist after the exchange.
    #[must_use]
    pub const fn persists(&self) -> bool {
        self.lines.options.persists(self.version)
    }

    /// Whether there is a body whose meaning is not defined (RFC 9110 section 9.3.1).
    ///
    /// One side may read it and another take it for the next request, so nothing may follow it.
    #[must_use]
    pub fn has_undefined_body(&self) -> bool {
        matches!(self.method, b"GET" | b"HEAD") && !self.body.is_empty()
    }
}

/// RFC 9110 section 10.1.1: one expectation is known, and 1.0 clients have none.
fn check_expectation(expect: Seen<'_>, version: Version) -> Result<(), Refusal> {
    let is_met = match expect {
        Seen::Absent => true,
        Seen::Once(value) => value.eq_ignore_ascii_case(b"100-continue"),
        Seen::Repeated => false,
    };
    if is_met || version == Version::Http10 {
        return Ok(());
    }
    let detail = "No expectation but 100-continue can be met.";
    Err(Refusal::new(Reason::ExpectationFailed, detail))
}

fn check_method(method: &[u8]) -> Result<(), Refusal> {
    if !is_token(method) {
        return Err(Refusal::bad_request("The request method is malformed."));
    }
    if matches!(method, b"CONNECT" | b"TRACE") {
        let detail = "The gateway implements neither CONNECT nor TRACE.";
        return Err(Refusal::new(Reason::NotImplemented, detail));
    }
    Ok(())
}

/// RFC 9112 section 3.2: one valid Host on 1.1, at most one on 1.0, and no second opinion in the
/// target.
fn read_host<'a>(
    host: Seen<'a>,
    target: &Target<'a>,
    version: Version,
) -> Result<Option<Authority<'a>>, Refusal> {
    let host = match host {
        Seen::Repeated => return Err(Refusal::bad_request("There is more than one Host field.")),
        Seen::Absent if version == Version::Http11 => {
            return Err(Refusal::bad_request("The Host field is missing."));
        }
        Seen::Absent => None,
        Seen::Once(b"") if version == Version::Http10 => None,
        Seen::Once(value) => Some(
            Authority::parse(value)
                .ok_or_else(|| Refusal::bad_request("The Host field is malformed."))?,
        ),
    };
    match (host, target.authority) {
        (Some(host), Some((authority, default_port)))
            if !host.is_same(&authority, default_port) =>
        {
            Err(Refusal::bad_request(
                "The request target and the Host field disagree.",
            ))
        }
        (None, Some((authority, _))) => Ok(Some(authority)),
        _ => Ok(host),
    }
}

impl From<LinesError> for Refusal {
    fn from(error: LinesError) -> Self {
        match error {
            LinesError::TooLarge(detail) => Self::new(Reason::HeadersTooLarge, detail),
            LinesError::Malformed(detail) => Self::bad_request(detail),
        }
    }
}

impl From<FramingError> for Refusal {
    fn from(error: FramingError) -> Self {
        match error {
            FramingError::UnknownCoding => Self::new(Reason::NotImplemented, error.detail()),
            _ => Self::bad_request(error.detail()),
        }
    }
}
