use proptest::prelude::*;

use super::*;

const T: u64 = 1_750_000_000_000;

fn law(quota: u32, length: u64) -> Law {
    Law::new(quota, length).unwrap()
}

fn window(bucket: u64, previous: u32, current: u32) -> Window {
    Window {
        bucket,
        previous,
        current,
    }
}

#[test]
fn laws_are_bounded() {
    assert_eq!(Law::new(0, 1000), Err(LawError::Quota(0)));
    assert!(Law::new(MOST_QUOTA, LONGEST_MS).is_ok());
    assert_eq!(
        Law::new(MOST_QUOTA + 1, 1000),
        Err(LawError::Quota(MOST_QUOTA + 1))
    );
    assert_eq!(Law::new(1, 99), Err(LawError::Length(99)));
    assert_eq!(
        Law::new(1, LONGEST_MS + 1).unwrap_err().to_string(),
        "a window must last 100 to 86400000 milliseconds, not 86400001"
    );
    let law = law(5, 1000);
    assert_eq!(law.with_quota(0).quota(), 1);
    assert_eq!(law.with_quota(u32::MAX).quota(), MOST_QUOTA);
    assert_eq!(law.with_quota(7).length(), 1000);
}

#[test]
fn the_previous_bucket_counts_for_what_is_still_covered_of_it() {
    let law = law(10, 1000);
    let full = window(6, 10, 0);
    assert_eq!(law.remaining(full, 6000), 0);
    assert_eq!(law.remaining(full, 6099), 0);
    assert_eq!(law.remaining(full, 6100), 1);
    assert_eq!(law.remaining(full, 6999), 9);
    assert_eq!(law.charge(full, 6099, 1), None);
    assert_eq!(law.charge(full, 6100, 1), Some(window(6, 10, 1)));
    assert_eq!(law.remaining(full, 7000), 10);
}

#[test]
fn buckets_pass() {
    let law = law(10, 1000);
    let some = window(6, 1, 2);
    assert_eq!(law.roll(some, 6999), some);
    assert_eq!(law.roll(some, 7000), window(7, 2, 0));
    assert_eq!(law.roll(some, 8000), window(8, 0, 0));
}

#[test]
fn a_clock_a_little_behind_charges_the_later_bucket_as_just_begun() {
    let law = law(10, 1000);
    let some = window(6, 4, 2);
    assert_eq!(law.charge(some, 5500, 4), Some(window(6, 4, 6)));
    assert_eq!(law.charge(some, 5500, 5), None);
    assert_eq!(law.reset_ms(some, 5500), 1500);
    let short = Law::new(10, 100).unwrap();
    assert_eq!(short.roll(window(60, 1, 1), 5000), window(60, 1, 1));
}

#[test]
fn a_clock_that_was_set_back_forgets() {
    let law = law(10, 1000);
    assert_eq!(law.roll(window(6, 4, 2), 4999), window(4, 0, 0));
    assert_eq!(law.roll(window(u64::MAX, 4, 2), 4999), window(4, 0, 0));
}

#[test]
fn costs_are_all_or_nothing() {
    let law = law(10, 1000);
    assert_eq!(law.charge(Window::default(), T, 11), None);
    assert_eq!(
        law.charge(Window::default(), T, 10),
        Some(window(T / 1000, 0, 10))
    );
    assert!(law.charge(window(T / 1000, 0, 10), T, 0).is_some());
    assert!(law.charge(Window::default(), T, u32::MAX).is_none());
}

#[test]
fn what_is_charged_without_asking_saturates() {
    let law = law(MOST_QUOTA, LONGEST_MS);
    let bucket = law.bucket(T);
    let most = law.charge_unchecked(window(bucket, MOST_COUNT, 5), T, u32::MAX);
    assert_eq!(most, window(bucket, MOST_COUNT, MOST_COUNT));
    assert_eq!(law.remaining(most, T), 0);
    assert_eq!(law.charge(most, T, 1), None);
    let wait = law.retry_ms(most, T, 1);
    assert!(law.charge(most, T + wait, 1).is_some() && law.charge(most, T + wait - 1, 1).is_none());
}

#[test]
fn what_is_given_back_belongs_to_its_bucket() {
    let law = law(10, 1000);
    let some = window(6, 4, 2);
    assert_eq!(law.give_back(some, 6000, 6, 1), window(6, 4, 1));
    assert_eq!(law.give_back(some, 6000, 6, 9), window(6, 4, 0));
    assert_eq!(law.give_back(some, 6000, 5, 3), window(6, 1, 2));
    assert_eq!(law.give_back(some, 6000, 4, 3), some);
    assert_eq!(law.give_back(some, 6000, 7, 3), some);
    assert_eq!(law.give_back(some, 7000, 6, 1), window(7, 1, 0));
    assert_eq!(law.give_back(some, 8000, 6, 1), window(8, 0, 0));
}

