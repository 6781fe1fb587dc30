//! The story of finding out who a client is.
//!
//! 1. The credential is the first thing that stands at one of the route's places. Two of a kind are
//!    nobody's: the gateway and the upstream could each take another.
//! 2. A verdict that the caller brings, or what is remembered, answers at once. Everything that
//!    could have ended since is looked at again: the time, the key, the revocations.
//! 3. Otherwise the credential is examined; all that is cheap comes before any cryptography. Shared
//!    secrets are checked right here. Signatures by private keys, unknown keys and services are not:
//!    the caller finds out, and asks again with a verdict.
//! 4. The rule of the route was evaluated when the principal was made; one bit is left to test.
//! 5. Of all that the request shows, only the credential that counted is for the upstream.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::access::{Access, Bench, Compiler, Group};
use crate::challenge::Realm;
use crate::client::Peer;
use crate::credential::{Presented, Withheld};
use crate::decision::{Reason, Refusal};
use crate::flaw::Flaw;
use crate::memory::Memory;
use crate::metrics::{AuthOutcome, Metrics};
use crate::provider::{Kind, Provider};
use crate::rate_limit::entitlements::EntitlementRecipe;
use crate::request::RequestHead;
use crate::revocation::Revocations;
use crate::specification::{Auth, SpecError, Specification, WhenStale};
use crate::verdict::{Accepted, Pending, Verdict, Voucher};

mod account;
mod control;
mod examination;
mod issuer;
mod outcomes;
mod verification;

use outcomes::Outcomes;
pub use verification::{Admission, Misuse};

/// Everything that is known about who may do what.
#[derive(Debug)]
pub struct Authentication {
    /// Tells verdicts of this gate from those of others.
    gate: u64,
    realm: Realm,
    token_bytes: usize,
    denies_when_stale: bool,
    providers: Arc<[Provider]>,
    groups: Arc<[Group]>,
    /// What routes require, by their number.
    routes: Arc<[Option<Access>]>,
    memory: Memory,
    revocations: Arc<RwLock<Revocations>>,
    /// That of the revocations, to be read without waiting.
    revocations_version: AtomicU64,
    /// Bits of the time until which revocations are known to be complete.
    fresh_until: AtomicU64,
    outcomes: Outcomes,
    metrics: Arc<Metrics>,
}

/// A request that shows who sent it.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The request.
    pub request: &'a RequestHead<'a>,
    /// Who sent it.
    pub peer: &'a Peer,
    /// Address of the client.
    pub client: &'a str,
    /// What the caller found out.
    pub verdict: Option<&'a Verdict>,
    /// Whether it was accepted before, and has waited for its limits since.
    pub is_counted: bool,
    /// Unix seconds.
    pub now: f64,
}

/// Who sent a request.
#[derive(Debug)]
pub struct Identified<'a> {
    /// Who.
    pub accepted: Arc<Accepted>,
    /// Credentials beside the one that said so.
    pub withheld: Option<&'a Withheld>,
}

/// Why nobody knows yet, or will know, who a client is.
#[derive(Debug)]
pub enum Stop {
    /// It is refused. Who it is may be known all the same.
    Refused(Box<Refusal>, Option<Arc<Accepted>>),
    /// Something has to be found out.
    Pending(Box<Pending>),
}

/// Why a credential is not accepted now.
enum Trouble {
    Reason(Reason),
    Pending(Box<Pending>),
}

impl From<Reason> for Trouble {
    fn from(reason: Reason) -> Self {
        Self::Reason(reason)
    }
}

impl From<Flaw> for Trouble {
    fn from(flaw: Flaw) -> Self {
        Self::Reason(flaw.reason())
    }
}

impl From<Pending> for Trouble {
    fn from(pending: Pending) -> Self {
        Self::Pending(Box::new(pending))
    }
}

/// How something that was accepted stands by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Good,
    Revoked,
    /// Nobody vouches for it any more, or its time has not come or is over.
    Void,
}

/// Numbers of gates, so that none takes another one's verdicts.
static GATES: AtomicU64 = AtomicU64::new(0);

