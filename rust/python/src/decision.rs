//! What a gate decided.

use pygateway_core as core;
use pygateway_core::conclusion::{Conclusion, Waits};
use pygateway_core::decision::{Answer, Kind, Refusal};
use pygateway_core::framing::RequestBody;
use pygateway_core::reply::Reply;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::fields::{Headers, borrow_fields, field_list};
use crate::forward::Forward;
use crate::rate_limit::Unfunded;
use crate::unverified::Unverified;

pub fn wrap_decision(py: Python<'_>, decision: core::Decision) -> PyResult<Bound<'_, PyAny>> {
    Ok(match decision {
        core::Decision::Forward(decision) => Forward::wrap(py, decision)?.into_any(),
        core::Decision::Respond(decision) => Respond::wrap(py, decision)?.into_any(),
        core::Decision::Reject(decision) => Reject::wrap(py, decision)?.into_any(),
        core::Decision::Unverified(decision) => Unverified::wrap(py, decision)?.into_any(),
        core::Decision::Unfunded(decision) => Unfunded::wrap(py, decision)?.into_any(),
    })
}

/// What every decision knows, whichever way it went.
#[pyclass(frozen, subclass, module = "pygateway._core")]
pub struct Decision(pub Reply);

#[pymethods]
impl Decision {
    /// Index of the route in the specification.
    #[getter]
    fn route(&self) -> Option<usize> {
        self.0.route
    }

    /// A fresh UUIDv7, or the one a trusted peer gave.
    #[getter]
    fn request_id(&self) -> &str {
        &self.0.request_id
    }

    /// Address of the client, behind trusted proxies.
    #[getter]
    fn client(&self) -> &str {
        &self.0.client
    }

    /// Canonical path without query; empty when the target could not be read.
    #[getter]
    fn path(&self) -> &str {
        &self.0.path
    }

    /// Whether the client's connection may persist after this exchange.
    #[getter]
    fn keep_alive(&self) -> bool {
        self.0.keep_alive
    }

    /// Whether the method is HEAD, so that no reply has a body.
    #[getter]
    fn head_only(&self) -> bool {
        self.0.head_only
    }

    /// Bytes of the request's body, or -1 when it is chunked.
    #[getter]
    fn body_length(&self) -> i64 {
        match self.0.body {
            RequestBody::Absent => 0,
            // Greater numbers than i64 has do not pass the guards.
            RequestBody::Length(length) => i64::try_from(length).unwrap_or(i64::MAX),
            RequestBody::Chunked => -1,
        }
    }

    /// Greatest size of the request's body in bytes; 0 when unlimited.
    #[getter]
    fn body_limit(&self) -> u64 {
        self.0.body_limit
    }

    /// Who the client is, where that is known.
    #[getter]
    fn user(&self) -> Option<&str> {
        let accepted = self.0.accepted.as_ref()?;
        accepted.principal.subject.as_deref()
    }

    /// Whether the client waits for 100 (Continue) before it sends its body.
    #[getter]
    fn expects_continue(&self) -> bool {
        self.0.expects_continue
    }

    /// Identifier of the trace that the request is a part of.
    #[getter]
    fn trace_id(&self) -> String {
        format!("{:032x}", self.0.trace.id)
    }

    /// Whether the gateway's spans of that trace are collected.
    #[getter]
    fn sampled(&self) -> bool {
        self.0.trace.is_sampled
    }

    /// The spans: of the peer that the request comes from, the gateway's own, and of the request to
    /// the upstream.
    #[getter]
    fn spans(&self) -> (String, String, String) {
        let trace = &self.0.trace;
        let parent = trace.parent.map(|span| format!("{span:016x}"));
        (
            parent.unwrap_or_default(),
            format!("{:016x}", trace.span),
            format!("{:016x}", trace.client_span),
        )
    }

    /// Whether the client's connection is TLS.
    #[getter]
    fn secure(&self) -> bool {
        self.0.secure
    }

    /// Method of the request.
    #[getter]
    fn method_name(&self) -> &str {
        self.0.method.text()
    }

    /// The status that the client was sent.
    #[getter]
    fn sent_status(&self) -> u16 {
        self.0.status()
    }

    /// Name of the route.
    #[getter]
    fn route_name(&self) -> Option<&str> {
        let reply = &self.0;
        reply.route.map(|route| &*reply.tables.policies[route].name)
    }

    /// Say that the request has ended: it counts no more among those in flight.
    fn release(&self) {
        self.0.release();
    }

    /// Say that the request has ended, and how; count and log it.
    #[pyo3(signature = (began, sent, answered, written, ended, request_bytes, response_bytes, upstream, problem, waits))]
    #[expect(
        clippy::too_many_arguments,
        reason = "they are the parts of a request's life"
    )]
    fn conclude(
        &self,
        began: f64,
        sent: f64,
        answered: f64,
        written: f64,
        ended: f64,
        request_bytes: u64,
        response_bytes: u64,
        upstream: isize,
        problem: Option<&str>,
        waits: Option<(f64, f64, f64, f64, f64)>,
    ) -> bool {
        let waits = waits.map(|(parse, verify, limit, connect, earlier)| Waits {
            parse,
            verify,
            limit,
            connect,
            earlier,
        });
        let upstreams = self.0.tables.telemetry.upstreams.len();
        self.0.conclude(&Conclusion {
            began,
            sent,
            answered,
            written,
            ended,
            request_bytes,
            response_bytes,
            upstream: usize::try_from(upstream)
                .ok()
                .filter(|&upstream| upstream < upstreams),
            problem,
            waits: waits.unwrap_or_default(),
        })
    }

    /// Head of a reply that the gateway itself makes.
    #[pyo3(signature = (status, headers, content_length, now, close = false))]
    fn reply_head<'py>(
        &self,
        py: Python<'py>,
        status: u16,
        headers: &Headers<'_>,
        content_length: u64,
        now: f64,
        close: bool,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let headers = headers.to_tuple();
        let fields = borrow_fields(&headers)?;
        self.0
            .own_head(status, &fields, content_length, now, close)
            .map(|head| PyBytes::new(py, &head))
            .map_err(|error| PyValueError::new_err(error.0))
    }
}

