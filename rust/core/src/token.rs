//! What became of credentials that were seen before: a cache bounded by bytes.
//!
//! It keeps what is asked for again by S3-FIFO (Yang, Zhang, Qiu, Yue and Rashmi, "FIFO queues are
//! all you need for cache eviction", SOSP 2023): whatever is new enters a small queue, from which
//! only what was used moves on to the main one. Tokens that are shown once, be they forged or
//! issued for one call, so leave without pushing out a single token that is in use.
//! `examples/eviction` compares it with others.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash, Hasher};

mod ghosts;
mod slots;
#[cfg(test)]
mod tests;

use ghosts::Ghosts;
use slots::{Queue, Slots};

/// Part of the memory that is for entries that have not proved themselves: one in this many.
const SMALL_SHARE: usize = 10;

/// Uses that take an entry from the small queue into the main one.
const PROMOTING_USES: u8 = 1;

/// Uses that are remembered of an entry: so often main passes it over.
const MOST_USES: u8 = 3;

/// Most entries that one eviction looks at, so that no request waits for a long walk.
const LONGEST_WALK: usize = 256;

/// Memory of an entry beside its slot for which slots are provided. Entries of less only leave
/// memory unused; those of a short token and the principal made from it have about twice as much.
const SMALLEST_ENTRY: usize = 448;

/// Values by provider and credential. Compared is the whole credential; the hash is keyed, so that
/// nobody can make credentials collide.
#[derive(Debug)]
pub struct TokenCache<V> {
    slots: Slots<V>,
    ghosts: Ghosts,
    hasher: RandomState,
    /// Bytes for entries beside their slots, and how many of them are taken.
    room: usize,
    taken: usize,
    fixed: usize,
    hits: u64,
    misses: u64,
    evictions: u64,
}

/// What a cache holds and what it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheStatistics {
    /// Entries that are held.
    pub entries: usize,
    /// Bytes that they and the cache's own tables take.
    pub bytes: usize,
    /// Lookups that found something.
    pub hits: u64,
    /// Lookups that did not.
    pub misses: u64,
    /// Entries that had to make room.
    pub evictions: u64,
}

impl<V> TokenCache<V> {
    /// A cache that takes at most `bytes`, its own tables included. Those are allocated now, and
    /// never grow.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        let per_entry = Slots::<V>::BYTES_PER_SLOT + Ghosts::BYTES_PER_GHOST;
        let capacity = bytes / (per_entry + SMALLEST_ENTRY);
        let slots = Slots::new(capacity);
        let ghosts = Ghosts::new(capacity);
        let fixed = slots.bytes() + ghosts.bytes();
        Self {
            slots,
            ghosts,
            hasher: RandomState::new(),
            room: bytes.saturating_sub(fixed),
            taken: 0,
            fixed,
            hits: 0,
            misses: 0,
            evictions: 0,
        }
    }

    /// What is held for a credential.
    pub fn get(&mut self, provider: u32, credential: &[u8]) -> Option<&V> {
        let hash = self.hash(provider, credential);
        let Some(place) = self.slots.find(hash, provider, credential) else {
            self.misses += 1;
            return None;
        };
        self.hits += 1;
        let slot = &mut self.slots[place];
        slot.uses = MOST_USES.min(slot.uses + 1);
        slot.value.as_ref()
    }

    /// What is held for a credential, which makes no difference to what is kept or counted.
    #[must_use]
    pub fn peek(&self, provider: u32, credential: &[u8]) -> Option<&V> {
        let hash = self.hash(provider, credential);
        let place = self.slots.find(hash, provider, credential)?;
        self.slots[place].value.as_ref()
    }

    /// Hold a value for a credential, instead of what was held for it; how many others had to make
    /// room.
    ///
    /// `extra_weight` is the memory behind `value` in bytes; what lies in `V` itself is known. A
    /// value too large for the cache is not held. What is put again keeps its standing, which it
    /// would lose if it were removed first.
    pub fn insert(
        &mut self,
        provider: u32,
        credential: &[u8],
        value: V,
        extra_weight: usize,
    ) -> u64 {
        let hash = self.hash(provider, credential);
        let known = self.slots.find(hash, provider, credential);
        let queue = match known {
            Some(place) => self.release(place),
            None if self.ghosts.take(hash) => Queue::Main,
            None => Queue::Small,
        };
        let weight = allocated(credential.len()).saturating_add(extra_weight);
        if weight > self.room || self.slots.capacity() == 0 {
            return 0;
        }
        let evicted = self.evictions;
        while self.slots.is_full() || self.taken + weight > self.room {
            self.evict();
        }
        self.taken += weight;
        self.slots
            .put(queue, hash, provider, credential.into(), weight, value);
        self.evictions - evicted
    }

    /// Forget what is held for a credential.
    pub fn remove(&mut self, provider: u32, credential: &[u8]) {
        let hash = self.hash(provider, credential);
        if let Some(place) = self.slots.find(hash, provider, credential) {
            self.release(place);
        }
    }

    /// What the cache holds and did.
    #[must_use]
    pub fn statistics(&self) -> CacheStatistics {
        CacheStatistics {
            entries: self.slots.len(),
            bytes: self.fixed + self.taken,
            hits: self.hits,
            misses: self.misses,
            evictions: self.evictions,
        }
    }

    /// Make some room. There is an entry.
    fn evict(&mut self) {
        for step in 1.. {
            let small = self.slots.weight(Queue::Small);
            let is_small = small > self.room / SMALL_SHARE || self.slots.is_empty(Queue::Main);
            let queue = if is_small { Queue::Small } else { Queue::Main };
            let place = self.slots.oldest(queue);
            let slot = &mut self.slots[place];
            let spared = if is_small { PROMOTING_USES } else { 1 };
            if slot.uses < spared || step == LONGEST_WALK {
                if is_small {
                    self.ghosts.put(slot.hash, self.slots.count(Queue::Main));
                }
                self.release(place);
                self.evictions += 1;
                return;
            }
            slot.uses = if is_small { 0 } else { slot.uses - 1 };
            self.slots.renew(place, Queue::Main);
        }
    }

    fn release(&mut self, place: slots::Place) -> Queue {
        self.taken -= self.slots[place].weight;
        self.slots.release(place)
    }

    fn hash(&self, provider: u32, credential: &[u8]) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        provider.hash(&mut hasher);
        hasher.write(credential);
        hasher.finish()
    }
}

/// Bytes that an allocator takes for a block of `length`: a header of 8, and all of it in
/// multiples of 16, at least 32, as glibc does on 64-bit machines.
const fn allocated(length: usize) -> usize {
    if length == 0 {
        return 0;
    }
    let block = (length + 8).next_multiple_of(16);
    if block < 32 { 32 } else { block }
}
