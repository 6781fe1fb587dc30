//! More series than there is room for.

use super::*;

/// Places that upstreams and policies have from the start.
const TAKEN: usize = 4;

#[test]
fn what_finds_no_place_keeps_its_status_and_is_counted() {
    let arena = arena(TAKEN + 2);
    let metrics = metrics(&arena, 0);
    for status in [200, 201, 202, 503, 202] {
        metrics.observe(&Observation {
            upstream: Some((0, status != 503)),
            ..request(0, status, 0.0)
        });
    }
    // Its series was there first, or at least that of its upstream was: places are taken in turn.
    metrics.observe(&request(0, 200, 0.0));
    let found = arena.measurements();
    let expected = [
        ("GET", "route-0", "200", 2),
        ("_OTHER", "_other", "201", 1),
        ("_OTHER", "_other", "202", 2),
        ("_OTHER", "_other", "503", 1),
    ];
    assert_eq!(counts(&found), expected);
    assert_eq!(found.crowded_series, 4);
    let upstreams = found.upstreams.iter();
    let upstreams =
        upstreams.map(|found| (&*found.upstream, &*found.status, found.durations.count()));
    let mut upstreams: Vec<_> = upstreams.collect();
    upstreams.sort_unstable();
    let expected = [
        ("_other", "", 1),
        ("_other", "201", 1),
        ("_other", "202", 2),
        ("app", "200", 1),
    ];
    assert_eq!(upstreams, expected);
}

#[test]
fn every_status_has_room_when_there_is_none() {
    let arena = arena(TAKEN);
    let metrics = metrics(&arena, 0);
    for status in 0..=999 {
        metrics.observe(&Observation {
            upstream: Some((0, true)),
            exemplar: Some((status.into(), 1.0)),
            ..request(0, status, 0.0)
        });
    }
    metrics.observe(&request(0, u16::MAX, 0.0));
    let found = arena.measurements();
    assert_eq!(found.crowded_series, 1001);
    assert_eq!((found.requests.len(), found.upstreams.len()), (1000, 1000));
    for requests in &found.requests {
        let count = if requests.status == "999" { 2 } else { 1 };
        assert_eq!(requests.durations.count(), count);
        let trace = format!("{:032x}", requests.status.parse::<u32>().unwrap());
        assert_eq!(requests.exemplars, [(0, trace, 0.0, 1.0)]);
    }
}

#[test]
fn what_belongs_to_no_request_finds_room_too() {
    let arena = arena(1);
    let metrics = metrics(&arena, 0);
    metrics.count_upstream(0, UpstreamEvent::Reset);
    metrics.count_upstream(1, UpstreamEvent::Reset);
    metrics.count_policy(0, PolicyOutcome::Refused);
    metrics.count_policy(1, PolicyOutcome::Refused);
    let found = arena.measurements();
    let resets = found.upstream_events.iter().filter(|event| event.count > 0);
    let resets = resets.map(|event| (&*event.upstream, event.event, event.count));
    assert_eq!(
        resets.collect::<Vec<_>>(),
        [("app", "reset", 1), ("_other", "reset", 1)]
    );
    assert_eq!(found.policies["_other"]["refused"], 2);
    assert_eq!((found.policies.len(), found.crowded_series), (1, 0));
}

#[test]
fn routes_without_a_name_are_crowded() {
    let arena = arena(16);
    let metrics = Metrics::compile(&specification(1025), Arc::clone(&arena), 0);
    metrics.observe(&request(0, 200, 0.0));
    metrics.observe(&request(1024, 200, 0.0));
    let found = arena.measurements();
    assert_eq!(
        counts(&found),
        [("GET", "route-0", "200", 1), ("_OTHER", "_other", "200", 1)]
    );
    assert_eq!(found.crowded_series, 1);
}

#[test]
fn more_series_than_are_remembered_are_found_again() {
    let arena = arena(4000);
    let metrics = metrics(&arena, 0);
    let places = Places::new(4);
    let mut looked_up = 0;
    for round in 0..2 {
        for status in 100..600 {
            let series = Series::Requests {
                route: Name::NONE,
                method: None,
                status,
            };
            let place = places.get(series.key(), || {
                looked_up += 1;
                find(&arena, series)
            });
            metrics.observe(&Observation {
                route: None,
                method: None,
                ..request(0, status, 0.0)
            });
            assert_eq!(
                arena.block(0, place)[0].load(Relaxed),
                round + 1,
                "status {status}"
            );
        }
    }
    assert!(looked_up > 500, "not all can be remembered");
}