impl Authentication {
    /// Compile the part of a specification that says who may do what; nothing, if it does not.
    ///
    /// # Errors
    ///
    /// [`SpecError`].
    pub fn compile(
        specification: &Specification,
        entitlements: &Arc<EntitlementRecipe>,
        metrics: &Arc<Metrics>,
    ) -> Result<Option<Self>, SpecError> {
        let Some(auth) = &specification.auth else {
            let protected = specification
                .routes
                .iter()
                .find(|route| route.auth.is_some());
            return protected.map_or(Ok(None), |route| {
                let name = &route.name;
                Err(SpecError(format!(
                    "route {name:?}: auth: there are no providers"
                )))
            });
        };
        let providers = auth.providers.iter().map(|provider| {
            let within = |error: SpecError| error.within(&format!("provider {:?}", provider.name));
            Provider::compile(provider, entitlements).map_err(within)
        });
        let providers = providers.collect::<Result<Vec<_>, _>>()?;
        let mut compiler = Compiler::new(&providers);
        let mut routes = Vec::with_capacity(specification.routes.len());
        for route in &specification.routes {
            let within = |error: SpecError| error.within(&format!("route {:?}: auth", route.name));
            let access = route.auth.as_ref().map(|access| compiler.compile(access));
            routes.push(access.transpose().map_err(within)?);
        }
        let groups = compiler.finish();
        Self::new(auth, providers, groups, routes, metrics).map(Some)
    }

    fn new(
        auth: &Auth,
        providers: Vec<Provider>,
        groups: Vec<Group>,
        routes: Vec<Option<Access>>,
        metrics: &Arc<Metrics>,
    ) -> Result<Self, SpecError> {
        Ok(Self {
            gate: GATES.fetch_add(1, Ordering::Relaxed),
            realm: Realm::new(&auth.realm)?,
            token_bytes: auth.token_bytes,
            denies_when_stale: auth.when_stale == WhenStale::Deny,
            providers: providers.into(),
            groups: groups.into(),
            routes: routes.into(),
            memory: Memory::new(&auth.cache, metrics),
            revocations: Arc::new(RwLock::new(Revocations::new(auth.revocations))),
            revocations_version: AtomicU64::new(0),
            fresh_until: AtomicU64::new(f64::INFINITY.to_bits()),
            outcomes: Outcomes::default(),
            metrics: Arc::clone(metrics),
        })
    }

    /// One that knows the same at this moment and judges by it in the same way, but remembers and
    /// counts nothing.
    #[must_use]
    #[cold]
    pub fn rehearsal(&self) -> Self {
        let version = self.revocations_version.load(Ordering::Acquire);
        Self {
            gate: self.gate,
            realm: self.realm.clone(),
            token_bytes: self.token_bytes,
            denies_when_stale: self.denies_when_stale,
            providers: Arc::clone(&self.providers),
            groups: Arc::clone(&self.groups),
            routes: Arc::clone(&self.routes),
            memory: self.memory.rehearsal(),
            revocations: Arc::clone(&self.revocations),
            revocations_version: AtomicU64::new(version),
            fresh_until: AtomicU64::new(self.fresh_until.load(Ordering::Relaxed)),
            outcomes: Outcomes::default(),
            metrics: Arc::clone(&self.metrics),
        }
    }

    /// The name of a provider.
    #[must_use]
    pub fn provider_name(&self, number: u32) -> Option<&str> {
        let provider = self.providers.get(number as usize);
        provider.map(|provider| &*provider.name)
    }

    /// The names of the providers whose word counts on a route; none, where it is open.
    #[must_use]
    pub fn providers_of(&self, route: usize) -> Vec<&str> {
        let access = self.routes.get(route).and_then(Option::as_ref);
        let numbers = access.into_iter().flat_map(|access| &access.providers);
        numbers
            .map(|&number| &*self.providers[number as usize].name)
            .collect()
    }

