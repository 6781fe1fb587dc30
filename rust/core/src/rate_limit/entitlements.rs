//! What limits have to know of a client: made once, when its credential is accepted, so that a
//! request finds it ready.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::claims::{ClaimPath, Claims, is_inexact};
use crate::specification::{Exempt, RateLimitPolicy, SpecError, Tiers};

/// What limits have to know of a client.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Entitlements {
    /// The client's own quotas by policy, 0 where it has none; empty where no policy has tiers.
    quotas: Box<[u32]>,
    /// Which policies do not concern it, one bit each.
    exempt: Box<[u64]>,
    /// The claims by which policies count, by their number.
    claims: Box<[Option<Box<str>>]>,
}

/// How entitlements are made from claims.
#[derive(Debug, Default)]
pub struct EntitlementRecipe {
    policies: Vec<Conditions>,
    claims: Vec<ClaimPath>,
}

/// What a policy asks about clients.
#[derive(Debug)]
struct Conditions {
    tiers: Option<(ClaimPath, HashMap<Box<str>, u32>)>,
    subjects: HashSet<Box<str>>,
    scopes: HashSet<Box<str>>,
}

impl Entitlements {
    /// The client's own quota under a policy.
    #[must_use]
    #[inline]
    pub fn quota(&self, policy: usize) -> Option<u32> {
        self.quotas.get(policy).copied().filter(|&quota| quota > 0)
    }

    /// Whether a policy does not concern the client.
    #[must_use]
    #[inline]
    pub fn is_exempt(&self, policy: usize) -> bool {
        let word = self.exempt.get(policy / 64);
        word.is_some_and(|word| word >> (policy % 64) & 1 == 1)
    }

    /// The claim with a number, as JSON, so that `7` and `"7"` differ.
    #[must_use]
    #[inline]
    pub fn claim(&self, number: usize) -> Option<&str> {
        self.claims.get(number)?.as_deref()
    }

    /// Memory behind the value, in bytes.
    #[must_use]
    pub fn weight(&self) -> usize {
        let texts: usize = self.claims.iter().flatten().map(|text| text.len()).sum();
        texts + size_of_val(&*self.claims) + size_of_val(&*self.quotas) + size_of_val(&*self.exempt)
    }
}

impl EntitlementRecipe {
    /// Add what a policy asks about clients, after those before it.
    ///
    /// # Errors
    ///
    /// [`SpecError`] when the claim of the tiers has no name.
    pub fn add(&mut self, policy: &RateLimitPolicy) -> Result<(), SpecError> {
        let tiers = policy.tiers.as_ref().map(compile_tiers).transpose()?;
        let Exempt {
            subjects, scopes, ..
        } = &policy.exempt;
        let boxed = |names: &[String]| names.iter().map(|name| name.as_str().into()).collect();
        self.policies.push(Conditions {
            tiers,
            subjects: boxed(subjects),
            scopes: boxed(scopes),
        });
        Ok(())
    }

    /// The number of a claim by which a policy counts.
    ///
    /// # Errors
    ///
    /// [`SpecError`] when it has no name.
    pub fn claim(&mut self, names: &[String]) -> Result<usize, SpecError> {
        let path = ClaimPath::new(names)?;
        let known = self.claims.iter().position(|known| *known == path);
        Ok(known.unwrap_or_else(|| {
            self.claims.push(path);
            self.claims.len() - 1
        }))
    }

    /// The entitlements of a client, from what its credential claims.
    #[must_use]
    pub fn make(&self, subject: Option<&str>, scopes: &[&str], claims: &Claims) -> Entitlements {
        let has_tiers = self.policies.iter().any(|policy| policy.tiers.is_some());
        let quotas = self.policies.iter().filter(|_| has_tiers);
        let is_exempt = |policy: &Conditions| {
            subject.is_some_and(|subject| policy.subjects.contains(subject))
                || scopes.iter().any(|scope| policy.scopes.contains(*scope))
        };
        let mut exempt = vec![0; self.policies.len().div_ceil(64)];
        for (number, policy) in self.policies.iter().enumerate() {
            exempt[number / 64] |= u64::from(is_exempt(policy)) << (number % 64);
        }
        Entitlements {
            quotas: quotas.map(|policy| policy.quota(claims)).collect(),
            exempt: exempt.into(),
            claims: self
                .claims
                .iter()
                .map(|path| text(path.find(claims)?))
                .collect(),
        }
    }
}

impl Conditions {
    /// The quota of a client's tier; of several, the greatest. 0 where it is in none.
    fn quota(&self, claims: &Claims) -> u32 {
        let Some((path, quotas)) = &self.tiers else {
            return 0;
        };
        let quota = |name: &Value| quotas.get(name.as_str()?).copied();
        match path.find(claims) {
            Some(Value::Array(names)) => names.iter().filter_map(quota).max(),
            Some(name) => quota(name),
            None => None,
        }
        .unwrap_or(0)
    }
}

fn compile_tiers(tiers: &Tiers) -> Result<(ClaimPath, HashMap<Box<str>, u32>), SpecError> {
    let quotas = tiers.quotas.iter();
    let quotas = quotas.map(|(name, quota)| (name.as_str().into(), *quota));
    Ok((ClaimPath::new(&tiers.claim)?, quotas.collect()))
}

/// A claim as a text that no other value has. What is no single value tells nobody apart.
fn text(claim: &Value) -> Option<Box<str>> {
    match claim {
        Value::Number(number) if is_inexact(number) => None,
        Value::String(_) | Value::Number(_) | Value::Bool(_) => Some(claim.to_string().into()),
        _ => None,
    }
}
