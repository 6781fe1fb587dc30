//! One line for each request.

use std::sync::Arc;

use crate::framing::Version;
use crate::line_ring::LineRing;
use crate::specification::{SpecError, Specification};

/// What is said about a request.
#[derive(Debug)]
pub struct Entry<'a> {
    /// Unix seconds at which its head was complete.
    pub at: f64,
    /// Its identifier.
    pub request_id: &'a str,
    /// Identifier of its trace.
    pub trace_id: u128,
    /// Address of the client.
    pub client: &'a str,
    /// Method as it was written; empty where the head could not be read.
    pub method: &'a str,
    /// Canonical path without the query; empty where the target could not be read.
    pub path: &'a str,
    /// Version of the request.
    pub version: Version,
    /// Name of the route that took it.
    pub route: Option<&'a str>,
    /// Status that the client was sent, or 499.
    pub status: u16,
    /// Seconds that it took.
    pub duration: f64,
    /// Seconds of these that were the gateway's.
    pub overhead: f64,
    /// Name of the upstream that it went to.
    pub upstream: Option<&'a str>,
    /// Who the client is.
    pub user: Option<&'a str>,
    /// Bytes of the request's body.
    pub request_bytes: u64,
    /// Bytes of the response's body.
    pub response_bytes: u64,
    /// Name of the problem that it met.
    pub problem: Option<&'a str>,
    /// What only some logs want.
    pub details: Option<&'a Details>,
    /// Bits that are the request's own, by which it is sampled.
    pub random: u64,
}

/// What only some logs want of a request. None of it can be trusted.
#[derive(Debug, Clone)]
pub struct Details {
    /// Host.
    pub host: Box<str>,
    /// Whether the connection is TLS.
    pub secure: bool,
    /// User-Agent.
    pub user_agent: Option<Box<[u8]>>,
    /// Referer.
    pub referer: Option<Box<[u8]>>,
}

/// What became of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineOutcome {
    /// It is in the ring.
    Written,
    /// It is not among those that are kept.
    SampledOut,
    /// There was no room for it.
    Dropped,
}

/// Renders lines as it was configured.
#[derive(Debug)]
pub struct AccessLog {
    ring: Arc<LineRing>,
}

impl AccessLog {
    /// The log that a specification asks for; nothing where it asks for none, or nobody takes the lines.
    ///
    /// # Errors
    ///
    /// [`SpecError`].
    pub fn compile(
        _specification: &Specification,
        ring: Option<Arc<LineRing>>,
    ) -> Result<Option<Self>, SpecError> {
        Ok(ring.map(|ring| Self { ring }))
    }

    /// Whether entries need their [`Details`].
    #[must_use]
    pub const fn wants_details(&self) -> bool {
        false
    }

    /// Write a line, if it is to be kept and there is room.
    #[must_use]
    pub fn write(&self, _entry: &Entry<'_>) -> LineOutcome {
        if self.ring.put(b"") {
            LineOutcome::Written
        } else {
            LineOutcome::Dropped
        }
    }
}
