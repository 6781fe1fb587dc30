//! A request that goes to an upstream, and what comes back.

use std::sync::{Mutex, PoisonError};

use pygateway_core as core;
use pygateway_core::reply::{RawResponse, ResponseFraming};
use pygateway_core::tokens;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::decision::Decision;
use crate::exceptions::ProtocolError;
use crate::fields::{Headers, USUAL_FIELDS, borrow_fields};

/// The request goes to the route's upstream.
#[pyclass(frozen, extends = Decision, module = "pygateway._core")]
pub struct Forward {
    head: Py<PyBytes>,
    host_from_endpoint: bool,
    idempotent: bool,
    /// Set by `response_head`.
    framing: Mutex<ResponseFraming>,
}

impl Forward {
    pub fn wrap(py: Python<'_>, decision: core::Forward) -> PyResult<Bound<'_, Self>> {
        let forward = Self {
            head: PyBytes::new(py, &decision.head).unbind(),
            host_from_endpoint: decision.host_from_endpoint,
            idempotent: decision.idempotent,
            framing: Mutex::default(),
        };
        let base = PyClassInitializer::from(Decision(decision.reply));
        Bound::new(py, base.add_subclass(forward))
    }

    fn framing(&self) -> ResponseFraming {
        // The framing is written in one piece, so a poisoned lock still holds one.
        *self.framing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Forward {
    /// Request head for the upstream; see `host_from_endpoint` for its end.
    #[getter]
    fn head(&self, py: Python<'_>) -> Py<PyBytes> {
        self.head.clone_ref(py)
    }

    /// Whether `head` still lacks the Host line and the blank line.
    #[getter]
    fn host_from_endpoint(&self) -> bool {
        self.host_from_endpoint
    }

    /// Whether the client's wish to change protocols is passed on.
    #[getter]
    fn upgrade(slf: &Bound<'_, Self>) -> bool {
        slf.as_super().get().0.upgrade
    }

    /// Whether the method is idempotent.
    #[getter]
    fn idempotent(&self) -> bool {
        self.idempotent
    }

    /// Head of the upstream's final response as the client gets it.
    #[pyo3(signature = (status, reason, headers, now, version = 11, close = false))]
    fn response_head<'py>(
        slf: &Bound<'py, Self>,
        status: u16,
        reason: &[u8],
        headers: &Headers<'_>,
        now: f64,
        version: u32,
        close: bool,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let headers = headers.to_tuple();
        let fields = borrow_fields(&headers)?;
        let raw = RawResponse {
            status,
            reason,
            fields: &fields,
            version,
        };
        let reply = &slf.as_super().get().0;
        let (head, framing) = reply
            .response_head(&raw, now, close)
            .map_err(|error| ProtocolError::new_err(error.0))?;
        *slf.get()
            .framing
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = framing;
        Ok(PyBytes::new(slf.py(), &head))
    }

    /// `response_head` for a head as it came, up to and with its empty line.
    #[pyo3(signature = (head, now, close = false))]
    fn read_response<'py>(
        slf: &Bound<'py, Self>,
        head: &[u8],
        now: f64,
        close: bool,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let mut fields = Vec::with_capacity(USUAL_FIELDS);
        let reply = &slf.as_super().get().0;
        let read = tokens::read_response(head, &mut fields).map_err(core::ProtocolError::from);
        let (head, framing) = read
            .and_then(|line| {
                let raw = RawResponse {
                    status: line.status,
                    reason: line.reason,
                    fields: &fields,
                    version: line.version,
                };
                reply.response_head(&raw, now, close)
            })
            .map_err(|error| ProtocolError::new_err(error.0))?;
        *slf.get()
            .framing
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = framing;
        Ok(PyBytes::new(slf.py(), &head))
    }

    /// `interim_head` for a head as it came, up to and with its empty line.
    fn read_interim<'py>(slf: &Bound<'py, Self>, head: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        let mut fields = Vec::with_capacity(USUAL_FIELDS);
        let read = tokens::read_response(head, &mut fields).map_err(core::ProtocolError::from);
        read.and_then(|line| {
            let raw = RawResponse {
                status: line.status,
                reason: line.reason,
                fields: &fields,
                version: line.version,
            };
            slf.as_super().get().0.interim_head(&raw)
        })
        .map(|head| PyBytes::new(slf.py(), &head))
        .map_err(|error| ProtocolError::new_err(error.0))
    }

    /// Head of an interim response (1xx but 101) as the client gets it.
    fn interim_head<'py>(
        slf: &Bound<'py, Self>,
        status: u16,
        reason: &[u8],
        headers: &Headers<'_>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let headers = headers.to_tuple();
        let fields = borrow_fields(&headers)?;
        let raw = RawResponse {
            status,
            reason,
            fields: &fields,
            version: 11,
        };
        let head = slf.as_super().get().0.interim_head(&raw);
        head.map(|head| PyBytes::new(slf.py(), &head))
            .map_err(|error| ProtocolError::new_err(error.0))
    }

    /// What is known of the response's body, in bits.
    #[getter]
    fn response_framing(slf: &Bound<'_, Self>) -> u8 {
        let framing = slf.get().framing();
        let bits = [
            framing.chunked,
            framing.bodiless,
            framing.closes,
            framing.comes_chunked,
            framing.comes_until_close,
            framing.persists,
        ];
        bits.into_iter()
            .rev()
            .fold(0, |number, bit| number << 1 | u8::from(bit))
    }

    /// Whether the body is written to the client in chunks.
    #[getter]
    fn response_chunked(&self) -> bool {
        self.framing().chunked
    }

    /// Exact bytes of the body that the client expects; -1 in chunks or until close.
    #[getter]
    fn response_length(&self) -> i64 {
        let length = self.framing().length;
        length.map_or(-1, |length| i64::try_from(length).unwrap_or(i64::MAX))
    }

    /// Whether the response ends with its head: HEAD, 204, 304, 101.
    #[getter]
    fn response_bodiless(&self) -> bool {
        self.framing().bodiless
    }

    /// Whether the client's connection ends after this response.
    #[getter]
    fn response_closes(&self) -> bool {
        self.framing().closes
    }
}
