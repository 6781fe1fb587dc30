use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::window::{LONGEST_MS, MOST_COUNT, MOST_QUOTA, SHORTEST_MS};

fn admitted(charge: Charge) -> Window {
    match charge {
        Charge::Admitted(window) => window,
        other => panic!("{other:?}"),
    }
}

#[test]
fn charges_add_up_until_the_law_refuses() {
    let arena = arena(64);
    let law = law(3, 1000);
    let key = key(&arena, 1);
    assert_eq!(
        arena.peek(key, &law, T),
        Window {
            bucket: T / 1000,
            ..Window::default()
        }
    );
    for count in 1..=3 {
        assert_eq!(admitted(arena.charge(key, &law, T, 1)).current, count);
    }
    let full = arena.peek(key, &law, T);
    assert_eq!(arena.charge(key, &law, T, 1), Charge::Refused(full));
    assert_eq!(
        arena.charge(key, &law.with_quota(4), T, 1),
        Charge::Admitted(Window { current: 4, ..full })
    );
    let next = admitted(arena.charge(key, &law, T + 2500, 2));
    assert_eq!((next.previous, next.current), (0, 2));
    let later = arena.peek(key, &law, T + 3000);
    assert_eq!((later.previous, later.current), (2, 0));
}

#[test]
fn extreme_windows_fit_their_word() {
    let arena = arena(64);
    for length in [SHORTEST_MS, 101, 128, 60_000, 86_399_999, LONGEST_MS] {
        let law = law(MOST_QUOTA, length);
        let key = key(&arena, length as usize);
        for now in [T, T + length - 1, T + length, T + 2 * length - 1] {
            let key = arena.key(&[&now.to_le_bytes(), &length.to_le_bytes()]);
            let charged = admitted(arena.charge(key, &law, now, MOST_QUOTA));
            assert_eq!(charged.bucket, now / length);
            assert_eq!(arena.peek(key, &law, now), charged);
            let rolled = arena.peek(key, &law, now + length);
            assert_eq!(
                (rolled.bucket, rolled.previous),
                (now / length + 1, MOST_QUOTA)
            );
            assert_eq!(arena.peek(key, &law, now + 2 * length).previous, 0);
        }
        let most = admitted(arena.charge_unchecked(key, &law, T, u32::MAX));
        assert_eq!(most.current, MOST_COUNT);
        assert!(matches!(arena.charge(key, &law, T, 1), Charge::Refused(_)));
    }
}

#[test]
fn what_was_counted_is_given_back() {
    let arena = arena(64);
    let law = law(10, 1000);
    let key = key(&arena, 1);
    arena.refund(key, &law, T, T / 1000, 3);
    let charged = admitted(arena.charge(key, &law, T, 8));
    arena.refund(key, &law, T + 1000, charged.bucket, 3);
    let window = arena.peek(key, &law, T + 1000);
    assert_eq!((window.previous, window.current), (5, 0));
    arena.refund(key, &law, T + 1000, charged.bucket, 100);
    assert!(arena.peek(key, &law, T + 1000).is_empty());
    assert_eq!(admitted(arena.charge(key, &law, T + 1000, 10)).previous, 0);
}

#[test]
fn one_window_is_raised_to_another_once() {
    let arena = arena(64);
    let law = law(10, 1000);
    let (from, to) = (key(&arena, 1), key(&arena, 2));
    let bucket = T / 1000;
    let raise = |now| {
        let by = arena.raise(from, &law, now, arena.peek(to, &law, now));
        (by.bucket, by.previous, by.current)
    };
    assert_eq!(raise(T), (bucket, 0, 0));
    admitted(arena.charge(to, &law, T, 4));
    admitted(arena.charge(from, &law, T, 1));
    assert_eq!(raise(T), (bucket, 0, 3));
    assert_eq!(raise(T), (bucket, 0, 0));
    admitted(arena.charge(to, &law, T, 2));
    admitted(arena.charge(to, &law, T + 1500, 1));
    assert_eq!(raise(T + 1500), (bucket + 1, 2, 1));
    assert_eq!(raise(T + 1500), (bucket + 1, 0, 0));
    // Who was charged more stays so.
    admitted(arena.charge(from, &law, T + 1500, 1));
    assert_eq!(raise(T + 1500), (bucket + 1, 0, 0));
    assert_eq!(arena.peek(from, &law, T + 1500).current, 2);
}

#[test]
fn windows_of_another_length_are_other_windows() {
    let arena = arena(64);
    let key = key(&arena, 1);
    let _ = arena.charge(key, &law(1, 1000), T, 1);
    assert!(matches!(
        arena.charge(key, &law(1, 2000), T, 1),
        Charge::Admitted(_)
    ));
}

