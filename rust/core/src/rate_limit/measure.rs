//! One request at one policy: by what it is seen whether it fits, and what is found there.

use super::RateLimits;
use super::funding::{Funding, Grant, Outcome as Granted};
use super::policy::Policy;
use super::store::{lease_key, refusal_key};
use crate::arena::{Grant as Lease, Key};
use crate::specification::StoreFailure;
use crate::window::{Law, Window};

/// One request at one policy.
pub(super) struct Measure<'a> {
    pub(super) number: usize,
    pub(super) policy: &'a Policy,
    pub(super) key: Key,
    pub(super) cost: u32,
    /// With the client's own quota.
    pub(super) law: Option<Law>,
    pub(super) means: Means<'a>,
    pub(super) charged: Charged,
    /// Requests of the key that were in flight, with this one.
    pub(super) in_flight: Option<u32>,
    /// What is left, and until when, where that is known.
    pub(super) left: Option<(u32, u64)>,
    /// Milliseconds until it may be tried again, where there is not enough left.
    pub(super) refused: Option<u64>,
    /// Whether too many requests are in flight.
    pub(super) is_crowded: bool,
}

/// By what it is seen whether a request fits.
#[derive(Clone, Copy)]
pub(super) enum Means<'a> {
    /// The machine's own window of a key, by its law.
    Window(Law, Key),
    /// What the store has handed out ahead; where that is not enough, the store is asked, or not.
    Lease { asks: bool },
    /// What the store has said about this request.
    Grant(&'a Grant),
    /// It costs nothing of what the store counts.
    Costless,
    /// Nothing has to be seen: the store is away.
    Nothing,
    /// Nobody can say.
    Nobody,
}

/// What has been charged so far.
#[derive(Clone, Copy)]
pub(super) enum Charged {
    Nothing,
    /// The window, in this bucket.
    Window(u64),
    /// The window of all that found no place, in this bucket.
    Crowd(u64),
    /// So much of a lease.
    Lease(Lease),
}

impl Measure<'_> {
    /// Whether the policy would refuse the request.
    pub(super) const fn is_refused(&self) -> bool {
        self.refused.is_some() || self.is_crowded
    }

    /// Whether the store has to be asked first.
    pub(super) const fn is_short(&self) -> bool {
        matches!(self.means, Means::Lease { asks: true })
            && matches!(self.charged, Charged::Nothing)
            && !self.is_refused()
    }

    /// Note what a window leaves.
    pub(super) fn look(&mut self, law: &Law, window: Window, now_ms: u64) {
        let remaining = law.remaining(window, now_ms);
        let until = if remaining == 0 {
            law.retry_ms(window, now_ms, 1)
        } else {
            law.reset_ms(window, now_ms)
        };
        self.left = Some((remaining, until));
    }
}

impl RateLimits {
    /// By what it is seen whether a request fits a policy.
    #[inline]
    pub(super) fn means<'a>(
        &self,
        (number, policy): (usize, &Policy),
        (key, law): (Key, Law),
        cost: u32,
        funding: Option<&'a Funding>,
    ) -> Means<'a> {
        if !policy.is_shared() {
            return Means::Window(law, key);
        }
        if cost == 0 {
            return Means::Costless;
        }
        let grant = funding.and_then(|funding| funding.find(self.origin, number, key, cost));
        match grant.map(|grant| (grant, grant.outcome)) {
            Some((grant, Granted::Refused { .. })) => Means::Grant(grant),
            Some((grant, Granted::Granted { .. })) if grant.is_open() => Means::Grant(grant),
            // Nobody answered this request, whatever is said of the store.
            Some((_, Granted::Failed)) => Means::Lease { asks: false },
            _ => Means::Lease {
                asks: self.store.is_up(),
            },
        }
    }

    /// Note that the store has refused as much before, and would still.
    pub(super) fn see_refusal(&self, measure: &mut Measure<'_>, now_ms: u64) {
        let Some(law) = measure.law else { return };
        let key = lease_key(measure.key, &law);
        let note = refusal_key(key, measure.cost);
        if let Some(until_ms) = self.arena.refusal(note, &law, now_ms) {
            let wait = until_ms.saturating_sub(now_ms);
            measure.refused = Some(wait);
            let said = self.arena.information(key, now_ms);
            let remaining = said.map_or(0, |said| said.remaining);
            // What was left once may be gone: there is less than was refused.
            measure.left = Some((remaining.min(measure.cost.saturating_sub(1)), wait));
        }
    }

    /// Note what is left, here and elsewhere, as far as that is known.
    pub(super) fn look_at_lease(&self, measure: &mut Measure<'_>, now_ms: u64) {
        let Some(law) = measure.law.filter(|_| measure.left.is_none()) else {
            return;
        };
        let key = lease_key(measure.key, &law);
        if let Some(said) = self.arena.information(key, now_ms) {
            let here = self.arena.lease(key, &law, now_ms);
            let here = here.map_or(0, |lease| lease.left);
            let wait = said.resets_ms.saturating_sub(now_ms);
            measure.left = Some((said.remaining.saturating_add(here), wait));
        }
    }

    /// Go on without the store, as the policy says.
    #[cold]
    pub(super) fn do_without_store(&self, measure: &mut Measure<'_>) {
        let Some(law) = measure.law else { return };
        measure.left = None;
        measure.means = match measure.policy.on_store_failure {
            StoreFailure::Open => Means::Nothing,
            StoreFailure::Closed => {
                measure.refused = Some(0);
                Means::Nobody
            }
            StoreFailure::Local => {
                let (law, key) = self.share(law, measure.key);
                Means::Window(law, key)
            }
        };
    }
}
