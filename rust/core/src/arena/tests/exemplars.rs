//! Exemplars, whole and torn.

use std::sync::atomic::AtomicBool;
use std::thread;

use super::*;

fn exemplar(number: u32) -> Exemplar {
    Exemplar {
        trace_id: (u128::from(number) << 96) | u128::from(number + 1),
        seconds: f64::from(number) / 8.0,
        unix_seconds: 1.7e9 + f64::from(number),
    }
}

#[test]
fn the_last_one_stands_for_its_bucket() {
    let arena = arena(64);
    assert_eq!(arena.exemplar(3, 5), None);
    arena.set_exemplar(3, 5, &exemplar(1));
    arena.set_exemplar(3, 5, &exemplar(2));
    arena.set_exemplar(3, 6, &exemplar(3));
    assert_eq!(arena.exemplar(3, 5), Some(exemplar(2)));
    assert_eq!(arena.exemplar(3, 6), Some(exemplar(3)));
    assert_eq!((arena.exemplar(3, 4), arena.exemplar(2, 5)), (None, None));
}

#[test]
fn buckets_that_are_not_there_have_none() {
    let arena = arena(64);
    arena.set_exemplar(0, EXEMPLARS, &exemplar(1));
    assert_eq!(
        (arena.exemplar(0, EXEMPLARS), arena.exemplar(1, 0)),
        (None, None)
    );
}

#[test]
fn a_write_that_was_killed_is_not_seen() {
    let arena = arena(64);
    let words = &arena.memory.counters()[arena.shape.exemplars(0)];
    let read = || -> Vec<u64> {
        let words = words[..5].iter();
        words.map(|word| word.load(Ordering::SeqCst)).collect()
    };
    arena.set_exemplar(0, 0, &exemplar(2));
    let after = read();
    arena.set_exemplar(0, 0, &exemplar(1));
    let before = read();
    assert!((0..5).all(|word| before[word] != after[word]));
    // In whatever order the words reach the memory: any part of them that is not all or nothing.
    for written in 0..32_u32 {
        for word in 0..5 {
            let from = if written >> word & 1 == 1 {
                &after
            } else {
                &before
            };
            words[word].store(from[word], Ordering::SeqCst);
        }
        let expected = match written {
            0 => Some(exemplar(1)),
            31 => Some(exemplar(2)),
            _ => None,
        };
        assert_eq!(arena.exemplar(0, 0), expected, "{written:05b}");
    }
}

#[test]
fn whoever_reads_while_others_write_sees_whole_ones() {
    let arena = arena(64);
    let is_over = AtomicBool::new(false);
    let seen = thread::scope(|scope| {
        for first in [0, 1] {
            let (arena, is_over) = (&arena, &is_over);
            scope.spawn(move || {
                for number in (first..).step_by(2).map(|number: u32| number % 1000) {
                    arena.set_exemplar(0, 0, &exemplar(number));
                    // Else one is always being written, and nearly none is whole.
                    thread::yield_now();
                    if is_over.load(Ordering::Relaxed) {
                        break;
                    }
                }
            });
        }
        let mut seen = 0;
        let mut reads = 0;
        while reads < 200_000 || (seen == 0 && reads < 1_000_000_000) {
            reads += 1;
            if let Some(found) = arena.exemplar(0, 0) {
                let number = (found.trace_id >> 96) as u32;
                assert_eq!(found, exemplar(number));
                seen += 1;
            }
        }
        is_over.store(true, Ordering::Relaxed);
        seen
    });
    assert!(seen > 0, "some are whole");
}
