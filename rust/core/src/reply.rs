//! Writes the heads that the client gets: of the upstream's responses and of the gateway's own.

use std::sync::Arc;
use std::sync::atomic::AtomicU16;
use std::sync::atomic::Ordering::Relaxed;

use crate::access_log::Details;
use crate::decision::{
    Answer, Decision, Kind, ProtocolError, Refusal, Reject, Respond, Unfunded, Unverified,
};
use crate::field::Field;
use crate::framing::{RequestBody, ResponseBody, Version};
use crate::grammar::is_field_value;
use crate::head::{put, put_content_length, put_field, put_via};
use crate::identity::Trace;
use crate::lines::{Line, Lines, LinesError, RawFields};
use crate::method::Method;
use crate::policy::{Brought, ResponseFields};
use crate::rate_limit::Limited;
use crate::rate_limit::funding::Shortfall;
use crate::status::reason_phrase;
use crate::tables::Tables;
use crate::verdict::{Accepted, Pending};

/// Room for what the gateway adds to a head, so that the buffer need not grow.
const ROOM: usize = 1024;

/// Longest reason phrase that is passed on. The longest registered one has 31 bytes; some servers
/// put a sentence there, nobody a page.
const LONGEST_REASON: usize = 1024;

/// What every reply to one request needs, whoever makes it.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts about one request"
)]
pub struct Reply {
    /// The gate that decided.
    pub tables: Arc<Tables>,
    /// Index of the route, if one was found.
    pub route: Option<usize>,
    /// The request's identifier.
    pub request_id: String,
    /// The client's address.
    pub client: Arc<str>,
    /// Canonical path; empty when the target could not be read.
    pub path: String,
    /// Version of the request.
    pub version: Version,
    /// Whether the connection may persist after the exchange.
    pub keep_alive: bool,
    /// Whether no reply has a body: the method is HEAD.
    pub head_only: bool,
    /// Whether the connection is TLS.
    pub secure: bool,
    /// Body of the request.
    pub body: RequestBody,
    /// Whether the request has a body whose meaning is not defined.
    pub undefined_body: bool,
    /// Whether the client waits for 100 (Continue).
    pub expects_continue: bool,
    /// Whether the upstream is asked to change protocols, and so may answer 101.
    pub upgrade: bool,
    /// Cross-origin lines for every reply, where the route decides about them.
    pub cors: Option<Vec<u8>>,
    /// Greatest size of the request's body; 0 is no limit.
    pub body_limit: u64,
    /// Who the client is, where that is known.
    pub accepted: Option<Arc<Accepted>>,
    /// How it stands with the route's rate limits.
    pub limited: Limited,
    /// Unix seconds at which the request was first decided about.
    pub at: f64,
    /// Method of the request.
    pub method: Method,
    /// The trace that the request is a part of.
    pub trace: Trace,
    /// What only some logs want.
    pub details: Option<Box<Details>>,
    /// The last status that a head was written for; 0 before that.
    pub sent_status: AtomicU16,
}

/// How the body of a response goes to the client.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts about one body"
)]
pub struct ResponseFraming {
    /// In chunks.
    pub chunked: bool,
    /// In so many bytes; nothing when in chunks or until close.
    pub length: Option<u64>,
    /// There is no body.
    pub bodiless: bool,
    /// The connection ends after it.
    pub closes: bool,
    /// The upstream sends it in chunks.
    pub comes_chunked: bool,
    /// The upstream ends it by closing.
    pub comes_until_close: bool,
    /// The upstream's connection may serve again afterwards.
    pub persists: bool,
}

/// An upstream's response head as a tokeniser delivered it.
#[derive(Debug, Clone, Copy)]
pub struct RawResponse<'a> {
    /// Status.
    pub status: u16,
    /// Reason phrase.
    pub reason: &'a [u8],
    /// Fields.
    pub fields: &'a RawFields<'a>,
    /// Two digits, as in 11 for HTTP/1.1.
    pub version: u32,
}

/// A reply of the gateway cannot be sent as it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsendable(pub &'static str);

impl Reply {
    /// The decision to answer without an upstream.
    #[must_use]
    pub fn respond(self, kind: Kind, answer: Answer) -> Decision {
        Decision::Respond(Respond {
            reply: self,
            kind,
            answer,
        })
    }

    /// The decision to refuse.
    #[must_use]
    pub fn reject(mut self, refusal: Refusal) -> Decision {
        self.keep_alive &= refusal.reason.permits_persistence();
        Decision::Reject(Reject {
            reply: self,
            refusal,
        })
    }

    /// The decision that something has to be found out first.
    #[must_use]
    pub const fn unverified(self, pending: Box<Pending>) -> Decision {
        Decision::Unverified(Unverified {
            reply: self,
            pending,
        })
    }

