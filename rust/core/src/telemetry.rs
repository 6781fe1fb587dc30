//! What a gate tells of itself: where it counts, where it logs, and which traces it samples.

use std::sync::Arc;

use crate::access_log::AccessLog;
use crate::arena::Arena;
use crate::identity::Sampling;
use crate::line_ring::LineRing;
use crate::metrics::Metrics;
use crate::specification::{SpecError, Specification};

/// Where a gate counts and logs.
#[derive(Debug)]
pub struct Telemetry {
    /// Counts.
    pub metrics: Arc<Metrics>,
    /// One line for each request.
    pub log: Option<AccessLog>,
    /// Names of the upstreams, by index.
    pub upstreams: Vec<Box<str>>,
    /// Which traces are sampled; none where nobody collects them.
    pub sampling: Option<Sampling>,
}

impl Telemetry {
    /// What a specification asks for, counted in an arena as the worker in a lane, and logged to a
    /// ring.
    ///
    /// # Errors
    ///
    /// [`SpecError`].
    pub fn compile(
        specification: &Specification,
        arena: Arc<Arena>,
        lane: u8,
        ring: Option<Arc<LineRing>>,
    ) -> Result<Self, SpecError> {
        let upstreams = specification.upstreams.iter();
        let tracing = specification.tracing.as_ref();
        Ok(Self {
            metrics: Arc::new(Metrics::compile(specification, arena, lane)),
            log: AccessLog::compile(specification, ring)?,
            upstreams: upstreams.map(|name| name.as_str().into()).collect(),
            sampling: tracing
                .map(|tracing| Sampling::new(tracing.ratio))
                .transpose()?,
        })
    }
}
