//! The provider that a token is from, and the keys that could have signed it.

use std::sync::{Arc, RwLock};

use super::{Authentication, read};
use crate::claims::Expectations;
use crate::jwt::Jwt;
use crate::keys::{Algorithm, Key, KeyRing};
use crate::provider::Kind;

/// Bytes of a signature by EdDSA on Curve25519 (RFC 8032 section 5.1.6).
const ED25519_SIGNATURE: usize = 64;

/// Most keys that are listed.
const MOST_TOLD: usize = 16;

/// A provider of tokens.
#[derive(Clone, Copy)]
pub(super) struct Issuer<'a> {
    /// Its number.
    pub(super) number: u32,
    /// Its version, from before anything was looked at: what changes meanwhile ends what was found.
    pub(super) version: u64,
    /// What its tokens must claim.
    pub(super) expectations: &'a Expectations,
    keys: &'a RwLock<KeyRing>,
}

/// The keys that could have signed a token.
pub(super) enum Candidates {
    /// None is known; whether there may be others by now.
    None { renewable: bool },
    /// Shared secrets, which are quick to check.
    Shared(Vec<Arc<Key>>),
    /// Public keys.
    Public(Vec<Arc<Key>>),
    /// One of those with which only others can check.
    External(Arc<Key>),
}

impl Authentication {
    /// Whether any provider of a group has a key for such tokens, or could get one.
    pub(super) fn could_be_checked(
        &self,
        group: u32,
        algorithm: Algorithm,
        key_id: Option<&str>,
    ) -> bool {
        let mut providers = self.groups[group as usize].providers.iter();
        providers.any(|&number| match &self.providers[number as usize].kind {
            Kind::Jwt { expectations, keys } if expectations.is_algorithm(algorithm) => {
                let ring = read(keys);
                ring.renewable || ring.candidates(key_id, algorithm).next().is_some()
            }
            _ => false,
        })
    }

    /// The provider that a token is from: the first of its issuer for whose audience it is meant,
    /// or else the first of its issuer.
    pub(super) fn issuer(&self, group: u32, jwt: &Jwt<'_>) -> Option<Issuer<'_>> {
        let providers = self.groups[group as usize].providers.iter();
        let issuers = providers.filter_map(|&number| {
            let provider = &self.providers[number as usize];
            let Kind::Jwt { expectations, keys } = &provider.kind else {
                return None;
            };
            Some(Issuer {
                number,
                version: provider.version(),
                expectations,
                keys,
            })
        });
        let mut own = issuers.filter(|issuer| issuer.expectations.is_issuer(&jwt.claims));
        let first = own.next()?;
        let is_meant = |issuer: &Issuer<'_>| issuer.expectations.is_audience(&jwt.claims);
        if is_meant(&first) {
            return Some(first);
        }
        Some(own.find(is_meant).unwrap_or(first))
    }
}

impl Issuer<'_> {
    /// The keys that the provider has, for people.
    #[cold]
    pub(super) fn described_keys(&self) -> String {
        let ring = read(self.keys);
        let described = |key: &Arc<Key>| match key.id() {
            Some(id) => format!("{id:?}"),
            None => "one without an id".to_owned(),
        };
        let keys: Vec<_> = ring.keys().iter().take(MOST_TOLD).map(described).collect();
        match (keys.len(), ring.keys().len()) {
            (0, _) => "It has none at all.".to_owned(),
            (told, all) if told < all => format!("It has {} and others.", keys.join(", ")),
            _ => format!("It has {}.", keys.join(", ")),
        }
    }

    /// The keys that could have signed a token.
    pub(super) fn candidates(&self, jwt: &Jwt<'_>) -> Candidates {
        let ring = read(self.keys);
        let fitting = || ring.candidates(jwt.key_id.as_deref(), jwt.algorithm);
        let Some(first) = fitting().next() else {
            let renewable = ring.renewable;
            return Candidates::None { renewable };
        };
        if first.is_symmetric() {
            return Candidates::Shared(fitting().cloned().collect());
        }
        let is_external = |key: &&Arc<Key>| key.external().is_some();
        let native: Vec<_> = fitting().filter(|key| !is_external(key)).cloned().collect();
        // The name EdDSA stands for two curves, whose signatures differ in length.
        let is_native = !native.is_empty() && jwt.signature.len() == ED25519_SIGNATURE;
        match fitting().find(is_external) {
            Some(key) if !is_native => Candidates::External(Arc::clone(key)),
            _ => Candidates::Public(native),
        }
    }
}

/// The key that signed a token, among those that could have.
pub(super) fn signer(keys: &[Arc<Key>], jwt: &Jwt<'_>) -> Option<Arc<Key>> {
    let signed = |key: &&Arc<Key>| key.verify(jwt.algorithm, jwt.signing_input, &jwt.signature);
    keys.iter().find(signed).cloned()
}
