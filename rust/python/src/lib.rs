//! The door between Python and the native core: conversions and one declarative module.
//!
//! Nothing is decided here. Header fields are borrowed from the `bytes` objects that the
//! tokeniser made; what comes back is one `bytes` object per head.

use pyo3::prelude::pymodule;

/// The native core: it decides, and performs no I/O.
#[pymodule]
mod _core {
    use std::sync::{Mutex, PoisonError};

    use pygateway_core as core;
    use pygateway_core::client::Peer as CorePeer;
    use pygateway_core::decision::{Answer, Kind, Reason, Refusal};
    use pygateway_core::framing::RequestBody;
    use pygateway_core::reply::{RawResponse, Reply, ResponseFraming};
    use pygateway_core::request::RawRequest;
    use pygateway_core::specification::Specification;
    use pygateway_core::tokens;
    use pyo3::exceptions::PyValueError;
    use pyo3::prelude::*;
    use pyo3::types::{PyBytes, PyList, PyTuple};

    /// Room for the fields of nearly every message.
    const USUAL_FIELDS: usize = 32;

    /// A list of fields as Python keeps it.
    type Headers<'py> = Bound<'py, PyList>;

    #[pymodule_export]
    use super::exceptions::{ProtocolError, SpecError};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        let names = Reason::ALL.map(Reason::name);
        module.add("REASONS", PyTuple::new(module.py(), names)?)
    }

    /// What is known of the other end of one client connection.
    #[pyclass(frozen, module = "pygateway._core")]
    struct Peer(CorePeer);

    #[pymethods]
    impl Peer {
        /// IP address; empty for a unix socket.
        #[getter]
        fn address(&self) -> &str {
            &self.0.address
        }

        /// Whether what it says of the original client is believed.
        #[getter]
        fn trusted(&self) -> bool {
            self.0.trusted
        }
    }

    /// The compiled configuration: routes, limits and header policies.
    #[pyclass(frozen, module = "pygateway._core")]
    struct Gate(core::Gate);

    #[pymethods]
    impl Gate {
        #[new]
        fn new(specification: &[u8], seed: &[u8]) -> PyResult<Self> {
            let seed = seed
                .try_into()
                .map_err(|_| PyValueError::new_err("the seed does not have 32 bytes"))?;
            Specification::from_json(specification)
                .and_then(|specification| core::Gate::new(&specification, seed))
                .map(Self)
                .map_err(|error| SpecError::new_err(error.0))
        }

        /// Describe the other end of a new connection.
        fn peer(&self, address: &str, secure: bool) -> PyResult<Peer> {
            self.0
                .peer(address, secure)
                .map(Peer)
                .ok_or_else(|| PyValueError::new_err(format!("{address:?} is no IP address")))
        }

        /// May this request go, where, and with which bytes at its head?
        #[pyo3(signature = (method, target, headers, peer, now, version = 11))]
        #[expect(
            clippy::too_many_arguments,
            reason = "they are the parts of a request's head"
        )]
        fn decide<'py>(
            &self,
            py: Python<'py>,
            method: &[u8],
            target: &[u8],
            headers: &Headers<'_>,
            peer: &Peer,
            now: f64,
            version: u32,
        ) -> PyResult<Bound<'py, PyAny>> {
            let headers = headers.to_tuple();
            let fields = borrow_fields(&headers)?;
            let raw = RawRequest {
                method,
                target,
                fields: &fields,
                version,
            };
            wrap_decision(py, self.0.decide(&raw, &peer.0, now))
        }

        /// `decide` for a head as it came, up to and with its empty line.
        fn decide_head<'py>(
            &self,
            py: Python<'py>,
            head: &[u8],
            peer: &Peer,
            now: f64,
        ) -> PyResult<Bound<'py, PyAny>> {
            let mut fields = Vec::with_capacity(USUAL_FIELDS);
            let decision = match tokens::read_request(head, &mut fields) {
                Ok(line) => {
                    let raw = RawRequest {
                        method: line.method,
                        target: line.target,
                        fields: &fields,
                        version: line.version,
                    };
                    self.0.decide(&raw, &peer.0, now)
                }
                Err(error) => core::Decision::Reject(self.0.refuse(error.into(), &peer.0, now)),
            };
            wrap_decision(py, decision)
        }

        /// A `Reject` for a head that could not be read; the connection has to close.
        fn refuse<'py>(
            &self,
            py: Python<'py>,
            reason: &str,
            detail: String,
            peer: &Peer,
            now: f64,
        ) -> PyResult<Bound<'py, Reject>> {
            let reason = Reason::from_name(reason)
                .ok_or_else(|| PyValueError::new_err(format!("{reason:?} is no reason")))?;
            Reject::wrap(
                py,
                self.0.refuse(Refusal::new(reason, detail), &peer.0, now),
            )
        }

        /// Say which route takes a request, and why the others do not, as JSON.
        fn explain(
            &self,
            method: &[u8],
            target: &[u8],
            headers: &Headers<'_>,
            peer: &Peer,
        ) -> PyResult<String> {
            let headers = headers.to_tuple();
            let fields = borrow_fields(&headers)?;
            let raw = RawRequest {
                method,
                target,
                fields: &fields,
                version: 11,
            };
            Ok(self.0.explain(&raw, &peer.0))
        }
    }

    fn wrap_decision(py: Python<'_>, decision: core::Decision) -> PyResult<Bound<'_, PyAny>> {
        Ok(match decision {
            core::Decision::Forward(decision) => Forward::wrap(py, decision)?.into_any(),
            core::Decision::Respond(decision) => Respond::wrap(py, decision)?.into_any(),
            core::Decision::Reject(decision) => Reject::wrap(py, decision)?.into_any(),
        })
    }

    /// The fields of a message, borrowed. The tuple keeps the objects alive whatever becomes of the
    /// list from which it was made.
    fn borrow_fields<'a>(fields: &'a Bound<'_, PyTuple>) -> PyResult<Vec<(&'a [u8], &'a [u8])>> {
        let mut borrowed = Vec::with_capacity(fields.len());
        for field in fields.iter_borrowed() {
            borrowed.push(field.extract()?);
        }
        Ok(borrowed)
    }

    fn field_list<'py>(
        py: Python<'py>,
        fields: &[(Vec<u8>, Vec<u8>)],
    ) -> PyResult<Bound<'py, PyList>> {
        let pairs = fields
            .iter()
            .map(|(name, value)| (PyBytes::new(py, name), PyBytes::new(py, value)));
        PyList::new(py, pairs.collect::<Vec<_>>())
    }

    /// What every decision knows, whichever way it went.
    #[pyclass(frozen, subclass, module = "pygateway._core")]
    struct Decision(Reply);

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

        /// Whether the client waits for 100 (Continue) before it sends its body.
        #[getter]
        fn expects_continue(&self) -> bool {
            self.0.expects_continue
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

    /// The request goes to the route's upstream.
    #[pyclass(frozen, extends = Decision, module = "pygateway._core")]
    struct Forward {
        head: Py<PyBytes>,
        host_from_endpoint: bool,
        idempotent: bool,
        body_limit: u64,
        /// Set by `response_head`.
        framing: Mutex<ResponseFraming>,
    }

    impl Forward {
        fn wrap(py: Python<'_>, decision: core::Forward) -> PyResult<Bound<'_, Self>> {
            let forward = Self {
                head: PyBytes::new(py, &decision.head).unbind(),
                host_from_endpoint: decision.host_from_endpoint,
                idempotent: decision.idempotent,
                body_limit: decision.body_limit,
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

        /// Greatest size of the request's body in bytes; 0 when unlimited.
        #[getter]
        fn body_limit(&self) -> u64 {
            self.body_limit
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
        fn response_framing(&self) -> u8 {
            let framing = self.framing();
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

    /// The gateway answers by itself.
    #[pyclass(frozen, extends = Decision, module = "pygateway._core")]
    struct Respond {
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
    struct Reject(Refusal);

    impl Reject {
        fn wrap(py: Python<'_>, decision: core::Reject) -> PyResult<Bound<'_, Self>> {
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

        /// Fields that the problem calls for, such as Allow.
        #[getter]
        fn headers<'py>(&self, py: Python<'py>) -> PyResult<Headers<'py>> {
            field_list(py, &self.0.headers)
        }
    }
}

mod exceptions {
    use pyo3::create_exception;
    use pyo3::exceptions::PyValueError;

    create_exception!(
        _core,
        ProtocolError,
        PyValueError,
        "The upstream's response breaks a guard; its connection is unusable."
    );
    create_exception!(
        _core,
        SpecError,
        PyValueError,
        "The gate specification is unusable."
    );
}
