//! The story of how much anybody may ask for.
//!
//! A route has some limits, each with a policy. For every one that concerns a client:
//!
//! 1. What the request has in common with those that it counts with makes its key
//!    ([`applicant`]); the client's tier gives the quota, the route or a trusted peer the cost.
//! 2. By its means it is seen whether the request fits: the machine's own windows, what the store
//!    has handed out ahead, or what it has just granted to this request ([`funding`]).
//! 3. Where the store has to be asked first, nothing is charged, and the caller asks.
//! 4. Where one policy refuses, none is charged. Of several, all are looked at before any is
//!    charged, so that requests which are refused do not stand in the way of others.
//! 5. What is charged stays charged, whatever becomes of the request. Being in flight ends with it
//!    ([`Permits`]).
//!
//! Everything that is counted lies in the [`Arena`], which all workers of a machine share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Map, Value};

use crate::arena::Arena;
use crate::decision::{Reason, Refusal};
use crate::metrics::{Metrics, PolicyOutcome};
use crate::specification::{SpecError, Specification};

pub mod applicant;
mod attempt;
mod counts;
pub mod entitlements;
pub mod fields;
pub mod funding;
mod leases;
mod measure;
mod permits;
pub mod policy;
mod rehearsal;
mod store;

use applicant::Applicant;
use attempt::Attempt;
use counts::Counts;
use entitlements::EntitlementRecipe;
use fields::Written;
use funding::{Funding, Shortfall};
use leases::HeldLeases;
pub use permits::Permits;
use policy::{MOST_LIMITS, MOST_POLICIES, Policy};
use rehearsal::Findings;
pub use store::StoreReport;
use store::StoreState;

/// Every limit of a gate.
#[derive(Debug)]
pub struct RateLimits {
    /// Tells fundings of these limits from those of others.
    origin: u64,
    policies: Arc<[Policy]>,
    routes: Arc<[RouteLimits]>,
    arena: Arc<Arena>,
    /// Which of the machine's workers this is.
    lane: u8,
    store: StoreState,
    counts: Vec<Counts>,
    metrics: Arc<Metrics>,
    leases: HeldLeases,
    /// What a rehearsal has found; nothing, where requests are charged.
    rehearsal: Option<Findings>,
}

/// The limits of a route.
#[derive(Debug)]
struct RouteLimits {
    /// Policies and what a request costs.
    limits: Vec<(usize, u32)>,
    written: Written,
}

/// Numbers of limits, so that none takes another one's fundings.
static ORIGINS: AtomicU64 = AtomicU64::new(0);

/// What the limits say to a request.
#[derive(Debug)]
pub enum Outcome {
    /// None of them concerns it.
    Free,
    /// It was charged, and may go on.
    Admitted(Limited),
    /// It may not go on. Nothing was charged.
    Refused(Box<Refusal>, Limited),
    /// The store has to be asked first. Nothing was charged.
    Unfunded(Box<Shortfall>),
}

/// What a request that was held against limits takes along.
#[derive(Debug, Default)]
pub struct Limited {
    /// Lines that tell the client how it stands.
    pub lines: Vec<u8>,
    /// What has to be returned when it has ended.
    pub permits: Option<Permits>,
}

/// The policies of a specification, compiled, and what they ask about clients.
///
/// # Errors
///
/// [`SpecError`].
pub fn compile_policies(
    specification: &Specification,
) -> Result<(Vec<Policy>, Arc<EntitlementRecipe>), SpecError> {
    let mut recipe = EntitlementRecipe::default();
    if specification.rate_limits.len() > MOST_POLICIES {
        return Err(SpecError(format!(
            "there are more than {MOST_POLICIES} policies"
        )));
    }
    let policies = specification.rate_limits.iter().map(|policy| {
        let within = |error: SpecError| error.within(&format!("policy {:?}", policy.name));
        Policy::compile(policy, &mut recipe).map_err(within)
    });
    Ok((policies.collect::<Result<_, _>>()?, Arc::new(recipe)))
}

