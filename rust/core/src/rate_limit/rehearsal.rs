//! What limits would say to a request, seen without charging, counting or asking anybody.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

use super::attempt::Attempt;
use super::funding::Shortfall;
use super::leases::HeldLeases;
use super::measure::{Charged, Means, Measure};
use super::store::lease_key;
use super::{Limited, Outcome, RateLimits};
use crate::arena::Grant as Lease;

/// What each policy of the route would say, as JSON.
#[derive(Debug, Default)]
pub(super) struct Findings(Mutex<Vec<Value>>);

impl RateLimits {
    /// Limits that know the same at this moment and judge by it in the same way, but change nothing.
    #[must_use]
    #[cold]
    pub fn rehearsal(&self) -> Self {
        Self {
            origin: self.origin,
            policies: Arc::clone(&self.policies),
            routes: Arc::clone(&self.routes),
            arena: Arc::clone(&self.arena),
            lane: self.lane,
            store: self.store.snapshot(),
            // Nothing is counted there.
            counts: Vec::new(),
            metrics: Arc::clone(&self.metrics),
            leases: HeldLeases::default(),
            rehearsal: Some(Findings::default()),
        }
    }

    /// What was found since this was last asked; nothing, where it is no rehearsal.
    #[must_use]
    pub fn findings(&self) -> Vec<Value> {
        self.rehearsal.as_ref().map_or_else(Vec::new, |findings| {
            std::mem::take(&mut findings.0.lock().unwrap_or_else(PoisonError::into_inner))
        })
    }
}

impl Attempt<'_> {
    /// What `run` would come to. The steps are the same; where that one charges, this one looks.
    #[cold]
    pub(super) fn rehearse(mut self, findings: &Findings) -> Outcome {
        if self.measures.is_empty() {
            self.note(findings, false);
            return Outcome::Free;
        }
        if self.measures.len() > 1 {
            self.foresee();
        }
        if !self.is_refused() {
            self.step(see_in_flight);
            self.step(see_store);
            if !self.is_refused() {
                if self.measures.iter().any(Measure::is_short) {
                    self.note(findings, true);
                    return Outcome::Unfunded(Box::new(Shortfall {
                        origin: self.limits.origin,
                        acquires: Vec::new(),
                    }));
                }
                self.step(see_window);
            }
        }
        if self.is_refused() {
            for measure in &mut self.measures {
                // Nothing was charged that could be taken back.
                if !matches!(measure.charged, Charged::Nothing) {
                    measure.charged = Charged::Nothing;
                    measure.left = None;
                }
                measure.in_flight = None;
            }
            self.foresee();
            self.note(findings, false);
            return self.refuse();
        }
        self.note(findings, false);
        Outcome::Admitted(Limited {
            lines: self.lines(),
            permits: None,
        })
    }

    fn note(&self, findings: &Findings, unfunded: bool) {
        let of_route = self.route.limits.iter().map(|&(number, _)| {
            let measure = self.measures.iter().find(|found| found.number == number);
            measure.map_or_else(
                || json!({"policy": self.limits.policies[number].name, "verdict": "exempt"}),
                |measure| self.describe(measure, unfunded),
            )
        });
        *findings.0.lock().unwrap_or_else(PoisonError::into_inner) = of_route.collect();
    }

    fn describe(&self, measure: &Measure<'_>, unfunded: bool) -> Value {
        let verdict = match measure.means {
            _ if measure.is_refused() && measure.policy.shadow => "shadowed",
            Means::Nobody if !measure.is_crowded => "unavailable",
            _ if measure.is_refused() => "refused",
            Means::Lease { asks: true } if unfunded && measure.is_short() => "unfunded",
            Means::Nothing if measure.law.is_some() => "uncounted",
            _ => "admitted",
        };
        let in_flight = measure.policy.concurrency.map(|_| {
            let known = measure
                .in_flight
                .map(|with_this| with_this.saturating_sub(1));
            known.unwrap_or_else(|| self.limits.arena.in_flight(measure.key))
        });
        json!({
            "policy": measure.policy.name,
            "verdict": verdict,
            "shadow": measure.policy.shadow,
            "cost": measure.law.map(|_| measure.cost),
            "quota": measure.law.map(|law| law.quota()),
            "window_seconds": measure.law.map(|law| seconds(law.length())),
            "remaining": measure.left.map(|(remaining, _)| remaining),
            "reset_seconds": measure.left.map(|(_, reset_ms)| seconds(reset_ms)),
            "retry_seconds": measure.refused.map(seconds),
            "concurrency": measure.policy.concurrency,
            "in_flight": in_flight,
        })
    }
}

/// See whether the request may be in flight with the others.
fn see_in_flight(limits: &RateLimits, measure: &mut Measure<'_>, _now_ms: u64) {
    let Some(limit) = measure.policy.concurrency else {
        return;
    };
    let in_flight = limits.arena.in_flight(measure.key);
    if in_flight >= limit {
        measure.is_crowded = true;
    } else {
        measure.in_flight = Some(in_flight + 1);
    }
}

/// See what the store has handed out, or what it has said.
fn see_store(limits: &RateLimits, measure: &mut Measure<'_>, now_ms: u64) {
    if measure.is_refused() {
        return;
    }
    match (measure.means, measure.law) {
        (Means::Lease { asks }, Some(law)) => {
            let key = lease_key(measure.key, &law);
            let lease = limits.arena.lease(key, &law, now_ms);
            if let Some(lease) = lease.filter(|lease| lease.left >= measure.cost) {
                measure.charged = Charged::Lease(Lease {
                    count: measure.cost,
                    size: 0,
                    bucket: lease.bucket,
                    expires_ms: lease.expires_ms,
                });
                let elsewhere = limits.arena.information(key, now_ms);
                let elsewhere = elsewhere.map_or(0, |known| known.remaining);
                let left = (lease.left - measure.cost).saturating_add(elsewhere);
                measure.left = Some((left, lease.expires_ms.saturating_sub(now_ms)));
                return;
            }
            limits.see_refusal(measure, now_ms);
            if measure.refused.is_none() && !asks {
                limits.do_without_store(measure);
            }
        }
        (Means::Costless, _) => limits.look_at_lease(measure, now_ms),
        _ => {}
    }
}

/// See whether the machine's own window has room.
fn see_window(limits: &RateLimits, measure: &mut Measure<'_>, now_ms: u64) {
    let Means::Window(law, key) = measure.means else {
        return;
    };
    if measure.is_refused() {
        return;
    }
    let window = limits.arena.peek(key, &law, now_ms);
    if let Some(charged) = law.charge(window, now_ms, measure.cost) {
        measure.look(&law, charged, now_ms);
    } else {
        measure.look(&law, window, now_ms);
        measure.refused = Some(law.retry_ms(window, now_ms, measure.cost));
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "windows are days at most, which are exact"
)]
const fn seconds(milliseconds: u64) -> f64 {
    milliseconds as f64 / 1000.0
}