    /// Who sent a request; nobody in particular, where that is not asked.
    ///
    /// # Errors
    ///
    /// [`Stop`].
    #[inline]
    pub fn identify(
        &self,
        route: usize,
        asked: &Asked<'_>,
    ) -> Result<Option<Identified<'_>>, Stop> {
        match &self.routes[route] {
            None => Ok(None),
            Some(access) => self.identify_by(access, asked),
        }
    }

    fn identify_by<'a>(
        &self,
        access: &'a Access,
        asked: &Asked<'_>,
    ) -> Result<Option<Identified<'a>>, Stop> {
        let (bench, withheld, outcome) = if let Some(bench) = access.service() {
            let Some(question) = self.question(bench, access, asked) else {
                return Ok(None);
            };
            (bench, None, self.ask(bench, question, asked))
        } else if let Some(shown) = access.find(&asked.request.lines.all) {
            let outcome = self.judge_shown(shown.bench, shown.presented, asked);
            (shown.bench, shown.others, outcome)
        } else if access.optional {
            return Ok(None);
        } else {
            return Err(self.refused(access, self.stale_or(Reason::TokenMissing, asked.now), None));
        };
        match outcome {
            Ok(accepted)
                if bench
                    .rule
                    .is_none_or(|rule| accepted.principal.is_granted(rule)) =>
            {
                if !asked.is_counted {
                    self.count(AuthOutcome::Accepted);
                }
                Ok(Some(Identified { accepted, withheld }))
            }
            Ok(accepted) => Err(self.refused(access, Reason::InsufficientScope, Some(accepted))),
            Err(Trouble::Reason(reason)) => Err(self.refused(access, reason, None)),
            Err(Trouble::Pending(pending)) => Err(Stop::Pending(pending)),
        }
    }

    fn refused(&self, access: &Access, reason: Reason, who: Option<Arc<Accepted>>) -> Stop {
        // Reasons that are not about credentials are not counted.
        if let Some(outcome) = AuthOutcome::of(reason) {
            self.count(outcome);
        }
        Stop::Refused(Box::new(self.realm.refuse(access, reason)), who)
    }

    #[inline]
    fn count(&self, outcome: AuthOutcome) {
        if !self.memory.is_rehearsal() {
            self.outcomes.count(outcome);
            self.metrics.count_auth(outcome);
        }
    }

    /// `reason`, unless nobody could be let in anyway.
    fn stale_or(&self, reason: Reason, now: f64) -> Reason {
        if self.is_closed(now) {
            Reason::AuthUnavailable
        } else {
            reason
        }
    }

    /// Whether nobody is let in because revocations may be missing.
    #[inline]
    fn is_closed(&self, now: f64) -> bool {
        self.denies_when_stale && now > f64::from_bits(self.fresh_until.load(Ordering::Relaxed))
    }

    #[inline]
    fn judge_shown(
        &self,
        bench: Bench,
        presented: Presented<'_>,
        asked: &Asked<'_>,
    ) -> Result<Arc<Accepted>, Trouble> {
        if self.is_closed(asked.now) {
            return Err(Reason::AuthUnavailable.into());
        }
        let credential = match presented {
            Presented::Once(credential) if credential.len() <= self.token_bytes => credential,
            Presented::Repeated => return Err(Reason::BadRequest.into()),
            _ => return Err(Reason::TokenInvalid.into()),
        };
        if let Some(known) = self.known(bench.group, credential, asked) {
            return known.map_err(Trouble::from);
        }
        let provider = self.groups[bench.group as usize].providers[0];
        match &self.providers[provider as usize].kind {
            Kind::Jwt { .. } => self.examine_token(bench.group, credential, asked.now),
            _ => self.examine_key(bench.group, provider, credential, asked.now),
        }
    }

    /// What is known of a credential without examining it.
    fn known(
        &self,
        group: u32,
        credential: &[u8],
        asked: &Asked<'_>,
    ) -> Option<Result<Arc<Accepted>, Reason>> {
        if let Some(verdict) = asked.verdict
            && verdict.is_about(self.gate, group, credential)
        {
            match &verdict.outcome {
                Err(reason) => return Some(Err(*reason)),
                Ok(accepted) => match self.standing(accepted, asked.now) {
                    Standing::Good => return Some(Ok(Arc::clone(accepted))),
                    Standing::Revoked => return Some(Err(Reason::TokenRevoked)),
                    Standing::Void => {}
                },
            }
        }
        self.remembered(group, credential, asked.now)
    }

    #[inline]
    fn remembered(
        &self,
        group: u32,
        credential: &[u8],
        now: f64,
    ) -> Option<Result<Arc<Accepted>, Reason>> {
        if let Some(accepted) = self.memory.accepted(group, credential) {
            match self.standing(&accepted, now) {
                Standing::Good if now < accepted.until => return Some(Ok(accepted)),
                Standing::Revoked if now < accepted.until => {
                    return Some(Err(Reason::TokenRevoked));
                }
                Standing::Void => self.memory.forget(group, credential),
                // What is put in its place is known to be asked for; what was forgotten is new.
                Standing::Good | Standing::Revoked => {}
            }
        }
        let refused = self.memory.refused(group, credential)?;
        let version = self.providers[refused.provider as usize].version();
        (now < refused.until && refused.version == version).then_some(Err(refused.reason))
    }

    #[inline]
    fn standing(&self, accepted: &Accepted, now: f64) -> Standing {
        let is_vouched_for = match &accepted.voucher {
            Voucher::Key(key) => key.is_alive(),
            Voucher::Version { provider, version } => {
                self.providers[*provider as usize].version() == *version
            }
        };
        if !is_vouched_for || !accepted.principal.validity.holds(now) {
            return Standing::Void;
        }
        let version = self.revocations_version.load(Ordering::Acquire);
        let is_revoked = accepted.is_revoked(version, |principal| {
            let revocations = read(&self.revocations);
            let is_revoked = revocations.is_revoked(
                &principal.issuer,
                principal.subject.as_deref(),
                principal.token_id.as_deref(),
                principal.issued_at,
                now,
            );
            (revocations.version(), is_revoked)
        });
        if is_revoked {
            Standing::Revoked
        } else {
            Standing::Good
        }
    }
}

/// What a lock holds. A panic elsewhere leaves it whole: it is replaced in one piece.
fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

/// What a lock holds, to be replaced.
fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
