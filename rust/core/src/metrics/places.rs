//! What a gate remembers of where its series are counted, so that it need not look for them in the
//! arena's list.
//!
//! A word is a key and its place; 0 is none. A series can be remembered in one of four words, which
//! lie in one cache line. What is not remembered is found again: places never change.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use super::series::KEY_BITS;

const WAYS: usize = 4;
const PLACE_BITS: u32 = 20;
const _: () = assert!(KEY_BITS + PLACE_BITS <= u64::BITS);

/// Most words: half a MiB.
const MOST_WORDS: usize = 1 << 16;

/// An odd constant with well-mixed bits (the golden ratio).
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

/// Places by key.
#[derive(Debug)]
pub(super) struct Places {
    words: Box<[AtomicU64]>,
    /// Takes the bits of a hash that say in which set a key is.
    shift: u32,
}

impl Places {
    /// Room for about so many series, of which each has its chance.
    pub(super) fn new(series: usize) -> Self {
        let count = (2 * series).next_power_of_two().clamp(2 * WAYS, MOST_WORDS);
        let sets = count / WAYS;
        Self {
            words: (0..count).map(|_| AtomicU64::new(0)).collect(),
            shift: u64::BITS - sets.trailing_zeros(),
        }
    }

    /// The place of a key; where it is not remembered, what `find` says, from now on.
    #[inline]
    pub(super) fn get(&self, key: u64, find: impl FnOnce() -> usize) -> usize {
        let set = (key.wrapping_mul(MIX) >> self.shift) as usize * WAYS;
        let ways = &self.words[set..set + WAYS];
        for way in ways {
            let word = way.load(Relaxed);
            if word >> PLACE_BITS == key {
                return (word & ((1 << PLACE_BITS) - 1)) as usize;
            }
        }
        let place = find();
        let free = ways.iter().position(|way| way.load(Relaxed) == 0);
        // Where none is free, the key says which one has to go.
        let way = free.unwrap_or(key as usize % WAYS);
        ways[way].store(key << PLACE_BITS | place as u64, Relaxed);
        place
    }
}
