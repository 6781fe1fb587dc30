//! What a call into the arena costs: one thread, then two at once on different keys and on one.
//!
//!     cargo run --release -p pygateway-core --example arena_cost
//!
//! Nanoseconds per call, the median of nine runs.

use std::hint::black_box;
use std::thread;
use std::time::Instant;

use pygateway_core::arena::{Arena, Grant, Key, USUAL_SLOTS};
use pygateway_core::window::{Law, MOST_QUOTA, Window};

const CALLS: u32 = 500_000;
const RUNS: usize = 9;
const NOW: u64 = 1_750_000_000_000;

/// Print what a call costs, by the time that many of them take.
fn report(name: &str, mut run: impl FnMut()) {
    let mut times = [0.0; RUNS];
    for time in &mut times {
        let start = Instant::now();
        run();
        *time = start.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS);
    }
    times.sort_by(f64::total_cmp);
    println!("{name:<48} {:>7.1} ns", times[RUNS / 2]);
}

fn keys(arena: &Arena, kind: u8, count: u32) -> Vec<Key> {
    let key = |number: u32| arena.key(&[&[kind], &number.to_le_bytes()]);
    (0..count).map(key).collect()
}

/// A call for each of the keys in turn.
fn each(keys: &[Key], mut call: impl FnMut(Key)) {
    for &key in keys.iter().cycle().take(CALLS as usize) {
        call(key);
    }
}

fn windows(arena: &Arena, law: &Law) {
    let few = keys(arena, 0, 1000);
    let many = keys(arena, 1, 500_000);
    let charge = |key| {
        let _ = black_box(arena.charge(key, law, NOW, 1));
    };
    let mut window = Window::default();
    report("the law alone", || {
        for _ in 0..CALLS {
            window = law.charge(black_box(window), NOW, 1).unwrap_or_default();
        }
    });
    report("key of a policy's name and a user of 16 bytes", || {
        for _ in 0..CALLS {
            black_box(arena.key(black_box(&[b"per-user", b"0123456789abcdef"])));
        }
    });
    report("charge, 1,000 keys", || each(&few, charge));
    report("charge, 500,000 keys", || each(&many, charge));
    let mut strangers: Vec<Vec<Key>> = (2..2 + RUNS as u8)
        .map(|run| keys(arena, run, CALLS))
        .collect();
    let mut now = NOW;
    report("charge, keys not seen before", || {
        // Whatever was charged before is over, and makes room.
        now += 30_000;
        for key in strangers.pop().unwrap_or_default() {
            let _ = black_box(arena.charge(key, law, now, 1));
        }
    });
    let charge = |key| {
        let _ = black_box(arena.charge(key, law, now, 1));
    };
    for (name, is_same) in [("different keys", false), ("one key", true)] {
        report(&format!("charge, two threads at once, {name}"), || {
            thread::scope(|scope| {
                for thread in 0..2 {
                    let keys = if is_same {
                        &few[..1]
                    } else {
                        &few[thread..=thread]
                    };
                    scope.spawn(move || each(keys, charge));
                }
            });
        });
    }
}

fn leases(arena: &Arena, law: &Law) {
    let keys = keys(arena, 200, 1000);
    let grant = Grant {
        count: 1 << 23,
        size: 1 << 23,
        bucket: law.bucket(NOW),
        expires_ms: NOW + law.length(),
    };
    for &key in &keys {
        assert!(arena.deposit(key, law, NOW, &grant));
    }
    report("spend, 1,000 keys", || {
        each(&keys, |key| {
            let _ = black_box(arena.spend(key, law, NOW, 1));
        });
    });
}

fn presence(arena: &Arena) {
    let keys = keys(arena, 201, 1000);
    arena.occupy_lane(0);
    let enter_and_leave = || {
        each(&keys, |key| {
            let _ = black_box(arena.enter(key, 0, 100));
            arena.leave(key, 0);
        });
    };
    report("enter and leave, one group of lanes", enter_and_leave);
    arena.occupy_lane(8);
    report("enter and leave, two groups of lanes", enter_and_leave);
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arena = Arena::private(USUAL_SLOTS)?;
    let law = Law::new(MOST_QUOTA, 10_000)?;
    windows(&arena, &law);
    leases(&arena, &law);
    presence(&arena);
    Ok(())
}
