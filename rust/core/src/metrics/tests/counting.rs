//! What is counted where.

use super::*;

fn buckets(value: &Value) -> Vec<(usize, u64)> {
    let buckets = value["buckets"].as_array().unwrap().iter().enumerate();
    let buckets = buckets.map(|(bucket, count)| (bucket, count.as_u64().unwrap()));
    buckets.filter(|&(_, count)| count > 0).collect()
}

#[test]
fn an_arena_in_which_nobody_counts_says_so() {
    let arena = arena(16);
    let mut none = vec![0; 18];
    let durations = json!({"buckets": none, "sum": 0.0});
    let bounds = &DURATIONS[..];
    let phases = [
        "parse", "decide", "verify", "limit", "connect", "wait", "stream",
    ];
    let phases = phases.map(|phase| (phase.to_owned(), durations.clone()));
    none.truncate(14);
    let caches = json!({"hits": 0, "misses": 0, "evictions": 0});
    let expected = json!({
        "bounds": {
            "requests": bounds, "overhead": OVERHEADS, "phases": bounds, "upstreams": bounds,
        },
        "requests": [], "overhead": {"buckets": none, "sum": 0.0},
        "phases": phases.into_iter().collect::<serde_json::Map<_, _>>(),
        "upstreams": [], "upstream_events": [],
        "auth": {
            "accepted": 0, "token-missing": 0, "token-invalid": 0, "token-expired": 0,
            "token-revoked": 0, "insufficient-scope": 0, "auth-unavailable": 0,
        },
        "token_cache": {"tokens": caches, "refusals": caches},
        "policies": {}, "access_log": {"written": 0, "sampled_out": 0, "dropped": 0},
        "crowded_series": 0,
    });
    assert_eq!(json_of(&arena), expected);
}

#[test]
fn a_request_is_counted_with_all_that_is_known_of_it() {
    let arena = arena(16);
    metrics(&arena, 9).observe(&Observation {
        overhead: 0.000_25,
        phases: Phases {
            parse: Some(3.0),
            decide: Some(0.0001),
            wait: Some(0.0015),
            stream: Some(20.5),
            ..Phases::default()
        },
        upstream: Some((1, true)),
        request_bytes: 5,
        response_bytes: 7,
        exemplar: Some((0xabc, 1.7e9)),
        ..request(2, 201, 1.25)
    });
    let found = json_of(&arena);
    let requests = &found["requests"];
    assert_eq!(requests.as_array().unwrap().len(), 1);
    let mut only = requests[0].clone();
    assert_eq!(buckets(&only), [(13, 1)]);
    only.as_object_mut().unwrap().remove("buckets");
    let trace = "00000000000000000000000000000abc";
    assert_eq!(
        only,
        json!({
            "method": "GET", "route": "route-2", "status": "201", "sum": 1.25,
            "request_bytes": 5, "response_bytes": 7, "exemplars": [[13, trace, 1.25, 1.7e9]],
        })
    );
    assert_eq!(
        (buckets(&found["overhead"]), &found["overhead"]["sum"]),
        (vec![(2, 1)], &json!(0.000_25))
    );
    let phase = |name: &str| {
        let phase = &found["phases"][name];
        (buckets(phase), phase["sum"].as_f64().unwrap())
    };
    assert_eq!(phase("parse"), (vec![(14, 1)], 3.0));
    assert_eq!(phase("decide"), (vec![(0, 1)], 0.0001));
    assert_eq!(phase("wait"), (vec![(2, 1)], 0.0015));
    assert_eq!(phase("stream"), (vec![(17, 1)], 20.5));
    for name in ["verify", "limit", "connect"] {
        assert_eq!(phase(name), (vec![], 0.0));
    }
    let upstreams = &found["upstreams"];
    assert_eq!(upstreams.as_array().unwrap().len(), 1);
    assert_eq!(
        (&upstreams[0]["upstream"], &upstreams[0]["status"]),
        (&json!("files"), &json!("201"))
    );
    assert_eq!(
        (buckets(&upstreams[0]), &upstreams[0]["sum"]),
        (vec![(13, 1)], &json!(1.249_75))
    );
}

#[test]
fn what_no_route_took_and_no_upstream_answered_is_counted_as_such() {
    let arena = arena(16);
    let metrics = metrics(&arena, 0);
    metrics.observe(&Observation {
        method: None,
        route: None,
        ..request(0, 404, 0.0)
    });
    metrics.observe(&Observation {
        upstream: Some((0, false)),
        ..request(0, 504, 0.0)
    });
    // Numbers that nothing has.
    metrics.observe(&Observation {
        upstream: Some((7, true)),
        ..request(77, 200, 0.0)
    });
    metrics.count_upstream(7, UpstreamEvent::Retry);
    metrics.count_policy(7, PolicyOutcome::Admitted);
    let found = arena.measurements();
    let expected = [
        ("GET", "", "200", 1),
        ("GET", "route-0", "504", 1),
        ("_OTHER", "", "404", 1),
    ];
    assert_eq!(counts(&found), expected);
    let upstreams = found.upstreams.iter();
    let upstreams =
        upstreams.map(|found| (&*found.upstream, &*found.status, found.durations.count()));
    assert_eq!(upstreams.collect::<Vec<_>>(), [("app", "", 1)]);
}

