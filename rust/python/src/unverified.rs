//! What is left to find out about a credential, and what became of it.

use pygateway_core as core;
use pygateway_core::verdict::{Open, Pending, Question};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::decision::Decision;
use crate::fields::{Headers, field_list};

/// Something has to be found out about the request's credential first.
#[pyclass(frozen, extends = Decision, module = "pygateway._core")]
pub struct Unverified(pub Box<Pending>);

impl Unverified {
    pub fn wrap(py: Python<'_>, decision: core::Unverified) -> PyResult<Bound<'_, Self>> {
        let base = PyClassInitializer::from(Decision(decision.reply));
        Bound::new(py, base.add_subclass(Self(decision.pending)))
    }

    fn question<'py>(&self, py: Python<'py>, part: fn(&Question) -> &[u8]) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.question.as_deref().map_or(&[], part))
    }
}

#[pymethods]
impl Unverified {
    /// What has to be found out.
    #[getter]
    fn kind(&self) -> &'static str {
        self.0.open.name()
    }

    /// Number of the provider in the specification.
    #[getter]
    fn provider(&self) -> u32 {
        self.0.provider
    }

    /// How a token claims to be signed; empty for other credentials.
    #[getter]
    fn algorithm(&self) -> &'static str {
        self.0.algorithm.map_or("", core::keys::Algorithm::name)
    }

    /// With which key a token claims to be signed.
    #[getter]
    fn key_id(&self) -> Option<&str> {
        self.0.key_id.as_deref()
    }

    /// The token, or the digest of an API key; empty for a request as a whole.
    #[getter]
    fn credential<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let credential: &[u8] = match (self.0.open, &self.0.digest) {
            (Open::ForwardAuth, _) => &[],
            (_, Some(digest)) => digest,
            (_, None) => &self.0.credential,
        };
        PyBytes::new(py, credential)
    }

    /// What was given to `set_keys` as the material of an external key.
    #[getter]
    fn key<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let key = self.0.key.as_ref().and_then(|key| key.external());
        PyBytes::new(py, key.unwrap_or_default())
    }

    /// Method of the request about which a service is asked.
    #[getter]
    fn method<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        self.question(py, |question| &question.method)
    }

    /// Its canonical path and query.
    #[getter]
    fn target<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        self.question(py, |question| &question.target)
    }

    /// Its Host.
    #[getter]
    fn host<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        self.question(py, |question| &question.host)
    }

    /// `http` or `https`.
    #[getter]
    fn scheme(&self) -> &'static str {
        let question = self.0.question.as_deref();
        question.map_or("", |question| question.scheme)
    }

    /// The fields that the service gets, in the request's order.
    #[getter]
    fn fields<'py>(&self, py: Python<'py>) -> PyResult<Headers<'py>> {
        let question = self.0.question.as_deref();
        field_list(py, question.map_or(&[], |question| &question.fields))
    }
}

/// What became of a credential.
#[pyclass(frozen, module = "pygateway._core")]
pub struct Verdict(pub core::verdict::Verdict);

#[pymethods]
impl Verdict {
    /// Whether it was accepted.
    #[getter]
    fn accepted(&self) -> bool {
        self.0.outcome.is_ok()
    }

    /// Name of the problem, where it was not.
    #[getter]
    fn reason(&self) -> Option<&'static str> {
        self.0.outcome.as_ref().err().map(|reason| reason.name())
    }

    /// Who it is, where that is known.
    #[getter]
    fn subject(&self) -> Option<&str> {
        self.0.outcome.as_ref().ok()?.principal.subject.as_deref()
    }
}
