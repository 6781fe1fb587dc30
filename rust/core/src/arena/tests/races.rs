//! Many threads at once. What is promised holds in every order of their steps; these tests look
//! for one in which it does not.

use std::sync::Barrier;
use std::thread;

use super::*;

const THREADS: usize = 8;

/// Let threads run at once, each with its number, for so many rounds; every round begins together.
fn race(rounds: usize, run: impl Fn(usize, usize) + Sync) {
    let barrier = Barrier::new(THREADS);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (barrier, run) = (&barrier, &run);
            scope.spawn(move || {
                for round in 0..rounds {
                    barrier.wait();
                    run(thread, round);
                }
            });
        }
    });
}

fn counters(count: usize) -> Vec<AtomicU32> {
    (0..count).map(|_| AtomicU32::new(0)).collect()
}

#[test]
fn of_first_charges_only_one_is_admitted() {
    const KEYS: usize = 32;
    const ROUNDS: usize = 300;
    let arena = arena(4096);
    let law = law(1, 1000);
    let admitted = counters(KEYS * ROUNDS);
    race(ROUNDS, |thread, round| {
        // Clocks that differ a little, and entries of earlier rounds that have died or are dying.
        let now = T + round as u64 * 700 + (thread % 3) as u64;
        for step in 0..KEYS {
            let number = round * KEYS + (step + thread * (thread % 2)) % KEYS;
            let charge = arena.charge(key(&arena, number), &law, now, 1);
            if matches!(charge, Charge::Admitted(_)) {
                admitted[number].fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    for (number, count) in admitted.iter().enumerate() {
        assert_eq!(count.load(Ordering::SeqCst), 1, "key {number}");
    }
}

#[test]
fn a_crowded_table_admits_no_key_twice() {
    const KEYS: usize = 24;
    const ROUNDS: usize = 2000;
    let arena = arena(FEWEST_SLOTS);
    let law = law(1, 100);
    let admitted = counters(KEYS * ROUNDS);
    race(ROUNDS, |thread, round| {
        let now = T + round as u64 * 300;
        for step in 0..KEYS {
            let number = (step + thread) % KEYS;
            let charge = arena.charge(key(&arena, number), &law, now, 1);
            if matches!(charge, Charge::Admitted(_)) {
                admitted[round * KEYS + number].fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    let counts = || admitted.iter().map(|count| count.load(Ordering::SeqCst));
    assert!(counts().all(|count| count <= 1));
    for round in 0..ROUNDS {
        let of_round = counts().skip(round * KEYS).take(KEYS);
        assert_eq!(of_round.sum::<u32>(), FEWEST_SLOTS as u32, "round {round}");
    }
}

#[test]
fn a_hot_key_is_counted_exactly() {
    let arena = arena(64);
    let law = law(20_000, 60_000);
    let hot = key(&arena, 1);
    let admitted = AtomicU32::new(0);
    race(1, |_, _| {
        for _ in 0..5000 {
            if matches!(arena.charge(hot, &law, T, 1), Charge::Admitted(_)) {
                admitted.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    assert_eq!(admitted.into_inner(), 20_000);
    assert_eq!(arena.peek(hot, &law, T).current, 20_000);
}

#[test]
fn no_more_is_spent_than_was_granted() {
    const ROUNDS: usize = 500;
    let arena = arena(64);
    let law = law(1000, 1000);
    let spent = counters(ROUNDS);
    race(ROUNDS, |_, round| {
        let now = T + round as u64 * 1000;
        let key = key(&arena, round % 5);
        let grant = Grant {
            count: 10,
            size: 10,
            bucket: now / 1000,
            expires_ms: now + 900,
        };
        assert!(arena.deposit(key, &law, now, &grant));
        for _ in 0..12 {
            if let Spend::Spent { .. } = arena.spend(key, &law, now, 1) {
                spent[round].fetch_add(1, Ordering::SeqCst);
            }
        }
        if let Some(lease) = arena.withdraw(key, &law, now) {
            spent[round].fetch_add(lease.left, Ordering::SeqCst);
        }
    });
    for (round, count) in spent.iter().enumerate() {
        assert_eq!(
            count.load(Ordering::SeqCst),
            10 * THREADS as u32,
            "round {round}"
        );
    }
}

#[test]
fn never_are_more_in_flight_than_may_be() {
    const LIMIT: u32 = 3;
    const ROUNDS: usize = 300;
    let arena = arena(64);
    let (inside, entered) = (AtomicU32::new(0), AtomicU32::new(0));
    // Lanes of one group, then of several.
    for distance in [1, 5] {
        race(ROUNDS, |thread, round| {
            let lane = thread as u8 * distance;
            arena.occupy_lane(lane);
            let key = key(&arena, round);
            for _ in 0..20 {
                if let Enter::Entered(_) = arena.enter(key, lane, LIMIT) {
                    assert!(inside.fetch_add(1, Ordering::SeqCst) < LIMIT);
                    entered.fetch_add(1, Ordering::SeqCst);
                    inside.fetch_sub(1, Ordering::SeqCst);
                    arena.leave(key, lane);
                }
            }
        });
        assert!((0..ROUNDS).all(|number| arena.in_flight(key(&arena, number)) == 0));
    }
    assert!(entered.into_inner() > 0);
}