impl RateLimits {
    /// The limits of a specification, counted in `arena`; nothing, where there is none.
    ///
    /// # Errors
    ///
    /// [`SpecError`].
    pub fn compile(
        specification: &Specification,
        policies: Vec<Policy>,
        arena: Arc<Arena>,
        lane: u8,
        metrics: Arc<Metrics>,
    ) -> Result<Option<Self>, SpecError> {
        let routes = specification.routes.iter().map(|route| {
            let within = |error: SpecError| error.within(&format!("route {:?}", route.name));
            RouteLimits::compile(route, &policies).map_err(within)
        });
        let routes = routes.collect::<Result<Vec<_>, _>>()?;
        if policies.is_empty() {
            return Ok(None);
        }
        let counts = policies.iter().map(|_| Counts::default()).collect();
        // Who counts alone has nobody who would say so.
        if policies.iter().any(|policy| policy.concurrency.is_some()) {
            arena.occupy_lane(lane);
        }
        Ok(Some(Self {
            origin: ORIGINS.fetch_add(1, Ordering::Relaxed),
            policies: policies.into(),
            routes: routes.into(),
            arena,
            lane,
            store: StoreState::default(),
            counts,
            metrics,
            leases: HeldLeases::default(),
            rehearsal: None,
        }))
    }

    /// Hold a request against the limits of its route; `funding` is what the store has granted to
    /// it since the last time that this was asked.
    #[inline]
    pub fn admit(
        self: &Arc<Self>,
        applicant: &Applicant<'_>,
        now: f64,
        funding: Option<&Funding>,
    ) -> Outcome {
        let route = &self.routes[applicant.route];
        if route.limits.is_empty() {
            return Outcome::Free;
        }
        let attempt = Attempt::new(self, route, applicant, milliseconds(now), funding);
        match &self.rehearsal {
            None => attempt.run(),
            Some(findings) => attempt.rehearse(findings),
        }
    }

    /// Count what a policy decided.
    #[inline]
    fn count(&self, policy: usize, outcome: PolicyOutcome) {
        if self.rehearsal.is_none() {
            self.counts[policy].add(outcome);
            self.metrics.count_policy(policy, outcome);
        }
    }

    /// The arena.
    #[must_use]
    pub fn arena(&self) -> &Arena {
        &self.arena
    }

    /// How often which policy decided what, by its name.
    #[must_use]
    pub fn statistics(&self) -> Value {
        let policies = self.policies.iter().zip(&self.counts);
        let policies = policies.map(|(policy, counts)| (policy.name.to_string(), counts.report()));
        policies.collect::<Map<_, _>>().into()
    }
}

impl RouteLimits {
    fn compile(
        route: &crate::specification::Route,
        policies: &[Policy],
    ) -> Result<Self, SpecError> {
        if route.rate_limits.len() > MOST_LIMITS {
            return Err(SpecError(format!("it has more than {MOST_LIMITS} limits")));
        }
        let mut limits = Vec::with_capacity(route.rate_limits.len());
        for limit in &route.rate_limits {
            let number = limit.policy as usize;
            if number >= policies.len() {
                return Err(SpecError(format!("there is no policy {number}")));
            }
            if limits.iter().any(|(known, _)| *known == number) {
                return Err(SpecError(format!("policy {number} stands twice")));
            }
            limits.push((number, limit.cost));
        }
        Ok(Self {
            limits,
            written: Written::beside(&route.response_headers),
        })
    }
}

/// Unix milliseconds, the unit of all windows.
#[expect(
    clippy::cast_sign_loss,
    reason = "times before 1970 count as 1970, as the cast has it"
)]
fn milliseconds(seconds: f64) -> u64 {
    (seconds * 1000.0) as u64
}

/// What a client is told that is refused by these policies.
fn refusal(violated: Vec<&str>, retry_ms: u64) -> Refusal {
    let names = violated.join(", ");
    let detail = format!("The rate limit is used up: {names}.");
    let retry = fields::seconds(retry_ms).max(1).to_string();
    Refusal {
        headers: vec![(b"Retry-After".to_vec(), retry.into_bytes())],
        violated: violated.into_iter().map(Into::into).collect(),
        ..Refusal::new(Reason::RateLimited, detail)
    }
}

/// What a client is told when nobody can say how it stands with a policy.
fn unavailable() -> Refusal {
    let detail = "Nobody can say now whether a rate limit permits this.";
    Refusal::new(Reason::RateLimitUnavailable, detail)
}

#[cfg(test)]
mod tests;
