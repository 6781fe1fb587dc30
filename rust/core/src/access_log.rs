//! One line for each request, in the worker's ring.
//!
//! A line is rendered when its request has ended: into a buffer that is used again, and from there
//! into the ring. Nothing is allocated, and nothing waits.
//!
//! Much of what is in a line was chosen by a client, who may wish for a second line, a forged one, or
//! one that moves the cursor of whoever reads it. Lines have no control character, and text cannot
//! leave its quotes: see [`text`]. What a client can make as long as it likes is cut off, and says
//! so. There are no queries, no fragments and no credentials in a line.

use std::cell::RefCell;
use std::sync::Arc;

use crate::framing::Version;
use crate::line_ring::LineRing;
use crate::specification::{LogFormat, SpecError, Specification};

mod clock;
mod combined;
mod json;
mod number;
#[cfg(test)]
mod tests;
mod text;

use clock::Clock;
use json::Layout;

/// Room for a usual line; the buffer grows once to the longest that there was.
const USUAL_LENGTH: usize = 1024;

/// What is said about a request.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// Unix seconds at which its head was complete.
    pub at: f64,
    /// Its identifier.
    pub request_id: &'a str,
    /// Identifier of its trace.
    pub trace_id: u128,
    /// Address of the client; empty where it has none.
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
    format: Format,
    /// Requests are kept whose bits are below; all of them where there is none.
    threshold: Option<u64>,
}

#[derive(Debug)]
enum Format {
    Json(Layout),
    Combined,
}

impl AccessLog {
    /// The log that a specification asks for; nothing where it asks for none, or nobody takes the
    /// lines.
    ///
    /// # Errors
    ///
    /// [`SpecError`].
    pub fn compile(
        specification: &Specification,
        ring: Option<Arc<LineRing>>,
    ) -> Result<Option<Self>, SpecError> {
        let (Some(wanted), Some(ring)) = (&specification.access_log, ring) else {
            return Ok(None);
        };
        let compiled = || -> Result<Self, SpecError> {
            Ok(Self {
                format: match wanted.format {
                    LogFormat::Json => Format::Json(Layout::compile(&wanted.fields, &ring)?),
                    LogFormat::Combined => Format::Combined,
                },
                threshold: threshold(wanted.sample)?,
                ring,
            })
        };
        compiled()
            .map(Some)
            .map_err(|error| error.within("access_log"))
    }

    /// Whether entries need their [`Details`].
    #[must_use]
    pub fn wants_details(&self) -> bool {
        match &self.format {
            Format::Json(layout) => layout.wants_details(),
            Format::Combined => true,
        }
    }

    /// Write a line, if it is to be kept and there is room.
    #[must_use]
    pub fn write(&self, entry: &Entry<'_>) -> LineOutcome {
        thread_local! {
            static SCRATCH: RefCell<(Vec<u8>, Clock)> =
                const { RefCell::new((Vec::new(), Clock::new())) };
        }
        if !self.keeps(entry) {
            return LineOutcome::SampledOut;
        }
        SCRATCH.with_borrow_mut(|(line, clock)| {
            line.clear();
            line.reserve(USUAL_LENGTH);
            match &self.format {
                Format::Json(layout) => layout.write(line, entry, clock),
                Format::Combined => combined::write(line, entry, clock),
            }
            if self.ring.put(line) {
                LineOutcome::Written
            } else {
                LineOutcome::Dropped
            }
        })
    }

    /// Whether a request is among those that are kept: all with which something was wrong are.
    fn keeps(&self, entry: &Entry<'_>) -> bool {
        self.threshold.is_none_or(|threshold| {
            entry.random < threshold || entry.status >= 400 || entry.problem.is_some()
        })
    }
}

/// Below which number that share of all 64-bit words is; nothing, if all are kept.
#[expect(
    clippy::cast_sign_loss,
    reason = "the share is not negative, and the product saturates"
)]
fn threshold(share: f64) -> Result<Option<u64>, SpecError> {
    const WORDS: f64 = 18_446_744_073_709_551_616.0;
    if !(0.0..=1.0).contains(&share) {
        return Err(SpecError(format!("sample: {share} is not within 0 and 1")));
    }
    Ok((share < 1.0).then_some((share * WORDS) as u64))
}
