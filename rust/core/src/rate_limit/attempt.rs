//! One request held against the limits of its route: all of them are charged, or none.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::applicant::Applicant;
use super::fields::{Span, Standing};
use super::funding::{Funding, Outcome as Granted, Shortfall};
use super::measure::{Charged, Means, Measure};
use super::permits::Permits;
use super::store::lease_key;
use super::{Limited, Outcome, RateLimits, RouteLimits, refusal, unavailable};
use crate::arena::{Charge, Enter, Spend};
use crate::metrics::PolicyOutcome;
use crate::window::Law;

/// Milliseconds after which a client may try again that has too many requests in flight: one of
/// them may end at any moment, and a second is the shortest time that the field can say.
const CROWDED_RETRY_MS: u64 = 1000;

/// One request at all the limits that concern it.
pub(super) struct Attempt<'a> {
    pub(super) limits: &'a Arc<RateLimits>,
    pub(super) route: &'a RouteLimits,
    applicant: &'a Applicant<'a>,
    pub(super) now_ms: u64,
    pub(super) measures: Vec<Measure<'a>>,
}

impl<'a> Attempt<'a> {
    pub(super) fn new(
        limits: &'a Arc<RateLimits>,
        route: &'a RouteLimits,
        applicant: &'a Applicant<'a>,
        now_ms: u64,
        funding: Option<&'a Funding>,
    ) -> Self {
        let mut text = Vec::with_capacity(160);
        let mut measures = Vec::with_capacity(route.limits.len());
        for &(number, usual) in &route.limits {
            let policy = &limits.policies[number];
            if applicant.is_exempt(number, policy) {
                continue;
            }
            applicant.write_key(policy, &mut text);
            let key = limits.arena.key(&[&text]);
            let law = policy.law.map(|law| own_law(law, number, applicant));
            let cost = law.map_or(0, |law| applicant.cost(policy, usual, law.quota()));
            let means = law.map_or(Means::Nothing, |law| {
                limits.means((number, policy), (key, law), cost, funding)
            });
            measures.push(Measure {
                number,
                policy,
                key,
                cost,
                law,
                means,
                charged: Charged::Nothing,
                in_flight: None,
                left: None,
                refused: None,
                is_crowded: false,
            });
        }
        Self {
            limits,
            route,
            applicant,
            now_ms,
            measures,
        }
    }

    pub(super) fn run(mut self) -> Outcome {
        if self.measures.is_empty() {
            return Outcome::Free;
        }
        if self.measures.len() > 1 {
            self.foresee();
            if self.is_refused() {
                return self.refuse();
            }
        }
        self.step(Self::enter);
        self.step(Self::see_store);
        if !self.is_refused() {
            if let Some(shortfall) = self.shortfall() {
                self.undo();
                return Outcome::Unfunded(shortfall);
            }
            self.step(Self::charge_window);
        }
        if self.is_refused() {
            self.foresee();
            return self.refuse();
        }
        self.conclude()
    }

