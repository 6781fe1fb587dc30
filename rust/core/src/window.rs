//! The law of rate limits: a sliding window, counted in two adjacent buckets. Arithmetic only.
//!
//! Time is cut into aligned buckets of one window length `W`. Of a key is known what was charged in
//! the current bucket and in the one before. At `e` milliseconds into the current bucket,
//!
//! ```text
//! estimate = previous * (W - e) / W + current
//! ```
//!
//! is taken for what the last `W` milliseconds have seen: the previous bucket counts for as much as
//! the sliding window still covers of it, as if it had been spread evenly. A cost `n` is admitted
//! while `estimate + n <= quota`. All of it is in whole numbers, multiplied by `W`, so that every
//! process, and the script in the store, judge alike to the last unit.
//!
//! # How wrong it can be
//!
//! *Too generous*: let a true sliding window of length `W` end at `e` in some bucket, and let `A` of
//! the charges that it covers lie in the bucket before. Then that bucket holds at least `A`, so
//! this one admits at most `Q - A * (W - e) / W`, and the window sees at most
//!
//! ```text
//! Q + A * e / W  <  2 * Q        (A <= Q, e < W)
//! ```
//!
//! Fewer than twice the quota, then, and close to it only for one who spends everything at the very
//! end of one bucket and everything at the very end of the next. Evenly spread charges are counted
//! exactly; and at no time does the estimate itself exceed the quota, so that no bucket ever
//! admits more than it.
//!
//! *Too strict*: charges made early in the previous bucket count on after the sliding window has
//! left them behind. Who spends the quota in one burst gets it back over the whole bucket that
//! follows, evenly, instead of at once one `W` after the burst. Never does that outlast the
//! following bucket.
//!
//! `examples/misjudgement` measures both against an exact log.
//!
//! # Clocks
//!
//! A process may see a bucket that another one, whose clock was read a little later, has already
//! left. It then charges the later bucket, as if that had just begun. A window that lies further
//! ahead than [`BACKWARD_MS`], and than its own length, was left behind by a clock that has been
//! set back: it is forgotten.

use std::fmt;

#[cfg(test)]
mod tests;

/// Largest quota, and largest cost. Two of it, times the longest window, stay below 2^54.
pub const MOST_QUOTA: u32 = 1 << 26;
/// Where counts saturate that are charged without asking.
pub const MOST_COUNT: u32 = (1 << 27) - 1;
/// Shortest window in milliseconds. Below it, clock readings of processes differ by whole buckets.
pub const SHORTEST_MS: u64 = 100;
/// Longest window in milliseconds: a day.
pub const LONGEST_MS: u64 = 86_400_000;
/// By how many milliseconds a clock reading may lie behind another one and still be of the same
/// clock: a process may have been held up between reading the time and charging.
pub const BACKWARD_MS: u64 = 1000;

/// What was charged in one bucket and in the one before. The number of a bucket is Unix time in
/// window lengths, rounded down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// Number of the current bucket.
    pub bucket: u64,
    /// Charged in the bucket before.
    pub previous: u32,
    /// Charged in the current bucket.
    pub current: u32,
}

/// A quota per window length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Law {
    quota: u32,
    length: u64,
}

/// A law that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LawError {
    /// The quota is not within 1 and [`MOST_QUOTA`].
    Quota(u32),
    /// The length is not within [`SHORTEST_MS`] and [`LONGEST_MS`].
    Length(u64),
}

impl fmt::Display for LawError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Quota(quota) => write!(
                formatter,
                "a quota must be within 1 and {MOST_QUOTA}, not {quota}"
            ),
            Self::Length(length) => write!(
                formatter,
                "a window must last {SHORTEST_MS} to {LONGEST_MS} milliseconds, not {length}"
            ),
        }
    }
}

impl std::error::Error for LawError {}

impl Window {
    /// Whether nothing is counted.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.previous == 0 && self.current == 0
    }
}

impl Law {
    /// A quota per `length_ms` milliseconds.
    ///
    /// # Errors
    ///
    /// [`LawError`] when either is out of bounds.
    pub const fn new(quota: u32, length_ms: u64) -> Result<Self, LawError> {
        if quota == 0 || quota > MOST_QUOTA {
            return Err(LawError::Quota(quota));
        }
        if length_ms < SHORTEST_MS || length_ms > LONGEST_MS {
            return Err(LawError::Length(length_ms));
        }
        Ok(Self {
            quota,
            length: length_ms,
        })
    }

    /// Most that is admitted.
    #[must_use]
    pub const fn quota(&self) -> u32 {
        self.quota
    }

    /// Length of the window in milliseconds.
    #[must_use]
    pub const fn length(&self) -> u64 {
        self.length
    }