#[test]
fn the_worst_case_stays_below_twice_the_quota() {
    let law = law(1000, 1000);
    let mut admitted = 0;
    let mut state = Window::default();
    // The second burst comes 999 milliseconds after the first.
    for now in [T + 999, T + 1998] {
        let most = law.remaining(state, now);
        state = law.charge(state, now, most).unwrap();
        admitted += most;
    }
    assert_eq!(admitted, 1998);
}

/// Quotas and lengths, small and extreme ones.
fn laws() -> impl Strategy<Value = Law> {
    let quota = prop_oneof![1..20_u32, 1..=MOST_QUOTA, Just(MOST_QUOTA)];
    let length = prop_oneof![100..300_u64, SHORTEST_MS..=LONGEST_MS, Just(LONGEST_MS)];
    (quota, length).prop_map(|(quota, length)| law(quota, length))
}

/// The law again, from a log of charges in 128-bit fractions of nothing: `sum * length`.
fn scaled_estimate(law: &Law, log: &[(u64, u32)], now: u64) -> u128 {
    let length = law.length();
    let bucket = now / length;
    let sum = |of: u64| -> u128 {
        let charges = log.iter().filter(|(time, _)| time / length == of);
        charges.map(|&(_, cost)| u128::from(cost)).sum()
    };
    let before = bucket.checked_sub(1).map_or(0, sum);
    before * u128::from(length - now % length) + sum(bucket) * u128::from(length)
}

proptest! {
    #[test]
    fn charges_are_what_a_log_says(
        law in laws(),
        steps in prop::collection::vec((0..5_u64, 0..1000_u64, 0..4_u32, 0..=MOST_QUOTA), 1..60),
    ) {
        let mut now = T;
        let mut state = Window::default();
        let mut log: Vec<(u64, u32)> = Vec::new();
        let scale = u128::from(law.length());
        for (kind, part, small, large) in steps {
            now += match kind {
                0 => 0,
                1 => 1,
                2 => law.length() * part * 3 / 1000,
                _ => law.length() * part / 3000,
            };
            let cost = if kind == 4 { large.min(law.quota()) } else { small };
            let estimate = scaled_estimate(&law, &log, now);
            let room = (u128::from(law.quota()) * scale).saturating_sub(estimate);
            prop_assert_eq!(u128::from(law.remaining(state, now)), room / scale);
            let charged = law.charge(state, now, cost);
            prop_assert_eq!(charged.is_some(), u128::from(cost) * scale <= room);
            if let Some(window) = charged {
                state = window;
                log.push((now, cost));
            }
            prop_assert!(scaled_estimate(&law, &log, now) <= u128::from(law.quota()) * scale);
        }
        for &(end, _) in &log {
            let within = log.iter().filter(|(time, _)| *time <= end && time + law.length() > end);
            let sum: u64 = within.map(|&(_, cost)| u64::from(cost)).sum();
            prop_assert!(sum < 2 * u64::from(law.quota()));
        }
    }

    #[test]
    fn the_wait_is_the_least(
        law in laws(),
        offset in 0..LONGEST_MS,
        behind in -1..3_i64,
        counts in (0..=MOST_COUNT, 0..=MOST_COUNT, 0..=MOST_COUNT),
        divisors in (1..=MOST_COUNT, 1..=MOST_COUNT, 1..=MOST_COUNT),
    ) {
        let bucket = T / law.length();
        let now = bucket * law.length() + offset % law.length();
        let (previous, current, cost) =
            (counts.0 / divisors.0, counts.1 / divisors.1, counts.2 / divisors.2);
        let state = window(bucket.wrapping_add_signed(-behind), previous, current);
        let wait = law.retry_ms(state, now, cost);
        let cost = cost.min(law.quota());
        prop_assert!(law.charge(state, now + wait, cost).is_some());
        if wait > 0 {
            prop_assert!(law.charge(state, now + wait - 1, cost).is_none());
        }
        let reset = law.reset_ms(state, now);
        prop_assert!(reset > 0);
        prop_assert!(law.bucket(now + reset) > law.roll(state, now).bucket);
    }

    #[test]
    fn the_estimate_only_falls_while_nothing_is_charged(
        law in laws(),
        counts in (0..=MOST_QUOTA, 0..=MOST_QUOTA),
        times in (0..3000_u64, 0..3000_u64),
    ) {
        let state = window(T / law.length(), counts.0, counts.1);
        let start = state.bucket * law.length();
        let at = |part: u64| start + law.length() * part / 1000;
        let (early, late) = (at(times.0.min(times.1)), at(times.0.max(times.1)));
        prop_assert!(law.remaining(state, early) <= law.remaining(state, late));
    }
}

#[test]
fn above_the_quota_nothing_is_admitted_however_little_it_costs() {
    let law = Law::new(10, 1000).expect("a law");
    let window = Window {
        bucket: 5,
        previous: 0,
        current: 20,
    };
    assert_eq!(law.charge(window, 5500, 0), None);
    // Half of the next bucket has to pass until twenty weigh no more than ten.
    assert_eq!(law.retry_ms(window, 5500, 0), 1000);
    assert!(law.charge(window, 6500, 0).is_some());
    assert!(law.charge(window, 6499, 0).is_none());
}
