//! How often which answer was given.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::decision::Reason;

/// The reasons that are counted.
const REASONS: [Reason; 6] = [
    Reason::TokenMissing,
    Reason::TokenInvalid,
    Reason::TokenExpired,
    Reason::TokenRevoked,
    Reason::InsufficientScope,
    Reason::AuthUnavailable,
];

/// How often which answer was given to requests for what is not open.
#[derive(Debug, Default)]
pub struct Outcomes {
    accepted: AtomicU64,
    refused: [AtomicU64; REASONS.len()],
}

impl Outcomes {
    /// A client was let in.
    #[inline]
    pub fn count_accepted(&self) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
    }

    /// A client was refused. Reasons that are not about credentials are not counted.
    pub fn count(&self, reason: Reason) {
        if let Some(place) = REASONS.iter().position(|known| *known == reason) {
            self.refused[place].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Every answer with how often it was given.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let accepted = ("accepted", self.accepted.load(Ordering::Relaxed));
        let refused = REASONS.iter().zip(&self.refused);
        let refused = refused.map(|(reason, count)| (reason.name(), count.load(Ordering::Relaxed)));
        std::iter::once(accepted).chain(refused)
    }
}
