//! Series, and what is counted in their stripes.

use std::sync::Barrier;
use std::thread;

use super::*;
use crate::arena::series::RESERVED_SERIES;

#[test]
fn places_are_given_in_order_and_kept() {
    let arena = small(3);
    assert_eq!(
        [11, 22, 11, 33, 22].map(|key| arena.place(key)),
        [0, 1, 0, 2, 1].map(Some)
    );
    assert_eq!(arena.place(44), None);
    assert_eq!(arena.place(33), Some(2));
    let places: Vec<_> = arena.places().collect();
    assert_eq!(places, [(0, 11), (1, 22), (2, 33)]);
}

#[test]
fn what_is_reserved_has_its_place_whoever_comes_first() {
    let arena = small(2);
    assert_eq!(arena.reserved_place(5, 99), 7);
    assert_eq!(arena.place(11), Some(0));
    let last = RESERVED_SERIES - 1;
    assert_eq!(arena.reserved_place(last, 98), 2 + last);
    assert_eq!(arena.reserved_place(5, 99), 7);
    let places: Vec<_> = arena.places().collect();
    assert_eq!(places, [(0, 11), (7, 99), (2 + last, 98)]);
}

#[test]
fn threads_that_meet_a_key_at_once_find_one_place() {
    const THREADS: usize = 4;
    const ROUNDS: u64 = 200;
    const KEYS: u64 = 5;
    let arena = small((ROUNDS * KEYS) as usize);
    let barrier = Barrier::new(THREADS);
    thread::scope(|scope| {
        for thread in 0..THREADS as u64 {
            let (arena, barrier) = (&arena, &barrier);
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    barrier.wait();
                    for step in 0..KEYS {
                        let key = round * KEYS + (step + thread) % KEYS + 1;
                        let place = arena.place(key).unwrap();
                        assert_eq!(arena.place(key), Some(place));
                    }
                }
            });
        }
    });
    let mut keys: Vec<_> = arena.places().map(|(_, key)| key).collect();
    keys.sort_unstable();
    assert_eq!(keys, (1..=ROUNDS * KEYS).collect::<Vec<_>>());
}

#[test]
fn lanes_have_stripes_which_they_may_share() {
    let arena = small(1);
    assert_eq!(arena.stripes().count(), 0);
    assert_eq!(
        [0, 3, 63, 64, 67, 255].map(|lane| arena.stripe(lane)),
        [0, 3, 63, 0, 3, 63]
    );
    assert_eq!(arena.stripes().collect::<Vec<_>>(), [0, 3, 63]);
    let alone = Arena::private(64).unwrap();
    assert_eq!([0, 1, 255].map(|lane| alone.stripe(lane)), [0; 3]);
}

#[test]
fn nothing_lies_over_anything_else() {
    let arena = small(3);
    let mut number = 0;
    let mut fill = |words: &[AtomicU64]| {
        for word in words {
            assert_eq!(word.load(Ordering::SeqCst), 0);
            number += 1;
            word.store(number, Ordering::SeqCst);
        }
    };
    let last = 3 + RESERVED_SERIES - 1;
    for stripe in [0, 1, 63] {
        fill(arena.totals(stripe));
        for place in [0, 1, 2, 3, last] {
            fill(arena.block(stripe, place));
        }
    }
    assert_eq!(number, 3 * (192 + 5 * 24));
    assert_eq!(arena.places().count(), 0);
    assert!(arena.exemplar(last, 17).is_none());
    assert_eq!(arena.in_flight(arena.key(&[b"a"])), 0);
}

#[test]
fn memory_is_taken_only_where_something_was_counted() {
    use std::os::unix::fs::MetadataExt;

    let file = file();
    let arena = Arena::create(file.as_raw_fd(), USUAL_SLOTS, USUAL_SERIES, 0).unwrap();
    let stripe = arena.stripe(5);
    for number in 0..40 {
        let name = arena.intern(&format!("route-{number}"));
        let place = arena.place(u64::from(name.number())).unwrap();
        arena.block(stripe, place)[0].fetch_add(1, Ordering::Relaxed);
    }
    let found = arena.measurements();
    assert!(found.requests.is_empty(), "the keys are none of series");
    let taken = file.metadata().unwrap().blocks() * 512;
    assert!(taken < 512 * 1024, "{taken} bytes");
    assert!(file.metadata().unwrap().len() > 100 << 20);
}