#[test]
fn a_bound_belongs_to_its_bucket() {
    for (bounds, number) in DURATIONS.iter().zip(0..) {
        assert_eq!(histogram::bucket(&DURATIONS, *bounds), number);
        assert_eq!(histogram::bucket(&DURATIONS, bounds.next_up()), number + 1);
    }
    assert_eq!(histogram::bucket(&OVERHEADS, 0.0), 0);
    assert_eq!(histogram::bucket(&OVERHEADS, 1e9), 13);
}

#[test]
fn durations_that_cannot_be_harm_no_sum() {
    let arena = arena(16);
    let metrics = metrics(&arena, 0);
    for duration in [-1.0, -f64::INFINITY, f64::NAN, 0.0] {
        metrics.observe(&request(0, 200, duration));
    }
    let found = arena.measurements().requests.remove(0).durations;
    assert_eq!((found.buckets[0], found.sum), (4, 0.0));
    metrics.observe(&request(0, 200, f64::INFINITY));
    metrics.observe(&request(0, 200, f64::MAX));
    let found = arena.measurements().requests.remove(0).durations;
    assert_eq!((found.buckets[17], found.sum), (2, 2e9));
}

#[test]
fn sums_lose_nothing_however_long_it_takes() {
    let arena = arena(16);
    let metrics = metrics(&arena, 0);
    for duration in [
        0.999_999_999_9,
        1.0,
        86_400.000_000_001,
        3.75,
        0.000_000_001,
    ] {
        metrics.observe(&request(0, 200, duration));
    }
    let sum = arena.measurements().requests.remove(0).durations.sum;
    assert!((sum - 86_405.750_000_002).abs() < 2e-9, "{sum}");
}

#[test]
fn events_are_counted_by_name() {
    let arena = arena(16);
    let metrics = metrics(&arena, 0);
    for (number, &event) in UpstreamEvent::ALL.iter().enumerate() {
        (0..=number).for_each(|_| metrics.count_upstream(1, event));
    }
    for (number, &outcome) in PolicyOutcome::ALL.iter().enumerate() {
        (0..=number).for_each(|_| metrics.count_policy(0, outcome));
    }
    for (number, &outcome) in AuthOutcome::ALL.iter().enumerate() {
        (0..=number).for_each(|_| metrics.count_auth(outcome));
    }
    metrics.count_cache(Cache::Tokens, CacheEvent::Hit, 1);
    metrics.count_cache(Cache::Tokens, CacheEvent::Miss, 2);
    metrics.count_cache(Cache::Refusals, CacheEvent::Eviction, 3);
    metrics.count_cache(Cache::Refusals, CacheEvent::Eviction, 0);
    for (times, outcome) in (1..).zip(layout::LINE_OUTCOMES) {
        (0..times).for_each(|_| metrics.count_line(outcome));
    }
    let found = json_of(&arena);
    let events = found["upstream_events"].as_array().unwrap();
    let of = |upstream: &str| -> Vec<_> {
        let events = events.iter().filter(|event| event["upstream"] == upstream);
        events
            .map(|event| {
                (
                    event["event"].as_str().unwrap(),
                    event["count"].as_u64().unwrap(),
                )
            })
            .collect()
    };
    let expected = [
        ("retry", 1),
        ("connect-failed", 2),
        ("timeout", 3),
        ("reset", 4),
        ("protocol-error", 5),
        ("overloaded", 6),
    ];
    assert_eq!(of("files"), expected);
    assert_eq!(of("app"), expected.map(|(event, _)| (event, 0)));
    assert_eq!(
        found["policies"],
        json!({
            "per-user": {
                "admitted": 1, "refused": 2, "shadowed": 3, "uncounted": 4, "unavailable": 5, "crowded": 6,
            },
            "per-ip": {
                "admitted": 0, "refused": 0, "shadowed": 0, "uncounted": 0, "unavailable": 0, "crowded": 0,
            },
        })
    );
    assert_eq!(
        found["auth"],
        json!({
            "accepted": 1, "token-missing": 2, "token-invalid": 3, "token-expired": 4,
            "token-revoked": 5, "insufficient-scope": 6, "auth-unavailable": 7,
        })
    );
    assert_eq!(
        found["token_cache"],
        json!({
            "tokens": {"hits": 1, "misses": 2, "evictions": 0},
            "refusals": {"hits": 0, "misses": 0, "evictions": 3},
        })
    );
    assert_eq!(
        found["access_log"],
        json!({"written": 1, "sampled_out": 2, "dropped": 3})
    );
    assert!(found["requests"].as_array().unwrap().is_empty());
}

#[test]
fn what_one_worker_counted_stays_when_another_one_follows() {
    let arena = arena(16);
    for lane in [0, 1, 64, 0] {
        metrics(&arena, lane).observe(&request(1, 200, 0.25));
    }
    let found = arena.measurements();
    assert_eq!(counts(&found), [("GET", "route-1", "200", 4)]);
    assert_eq!(
        (
            found.requests[0].durations.sum,
            found.requests[0].durations.buckets[9]
        ),
        (1.0, 4)
    );
}

#[test]
fn a_route_keeps_its_counts_in_another_configuration() {
    let arena = arena(16);
    metrics(&arena, 0).observe(&request(2, 200, 0.0));
    let mut other = specification(3);
    other.routes.swap(0, 2);
    let other = Metrics::compile(&other, Arc::clone(&arena), 1);
    other.observe(&request(0, 200, 0.0));
    assert_eq!(
        counts(&arena.measurements()),
        [("GET", "route-2", "200", 2)]
    );
}