#[test]
fn a_clock_that_is_set_back_forgets_and_one_that_lags_does_not() {
    let arena = arena(64);
    let law = law(1, 1000);
    let key = key(&arena, 1);
    assert!(matches!(arena.charge(key, &law, T, 1), Charge::Admitted(_)));
    assert!(matches!(
        arena.charge(key, &law, T - 900, 1),
        Charge::Refused(_)
    ));
    assert!(matches!(
        arena.charge(key, &law, T - 40 * LONGEST_MS, 1),
        Charge::Admitted(_)
    ));
    assert!(matches!(arena.charge(key, &law, T, 1), Charge::Admitted(_)));
}

#[test]
fn a_full_table_forgets_nobody() {
    let arena = arena(FEWEST_SLOTS);
    let law = law(5, 1000);
    let charge = |number, now| arena.charge(key(&arena, number), &law, now, 1);
    for number in 0..FEWEST_SLOTS {
        assert_eq!(admitted(charge(number, T)).current, 1);
    }
    assert_eq!(charge(99, T), Charge::Full);
    // What costs nothing, or can never be admitted, needs no place.
    let other = key(&arena, 99);
    assert!(matches!(
        arena.charge(other, &law, T, 0),
        Charge::Admitted(_)
    ));
    assert!(matches!(
        arena.charge(other, &law, T, 6),
        Charge::Refused(_)
    ));
    let crowd = arena.key(&[b"crowd"]);
    for _ in 0..5 {
        admitted(arena.charge_crowd(crowd, &law, T, 1));
    }
    assert!(matches!(
        arena.charge_crowd(crowd, &law, T, 1),
        Charge::Refused(_)
    ));
    for number in 0..FEWEST_SLOTS {
        assert_eq!(admitted(charge(number, T + 1000)).current, 1);
    }
    assert_eq!(charge(99, T + 2000), Charge::Full);
    let gone = T + 3000 + 64;
    assert_eq!(admitted(charge(99, gone)).current, 1);
}

#[test]
fn a_table_is_nearly_full_before_a_key_finds_no_place() {
    let arena = arena(4096);
    let law = law(1, 1000);
    let first_full = (0..4096).find(|&number| {
        let charge = arena.charge(key(&arena, number), &law, T, 1);
        charge == Charge::Full
    });
    let count = first_full.unwrap();
    assert!(count > 4096 * 7 / 10, "{count} of 4096");
}

proptest! {
    /// Any history of one process is what the pure law makes of it, while entries come and go.
    #[test]
    fn charges_are_the_laws(
        steps in prop::collection::vec((0..24_usize, 0..1500_u64, 0..4_u32, 0..6_u8), 1..300),
    ) {
        let arena = arena(FEWEST_SLOTS);
        let lengths = [100, 1000, 4000];
        let laws = lengths.map(|length| law(4, length));
        let mut model: HashMap<usize, Window> = HashMap::new();
        let mut now = T;
        for (number, pause, cost, kind) in steps {
            if kind == 0 {
                now += pause;
            }
            let law = &laws[number % 3];
            let key = key(&arena, number);
            let known = model.get(&number).copied().unwrap_or_default();
            match kind {
                1 => {
                    let bucket = law.bucket(now) - 1;
                    arena.refund(key, law, now, bucket, cost);
                    let rest = law.give_back(known, now, bucket, cost);
                    // What changes nothing is not written, and so ends when it would have.
                    if rest != law.roll(known, now) {
                        model.insert(number, rest);
                    }
                }
                2 => {
                    let rolled = law.roll(known, now);
                    prop_assert_eq!(arena.peek(key, law, now), rolled);
                    let to = Window {
                        previous: rolled.previous.max(cost),
                        ..rolled
                    };
                    // A window of which nothing is known finds a place, or does not.
                    if !rolled.is_empty() {
                        let by = arena.raise(key, law, now, to);
                        prop_assert_eq!(by.previous, to.previous - rolled.previous);
                        prop_assert_eq!(by.current, 0);
                        if to != rolled {
                            model.insert(number, to);
                        }
                    }
                }
                _ => match arena.charge(key, law, now, cost) {
                    Charge::Full => {
                        let live = model.iter().filter(|(number, window)| {
                            let law = &laws[*number % 3];
                            let end = (window.bucket + 2) * law.length();
                            !window.is_empty() && now / 64 <= end / 64
                        });
                        prop_assert!(live.count() >= FEWEST_SLOTS);
                        prop_assert!(law.roll(known, now).is_empty());
                    }
                    Charge::Admitted(window) => {
                        prop_assert_eq!(law.charge(known, now, cost), Some(window));
                        if cost > 0 {
                            model.insert(number, window);
                        }
                    }
                    Charge::Refused(window) => {
                        prop_assert_eq!(law.charge(known, now, cost), None);
                        prop_assert_eq!(window, law.roll(known, now));
                    }
                },
            }
            for (&number, &window) in &model {
                let law = &laws[number % 3];
                let seen = arena.peek(super::key(&arena, number), law, now);
                prop_assert_eq!(seen, law.roll(window, now));
            }
        }
    }
}
