//! What is counted.

use std::sync::Arc;

use crate::access_log::LineOutcome;
use crate::arena::Arena;
use crate::method::Known;
use crate::specification::Specification;

/// What is to be counted of one request that has ended.
#[derive(Debug, Clone, Copy)]
pub struct Observation {
    /// Method; nothing for one that metrics do not know.
    pub method: Option<Known>,
    /// Index of the route that took it.
    pub route: Option<usize>,
    /// Status that the client was sent, or 499.
    pub status: u16,
    /// Seconds that it took.
    pub duration: f64,
    /// Seconds of these that were the gateway's.
    pub overhead: f64,
    /// Where the time went.
    pub phases: Phases,
    /// Index of the upstream that it went to, and whether that has answered.
    pub upstream: Option<(usize, bool)>,
    /// Bytes of the request's body.
    pub request_bytes: u64,
    /// Bytes of the response's body.
    pub response_bytes: u64,
    /// Identifier of its trace, and the Unix seconds now, if the trace is sampled.
    pub exemplar: Option<(u128, f64)>,
}

/// Seconds of each part of a request's life; nothing for one that did not happen.
#[derive(Debug, Clone, Copy, Default)]
pub struct Phases {
    /// From the first byte of a head that came in pieces to its end.
    pub parse: Option<f64>,
    /// To decide, and to write the request's head.
    pub decide: Option<f64>,
    /// For the verification of its credential.
    pub verify: Option<f64>,
    /// For the store of rate limits.
    pub limit: Option<f64>,
    /// For a connection to the upstream.
    pub connect: Option<f64>,
    /// For the upstream's response head.
    pub wait: Option<f64>,
    /// To pass the response on.
    pub stream: Option<f64>,
}

/// What happened on the way to an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpstreamEvent {
    /// A request was tried again.
    Retry,
    /// No connection could be made.
    ConnectFailed,
    /// No answer came in time.
    Timeout,
    /// The connection ended before the response did.
    Reset,
    /// The response broke a guard.
    ProtocolError,
    /// All connections were in use, and the queue full or too slow.
    Overloaded,
}

impl UpstreamEvent {
    /// Every event.
    pub const ALL: [Self; 6] = [
        Self::Retry,
        Self::ConnectFailed,
        Self::Timeout,
        Self::Reset,
        Self::ProtocolError,
        Self::Overloaded,
    ];

    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::ConnectFailed => "connect-failed",
            Self::Timeout => "timeout",
            Self::Reset => "reset",
            Self::ProtocolError => "protocol-error",
            Self::Overloaded => "overloaded",
        }
    }

    /// The event with a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.name() == name)
    }
}

/// Counts what one gate does.
#[derive(Debug)]
pub struct Metrics {
    _arena: Arc<Arena>,
}

impl Metrics {
    /// Metrics of the routes, upstreams and policies of a specification, counted in an arena.
    #[must_use]
    pub fn compile(_specification: &Specification, arena: Arc<Arena>, _lane: u8) -> Self {
        Self { _arena: arena }
    }

    /// Count a request that has ended.
    #[inline]
    pub fn observe(&self, _request: &Observation) {}

    /// Count what happened on the way to an upstream, by its index.
    pub fn count_upstream(&self, _upstream: usize, _event: UpstreamEvent) {}

    /// Count what became of a line of the access log.
    #[inline]
    pub fn count_line(&self, _outcome: LineOutcome) {}
}
