//! Durations by size: how many in which bucket, and their sum.
//!
//! A histogram of `n` bounds takes `n + 3` words: a bucket for each bound, of what is not above it
//! and was not counted in one before; one for the rest; whole seconds of the sum, and its
//! nanoseconds. Those of less than a second fill a word in 584 years, one after the other; hundreds
//! at a time do in years, and whoever reads it sees a counter that began anew.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use serde::Serialize;

/// Bounds of requests, phases and upstreams, in seconds: OpenTelemetry's for HTTP, and below them
/// those that tell a gateway's own time apart.
pub const DURATIONS: [f64; 17] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0,
    7.5, 10.0,
];

/// Bounds of what the gateway adds, in seconds.
pub const OVERHEADS: [f64; 13] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0,
];

/// More than anything lasts; what is longer counts as this.
const LONGEST: f64 = 1e9;

/// Words that a histogram takes.
pub(super) const fn words(bounds: &[f64]) -> usize {
    bounds.len() + 3
}

/// What a duration counts as: nothing is negative, endless or no number.
#[inline]
#[expect(
    clippy::manual_clamp,
    reason = "that would let through what is no number"
)]
pub(super) fn sane(seconds: f64) -> f64 {
    seconds.max(0.0).min(LONGEST)
}

/// The bucket of a duration.
#[inline]
pub(super) fn bucket<const BOUNDS: usize>(bounds: &[f64; BOUNDS], seconds: f64) -> usize {
    // Compared with all of them, which is done several at a time, and guesses nothing.
    let above = bounds.iter().map(|&bound| u64::from(seconds > bound));
    above.sum::<u64>() as usize
}

/// Count a duration that is sane; its bucket.
#[inline]
#[expect(clippy::cast_sign_loss, reason = "what is sane is not negative")]
pub(super) fn record<const BOUNDS: usize>(
    words: &[AtomicU64],
    bounds: &[f64; BOUNDS],
    seconds: f64,
) -> usize {
    let bucket = bucket(bounds, seconds);
    words[bucket].fetch_add(1, Relaxed);
    let whole = if seconds < 1.0 { 0 } else { seconds as u32 };
    if whole > 0 {
        words[BOUNDS + 1].fetch_add(whole.into(), Relaxed);
    }
    let nanoseconds = (seconds - f64::from(whole)) * 1e9 + 0.5;
    words[BOUNDS + 2].fetch_add((nanoseconds as u32).into(), Relaxed);
    bucket
}

/// What a histogram says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Histogram {
    /// How many durations each bucket has; the last one those above all bounds.
    pub buckets: Vec<u64>,
    /// Sum of all durations, in seconds.
    pub sum: f64,
}

impl Histogram {
    /// What the words of a histogram say.
    #[expect(
        clippy::cast_precision_loss,
        reason = "what is lost of thousands of years is less than a second"
    )]
    pub(super) fn read(words: &[u64], bounds: &[f64]) -> Self {
        let (buckets, sum) = words.split_at(bounds.len() + 1);
        Self {
            buckets: buckets.to_vec(),
            sum: sum[0] as f64 + sum[1] as f64 / 1e9,
        }
    }

    /// How many durations there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }
}
