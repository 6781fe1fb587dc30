//! The first page of an arena.
//!
//! | Word | High half | Low half |
//! |---|---|---|
//! | 0 | magic | version of the layout |
//! | 1 | number of series | number of slots |
//! | 2 | hash key | |
//! | 3 | machine | |
//! | 4 | gateways that share the store | its incarnation |
//! | 5 | | stripes in which anything was ever counted, one bit each |
//! | 8, 9 | lanes in use, one bit each | |
//! | 16 | | claims that were ever made |
//!
//! What changes often has a cache line for itself.

use std::sync::atomic::Ordering::SeqCst;

use portable_atomic::AtomicU128;

use super::ArenaError;
use super::shape::{STRIPES, Shape};

/// A page of 4096 bytes.
pub(super) const HEADER_WORDS: usize = 256;

/// Version of the layout of all tables.
pub(super) const VERSION: u64 = 2;

/// "PyGArena", as bytes read from the file.
const MAGIC: u64 = u64::from_le_bytes(*b"PyGArena");

const IDENTITY: usize = 0;
const SIZES: usize = 1;
const HASH_KEY: usize = 2;
const MACHINE: usize = 3;
const STORE: usize = 4;
const USED_STRIPES: usize = 5;
const LANES: usize = 8;
const CLAIMS: usize = 16;

/// The count of claims in an arena's words.
#[inline]
pub(super) fn claims(words: &[AtomicU128]) -> &AtomicU128 {
    &words[CLAIMS]
}

/// What is known of an arena as a whole.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header<'a> {
    words: &'a [AtomicU128],
}

impl<'a> Header<'a> {
    pub(super) const fn new(words: &'a [AtomicU128]) -> Self {
        Self { words }
    }

    /// Fill in zeros that nobody else sees yet. The magic comes last: half a header is none.
    pub(super) fn write(&self, shape: &Shape, hash_key: [u8; 16], machine: u128) {
        let sizes = pair(shape.series as u64, shape.slots as u64);
        self.words[SIZES].store(sizes, SeqCst);
        self.words[HASH_KEY].store(u128::from_le_bytes(hash_key), SeqCst);
        self.words[MACHINE].store(machine, SeqCst);
        self.words[IDENTITY].store(pair(MAGIC, VERSION), SeqCst);
    }

    /// What lies where, if this is a shared arena of this layout.
    pub(super) fn shape(&self) -> Result<Shape, ArenaError> {
        let (magic, version) = halves(self.words[IDENTITY].load(SeqCst));
        if magic != MAGIC {
            return Err(ArenaError::NotAnArena);
        }
        if version != VERSION {
            return Err(ArenaError::Version(version));
        }
        let (series, slots) = halves(self.words[SIZES].load(SeqCst));
        let size = |size: u64| usize::try_from(size).map_err(|_| ArenaError::NotAnArena);
        Shape::new(size(slots)?, size(series)?, STRIPES)
    }

    pub(super) fn hash_key(&self) -> [u8; 16] {
        self.words[HASH_KEY].load(SeqCst).to_le_bytes()
    }

    pub(super) fn machine(&self) -> u128 {
        self.words[MACHINE].load(SeqCst)
    }

    /// Note what the store has said of itself; of an incarnation that is 0, nothing is known.
    pub(super) fn note_store(&self, gateways: u64, incarnation: u64) {
        let word = &self.words[STORE];
        let next = |known| {
            let (_, current) = halves(known);
            let incarnation = if incarnation == 0 {
                current
            } else {
                incarnation
            };
            let next = pair(gateways, incarnation);
            (known != next).then_some(next)
        };
        // Where nothing is new, nothing is written.
        let _ = word.fetch_update(SeqCst, SeqCst, next);
    }

    /// How many gateways share the store, and which incarnation of it they do.
    #[inline]
    pub(super) fn store(&self) -> (u64, u64) {
        halves(self.words[STORE].load(SeqCst))
    }

    /// Say that something is counted in a stripe.
    pub(super) fn use_stripe(&self, stripe: usize) {
        self.words[USED_STRIPES].fetch_or(1 << stripe, SeqCst);
    }

    /// The stripes in which anything was ever counted, lowest bits first.
    pub(super) fn stripes(&self) -> u64 {
        self.words[USED_STRIPES].load(SeqCst) as u64
    }

    /// Say that a lane is in use, or is not.
    pub(super) fn set_lane(&self, lane: u8, is_used: bool) {
        let word = &self.words[LANES + usize::from(lane >> 7)];
        let bit = 1_u128 << (lane & 127);
        if is_used {
            word.fetch_or(bit, SeqCst);
        } else {
            word.fetch_and(!bit, SeqCst);
        }
    }

    /// The lanes in use, lowest bits first.
    #[inline]
    pub(super) fn lanes(&self) -> [u128; 2] {
        [LANES, LANES + 1].map(|at| self.words[at].load(SeqCst))
    }
}

const fn pair(high: u64, low: u64) -> u128 {
    (high as u128) << 64 | low as u128
}

const fn halves(word: u128) -> (u64, u64) {
    ((word >> 64) as u64, word as u64)
}
