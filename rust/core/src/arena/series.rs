//! What is counted under a label or two: series, each with a number and a block of counters.
//!
//! The directory is a list of keys, words of 64 bits, which grows and never shrinks: who meets a key
//! for the first time puts it into the first free place, by compare-and-swap, and its place is the
//! number of the series. A key has one place: whoever put it there had seen those before it taken by
//! others, and they still are. A key says all about its series, so that nobody who is killed leaves
//! half of one. Whoever counts remembers places, so that the list is looked through once.
//!
//! When the list is full there is nothing to find, and the caller counts in a place that is reserved:
//! [`RESERVED_SERIES`] have one that does not depend on who came first.
//!
//! A series has a block of counters in each stripe. A worker counts in one stripe, which it may
//! share with others, by adding to one word at a time; a sum over the stripes is what all have
//! counted, whether they live or not. What belongs to no series has its words in each stripe, too:
//! the totals. What the words mean is not known here ([`crate::metrics`] says it).

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Release};

use super::Arena;

/// Words that a stripe has for a series: three cache lines.
pub(crate) const BLOCK_WORDS: usize = 24;
/// Words that a stripe has for what belongs to no series: 24 cache lines.
pub(crate) const TOTALS_WORDS: usize = 192;
/// Series for which there is always room.
pub(crate) const RESERVED_SERIES: usize = 2048;

impl Arena {
    /// Number of series that have a place, besides those that are reserved.
    #[must_use]
    pub const fn series(&self) -> usize {
        self.shape.series
    }

    /// The stripe of a worker.
    pub(crate) fn stripe(&self, lane: u8) -> usize {
        let stripe = usize::from(lane) % self.shape.stripes;
        self.header().use_stripe(stripe);
        stripe
    }

    /// The place of a series; none, if there are too many. The key is not 0.
    pub(crate) fn place(&self, key: u64) -> Option<usize> {
        let directory = &self.directory()[..self.shape.series];
        directory.iter().position(|word| is_taken(word, key))
    }

    /// The place of one of the series that are reserved, which always has the same key.
    pub(crate) fn reserved_place(&self, number: usize, key: u64) -> usize {
        let place = self.shape.series + number;
        let word = &self.directory()[place];
        if word.load(Acquire) != key {
            word.store(key, Release);
        }
        place
    }

    /// The series that there are: places and keys.
    pub(crate) fn places(&self) -> impl Iterator<Item = (usize, u64)> {
        let key = |word: &AtomicU64| word.load(Acquire);
        let (listed, reserved) = self.directory().split_at(self.shape.series);
        let listed = listed.iter().map(key).take_while(|&key| key != 0);
        let reserved = (self.shape.series..).zip(reserved.iter().map(key));
        let reserved = reserved.filter(|&(_, key)| key != 0);
        listed.enumerate().chain(reserved)
    }

    /// What a stripe counts of a series.
    #[inline]
    pub(crate) fn block(&self, stripe: usize, place: usize) -> &[AtomicU64] {
        &self.memory.counters()[self.shape.block(stripe, place)]
    }

    /// What a stripe counts that belongs to no series.
    #[inline]
    pub(crate) fn totals(&self, stripe: usize) -> &[AtomicU64] {
        &self.memory.counters()[self.shape.totals(stripe)]
    }

    /// The stripes in which anything was counted. The others are never read: the system would
    /// give memory to them.
    pub(crate) fn stripes(&self) -> impl Iterator<Item = usize> + Clone + use<> {
        let used = self.header().stripes();
        (0..u64::BITS as usize).filter(move |stripe| used >> stripe & 1 == 1)
    }

    fn directory(&self) -> &[AtomicU64] {
        &self.memory.counters()[self.shape.directory()]
    }
}

/// Whether a place is a key's, perhaps from now on.
fn is_taken(word: &AtomicU64, key: u64) -> bool {
    let known = match word.load(Acquire) {
        0 => word.compare_exchange(0, key, AcqRel, Acquire).err(),
        known => Some(known),
    };
    known.is_none_or(|known| known == key)
}
