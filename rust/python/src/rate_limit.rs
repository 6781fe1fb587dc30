//! What is left to ask the store for, what it has said, and where everything is counted.

use std::os::fd::RawFd;
use std::sync::Arc;

use pygateway_core as core;
use pygateway_core::arena::{self, ArenaError};
use pygateway_core::rate_limit::funding::{self, Acquire, Answer, Refund, Shortfall};
use pygateway_core::window::{Law, Window};
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::decision::Decision;

/// What the store has granted, what is left, the bucket, and milliseconds until that ends and until
/// a retry can succeed.
pub type AnswerParts = (u32, u32, u64, u64, u64);

/// Policy, key, amount and bucket of what is given back.
pub type RefundParts = (usize, String, u32, u64);

/// Policy, key, quota, cost, what is wanted, and what is owed: bucket, previous and current.
type AcquireParts<'a> = (usize, &'a str, u32, u32, u32, u64, u32, u32);

// What the signature of `create` says, in digits that its stub can repeat.
const _: () = assert!(arena::USUAL_SERIES == 4096);

/// The table in which the workers of a machine count.
#[pyclass(frozen, module = "pygateway._core")]
pub struct Arena(pub Arc<arena::Arena>);

#[pymethods]
impl Arena {
    /// Lay a table out in an empty file.
    #[staticmethod]
    #[pyo3(signature = (descriptor, slots, series = 4096))]
    fn create(descriptor: RawFd, slots: usize, series: usize) -> PyResult<Self> {
        let slots = slots.next_power_of_two();
        let machine = u128::from_le_bytes(arena::random().map_err(broken)?);
        let made = arena::Arena::create(descriptor, slots, series, machine).map_err(broken)?;
        Ok(Self(Arc::new(made)))
    }

    /// Share a table that was laid out.
    #[staticmethod]
    fn attach(descriptor: RawFd) -> PyResult<Self> {
        let attached = arena::Arena::attach(descriptor).map_err(broken)?;
        Ok(Self(Arc::new(attached)))
    }

    /// A number that no other table has, in hexadecimal digits.
    #[getter]
    fn machine(&self) -> String {
        format!("{:032x}", self.0.machine())
    }

    /// Say that a worker counts in a lane.
    fn occupy_lane(&self, lane: u8) {
        self.0.occupy_lane(lane);
    }

    /// Say that a worker has ended, with all that it had in flight.
    fn release_lane(&self, lane: u8) {
        self.0.clear_lane(lane);
        self.0.free_lane(lane);
    }

    /// What all workers have counted, a JSON object.
    fn measurements<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let json = py.detach(|| serde_json::to_vec(&self.0.measurements()));
        let json = json.map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(PyBytes::new(py, &json))
    }
}

fn broken(error: ArenaError) -> PyErr {
    match error {
        ArenaError::System(error) => error.into(),
        ArenaError::Slots(_) | ArenaError::Series(_) => PyValueError::new_err(error.to_string()),
        other => PyOSError::new_err(other.to_string()),
    }
}

/// The store has to be asked first whether the request is within its limits.
#[pyclass(frozen, extends = Decision, module = "pygateway._core")]
pub struct Unfunded(pub Box<Shortfall>);

impl Unfunded {
    pub fn wrap(py: Python<'_>, decision: core::Unfunded) -> PyResult<Bound<'_, Self>> {
        let base = PyClassInitializer::from(Decision(decision.reply));
        Bound::new(py, base.add_subclass(Self(decision.shortfall)))
    }
}

#[pymethods]
impl Unfunded {
    /// What to ask the store for.
    #[getter]
    fn acquires(&self) -> Vec<AcquireParts<'_>> {
        self.0.acquires.iter().map(acquire_parts).collect()
    }
}

fn acquire_parts(acquire: &Acquire) -> AcquireParts<'_> {
    let debt = acquire.debt;
    (
        acquire.policy,
        &acquire.digest,
        acquire.quota,
        acquire.cost,
        acquire.want,
        debt.bucket,
        debt.previous,
        debt.current,
    )
}

/// What the store has granted to one request.
#[pyclass(frozen, module = "pygateway._core")]
pub struct Funding(pub funding::Funding);

#[pymethods]
impl Funding {
    /// Take what was granted and not spent, to be given back.
    fn refunds(&self, now: f64) -> Vec<RefundParts> {
        refund_parts(self.0.refunds(now))
    }
}

/// Bucket, and what was charged in the one before and in it.
type WindowParts = (u64, u32, u32);

/// The law of rate limits, for one window that lies nowhere.
#[pyfunction]
pub fn charge_window(
    quota: u32,
    length: u64,
    window: WindowParts,
    now: u64,
    cost: u32,
) -> PyResult<(bool, WindowParts, u32, u64, u64)> {
    let law = Law::new(quota, length).map_err(|error| PyValueError::new_err(error.to_string()))?;
    let (bucket, previous, current) = window;
    let window = Window {
        bucket,
        previous,
        current,
    };
    let charged = law.charge(window, now, cost);
    let after = charged.unwrap_or_else(|| law.roll(window, now));
    Ok((
        charged.is_some(),
        (after.bucket, after.previous, after.current),
        law.remaining(after, now),
        law.reset_ms(after, now),
        law.retry_ms(after, now, cost),
    ))
}

/// Answers as the core has them.
pub fn answers_of(answers: Vec<Option<AnswerParts>>) -> Vec<Option<Answer>> {
    let answer = |(granted, remaining, bucket, reset_ms, retry_ms): AnswerParts| Answer {
        granted,
        remaining,
        bucket,
        reset_ms,
        retry_ms,
    };
    answers.into_iter().map(|parts| parts.map(answer)).collect()
}

/// What is given back, as Python has it.
pub fn refund_parts(refunds: Vec<Refund>) -> Vec<RefundParts> {
    let parts = |refund: Refund| (refund.policy, refund.digest, refund.amount, refund.bucket);
    refunds.into_iter().map(parts).collect()
}
