//! The one that is asked.

use pygateway_core as core;
use pygateway_core::api_keys::ApiKeys;
use pygateway_core::authentication::{Admission, Authentication, Misuse};
use pygateway_core::client::Peer as CorePeer;
use pygateway_core::decision::{Reason, Refusal};
use pygateway_core::gate::Known;
use pygateway_core::keys::{Algorithm, Key};
use pygateway_core::metrics::UpstreamEvent;
use pygateway_core::rate_limit::{RateLimits, StoreReport};
use pygateway_core::request::RawRequest;
use pygateway_core::revocation::Revocation;
use pygateway_core::specification::Specification;
use pygateway_core::tokens;
use pyo3::exceptions::{PyOverflowError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::decision::{Decision, Reject, wrap_decision};
use crate::exceptions::SpecError;
use crate::fields::{Headers, USUAL_FIELDS, borrow_fields};
use crate::line_ring::LineRing;
use crate::rate_limit::{
    AnswerParts, Arena, Funding, RefundParts, Unfunded, answers_of, refund_parts,
};
use crate::unverified::{Unverified, Verdict};

/// Id, algorithms, kind and material of a key.
type KeyParts = (Option<String>, Vec<String>, String, Vec<u8>);

/// What is known of the other end of one client connection.
#[pyclass(frozen, module = "pygateway._core")]
pub struct Peer(CorePeer);

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
pub struct Gate(core::Gate);

#[pymethods]
impl Gate {
    #[new]
    #[pyo3(signature = (specification, seed, arena = None, lane = 0, log = None))]
    fn new(
        specification: &[u8],
        seed: &[u8],
        arena: Option<&Arena>,
        lane: u8,
        log: Option<&LineRing>,
    ) -> PyResult<Self> {
        let seed = seed
            .try_into()
            .map_err(|_| PyValueError::new_err("the seed does not have 32 bytes"))?;
        Specification::from_json(specification)
            .and_then(|specification| match arena {
                None => core::Gate::new(&specification, seed),
                Some(arena) => {
                    let arena = std::sync::Arc::clone(&arena.0);
                    let log = log.map(|log| std::sync::Arc::clone(&log.0));
                    core::Gate::logging(&specification, seed, arena, lane, log)
                }
            })
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
    #[pyo3(signature = (method, target, headers, peer, now, version = 11, verdict = None, funding = None, earlier = None))]
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
        verdict: Option<&Verdict>,
        funding: Option<&Funding>,
        earlier: Option<&Bound<'py, Decision>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let headers = headers.to_tuple();
        let fields = borrow_fields(&headers)?;
        let raw = RawRequest {
            method,
            target,
            fields: &fields,
            version,
        };
        let known = known(verdict, funding, earlier);
        wrap_decision(py, self.0.decide(&raw, &peer.0, now, known))
    }

    /// `decide` for a head as it came, up to and with its empty line.
    #[pyo3(signature = (head, peer, now, verdict = None, funding = None, earlier = None))]
    #[expect(clippy::too_many_arguments, reason = "what is known comes in parts")]
    fn decide_head<'py>(
        &self,
        py: Python<'py>,
        head: &[u8],
        peer: &Peer,
        now: f64,
        verdict: Option<&Verdict>,
        funding: Option<&Funding>,
        earlier: Option<&Bound<'py, Decision>>,
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
                self.0
                    .decide(&raw, &peer.0, now, known(verdict, funding, earlier))
            }
            Err(error) => core::Decision::Reject(self.0.refuse(error.into(), &peer.0, now)),
        };
        wrap_decision(py, decision)
    }

    /// A `Reject` for a head that could not be read; the connection has to close.
    #[pyo3(signature = (reason, detail, peer, now, earlier = None))]
    fn refuse<'py>(
        &self,
        py: Python<'py>,
        reason: &str,
        detail: String,
        peer: &Peer,
        now: f64,
        earlier: Option<&Bound<'py, Decision>>,
    ) -> PyResult<Bound<'py, Reject>> {
        let refusal = Refusal::new(reason_named(reason)?, detail);
        let reject = match earlier {
            None => self.0.refuse(refusal, &peer.0, now),
            Some(earlier) => {
                let earlier = &earlier.get().0;
                self.0.refuse_after_all(refusal, &peer.0, now, earlier)
            }
        };
        Reject::wrap(py, reject)
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

    /// Say what would become of a request, as JSON, and leave no trace.
    #[pyo3(signature = (method, target, headers, peer, now, unverified = None, claims = None))]
    #[expect(
        clippy::too_many_arguments,
        reason = "they are the parts of a request's head"
    )]
    fn rehearse<'py>(
        &self,
        py: Python<'py>,
        method: &[u8],
        target: &[u8],
        headers: &Headers<'_>,
        peer: &Peer,
        now: f64,
        unverified: Option<&Unverified>,
        claims: Option<&[u8]>,
    ) -> PyResult<(String, Option<Bound<'py, Unverified>>)> {
        let headers = headers.to_tuple();
        let fields = borrow_fields(&headers)?;
        let raw = RawRequest {
            method,
            target,
            fields: &fields,
            version: 11,
        };
        let found = unverified.map(|unverified| (&*unverified.0, claims));
        let (told, decision) = self.0.rehearse(&raw, &peer.0, now, found);
        let open = match decision {
            core::Decision::Unverified(open) => Some(Unverified::wrap(py, open)?),
            _ => None,
        };
        Ok((told, open))
    }

    /// Check a signature, and remember what came of it.
    fn verify(&self, unverified: &Unverified, now: f64) -> PyResult<Verdict> {
        let verdict = self.authentication()?.verify(&unverified.0, now);
        verdict.map(Verdict).map_err(misuse)
    }

    /// Let somebody in of whom others found out who it is.
    #[pyo3(signature = (unverified, claims, until, now, headers = None))]
    fn admit(
        &self,
        unverified: &Unverified,
        claims: &[u8],
        until: f64,
        now: f64,
        headers: Option<&Headers<'_>>,
    ) -> PyResult<Verdict> {
        let headers = headers.map(PyListMethods::to_tuple);
        let headers = headers.as_ref().map(borrow_fields).transpose()?;
        let admission = Admission {
            claims,
            until,
            headers: headers.as_deref().unwrap_or_default(),
        };
        let verdict = self.authentication()?.admit(&unverified.0, &admission, now);
        verdict.map(Verdict).map_err(misuse)
    }

    /// Refuse somebody of whom others found out that they are to be refused.
    #[pyo3(signature = (unverified, reason, now, remember = 0.0))]
    fn deny(
        &self,
        unverified: &Unverified,
        reason: &str,
        now: f64,
        remember: f64,
    ) -> PyResult<Verdict> {
        let reason = reason_named(reason)?;
        let verdict = self
            .authentication()?
            .deny(&unverified.0, reason, now, remember);
        verdict.map(Verdict).map_err(misuse)
    }

    /// Hold exactly these keys of a provider of tokens from now on.
    fn set_keys(&self, provider: usize, keys: Vec<KeyParts>, renewable: bool) -> PyResult<()> {
        let keys = keys.into_iter().map(|(id, algorithms, kind, material)| {
            let algorithms = algorithms.iter().map(|name| {
                let problem = || PyValueError::new_err(format!("{name:?} is no algorithm"));
                Algorithm::from_name(name).ok_or_else(problem)
            });
            let algorithms = algorithms.collect::<PyResult<Vec<_>>>()?;
            Key::new(id.as_deref(), &algorithms, &kind, &material).map_err(|error| {
                let id = id.map_or_else(String::new, |id| format!("key {id:?}: "));
                PyValueError::new_err(format!("{id}{error}"))
            })
        });
        let keys = keys.collect::<PyResult<Vec<_>>>()?;
        let set = self.authentication()?.set_keys(provider, keys, renewable);
        set.map_err(misuse)
    }

    /// Hold exactly these API keys of a provider from now on.
    fn set_api_keys(
        &self,
        provider: usize,
        pepper: &[u8],
        keys: Vec<(Vec<u8>, Vec<u8>, f64, f64)>,
    ) -> PyResult<()> {
        let problem = |error: pygateway_core::api_keys::ApiKeyError| PyValueError::new_err(error.0);
        let mut held = ApiKeys::new(pepper).map_err(problem)?;
        for (digest, claims, not_before, expires) in keys {
            held.insert(&digest, &claims, not_before, expires)
                .map_err(problem)?;
        }
        let set = self.authentication()?.set_api_keys(provider, held);
        set.map_err(misuse)
    }

    /// Take revocations, a JSON list; how many of them were new.
    fn revoke(&self, entries: &[u8], now: f64) -> PyResult<usize> {
        let entries: Vec<Revocation> = serde_json::from_slice(entries)
            .map_err(|error| PyValueError::new_err(error.to_string()))?;
        let Some(authentication) = self.0.authentication() else {
            return Ok(0);
        };
        let new = authentication.revoke(entries, now);
        new.map_err(|full| PyOverflowError::new_err(full.to_string()))
    }

    /// The revocations that are held and have not expired, a JSON list.
    fn revocations<'py>(&self, py: Python<'py>, now: f64) -> PyResult<Bound<'py, PyBytes>> {
        let authentication = self.0.authentication();
        let entries = authentication.map(|authentication| authentication.revocations(now));
        let json = serde_json::to_vec(&entries.unwrap_or_default())
            .map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(PyBytes::new(py, &json))
    }

    /// Say until when what is held of revocations is known to be complete.
    fn set_fresh_until(&self, until: f64) {
        if let Some(authentication) = self.0.authentication() {
            authentication.set_fresh_until(until);
        }
    }

    /// Take in what the store has answered.
    #[pyo3(signature = (unfunded, answers, sent, now, earlier = None))]
    fn fund(
        &self,
        unfunded: &Unfunded,
        answers: Vec<Option<AnswerParts>>,
        sent: f64,
        now: f64,
        earlier: Option<&Funding>,
    ) -> PyResult<Funding> {
        let answers = answers_of(answers);
        let earlier = earlier.map(|earlier| &earlier.0);
        let funding = self
            .rate_limits()?
            .fund(&unfunded.0, &answers, (sent, now), earlier);
        Ok(Funding(funding))
    }

    /// Count what happened on the way to an upstream.
    fn count_upstream(&self, upstream: usize, event: &str) -> PyResult<()> {
        let event = UpstreamEvent::from_name(event)
            .ok_or_else(|| PyValueError::new_err(format!("{event:?} is no event")))?;
        let telemetry = &self.0.tables().telemetry;
        if upstream >= telemetry.upstreams.len() {
            return Err(PyValueError::new_err("there is no such upstream"));
        }
        telemetry.metrics.count_upstream(upstream, event);
        Ok(())
    }

    /// Take note of how the store is.
    fn set_store(&self, up: bool, gateways: u32, incarnation: u64) {
        if let Some(limits) = self.0.rate_limits() {
            limits.set_store(&StoreReport {
                up,
                gateways,
                incarnation,
            });
        }
    }

    /// Take leases that nobody uses, to be given back.
    #[pyo3(signature = (now, most = 1000))]
    fn unused_leases(&self, now: f64, most: usize) -> Vec<RefundParts> {
        let limits = self.0.rate_limits();
        refund_parts(limits.map_or_else(Vec::new, |limits| limits.unused_leases(now, most)))
    }

    /// How often which policy decided what, a JSON object.
    fn limit_statistics<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let limits = self.0.rate_limits();
        let json = limits.map_or_else(|| "{}".to_owned(), |limits| limits.statistics().to_string());
        PyBytes::new(py, json.as_bytes())
    }

    /// What was remembered, and which answers were given, a JSON object.
    fn auth_statistics<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let authentication = self.0.authentication();
        let statistics = authentication.map(Authentication::statistics);
        let json = statistics.map_or_else(|| "{}".to_owned(), |statistics| statistics.to_string());
        PyBytes::new(py, json.as_bytes())
    }
}

impl Gate {
    fn authentication(&self) -> PyResult<&Authentication> {
        let authentication = self.0.authentication();
        authentication.ok_or_else(|| PyValueError::new_err("the gate has no providers"))
    }

    fn rate_limits(&self) -> PyResult<&RateLimits> {
        let limits = self.0.rate_limits();
        limits.ok_or_else(|| PyValueError::new_err("the gate has no rate limits"))
    }
}

/// What was found out since a gate was last asked.
#[inline]
fn known<'a>(
    verdict: Option<&'a Verdict>,
    funding: Option<&'a Funding>,
    earlier: Option<&'a Bound<'_, Decision>>,
) -> Known<'a> {
    Known {
        earlier: earlier.map(|earlier| &earlier.get().0),
        verdict: verdict.map(|verdict| &verdict.0),
        funding: funding.map(|funding| &funding.0),
    }
}

fn misuse(misuse: Misuse) -> PyErr {
    PyValueError::new_err(misuse.0)
}

fn reason_named(name: &str) -> PyResult<Reason> {
    Reason::from_name(name).ok_or_else(|| PyValueError::new_err(format!("{name:?} is no reason")))
}
