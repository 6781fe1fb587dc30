//! A line as a JSON object.

use super::clock::Clock;
use super::number::{put_hexadecimal, put_integer, put_milliseconds};
use super::text::{
    LONGEST_HOST, LONGEST_METHOD, LONGEST_NAME, LONGEST_PATH, LONGEST_REFERER, LONGEST_USER,
    LONGEST_USER_AGENT, bare_referer, put_json,
};
use super::{Details, Entry};
use crate::line_ring::LineRing;
use crate::specification::SpecError;

/// What can be in a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Timestamp,
    RequestId,
    TraceId,
    Client,
    Method,
    Path,
    Route,
    Status,
    Duration,
    Overhead,
    Upstream,
    UpstreamDuration,
    User,
    BytesIn,
    BytesOut,
    Problem,
    Host,
    Scheme,
    Protocol,
    UserAgent,
    Referer,
    Worker,
}

/// Every field by its name.
const FIELDS: [(&str, Field); 22] = [
    ("timestamp", Field::Timestamp),
    ("request_id", Field::RequestId),
    ("trace_id", Field::TraceId),
    ("client", Field::Client),
    ("method", Field::Method),
    ("path", Field::Path),
    ("route", Field::Route),
    ("status", Field::Status),
    ("duration_ms", Field::Duration),
    ("overhead_ms", Field::Overhead),
    ("upstream", Field::Upstream),
    ("upstream_ms", Field::UpstreamDuration),
    ("user", Field::User),
    ("bytes_in", Field::BytesIn),
    ("bytes_out", Field::BytesOut),
    ("problem", Field::Problem),
    ("host", Field::Host),
    ("scheme", Field::Scheme),
    ("protocol", Field::Protocol),
    ("user_agent", Field::UserAgent),
    ("referer", Field::Referer),
    ("worker", Field::Worker),
];

/// The fields of a line, each with what stands before its value.
#[derive(Debug)]
pub(super) struct Layout {
    fields: Vec<(Box<[u8]>, Field)>,
    worker: u64,
}

impl Layout {
    /// The layout of named fields, for a worker's ring.
    pub(super) fn compile(names: &[String], ring: &LineRing) -> Result<Self, SpecError> {
        let mut fields: Vec<(Box<[u8]>, Field)> = Vec::with_capacity(names.len());
        for name in names {
            let known = FIELDS.iter().find(|(known, _)| known == name);
            let &(_, field) =
                known.ok_or_else(|| SpecError(format!("fields: there is no {name:?}")))?;
            if fields.iter().any(|(_, other)| *other == field) {
                return Err(SpecError(format!("fields: {name:?} stands twice")));
            }
            let start = if fields.is_empty() { '{' } else { ',' };
            fields.push((format!("{start}\"{name}\":").into_bytes().into(), field));
        }
        if fields.is_empty() {
            return Err(SpecError("fields: there are none".to_owned()));
        }
        Ok(Self {
            fields,
            worker: ring.worker(),
        })
    }

    /// Whether a field is among them of which a request's details tell.
    pub(super) fn wants_details(&self) -> bool {
        self.fields.iter().any(|(_, field)| {
            matches!(
                field,
                Field::Host | Field::Scheme | Field::UserAgent | Field::Referer
            )
        })
    }

    /// Write a line. A field that a request has no value for is null, so that all lines have the
    /// same members.
    pub(super) fn write(&self, out: &mut Vec<u8>, entry: &Entry<'_>, clock: &mut Clock) {
        for (before, field) in &self.fields {
            out.extend_from_slice(before);
            self.put(out, *field, entry, clock);
        }
        out.push(b'}');
    }

    #[inline]
    fn put(&self, out: &mut Vec<u8>, field: Field, entry: &Entry<'_>, clock: &mut Clock) {
        let details = entry.details;
        match field {
            Field::Timestamp => {
                out.push(b'"');
                clock.put(out, entry.at);
                out.push(b'"');
            }
            Field::RequestId => put_string(out, entry.request_id.as_bytes(), LONGEST_NAME),
            Field::TraceId => {
                out.push(b'"');
                put_hexadecimal(out, entry.trace_id);
                out.push(b'"');
            }
            Field::Client => put_some(out, entry.client, LONGEST_NAME),
            Field::Method => put_some(out, entry.method, LONGEST_METHOD),
            Field::Path => put_some(out, entry.path, LONGEST_PATH),
            Field::Route => put_option(out, entry.route, LONGEST_NAME),
            Field::Status => put_integer(out, entry.status.into()),
            Field::Duration => put_milliseconds(out, entry.duration),
            Field::Overhead => put_milliseconds(out, entry.overhead),
            Field::Upstream => put_option(out, entry.upstream, LONGEST_NAME),
            Field::UpstreamDuration if entry.upstream.is_none() => put_null(out),
            Field::UpstreamDuration => put_milliseconds(out, entry.duration - entry.overhead),
            Field::User => put_option(out, entry.user, LONGEST_USER),
            Field::BytesIn => put_integer(out, entry.request_bytes),
            Field::BytesOut => put_integer(out, entry.response_bytes),
            Field::Problem => put_option(out, entry.problem, LONGEST_NAME),
            Field::Host => put_some(
                out,
                details.map_or("", |details| &details.host),
                LONGEST_HOST,
            ),
            Field::Scheme => put_option(out, details.map(Details::scheme), LONGEST_NAME),
            Field::Protocol => {
                out.extend_from_slice(b"\"HTTP/");
                out.extend_from_slice(entry.version.text().as_bytes());
                out.push(b'"');
            }
            Field::UserAgent => {
                let value = details.and_then(|details| details.user_agent.as_deref());
                put_option(out, value, LONGEST_USER_AGENT);
            }
            Field::Referer => {
                let value = details.and_then(|details| details.referer.as_deref());
                put_option(out, value.map(bare_referer), LONGEST_REFERER);
            }
            Field::Worker => put_integer(out, self.worker),
        }
    }
}

impl Details {
    const fn scheme(&self) -> &'static str {
        if self.secure { "https" } else { "http" }
    }
}

#[inline]
fn put_string(out: &mut Vec<u8>, text: &[u8], longest: usize) {
    out.push(b'"');
    put_json(out, text, longest);
    out.push(b'"');
}

/// Text that is there unless it is empty.
#[inline]
fn put_some(out: &mut Vec<u8>, text: &str, longest: usize) {
    put_option(out, (!text.is_empty()).then_some(text), longest);
}

#[inline]
fn put_option<T: AsRef<[u8]> + ?Sized>(out: &mut Vec<u8>, text: Option<&T>, longest: usize) {
    match text {
        Some(text) => put_string(out, text.as_ref(), longest),
        None => put_null(out),
    }
}

#[inline]
fn put_null(out: &mut Vec<u8>) {
    out.extend_from_slice(b"null");
}
