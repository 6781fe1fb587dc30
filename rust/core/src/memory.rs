//! What a gate remembers of credentials: those that were accepted, and those that were refused
//! after work was spent on them. Each has its own room, so that a flood of forgeries pushes nobody
//! out.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::decision::Reason;
use crate::metrics::{Cache, CacheEvent, Metrics};
use crate::specification;
use crate::token::{CacheStatistics, TokenCache};
use crate::verdict::Accepted;

/// What a gate remembers of credentials.
#[derive(Debug)]
pub struct Memory {
    accepted: Arc<Mutex<TokenCache<Arc<Accepted>>>>,
    refused: Arc<Mutex<TokenCache<Refused>>>,
    longest_life: f64,
    longest_refusal: f64,
    metrics: Arc<Metrics>,
    /// Whether it is only looked at: nothing is added, forgotten or counted.
    is_rehearsal: bool,
}

/// A refusal that holds until a time, and while a provider knows what it knew.
#[derive(Debug, Clone, Copy)]
pub struct Refused {
    /// What for.
    pub reason: Reason,
    /// Number of the provider.
    pub provider: u32,
    /// Its version.
    pub version: u64,
    /// Unix seconds.
    pub until: f64,
}

impl Memory {
    /// Room within bounds; what is done with it is counted.
    #[must_use]
    pub fn new(bounds: &specification::Cache, metrics: &Arc<Metrics>) -> Self {
        Self {
            accepted: Arc::new(Mutex::new(TokenCache::new(bounds.bytes))),
            refused: Arc::new(Mutex::new(TokenCache::new(bounds.refused_bytes))),
            longest_life: bounds.ttl,
            longest_refusal: bounds.refused_ttl,
            metrics: Arc::clone(metrics),
            is_rehearsal: false,
        }
    }

    /// The same memory, for whoever only wants to know what it would say.
    #[must_use]
    pub fn rehearsal(&self) -> Self {
        Self {
            accepted: Arc::clone(&self.accepted),
            refused: Arc::clone(&self.refused),
            longest_life: self.longest_life,
            longest_refusal: self.longest_refusal,
            metrics: Arc::clone(&self.metrics),
            is_rehearsal: true,
        }
    }

    /// Whether it is only looked at.
    #[inline]
    #[must_use]
    pub const fn is_rehearsal(&self) -> bool {
        self.is_rehearsal
    }

    /// What was accepted, whatever has happened since.
    #[inline]
    #[must_use]
    pub fn accepted(&self, group: u32, credential: &[u8]) -> Option<Arc<Accepted>> {
        if self.is_rehearsal {
            return lock(&self.accepted).peek(group, credential).cloned();
        }
        let found = lock(&self.accepted).get(group, credential).cloned();
        self.count_lookup(Cache::Tokens, found.is_some());
        found
    }

    /// Until when something that was accepted now may be remembered.
    #[must_use]
    pub fn life(&self, now: f64, until: f64) -> f64 {
        until.min(now + self.longest_life)
    }

    /// Remember what was accepted.
    pub fn accept(&self, group: u32, credential: &[u8], accepted: &Arc<Accepted>) {
        if self.is_rehearsal {
            return;
        }
        // Two counts, in front of what is shared.
        let weight = size_of::<Accepted>() + 2 * size_of::<usize>() + accepted.principal.weight();
        let accepted = Arc::clone(accepted);
        let evicted = lock(&self.accepted).insert(group, credential, accepted, weight);
        self.metrics
            .count_cache(Cache::Tokens, CacheEvent::Eviction, evicted);
    }

    /// Forget what was accepted.
    pub fn forget(&self, group: u32, credential: &[u8]) {
        if !self.is_rehearsal {
            lock(&self.accepted).remove(group, credential);
        }
    }

    /// What was refused, whatever has happened since.
    #[must_use]
    pub fn refused(&self, group: u32, credential: &[u8]) -> Option<Refused> {
        if self.is_rehearsal {
            return lock(&self.refused).peek(group, credential).copied();
        }
        let found = lock(&self.refused).get(group, credential).copied();
        self.count_lookup(Cache::Refusals, found.is_some());
        found
    }

    /// Remember a refusal for as long as it holds, or as it may be.
    pub fn refuse(&self, group: u32, credential: &[u8], now: f64, refused: Refused) {
        if self.is_rehearsal {
            return;
        }
        let until = refused.until.min(now + self.longest_refusal);
        let refused = Refused { until, ..refused };
        let evicted = lock(&self.refused).insert(group, credential, refused, 0);
        self.metrics
            .count_cache(Cache::Refusals, CacheEvent::Eviction, evicted);
    }

    #[inline]
    fn count_lookup(&self, cache: Cache, has_found: bool) {
        let event = if has_found {
            CacheEvent::Hit
        } else {
            CacheEvent::Miss
        };
        self.metrics.count_cache(cache, event, 1);
    }

    /// What both did: of those that were accepted first.
    #[must_use]
    pub fn statistics(&self) -> (CacheStatistics, CacheStatistics) {
        (
            lock(&self.accepted).statistics(),
            lock(&self.refused).statistics(),
        )
    }
}

/// The cache. A panic inside of it ends one request; the next one finds it as it is.
fn lock<T>(cache: &Mutex<T>) -> MutexGuard<'_, T> {
    cache.lock().unwrap_or_else(PoisonError::into_inner)
}
