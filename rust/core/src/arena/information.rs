//! What the store last said of keys, for telling clients.
//!
//! | Bits | Meaning |
//! |---|---|
//! | 38 | tag |
//! | 27 | remaining |
//! | 27 | quota |
//! | 36 | when the bucket ends, in milliseconds of Unix time, modulo 2^36 |
//!
//! Nothing is decided by this. A key has one slot, and whoever wrote last has it.

use std::sync::atomic::Ordering::Relaxed;

use portable_atomic::AtomicU128;

use super::Arena;
use super::key::Key;
use crate::window::{LONGEST_MS, MOST_COUNT};

const TAG_BITS: u32 = 38;
const COUNT_BITS: u32 = 27;
const TIME_BITS: u32 = 36;

/// What the store said of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Information {
    /// What it would still grant.
    pub remaining: u32,
    /// The quota that it went by.
    pub quota: u32,
    /// Unix milliseconds, on this machine's clock, at which the bucket ends.
    pub resets_ms: u64,
}

impl Arena {
    /// What the store last said of a key, if that still holds and nobody has written over it.
    #[must_use]
    pub fn information(&self, key: Key, now_ms: u64) -> Option<Information> {
        let word = self.slot(key).load(Relaxed);
        let unused = 64 - TIME_BITS;
        let ahead = ((word as u64).wrapping_sub(now_ms) << unused) >> unused;
        let is_current = ahead > 0 && ahead <= 2 * LONGEST_MS;
        let is_its = word >> (128 - TAG_BITS) == key.tag(TAG_BITS);
        (is_its && is_current).then(|| Information {
            remaining: (word >> (COUNT_BITS + TIME_BITS)) as u32 & MOST_COUNT,
            quota: (word >> TIME_BITS) as u32 & MOST_COUNT,
            resets_ms: now_ms + ahead,
        })
    }

    /// Note what the store said of a key.
    pub fn set_information(&self, key: Key, information: &Information) {
        let count = |count: u32| u128::from(count.min(MOST_COUNT));
        let mut word = key.tag(TAG_BITS);
        word = word << COUNT_BITS | count(information.remaining);
        word = word << COUNT_BITS | count(information.quota);
        word = word << TIME_BITS | u128::from(information.resets_ms) & ((1 << TIME_BITS) - 1);
        self.slot(key).store(word, Relaxed);
    }

    fn slot(&self, key: Key) -> &AtomicU128 {
        let words = self.information_table();
        &words[key.places().0 & (words.len() - 1)]
    }
}
