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
    assert_eq!(
        arena.spend(key, &law, T, 7),
        Spend::Short { left: 6, size: 2 }
    );
    assert_eq!(arena.spend(key, &law, T + 699, 6), spent(6, 0));
    assert_eq!(
        arena.spend(key, &law, T, 1),
        Spend::Short { left: 0, size: 8 }
    );
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
        Spend::Short { left: 0, size: 12 }
    );
    assert_eq!(arena.withdraw(key, &law, T + 700), None);
    assert!(!arena.deposit(key, &law, T + 700, &grant(1, T / 1000, T + 700)));
    // Neither does it come back to life when the clock is set back.
    assert_eq!(
        arena.spend(key, &law, T - 5000, 1),
        Spend::Short { left: 0, size: 12 }
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
    assert_eq!(
        arena.spend(key, &law, T, 1),
        Spend::Short { left: 0, size: 0 }
    );
}

#[test]
fn an_exhausted_key_is_left_alone_until_its_time() {
    let arena = arena(64);
    let law = law(100, 1000);
    let key = key(&arena, 1);
    assert!(arena.deposit(key, &law, T, &grant(8, T / 1000, T + 700)));
    // Something is left for others.
    arena.exhaust(key, &law, T, T + 500, 9);
    assert!(matches!(arena.spend(key, &law, T, 8), Spend::Spent { .. }));
    arena.exhaust(key, &law, T, T + 500, 3);
    let exhausted = |until_ms, cost| Spend::Exhausted { until_ms, cost };
    assert_eq!(arena.spend(key, &law, T, 3), exhausted(T + 500, 3));
    assert_eq!(arena.spend(key, &law, T, 9), exhausted(T + 500, 3));
    assert_eq!(
        arena.spend(key, &law, T, 2),
        Spend::Short { left: 0, size: 8 }
    );
    assert_eq!(arena.lease(key, &law, T), None);
    // A greater cost says nothing new; the same one may last longer; a smaller one says more.
    arena.exhaust(key, &law, T, T + 900, 5);
    assert_eq!(arena.spend(key, &law, T, 5), exhausted(T + 500, 3));
    arena.exhaust(key, &law, T, T + 600, 3);
    assert_eq!(arena.spend(key, &law, T, 5), exhausted(T + 600, 3));
    arena.exhaust(key, &law, T, T + 400, 1);
    assert_eq!(arena.spend(key, &law, T + 399, 1), exhausted(T + 400, 1));
    assert_eq!(
        arena.spend(key, &law, T + 400, 1),
        Spend::Short { left: 0, size: 8 }
    );
    arena.exhaust(key, &law, T + 400, T + 500, 1);
    assert!(arena.deposit(key, &law, T + 400, &grant(1, T / 1000, T + 700)));
    assert!(matches!(
        arena.spend(key, &law, T + 400, 1),
        Spend::Spent { .. }
    ));
}

#[test]
fn notes_that_could_not_be_kept_as_they_are_are_not_kept() {
    let arena = arena(64);
    let law = law(100, 1000);
    let key = key(&arena, 1);
    arena.exhaust(key, &law, T, T + 500, MOST_LEASED + 1);
    arena.exhaust(key, &law, T, T, 1);
    arena.exhaust(key, &law, T, T + 500, 0);
    arena.exhaust(key, &law, T, T + 500_000, 1);
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