/// The gateway answers by itself.
#[pyclass(frozen, extends = Decision, module = "pygateway._core")]
pub struct Respond {
    kind: Kind,
    answer: Answer,
}

impl Respond {
    fn wrap(py: Python<'_>, decision: core::Respond) -> PyResult<Bound<'_, Self>> {
        let core::Respond {
            reply,
            kind,
            answer,
        } = decision;
        let base = PyClassInitializer::from(Decision(reply));
        Bound::new(py, base.add_subclass(Self { kind, answer }))
    }
}

#[pymethods]
impl Respond {
    /// Why; for `health` the caller supplies the body.
    #[getter]
    fn kind(&self) -> &'static str {
        self.kind.name()
    }

    /// Status code.
    #[getter]
    fn status(&self) -> u16 {
        self.answer.status
    }

    /// Fields for `reply_head`.
    #[getter]
    fn headers<'py>(&self, py: Python<'py>) -> PyResult<Headers<'py>> {
        field_list(py, &self.answer.headers)
    }

    /// The body, which is not sent to HEAD.
    #[getter]
    fn body<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.answer.body)
    }
}

/// The request is refused.
#[pyclass(frozen, extends = Decision, module = "pygateway._core")]
pub struct Reject(Refusal);

impl Reject {
    pub fn wrap(py: Python<'_>, decision: core::Reject) -> PyResult<Bound<'_, Self>> {
        let base = PyClassInitializer::from(Decision(decision.reply));
        Bound::new(py, base.add_subclass(Self(decision.refusal)))
    }
}

#[pymethods]
impl Reject {
    /// Problem name, one of `REASONS`.
    #[getter]
    fn reason(&self) -> &'static str {
        self.0.reason.name()
    }

    /// One sentence for the client; never echoes a header's value.
    #[getter]
    fn detail(&self) -> &str {
        &self.0.detail
    }

    /// Names of the rate limits that are violated.
    #[getter]
    fn violated(&self) -> Vec<&str> {
        self.0.violated.iter().map(|name| &**name).collect()
    }

    /// Fields that the problem calls for, such as Allow.
    #[getter]
    fn headers<'py>(&self, py: Python<'py>) -> PyResult<Headers<'py>> {
        field_list(py, &self.0.headers)
    }
}
