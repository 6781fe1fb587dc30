//! What keys were charged.
//!
//! | Bits | Meaning |
//! |---|---|
//! | 1 | claim |
//! | 43 | tag |
//! | 30 | when the current bucket stops to count, in ticks of 64 ms of Unix time, modulo 2^30 |
//! | 27 | charged in the bucket before |
//! | 27 | charged in the current bucket |
//!
//! A bucket `b` of length `W` stops to count at `(b + 2) * W`. That says to everyone when the entry
//! is dead, to a tick; and as buckets are longer than a tick, it says to those who know `W` which
//! bucket it is. Ticks come round in about two years: what is nearer to now on either side is
//! meant, and only what lies within three days ahead can be alive.
//!
//! The length is part of the key, so that a policy whose window is changed starts anew instead of
//! misreading what was counted.

use super::Arena;
use super::key::Key;
use super::table::{Full, Layout, Step, Table};
use crate::window::{LONGEST_MS, Law, MOST_COUNT, Window};

const TICK_MS: u64 = 64;
const TICK_BITS: u32 = 30;
const COUNT_BITS: u32 = 27;

/// A window that begins up to its own length from now, and not only when that has passed, counts.
const MOST_AHEAD: i64 = (3 * LONGEST_MS / TICK_MS).cast_signed() + 1;

/// What came of a charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Charge {
    /// It was charged; the window with it.
    Admitted(Window),
    /// It was not; the window as it is.
    Refused(Window),
    /// It was not: the key has no entry, and there is no room for one.
    Full,
}

/// Payloads of windows.
enum Windows {}

impl Layout for Windows {
    const BITS: u32 = TICK_BITS + 2 * COUNT_BITS;

    #[inline]
    fn is_live(payload: u128, now_ms: u64) -> bool {
        let has_counts = payload & ((1 << (2 * COUNT_BITS)) - 1) != 0;
        has_counts && (0..=MOST_AHEAD).contains(&ticks_ahead(payload, now_ms))
    }
}

/// Ticks from now to the end, within half of their range on either side.
#[inline]
const fn ticks_ahead(payload: u128, now_ms: u64) -> i64 {
    let end = (payload >> (2 * COUNT_BITS)) as u64;
    let ahead = end.wrapping_sub(now_ms / TICK_MS) << (64 - TICK_BITS);
    ahead.cast_signed() >> (64 - TICK_BITS)
}

#[inline]
fn pack(law: &Law, window: Window) -> u128 {
    let end = (window.bucket + 2) * law.length() / TICK_MS;
    let end = u128::from(end) & ((1 << TICK_BITS) - 1);
    let previous = u128::from(window.previous.min(MOST_COUNT));
    let current = u128::from(window.current.min(MOST_COUNT));
    end << (2 * COUNT_BITS) | previous << COUNT_BITS | current
}

#[inline]
fn unpack(law: &Law, payload: u128, now_ms: u64) -> Window {
    let ticks = (now_ms / TICK_MS).saturating_add_signed(ticks_ahead(payload, now_ms));
    let end = (ticks * TICK_MS).div_ceil(law.length());
    let count = |word: u128| word as u32 & MOST_COUNT;
    Window {
        bucket: end.saturating_sub(2),
        previous: count(payload >> COUNT_BITS),
        current: count(payload),
    }
}

impl Arena {
    /// Charge a key if the law admits it.
    #[inline]
    pub fn charge(&self, key: Key, law: &Law, now_ms: u64, cost: u32) -> Charge {
        charge(self.window_table(), key, law, now_ms, cost)
    }

    /// Charge what all keys of a policy share that found no place of their own. It has the quota
    /// of one of them, so that a table that is full makes nobody's quota larger. With more than a
    /// hundred policies at once it may be [`Charge::Full`] itself.
    pub fn charge_crowd(&self, key: Key, law: &Law, now_ms: u64, cost: u32) -> Charge {
        charge(self.crowd_table(), key, law, now_ms, cost)
    }

    /// Charge a key whether or not the law admits it: never [`Charge::Refused`].
    pub fn charge_unchecked(&self, key: Key, law: &Law, now_ms: u64, cost: u32) -> Charge {
        let change = |window| law.charge_unchecked(window, now_ms, cost);
        match update(self.window_table(), key, law, now_ms, change) {
            Ok(window) => Charge::Admitted(window),
            Err(Full) => Charge::Full,
        }
    }

    /// What a key was charged.
    #[must_use]
    pub fn peek(&self, key: Key, law: &Law, now_ms: u64) -> Window {
        let payload = self.window_table().get::<Windows>(key.salted(law.length()));
        let window = payload.map_or_else(Window::default, |known| unpack(law, known, now_ms));
        law.roll(window, now_ms)
    }

    /// Take back part of what a key was charged in a bucket.
    pub fn refund(&self, key: Key, law: &Law, now_ms: u64, bucket: u64, cost: u32) {
        let change = |window| law.give_back(window, now_ms, bucket, cost);
        // Of a key without an entry there is nothing to take back.
        let _ = update(self.window_table(), key, law, now_ms, change);
    }

    /// Take back part of what the keys without a place of their own were charged.
    pub fn refund_crowd(&self, key: Key, law: &Law, now_ms: u64, bucket: u64, cost: u32) {
        let change = |window| law.give_back(window, now_ms, bucket, cost);
        // What has no entry was charged nothing.
        let _ = update(self.crowd_table(), key, law, now_ms, change);
    }

    /// Raise what a key was charged to `to`, in either bucket; by how much that was more. Of several
    /// that do so at once, each is told another part.
    #[must_use]
    pub fn raise(&self, key: Key, law: &Law, now_ms: u64, to: Window) -> Window {
        let mut by = Window::default();
        let change = |window| {
            let mut raised = law.roll(window, now_ms);
            by = Window {
                bucket: raised.bucket,
                ..Window::default()
            };
            if raised.bucket == to.bucket {
                by.previous = to.previous.saturating_sub(raised.previous);
                by.current = to.current.saturating_sub(raised.current);
                raised.previous += by.previous;
                raised.current += by.current;
            }
            raised
        };
        match update(self.window_table(), key, law, now_ms, change) {
            Ok(_) => by,
            Err(Full) => Window::default(),
        }
    }
}

#[inline]
fn charge(table: Table<'_>, key: Key, law: &Law, now_ms: u64, cost: u32) -> Charge {
    let step = |known: Option<u128>| {
        let window = known.map_or_else(Window::default, |known| unpack(law, known, now_ms));
        match law.charge(window, now_ms, cost) {
            Some(charged) if cost == 0 => Step::Keep(Charge::Admitted(charged)),
            Some(charged) => Step::Put(pack(law, charged), Charge::Admitted(charged)),
            None => Step::Keep(Charge::Refused(law.roll(window, now_ms))),
        }
    };
    let key = key.salted(law.length());
    let result = table.update::<Windows, _>(key, now_ms, step);
    result.unwrap_or(Charge::Full)
}

/// Change a window; what it then is. One that is empty before and after is not written.
fn update(
    table: Table<'_>,
    key: Key,
    law: &Law,
    now_ms: u64,
    mut change: impl FnMut(Window) -> Window,
) -> Result<Window, Full> {
    let step = |known: Option<u128>| {
        let window = known.map_or_else(Window::default, |known| unpack(law, known, now_ms));
        let before = law.roll(window, now_ms);
        let after = change(window);
        if after == before {
            Step::Keep(before)
        } else {
            Step::Put(pack(law, after), after)
        }
    };
    table.update::<Windows, _>(key.salted(law.length()), now_ms, step)
}