    /// Take one step with each policy, until one refuses.
    pub(super) fn step(&mut self, step: fn(&RateLimits, &mut Measure<'a>, u64)) {
        for place in 0..self.measures.len() {
            if self.is_refused() {
                return;
            }
            step(self.limits, &mut self.measures[place], self.now_ms);
        }
    }

    /// Whether a policy refuses that does not only report.
    pub(super) fn is_refused(&self) -> bool {
        self.measures
            .iter()
            .any(|measure| measure.is_refused() && !measure.policy.shadow)
    }

    /// See how the request would fare at each policy, and charge nothing.
    pub(super) fn foresee(&mut self) {
        let (limits, now_ms) = (self.limits, self.now_ms);
        for measure in &mut self.measures {
            if measure.refused.is_some() || !matches!(measure.charged, Charged::Nothing) {
                continue;
            }
            match measure.means {
                Means::Window(law, key) => {
                    let window = limits.arena.peek(key, &law, now_ms);
                    measure.look(&law, window, now_ms);
                    if law.charge(window, now_ms, measure.cost).is_none() {
                        measure.refused = Some(law.retry_ms(window, now_ms, measure.cost));
                    }
                }
                Means::Grant(_) => Self::see_store(limits, measure, now_ms),
                Means::Lease { asks } => {
                    limits.see_refusal(measure, now_ms);
                    if asks {
                        limits.look_at_lease(measure, now_ms);
                    }
                }
                Means::Costless => limits.look_at_lease(measure, now_ms),
                Means::Nobody => measure.refused = Some(0),
                Means::Nothing => {}
            }
        }
    }

    /// Count the request among those in flight.
    fn enter(limits: &RateLimits, measure: &mut Measure<'a>, _now_ms: u64) {
        let Some(limit) = measure.policy.concurrency else {
            return;
        };
        match limits.arena.enter(measure.key, limits.lane, limit) {
            Enter::Entered(in_flight) => measure.in_flight = Some(in_flight),
            Enter::Refused(_) => measure.is_crowded = true,
            Enter::Full => {
                limits.count(measure.number, PolicyOutcome::Crowded);
                measure.is_crowded = true;
            }
        }
    }

    /// Spend what the store has handed out, or see what it has said.
    fn see_store(limits: &RateLimits, measure: &mut Measure<'a>, now_ms: u64) {
        // What only reports, and refuses already, takes nothing from those who come after.
        if measure.is_refused() {
            return;
        }
        match measure.means {
            Means::Lease { asks } => {
                let Some(law) = measure.law else { return };
                let key = lease_key(measure.key, &law);
                let spend = limits.arena.spend(key, &law, now_ms, measure.cost);
                if let Spend::Spent { left, taken } = spend {
                    measure.charged = Charged::Lease(taken);
                    let elsewhere = limits.arena.information(key, now_ms);
                    let elsewhere = elsewhere.map_or(0, |known| known.remaining);
                    let left = left.saturating_add(elsewhere);
                    measure.left = Some((left, taken.expires_ms.saturating_sub(now_ms)));
                    return;
                }
                limits.see_refusal(measure, now_ms);
                if measure.refused.is_none() && !asks {
                    limits.do_without_store(measure);
                }
            }
            Means::Grant(grant) => match grant.outcome {
                Granted::Granted {
                    remaining,
                    reset_ms,
                    ..
                } => measure.left = Some((remaining, reset_ms)),
                Granted::Refused { until_ms } => {
                    let wait = until_ms.saturating_sub(now_ms);
                    measure.refused = Some(wait);
                    measure.left = Some((0, wait));
                }
                Granted::Failed => {}
            },
            Means::Costless => limits.look_at_lease(measure, now_ms),
            Means::Window(..) | Means::Nothing | Means::Nobody => {}
        }
    }

    /// What has to be had from the store first.
    fn shortfall(&self) -> Option<Box<Shortfall>> {
        if !self.measures.iter().any(Measure::is_short) {
            return None;
        }
        let short = self.measures.iter().filter(|measure| measure.is_short());
        let acquires = short.filter_map(|measure| {
            let mut text = Vec::new();
            self.applicant.write_key(measure.policy, &mut text);
            let law = measure.law?;
            let asked = (measure.number, measure.policy, measure.key, law);
            Some(self.limits.acquire(asked, &text, measure.cost, self.now_ms))
        });
        Some(Box::new(Shortfall {
            origin: self.limits.origin,
            acquires: acquires.collect(),
        }))
    }

    /// Charge the machine's own window.
    fn charge_window(limits: &RateLimits, measure: &mut Measure<'a>, now_ms: u64) {
        let Means::Window(law, key) = measure.means else {
            return;
        };
        // What only reports was looked at before, and is not to be counted.
        if measure.is_refused() {
            return;
        }
        let arena = &limits.arena;
        let (charge, crowded) = match arena.charge(key, &law, now_ms, measure.cost) {
            Charge::Full => {
                limits.count(measure.number, PolicyOutcome::Crowded);
                let crowd = arena.key(&[b"crowd", measure.policy.name.as_bytes()]);
                (arena.charge_crowd(crowd, &law, now_ms, measure.cost), true)
            }
            charge => (charge, false),
        };
        match charge {
            Charge::Admitted(window) => {
                measure.look(&law, window, now_ms);
                measure.charged = if crowded {
                    Charged::Crowd(window.bucket)
                } else {
                    Charged::Window(window.bucket)
                };
            }
            Charge::Refused(window) => {
                measure.look(&law, window, now_ms);
                measure.refused = Some(law.retry_ms(window, now_ms, measure.cost));
            }
            // Not even the crowd has a place: its policies are bounded, so this is damage.
            Charge::Full => measure.refused = Some(law.length()),
        }
    }

    /// Take back everything.
    fn undo(&mut self) {
        let limits = self.limits;
        for measure in &mut self.measures {
            if measure.in_flight.take().is_some() {
                limits.arena.leave(measure.key, limits.lane);
            }
            match (measure.means, measure.charged) {
                (Means::Window(law, key), Charged::Window(bucket)) => {
                    let cost = measure.cost;
                    limits.arena.refund(key, &law, self.now_ms, bucket, cost);
                    let window = limits.arena.peek(key, &law, self.now_ms);
                    measure.look(&law, window, self.now_ms);
                }
                (Means::Window(law, _), Charged::Crowd(bucket)) => {
                    let crowd = limits
                        .arena
                        .key(&[b"crowd", measure.policy.name.as_bytes()]);
                    let cost = measure.cost;
                    limits
                        .arena
                        .refund_crowd(crowd, &law, self.now_ms, bucket, cost);
                }
                (_, Charged::Lease(taken)) => {
                    if let Some(law) = measure.law {
                        // Where it finds no place any more, it is lost until the window ends.
                        let key = lease_key(measure.key, &law);
                        let _ = limits.arena.deposit(key, &law, self.now_ms, &taken);
                        measure.left = measure
                            .left
                            .map(|(left, until)| (left.saturating_add(taken.count), until));
                    }
                }
                _ => {}
            }
            measure.charged = Charged::Nothing;
        }
    }

    pub(super) fn refuse(mut self) -> Outcome {
        self.undo();
        let nobody_knows = self
            .measures
            .iter()
            .any(|measure| matches!(measure.means, Means::Nobody) && !measure.policy.shadow);
        let mut retry_ms = 0;
        let mut violated = Vec::new();
        for measure in &self.measures {
            let crowded = measure.is_crowded.then_some(CROWDED_RETRY_MS);
            // Where both are short, the longer wait is the one.
            let Some(wait) = measure.refused.max(crowded) else {
                continue;
            };
            let count = match measure.means {
                _ if measure.policy.shadow => PolicyOutcome::Shadowed,
                Means::Nobody if !measure.is_crowded => PolicyOutcome::Unavailable,
                _ => PolicyOutcome::Refused,
            };
            self.limits.count(measure.number, count);
            if count == PolicyOutcome::Refused {
                violated.push(&*measure.policy.name);
                retry_ms = retry_ms.max(wait);
            }
        }
        let refusal = if nobody_knows && violated.is_empty() {
            unavailable()
        } else {
            refusal(violated, retry_ms)
        };
        Outcome::Refused(
            Box::new(refusal),
            Limited {
                lines: self.lines(),
                permits: None,
            },
        )
    }

    fn conclude(self) -> Outcome {
        let mut entered = Vec::new();
        for measure in &self.measures {
            if let Means::Grant(grant) = measure.means
                && !measure.is_refused()
            {
                grant.settle();
            }
            if measure.in_flight.is_some() {
                entered.push(measure.key);
            }
            let is_counted = !matches!(measure.means, Means::Nothing) || measure.law.is_none();
            let outcome = if measure.is_refused() {
                PolicyOutcome::Shadowed
            } else if is_counted {
                PolicyOutcome::Admitted
            } else {
                PolicyOutcome::Uncounted
            };
            self.limits.count(measure.number, outcome);
        }
        let permits = (!entered.is_empty()).then(|| Permits {
            limits: Arc::clone(self.limits),
            entered,
            returned: AtomicBool::new(false),
        });
        Outcome::Admitted(Limited {
            lines: self.lines(),
            permits,
        })
    }

    /// The lines that tell how the request stands with every policy that is enforced.
    pub(super) fn lines(&self) -> Vec<u8> {
        let mut standings = Vec::with_capacity(self.measures.len() + 1);
        for measure in &self.measures {
            if measure.policy.shadow {
                continue;
            }
            let name = &*measure.policy.name;
            if let (Some(law), Some((remaining, reset_ms))) = (measure.law, measure.left) {
                let reset_ms = measure.refused.unwrap_or(reset_ms);
                standings.push(Standing {
                    name,
                    quota: law.quota(),
                    remaining: remaining.min(law.quota()),
                    window: Some(Span {
                        length: law.length(),
                        reset_ms,
                    }),
                });
            }
            if let Some(limit) = measure.policy.concurrency
                && measure.law.is_none()
            {
                let count = || self.limits.arena.in_flight(measure.key);
                let in_flight = measure.in_flight.unwrap_or_else(count);
                standings.push(Standing {
                    name,
                    quota: limit,
                    remaining: limit.saturating_sub(in_flight),
                    window: None,
                });
            }
        }
        self.route.written.lines(&standings)
    }
}

/// The law with the quota that the client's tier has.
#[inline]
fn own_law(law: Law, number: usize, applicant: &Applicant<'_>) -> Law {
    let own = applicant
        .principal
        .and_then(|principal| principal.entitlements.quota(number));
    own.map_or(law, |quota| law.with_quota(quota))
}
