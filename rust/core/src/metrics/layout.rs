//! Where what is counted has its words: within the block of a series, and within the totals.

use std::ops::Range;

use super::events::{AuthOutcome, Cache, CacheEvent, PolicyOutcome, UpstreamEvent};
use super::histogram::{DURATIONS, OVERHEADS, words};
use crate::access_log::LineOutcome;
use crate::arena::{BLOCK_WORDS, EXEMPLARS, TOTALS_WORDS};

/// Words of a cache line.
const LINE: usize = 8;

/// In the block of requests, or of an upstream: their durations.
pub(super) const DURATION: Range<usize> = 0..words(&DURATIONS);
/// In the block of requests: bytes of their bodies.
pub(super) const REQUEST_BYTES: usize = DURATION.end;
/// In the block of requests: bytes of the responses' bodies.
pub(super) const RESPONSE_BYTES: usize = REQUEST_BYTES + 1;

const _: () = assert!(RESPONSE_BYTES < BLOCK_WORDS);
const _: () = assert!(DURATIONS.len() < EXEMPLARS);
const _: () = assert!(UpstreamEvent::ALL.len() <= BLOCK_WORDS);
const _: () = assert!(PolicyOutcome::ALL.len() <= BLOCK_WORDS);

/// Parts of a request's life.
pub(super) const PHASES: [&str; 7] = [
    "parse", "decide", "verify", "limit", "connect", "wait", "stream",
];

/// In the totals: what the gateway added.
pub(super) const OVERHEAD: Range<usize> = 0..words(&OVERHEADS);
const PHASES_FROM: usize = OVERHEAD.end.next_multiple_of(LINE);
const AUTH: usize = phase(PHASES.len()).start.next_multiple_of(LINE);
const CACHES: usize = (AUTH + AuthOutcome::ALL.len()).next_multiple_of(LINE);
const LINES: usize = (CACHES + Cache::ALL.len() * CacheEvent::ALL.len()).next_multiple_of(LINE);

/// What can become of a line of the access log.
pub(super) const LINE_OUTCOMES: [LineOutcome; 3] = [
    LineOutcome::Written,
    LineOutcome::SampledOut,
    LineOutcome::Dropped,
];

/// In the totals: requests that were counted in a series that stands in for others.
pub(super) const CROWDED: usize = LINES + LINE_OUTCOMES.len();
const _: () = assert!(CROWDED < TOTALS_WORDS);

/// In the totals: the durations of a phase.
pub(super) const fn phase(number: usize) -> Range<usize> {
    let from = PHASES_FROM + number * words(&DURATIONS);
    from..from + words(&DURATIONS)
}

/// In the totals: how often somebody was told this.
pub(super) const fn auth(outcome: AuthOutcome) -> usize {
    AUTH + outcome as usize
}

/// In the totals: how often a cache did this.
pub(super) const fn cache(cache: Cache, event: CacheEvent) -> usize {
    CACHES + cache as usize * CacheEvent::ALL.len() + event as usize
}

/// In the totals: of how many lines this became.
pub(super) const fn line(outcome: LineOutcome) -> usize {
    LINES + outcome as usize
}
