//! Many threads, of one worker and of several.

use std::sync::Barrier;
use std::sync::atomic::AtomicBool;
use std::thread;

use super::*;

const THREADS: u8 = 4;
const REQUESTS: u32 = 60_000;

#[test]
fn nothing_is_lost_where_several_count_in_one_stripe() {
    let arena = arena(64);
    let barrier = Barrier::new(THREADS.into());
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (arena, barrier) = (&arena, &barrier);
            // Two in a stripe, and both in one that another process could have.
            let metrics = metrics(arena, thread % 2 * 64 + thread / 2);
            scope.spawn(move || {
                barrier.wait();
                for number in 0..REQUESTS {
                    metrics.observe(&Observation {
                        upstream: Some((0, true)),
                        response_bytes: 3,
                        phases: Phases {
                            decide: Some(0.001),
                            ..Phases::default()
                        },
                        ..request((number % 3) as usize, 200 + (number % 5) as u16, 0.001)
                    });
                    metrics.count_auth(AuthOutcome::Accepted);
                }
            });
        }
    });
    let all = u32::from(THREADS) * REQUESTS;
    let seconds = f64::from(all) * 0.001;
    let all = u64::from(all);
    let found = arena.measurements();
    assert_eq!(found.requests.len(), 15);
    assert!(
        counts(&found)
            .iter()
            .all(|&(.., count)| count.abs_diff(all / 15) <= u64::from(THREADS))
    );
    assert_eq!(
        counts(&found).iter().map(|&(.., count)| count).sum::<u64>(),
        all
    );
    assert_eq!(found.overhead.count(), all);
    assert_eq!(found.phases["decide"].count(), all);
    let bytes = found
        .requests
        .iter()
        .map(|requests| requests.response_bytes);
    assert_eq!(bytes.sum::<u64>(), 3 * all);
    let nanoseconds = found.requests.iter().map(|requests| requests.durations.sum);
    assert!((nanoseconds.sum::<f64>() - seconds).abs() < 1e-6);
    let upstreams = found
        .upstreams
        .iter()
        .map(|upstream| upstream.durations.count());
    assert_eq!((upstreams.sum::<u64>(), found.auth["accepted"]), (all, all));
}

#[test]
fn whoever_looks_on_never_sees_a_count_go_down() {
    let arena = arena(64);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for lane in 0..2 {
            let (arena, is_over) = (&arena, &is_over);
            scope.spawn(move || {
                let metrics = metrics(arena, lane);
                for number in 0.. {
                    let status = 200 + (number % 40) as u16;
                    metrics.observe(&request(number % 3, status, 0.01));
                    if is_over.load(Relaxed) {
                        break;
                    }
                }
            });
        }
        let mut before: Vec<(String, String, histogram::Histogram)> = Vec::new();
        for _ in 0..200 {
            let found = arena.measurements();
            // A series that was there stays where it was, and what comes new comes behind it.
            let sums: Vec<_> = found
                .requests
                .iter()
                .map(|requests| {
                    (
                        requests.route.clone(),
                        requests.status.clone(),
                        requests.durations.clone(),
                    )
                })
                .collect();
            assert!(sums.len() >= before.len());
            for ((route, status, earlier), (same_route, same_status, later)) in
                before.iter().zip(&sums)
            {
                assert_eq!((route, status), (same_route, same_status));
                assert!(later.sum >= earlier.sum);
                assert!(
                    later
                        .buckets
                        .iter()
                        .zip(&earlier.buckets)
                        .all(|(later, earlier)| later >= earlier)
                );
            }
            before = sums;
        }
        is_over.store(true, Relaxed);
    });
}
