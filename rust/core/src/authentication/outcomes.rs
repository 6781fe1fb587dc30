//! How often which answer was given.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::metrics::AuthOutcome;

/// How often which answer was given to requests for what is not open.
#[derive(Debug, Default)]
pub struct Outcomes([AtomicU64; AuthOutcome::ALL.len()]);

impl Outcomes {
    /// An answer was given.
    #[inline]
    pub fn count(&self, outcome: AuthOutcome) {
        self.0[outcome as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Every answer with how often it was given.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.0.iter().map(|count| count.load(Ordering::Relaxed));
        let names = AuthOutcome::ALL.iter().map(|outcome| outcome.name());
        names.zip(counts)
    }
}