    /// The decision that the store has to be asked first.
    #[must_use]
    pub const fn unfunded(self, shortfall: Box<Shortfall>) -> Decision {
        Decision::Unfunded(Unfunded {
            reply: self,
            shortfall,
        })
    }

    /// The status that the client was sent; 0 if it was sent none.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.sent_status.load(Relaxed)
    }

    /// Count the request no more among those in flight.
    #[inline]
    pub fn release(&self) {
        if let Some(permits) = &self.limited.permits {
            permits.give_back();
        }
    }

    /// Head of a reply that the gateway itself makes.
    ///
    /// # Errors
    ///
    /// [`Unsendable`] when a field or the status may not stand in a response.
    pub fn own_head(
        &self,
        status: u16,
        fields: &RawFields<'_>,
        content_length: u64,
        now: f64,
        close: bool,
    ) -> Result<Vec<u8>, Unsendable> {
        if !(100..=599).contains(&status) {
            return Err(Unsendable("the status is not between 100 and 599"));
        }
        let lines = Lines::read(fields, &self.tables.own_limits)
            .map_err(|error| Unsendable(error.detail()))?;
        let policy = self.response_fields();
        let mut out = Vec::with_capacity(lines.size + policy.appended.len() + ROOM);
        let reason = reason_phrase(status).as_bytes();
        put_status_line(&mut out, status, reason);
        let mut brought = Brought::default();
        for line in &lines.all {
            let is_own = matches!(
                line.field,
                Field::ContentLength
                    | Field::TransferEncoding
                    | Field::Connection
                    | Field::HopByHop
                    | Field::RequestId
                    | Field::Date
            ) || (line.field == Field::AccessControl && self.cors.is_some());
            if !is_own && policy.keeps(line.name, &mut brought) {
                put_field(&mut out, line.name, line.value);
            }
        }
        if !matches!(status, 100..=199 | 204 | 304) {
            put_content_length(&mut out, content_length);
        }
        self.finish(&mut out, brought, Some(now));
        self.put_persistence(&mut out, close || !self.keep_alive);
        self.sent_status.store(status, Relaxed);
        out.extend_from_slice(b"\r\n");
        Ok(out)
    }

    /// The fields of the route, or the gate's own where there is none.
    fn response_fields(&self) -> &ResponseFields {
        match self.route {
            Some(route) => &self.tables.policies[route].response,
            None => &self.tables.default_response,
        }
    }

    /// What every final head carries: security, cross-origin and the route's own fields,
    /// X-Request-ID, and Date where one is missing.
    fn finish(&self, out: &mut Vec<u8>, brought: Brought, date: Option<f64>) {
        let policy = self.response_fields();
        policy.write_security(out, brought, self.secure);
        out.extend_from_slice(self.cors.as_deref().unwrap_or_default());
        out.extend_from_slice(&self.limited.lines);
        out.extend_from_slice(&policy.appended);
        if !policy.drops(b"X-Request-ID") {
            put_field(out, b"X-Request-ID", self.request_id.as_bytes());
        }
        if let Some(now) = date
            && !policy.drops(b"Date")
        {
            put_field(out, b"Date", &self.tables.dates.at(now));
        }
    }

    /// Connection, where the version's default is not meant (RFC 9112 section 9.3).
    fn put_persistence(&self, out: &mut Vec<u8>, closes: bool) {
        if closes {
            out.extend_from_slice(b"Connection: close\r\n");
        } else if self.version == Version::Http10 {
            out.extend_from_slice(b"Connection: keep-alive\r\n");
        }
    }

    /// Head of the upstream's final response as the client gets it, and how its body follows.
    ///
    /// With `close` the client is told that its connection ends, even if it could persist.
    ///
    /// # Errors
    ///
    /// [`ProtocolError`] when the response breaks a guard.
    pub fn response_head(
        &self,
        raw: &RawResponse<'_>,
        now: f64,
        close: bool,
    ) -> Result<(Vec<u8>, ResponseFraming), ProtocolError> {
        let is_change = raw.status == 101 && self.upgrade;
        if !is_change && !(200..=599).contains(&raw.status) {
            return Err(ProtocolError("The status is not one that was asked for."));
        }
        let version = Version::from_digits(raw.version)
            .ok_or(ProtocolError("The version is neither 1.0 nor 1.1."))?;
        let lines = self.read_lines(raw)?;
        if is_change && lines.values(Field::Upgrade).next().is_none() {
            return Err(ProtocolError("The response changes to no protocol."));
        }
        let body = lines
            .framing(version)
            .response_body(raw.status, self.head_only)
            .map_err(|error| ProtocolError(error.detail()))?;
        let mut framing = self.framing(body, is_change);
        framing.closes |= close;
        // A body with GET or HEAD may be taken for the next request.
        framing.persists &= lines.options.persists(version) && !self.undefined_body;

        let policy = self.response_fields();
        let mut out = Vec::with_capacity(lines.size + policy.appended.len() + ROOM);
        put_status_line(&mut out, raw.status, raw.reason);
        let (brought, has_date) = self.write_kept_fields(&mut out, &lines);
        match body {
            ResponseBody::Length(length) | ResponseBody::Bodiless(Some(length)) => {
                put_content_length(&mut out, length);
            }
            _ if framing.chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
            _ => {}
        }
        if !policy.drops(b"Via") {
            out.extend_from_slice(b"Via: ");
            put_via(
                &mut out,
                lines.values(Field::Via),
                version.text(),
                &self.tables.via,
            );
        }
        self.finish(&mut out, brought, (!has_date).then_some(now));
        if is_change {
            out.extend_from_slice(b"Connection: upgrade\r\n");
            for protocol in lines.values(Field::Upgrade) {
                put_field(&mut out, b"Upgrade", protocol);
            }
        } else {
            self.put_persistence(&mut out, framing.closes);
        }
        out.extend_from_slice(b"\r\n");
        self.sent_status.store(raw.status, Relaxed);
        Ok((out, framing))
    }

    /// Head of an interim response as the client gets it; empty where it must not be passed on.
    ///
    /// # Errors
    ///
    /// [`ProtocolError`] when the response breaks a guard.
    pub fn interim_head(&self, raw: &RawResponse<'_>) -> Result<Vec<u8>, ProtocolError> {
        if !(100..=199).contains(&raw.status) || raw.status == 101 {
            return Err(ProtocolError(
                "The status is not that of an interim response.",
            ));
        }
        let lines = self.read_lines(raw)?;
        let is_unexpected = raw.status == 100 && !self.expects_continue;
        // RFC 9110 section 15.2: 1.0 does not know interim responses.
        if is_unexpected || self.version == Version::Http10 {
            return Ok(Vec::new());
        }
        let mut out = Vec::with_capacity(lines.size + 64);
        put_status_line(&mut out, raw.status, raw.reason);
        self.write_kept_fields(&mut out, &lines);
        out.extend_from_slice(b"\r\n");
        Ok(out)
    }

    fn read_lines<'a>(&self, raw: &RawResponse<'a>) -> Result<Lines<'a>, ProtocolError> {
        if !is_field_value(raw.reason) {
            return Err(ProtocolError("The reason phrase is malformed."));
        }
        if raw.reason.len() > LONGEST_REASON {
            return Err(ProtocolError("The reason phrase is too long."));
        }
        Lines::read(raw.fields, &self.tables.limits)
            .map_err(|error: LinesError| ProtocolError(error.detail()))
    }

    /// How a body that the upstream frames in one way goes to the client, by what it understands.
    fn framing(&self, body: ResponseBody, is_change: bool) -> ResponseFraming {
        let understands_chunks = self.version == Version::Http11;
        let is_open = matches!(body, ResponseBody::Chunked | ResponseBody::UntilClose);
        ResponseFraming {
            chunked: is_open && understands_chunks,
            length: match body {
                ResponseBody::Bodiless(_) => Some(0),
                ResponseBody::Length(length) => Some(length),
                ResponseBody::Chunked | ResponseBody::UntilClose => None,
            },
            bodiless: matches!(body, ResponseBody::Bodiless(_)),
            closes: is_change || !self.keep_alive || (is_open && !understands_chunks),
            comes_chunked: body == ResponseBody::Chunked,
            comes_until_close: body == ResponseBody::UntilClose,
            persists: !is_change && body != ResponseBody::UntilClose,
        }
    }

    /// Write the upstream's fields that are for the client, as they were written, and tell which
    /// security fields and whether a Date are among them.
    fn write_kept_fields(&self, out: &mut Vec<u8>, lines: &Lines<'_>) -> (Brought, bool) {
        let policy = self.response_fields();
        let mut brought = Brought::default();
        let mut has_date = false;
        let is_for_client = |line: &Line<'_>| match line.field {
            Field::Other => !lines.options.nominates(line.name),
            Field::ContentLength
            | Field::TransferEncoding
            | Field::Connection
            | Field::Upgrade
            | Field::HopByHop
            | Field::RequestId
            | Field::Via => false,
            Field::AccessControl => self.cors.is_none(),
            _ => true,
        };
        for line in lines.all.iter().filter(|line| is_for_client(line)) {
            if policy.keeps(line.name, &mut brought) {
                has_date |= line.field == Field::Date;
                put_field(out, line.name, line.value);
            }
        }
        (brought, has_date)
    }
}

fn put_status_line(out: &mut Vec<u8>, status: u16, reason: &[u8]) {
    let digit = |divisor: u16| b'0' + (status / divisor % 10) as u8;
    let code = [digit(100), digit(10), digit(1)];
    put(out, &[b"HTTP/1.1 ", &code, b" ", reason, b"\r\n"]);
}

#[cfg(test)]
mod tests;
