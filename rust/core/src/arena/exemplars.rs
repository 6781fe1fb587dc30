//! Single requests that stand for those of their bucket, by series and bucket: the last one.
//!
//! | Word | Meaning |
//! |---|---|
//! | 0, 1 | trace, low half first |
//! | 2 | value: bits of seconds |
//! | 3 | when: bits of Unix seconds |
//! | 4 | check of all the others |
//!
//! They are written without any order between those who write at once, or an end for those who are
//! killed within: what does not fit its check is a mixture, and nobody gets to see it.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use super::Arena;

/// Words of an exemplar: a cache line.
const EXEMPLAR_WORDS: usize = 8;
/// Buckets that have exemplars.
pub(crate) const EXEMPLARS: usize = 18;
pub(super) const EXEMPLARS_WORDS: usize = EXEMPLAR_WORDS * EXEMPLARS;

const PARTS: usize = 4;
const CHECK: usize = PARTS;

/// A request whose trace is kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exemplar {
    /// The trace.
    pub trace_id: u128,
    /// Seconds that it took.
    pub seconds: f64,
    /// Unix seconds at which it ended.
    pub unix_seconds: f64,
}

impl Arena {
    /// The last exemplar of a series' bucket, if it is whole.
    pub(crate) fn exemplar(&self, series: usize, bucket: usize) -> Option<Exemplar> {
        let words = self.exemplar_words(series, bucket)?;
        let parts: [u64; PARTS] = std::array::from_fn(|part| words[part].load(Relaxed));
        if words[CHECK].load(Relaxed) != check(parts) {
            return None;
        }
        let [low, high, seconds, unix_seconds] = parts;
        Some(Exemplar {
            trace_id: u128::from(high) << 64 | u128::from(low),
            seconds: f64::from_bits(seconds),
            unix_seconds: f64::from_bits(unix_seconds),
        })
    }

    /// Let a request stand for those of its bucket.
    pub(crate) fn set_exemplar(&self, series: usize, bucket: usize, exemplar: &Exemplar) {
        let Some(words) = self.exemplar_words(series, bucket) else {
            return;
        };
        let parts = [
            exemplar.trace_id as u64,
            (exemplar.trace_id >> 64) as u64,
            exemplar.seconds.to_bits(),
            exemplar.unix_seconds.to_bits(),
        ];
        for (word, part) in words.iter().zip(parts) {
            word.store(part, Relaxed);
        }
        words[CHECK].store(check(parts), Relaxed);
    }

    fn exemplar_words(&self, series: usize, bucket: usize) -> Option<&[AtomicU64; EXEMPLAR_WORDS]> {
        let words = &self.memory.counters()[self.shape.exemplars(series)];
        words.as_chunks().0.get(bucket)
    }
}

/// A number that says which parts belong together; of none that are all 0, it is not 0. Every part
/// is spread over all bits before the next one comes in (after Steele, Lea and Flood, "Fast
/// splittable pseudorandom number generators", 2014).
fn check(parts: [u64; PARTS]) -> u64 {
    parts.into_iter().fold(0x9e37_79b9_7f4a_7c15, |sum, part| {
        let mut mixed = sum ^ part;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31).wrapping_add(0x9e37_79b9_7f4a_7c15)
    })
}
