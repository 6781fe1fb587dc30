//! The token cache stays within its bytes, as the allocator sees it.
#![expect(
    unsafe_code,
    reason = "an allocator that counts; it is no part of the gateway"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use pygateway_core::token::TokenCache;

thread_local! {
    /// Bytes that this thread holds: others, such as the test runner's, allocate at any time. Less
    /// than none is possible, by what another one allocated, and wraps.
    static LIVE: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

fn live() -> usize {
    LIVE.get()
}

// SAFETY: every call goes on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.set(live().wrapping_add(layout.size()));
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        LIVE.set(live().wrapping_sub(layout.size()));
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Lengths that jump about, from almost nothing to the longest token.
fn length(step: usize) -> usize {
    let word = step.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    match word % 3 {
        0 => word / 3 % 64,
        1 => word / 3 % 1500,
        _ => word / 3 % 8192,
    }
}

/// Fill a cache of `bytes` with credentials and values of changing size; the most and the last
/// that it took.
fn fill(bytes: usize, size: impl Fn(usize) -> usize) -> (usize, usize) {
    let before = live();
    let mut cache: TokenCache<Box<[u8]>> = TokenCache::new(bytes);
    let mut most = 0;
    for step in 0..10_000 {
        let mut credential = vec![b'a'; size(step)];
        credential.extend(step.to_le_bytes());
        let value: Box<[u8]> = vec![0; size(step / 7)].into();
        let weight = value.len();
        cache.insert(0, &credential, value, weight);
        if step % 3 == 0 {
            // Something moves on to the main queue, and something leaves early.
            cache.get(0, &credential);
            credential.truncate(step % 8192);
            cache.remove(0, &credential);
        }
        drop(credential);
        most = most.max(live().wrapping_sub(before));
    }
    let last = live().wrapping_sub(before);
    assert!(
        last <= cache.statistics().bytes,
        "bytes are counted in full"
    );
    drop(cache);
    assert_eq!(live(), before, "nothing is left behind");
    (most, last)
}

#[test]
fn the_cache_stays_within_its_bytes() {
    for bytes in [4 << 10, 256 << 10, 4 << 20] {
        let patterns: [fn(usize) -> usize; 4] = [
            length,
            |_| 0,
            |_| 500,
            // First short ones, then long ones.
            |step| if step < 5_000 { 16 } else { 6000 },
        ];
        for (number, pattern) in patterns.into_iter().enumerate() {
            let (most, _) = fill(bytes, pattern);
            assert!(most <= bytes, "{most} of {bytes} with pattern {number}");
        }
    }
    let (_, last) = fill(4 << 20, |_| 500);
    assert!(last > (4 << 20) * 3 / 4, "memory is put to use: {last}");
}
