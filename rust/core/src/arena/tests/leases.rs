use super::*;

fn grant(count: u32, bucket: u64, expires_ms: u64) -> Grant {
    Grant {
        count,
        size: count,
        bucket,
        expires_ms,
    }
}

#[test]
fn a_lease_is_spent_to_its_last_unit() {
    let arena = arena(64);
    let law = law(100, 1000);
    let key = key(&arena, 1);
    let end = T + 700;
    assert_eq!(arena.spend(key, &law, T, 1), Spend::Absent);
    assert!(arena.deposit(key, &law, T, &grant(10, T / 1000, end)));
    let spent = |count, left| Spend::Spent {
        left,
        taken: Grant {
            count,
            size: 8,
            bucket: T / 1000,
            expires_ms: end,
        },
    };
    assert_eq!(arena.spend(key, &law, T, 4), spent(4, 6));
    assert_eq!(arena.spend(key, &law, T, 7), Spend::Short { size: 2 });
    assert_eq!(arena.spend(key, &law, T + 699, 6), spent(6, 0));
    assert_eq!(arena.spend(key, &law, T, 1), Spend::Short { size: 8 });
}

#[test]
fn a_lease_ends_and_leaves_its_size() {
    let arena = arena(64);
    let law = law(100, 1000);
    let key = key(&arena, 1);
    assert!(arena.deposit(key, &law, T, &grant(16, T / 1000, T + 700)));
    let _ = arena.spend(key, &law, T, 12);
    assert_eq!(
        arena.spend(key, &law, T + 700, 1),
        Spend::Short { size: 12 }
    );
    assert_eq!(arena.withdraw(key, &law, T + 700), None);
    assert!(!arena.deposit(key, &law, T + 700, &grant(1, T / 1000, T + 700)));
    // Neither does it come back to life when the clock is set back.
    assert_eq!(
        arena.spend(key, &law, T - 5000, 1),
        Spend::Short { size: 12 }
    );
}

#[test]
fn grants_of_one_bucket_add_up_and_newer_ones_replace() {
    let arena = arena(64);
    let law = law(100, 1000);
    let key = key(&arena, 1);
    let bucket = T / 1000;
    assert!(arena.deposit(key, &law, T, &grant(5, bucket, T + 703)));
    assert!(arena.deposit(key, &law, T, &grant(5, bucket, T + 700)));
    let sum = Lease {
        left: 10,
        bucket,
        expires_ms: T + 700,
    };
    assert_eq!(arena.lease(key, &law, T), Some(sum));
    assert!(!arena.deposit(key, &law, T, &grant(50, bucket - 1, T + 100)));
    assert_eq!(arena.lease(key, &law, T), Some(sum));
    assert!(arena.deposit(key, &law, T, &grant(3, bucket + 1, T + 1700)));
    assert_eq!(arena.lease(key, &law, T).unwrap().left, 3);
    assert!(arena.deposit(key, &law, T, &grant(u32::MAX, bucket + 1, T + 1700)));
    assert_eq!(arena.lease(key, &law, T).unwrap().left, MOST_LEASED);
}

#[test]
fn what_is_left_is_withdrawn_once() {
    let arena = arena(64);
    let law = law(100, 100);
    let key = key(&arena, 1);
    // The store's clock may be an hour behind.
    let bucket = T / 100 - 36_000;
    assert_eq!(arena.withdraw(key, &law, T), None);
    assert!(arena.deposit(key, &law, T, &grant(5, bucket, T + 99)));
    let lease = Lease {
        left: 5,
        bucket,
        expires_ms: T + 99,
    };
    assert_eq!(arena.withdraw(key, &law, T), Some(lease));
    assert_eq!(arena.withdraw(key, &law, T), None);
    assert_eq!(arena.spend(key, &law, T, 1), Spend::Short { size: 0 });
}

#[test]
fn a_refusal_holds_until_the_store_is_asked_again() {
    let arena = arena(64);
    let law = law(100, 100_000);
    let key = key(&arena, 1);
    assert_eq!(arena.refusal(key, &law, T), None);
    arena.note_refusal(key, &law, T, T + 50_000, T + 1000);
    assert_eq!(arena.refusal(key, &law, T), Some(T + 50_000));
    assert_eq!(arena.refusal(key, &law, T + 900), Some(T + 50_000));
    assert_eq!(arena.refusal(key, &law, T + 1064), None);
    // The last word counts.
    arena.note_refusal(key, &law, T + 1064, T + 3000, T + 2000);
    assert_eq!(arena.refusal(key, &law, T + 1064), Some(T + 3000));
    arena.forget_refusal(key, &law, T + 1064);
    assert_eq!(arena.refusal(key, &law, T + 1064), None);
    // It is no lease, and no lease is one.
    arena.note_refusal(key, &law, T, T + 50_000, T + 1000);
    assert_eq!(arena.lease(key, &law, T), None);
    assert!(matches!(arena.spend(key, &law, T, 1), Spend::Short { .. }));
    assert!(arena.deposit(key, &law, T, &grant(1, T / 100_000, T + 700)));
    arena.forget_refusal(key, &law, T);
    assert!(arena.lease(key, &law, T).is_some());
}

#[test]
fn refusals_that_are_over_or_too_long_are_not_noted() {
    let arena = arena(64);
    let law = law(100, 1000);
    let key = key(&arena, 1);
    for until in [T, T + 500_000] {
        arena.note_refusal(key, &law, T, until, T + 1000);
        assert_eq!(arena.refusal(key, &law, T), None);
    }
    arena.forget_refusal(key, &law, T);
    assert_eq!(arena.spend(key, &law, T, 1), Spend::Absent);
}

#[test]
fn live_leases_make_no_room() {
    let arena = arena(64);
    let law = law(100, 1000);
    let put = |number, now: u64| {
        let grant = grant(1, now / 1000, now + 1000);
        arena.deposit(key(&arena, number), &law, now, &grant)
    };
    let dropped = (0..5000).filter(|&number| !put(number, T)).count();
    assert!(dropped >= 5000 - 1024);
    let is_kept = |number: &usize| arena.lease(key(&arena, *number), &law, T).is_some();
    let kept: Vec<usize> = (0..5000).filter(is_kept).collect();
    assert_eq!(kept.len(), 5000 - dropped);
    // Once they are over they do.
    assert!((5000..5100).all(|number| put(number, T + 1000)));
}