    /// The same length with another quota; one out of bounds becomes the nearest one within.
    #[must_use]
    pub fn with_quota(self, quota: u32) -> Self {
        let quota = quota.clamp(1, MOST_QUOTA);
        Self { quota, ..self }
    }

    /// Number of the bucket at a time.
    #[must_use]
    pub const fn bucket(&self, now_ms: u64) -> u64 {
        now_ms / self.length
    }

    /// What a window has become by a time.
    #[inline]
    #[must_use]
    pub fn roll(&self, window: Window, now_ms: u64) -> Window {
        let bucket = self.bucket(now_ms);
        if window.bucket == bucket {
            return window;
        }
        if window.bucket > bucket {
            let start = window.bucket.saturating_mul(self.length);
            let is_near = start - now_ms <= self.length.max(BACKWARD_MS);
            return if is_near {
                window
            } else {
                Window {
                    bucket,
                    ..Window::default()
                }
            };
        }
        let is_next = window.bucket + 1 == bucket;
        Window {
            bucket,
            previous: if is_next { window.current } else { 0 },
            current: 0,
        }
    }

    /// Charge a cost. What the window then is, or `None` when the cost is not admitted.
    #[inline]
    #[must_use]
    pub fn charge(&self, window: Window, now_ms: u64, cost: u32) -> Option<Window> {
        let rolled = self.roll(window, now_ms);
        self.admits(rolled, now_ms, cost).then(|| rolled.plus(cost))
    }

    /// Charge a cost whether or not it is admitted. Counts saturate at [`MOST_COUNT`].
    #[must_use]
    pub fn charge_unchecked(&self, window: Window, now_ms: u64, cost: u32) -> Window {
        self.roll(window, now_ms).plus(cost)
    }

    /// The largest cost that is admitted now.
    #[must_use]
    pub fn remaining(&self, window: Window, now_ms: u64) -> u32 {
        let rolled = self.roll(window, now_ms);
        let room = self.whole().saturating_sub(self.used(rolled, now_ms));
        (room / self.length) as u32
    }

    /// Milliseconds until a cost is admitted, if nothing else is charged: the least such number. A
    /// cost above the quota, which never is, is taken for the quota.
    #[must_use]
    pub fn retry_ms(&self, window: Window, now_ms: u64, cost: u32) -> u64 {
        let rolled = self.roll(window, now_ms);
        let cost = cost.min(self.quota);
        if self.admits(rolled, now_ms, cost) {
            return 0;
        }
        let room = (u64::from(self.quota) - u64::from(cost)) * self.length;
        let current = u64::from(rolled.current) * self.length;
        let start = rolled.bucket * self.length;
        // In this bucket, once the previous one counts for little enough; else in the next one,
        // where the current one is the previous.
        let at = match room.checked_sub(current) {
            Some(room) => start + self.length - room / u64::from(rolled.previous.max(1)),
            None => start + 2 * self.length - room / u64::from(rolled.current),
        };
        at - now_ms
    }

    /// Milliseconds until the current bucket ends.
    #[must_use]
    pub fn reset_ms(&self, window: Window, now_ms: u64) -> u64 {
        (self.roll(window, now_ms).bucket + 1) * self.length - now_ms
    }

    /// Take back part of what was charged in a bucket. Of buckets that no longer count there is
    /// nothing to take.
    #[must_use]
    pub fn give_back(&self, window: Window, now_ms: u64, bucket: u64, cost: u32) -> Window {
        let mut rolled = self.roll(window, now_ms);
        if bucket == rolled.bucket {
            rolled.current = rolled.current.saturating_sub(cost);
        } else if bucket.checked_add(1) == Some(rolled.bucket) {
            rolled.previous = rolled.previous.saturating_sub(cost);
        }
        rolled
    }

    /// Whether a window that is rolled has room for a cost.
    #[inline]
    fn admits(&self, rolled: Window, now_ms: u64, cost: u32) -> bool {
        self.used(rolled, now_ms) + u64::from(cost) * self.length <= self.whole()
    }

    /// The quota, times the length.
    #[inline]
    const fn whole(&self) -> u64 {
        self.quota as u64 * self.length
    }

    /// The estimate of a window that is rolled, times the length.
    #[inline]
    fn used(&self, rolled: Window, now_ms: u64) -> u64 {
        // A bucket that another process has seen begin has just begun.
        let elapsed = now_ms.saturating_sub(rolled.bucket * self.length);
        u64::from(rolled.previous) * (self.length - elapsed)
            + u64::from(rolled.current) * self.length
    }
}

impl Window {
    fn plus(self, cost: u32) -> Self {
        let current = self.current.saturating_add(cost).min(MOST_COUNT);
        Self { current, ..self }
    }
}
