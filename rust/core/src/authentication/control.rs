//! What is told to a gate while it works: keys, revocations, and how complete those are.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use super::{Authentication, read, write};
use crate::api_keys::ApiKeys;
use crate::keys::Key;
use crate::provider::{Kind, Provider};
use crate::revocation::{Full, Revocation};
use crate::token::CacheStatistics;

use super::Misuse;

impl Authentication {
    /// Hold exactly these keys of a provider of tokens from now on. `renewable` says that there may
    /// be others by now, for whoever asks.
    ///
    /// # Errors
    ///
    /// [`Misuse`] when the provider signs no tokens.
    pub fn set_keys(&self, provider: usize, keys: Vec<Key>, renewable: bool) -> Result<(), Misuse> {
        let provider = self.provider(provider)?;
        let Kind::Jwt { keys: ring, .. } = &provider.kind else {
            return Err(Misuse("the provider signs no tokens"));
        };
        let mut ring = write(ring);
        let before = ring.version();
        ring.replace(keys);
        ring.renewable = renewable;
        if ring.version() != before {
            provider.renew();
        }
        Ok(())
    }

    /// Hold exactly these API keys of a provider from now on.
    ///
    /// # Errors
    ///
    /// [`Misuse`] when the provider has no API keys.
    pub fn set_api_keys(&self, provider: usize, keys: ApiKeys) -> Result<(), Misuse> {
        let provider = self.provider(provider)?;
        let Kind::ApiKeys { keys: held, .. } = &provider.kind else {
            return Err(Misuse("the provider has no API keys"));
        };
        *write(held) = keys;
        provider.renew();
        Ok(())
    }

    fn provider(&self, number: usize) -> Result<&Provider, Misuse> {
        self.providers
            .get(number)
            .ok_or(Misuse("there is no such provider"))
    }

    /// Take revocations; how many of them were new.
    ///
    /// # Errors
    ///
    /// [`Full`]; then none was taken.
    pub fn revoke(&self, entries: Vec<Revocation>, now: f64) -> Result<usize, Full> {
        let mut revocations = write(&self.revocations);
        let new = revocations.apply(entries, now)?;
        self.revocations_version
            .store(revocations.version(), Ordering::Release);
        Ok(new)
    }

    /// The revocations that are held and have not expired.
    #[must_use]
    pub fn revocations(&self, now: f64) -> Vec<Revocation> {
        read(&self.revocations).list(now)
    }

    /// Say until when what is held of revocations is known to be complete.
    pub fn set_fresh_until(&self, until: f64) {
        self.fresh_until.store(until.to_bits(), Ordering::Relaxed);
    }

    /// What was remembered, and which answers were given, as JSON.
    #[must_use]
    pub fn statistics(&self) -> Value {
        let (tokens, refusals) = self.memory.statistics();
        let outcomes: serde_json::Map<_, _> = self
            .outcomes
            .all()
            .map(|(name, count)| (name.to_owned(), count.into()))
            .collect();
        json!({
            "tokens": of_cache(&tokens),
            "refusals": of_cache(&refusals),
            "outcomes": outcomes,
            "revocations": read(&self.revocations).len(),
        })
    }
}

fn of_cache(cache: &CacheStatistics) -> Value {
    json!({
        "entries": cache.entries,
        "bytes": cache.bytes,
        "hits": cache.hits,
        "misses": cache.misses,
        "evictions": cache.evictions,
    })
}
