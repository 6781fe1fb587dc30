//! What lies where.

use std::ops::Range;
use std::sync::atomic::AtomicU64;

use portable_atomic::AtomicU128;

use super::ArenaError;
use super::exemplars::EXEMPLARS_WORDS;
use super::header::HEADER_WORDS;
use super::names::NAME_WORDS;
use super::series::{BLOCK_WORDS, RESERVED_SERIES, TOTALS_WORDS};
use super::table::SET;

/// Fewest slots: two sets.
pub const FEWEST_SLOTS: usize = 2 * SET;
/// Most slots: 4 GiB of windows.
pub const MOST_SLOTS: usize = 1 << 28;
/// Slots for a million keys at a time, in 16 MiB.
pub const USUAL_SLOTS: usize = 1 << 20;

/// Most series; each takes 12 KiB of addresses in a shared arena, and room as it is used.
pub const MOST_SERIES: usize = 1 << 16;
/// Series for about a hundred routes with the methods and statuses that they have.
pub const USUAL_SERIES: usize = 1 << 12;

/// Stripes of a shared arena. So many workers count without ever waiting for each other's cache
/// lines; of more, some share one.
pub(super) const STRIPES: usize = 64;

/// Windows that policies share among the keys that found no slot of their own.
const CROWD: usize = 256;
/// Fewest leases.
const FEWEST_LEASES: usize = 1024;
/// Keys with requests in flight, in groups of lanes.
pub(super) const PRESENCE: usize = 65_536;
/// Fewest places for names.
const FEWEST_NAMES: usize = 1024;

/// Sizes, and where each part ends: those of wide words in such from the start, those of narrow
/// ones in such from the end of the wide ones.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) slots: usize,
    pub(super) series: usize,
    pub(super) stripes: usize,

    pub(super) windows: usize,
    pub(super) crowd: usize,
    pub(super) leases: usize,
    pub(super) information: usize,
    pub(super) presence: usize,

    names: usize,
    directory: usize,
    totals: usize,
    exemplars: usize,
    blocks: usize,
}

impl Shape {
    pub(super) fn new(slots: usize, series: usize, stripes: usize) -> Result<Self, ArenaError> {
        if !slots.is_power_of_two() || !(FEWEST_SLOTS..=MOST_SLOTS).contains(&slots) {
            return Err(ArenaError::Slots(slots));
        }
        if !(1..=MOST_SERIES).contains(&series) {
            return Err(ArenaError::Series(series));
        }
        let windows = HEADER_WORDS + slots;
        let crowd = windows + CROWD;
        let leases = crowd + FEWEST_LEASES.max(slots / 4);
        let information = leases + (leases - crowd);
        let presence = information + PRESENCE;

        // Whole cache lines, as everything behind them has.
        let all_series = (series + RESERVED_SERIES).next_multiple_of(8);
        let names = FEWEST_NAMES.max(series.next_power_of_two()) * NAME_WORDS;
        let directory = names + all_series;
        let totals = directory + stripes * TOTALS_WORDS;
        let exemplars = totals + all_series * EXEMPLARS_WORDS;
        let blocks = exemplars + stripes * all_series * BLOCK_WORDS;
        Ok(Self {
            slots,
            series,
            stripes,
            windows,
            crowd,
            leases,
            information,
            presence,
            names,
            directory,
            totals,
            exemplars,
            blocks,
        })
    }

    pub(super) const fn bytes(&self) -> u64 {
        let wide = self.presence * size_of::<AtomicU128>();
        let narrow = self.blocks * size_of::<AtomicU64>();
        (wide + narrow) as u64
    }

    /// The words of all names.
    pub(super) const fn names(&self) -> Range<usize> {
        0..self.names
    }

    /// The keys of all series, and of those that are reserved.
    pub(super) const fn directory(&self) -> Range<usize> {
        self.names..self.names + self.series + RESERVED_SERIES
    }

    /// What a stripe counts that belongs to no series.
    #[inline]
    pub(super) const fn totals(&self, stripe: usize) -> Range<usize> {
        let from = self.directory + stripe * TOTALS_WORDS;
        from..from + TOTALS_WORDS
    }

    /// The exemplars of a series.
    pub(super) const fn exemplars(&self, series: usize) -> Range<usize> {
        let from = self.totals + series * EXEMPLARS_WORDS;
        from..from + EXEMPLARS_WORDS
    }

    /// What a stripe counts of a series. Those of a stripe lie together, so that a worker takes room
    /// for the series that it has met, and no more.
    #[inline]
    pub(super) const fn block(&self, stripe: usize, series: usize) -> Range<usize> {
        let all_series = self.directory - self.names;
        let from = self.exemplars + (stripe * all_series + series) * BLOCK_WORDS;
        from..from + BLOCK_WORDS
    }
}
