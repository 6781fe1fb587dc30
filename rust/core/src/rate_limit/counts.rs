//! How often which policy decided what.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

/// What a policy can decide about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// It was admitted, and charged.
    Admitted,
    /// It was refused.
    Refused,
    /// It would have been refused, had the policy not only reported.
    Shadowed,
    /// It was admitted without being counted, because the store is away.
    Uncounted,
    /// It was refused because the store is away.
    Unavailable,
}

/// How often a policy decided what.
#[derive(Debug, Default)]
pub struct Counts {
    counts: [AtomicU64; 5],
    crowded: AtomicU64,
}

impl Counts {
    /// Count a decision.
    #[inline]
    pub fn add(&self, count: Count) {
        self.counts[count as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Count a request whose key found no place of its own.
    pub fn add_crowded(&self) {
        self.crowded.fetch_add(1, Ordering::Relaxed);
    }

    /// Everything, by name.
    #[must_use]
    pub fn report(&self) -> Value {
        let [admitted, refused, shadowed, uncounted, unavailable] =
            [0, 1, 2, 3, 4].map(|number| self.counts[number].load(Ordering::Relaxed));
        json!({
            "admitted": admitted,
            "refused": refused,
            "shadowed": shadowed,
            "uncounted": uncounted,
            "unavailable": unavailable,
            "crowded": self.crowded.load(Ordering::Relaxed),
        })
    }
}
