//! How often which policy decided what.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Map, Value};

use crate::metrics::PolicyOutcome;

/// How often a policy decided what.
#[derive(Debug, Default)]
pub struct Counts([AtomicU64; PolicyOutcome::ALL.len()]);

impl Counts {
    /// Count a decision.
    #[inline]
    pub fn add(&self, outcome: PolicyOutcome) {
        self.0[outcome as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Everything, by name.
    #[must_use]
    pub fn report(&self) -> Value {
        let counts = self.0.iter().map(|count| count.load(Ordering::Relaxed));
        let names = PolicyOutcome::ALL.iter().map(|outcome| outcome.name());
        let report = names.zip(counts);
        let report = report.map(|(name, count)| (name.to_owned(), count.into()));
        report.collect::<Map<_, _>>().into()
    }
}
