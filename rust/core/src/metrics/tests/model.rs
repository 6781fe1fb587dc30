//! Against a plain model: maps and lists, and no limits.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// What a series is to say.
#[derive(Debug, Default, PartialEq)]
struct Expected {
    durations: Vec<u64>,
    request_bytes: u64,
    response_bytes: u64,
}

impl Expected {
    fn put(&mut self, nanoseconds: u64) {
        self.durations.push(nanoseconds);
    }

    fn buckets(&self, bounds: &[f64]) -> Vec<u64> {
        let mut buckets = vec![0; bounds.len() + 1];
        for &duration in &self.durations {
            let fits = |bound: &&f64| seconds(duration) <= **bound;
            let bucket = bounds.iter().find(fits);
            let bucket = bucket.map_or(bounds.len(), |bound| {
                bounds.iter().take_while(|other| *other < bound).count()
            });
            buckets[bucket] += 1;
        }
        buckets
    }

    fn sum(&self) -> f64 {
        seconds(self.durations.iter().sum())
    }

    fn check(&self, found: &histogram::Histogram, bounds: &[f64]) {
        assert_eq!(found.buckets, self.buckets(bounds));
        assert!(
            (found.sum - self.sum()).abs() < 1e-6,
            "{} {}",
            found.sum,
            self.sum()
        );
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "there are less than 2^53 of them"
)]
fn seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e9
}

/// A request, its times in nanoseconds, and the worker that counts it.
#[derive(Debug, Clone)]
struct Case {
    lane: u8,
    method: Option<Known>,
    route: Option<usize>,
    status: u16,
    duration: u64,
    /// In millionths of the duration.
    overhead: u64,
    stream: Option<u64>,
    upstream: Option<(usize, bool)>,
    bytes: (u64, u64),
}

impl Case {
    fn overhead(&self) -> u64 {
        self.duration / 1_000_000 * self.overhead
    }

    fn observation(&self) -> Observation {
        Observation {
            method: self.method,
            overhead: seconds(self.overhead()),
            phases: Phases {
                stream: self.stream.map(seconds),
                ..Phases::default()
            },
            route: self.route,
            upstream: self.upstream,
            request_bytes: self.bytes.0,
            response_bytes: self.bytes.1,
            ..request(0, self.status, seconds(self.duration))
        }
    }
}

fn duration() -> impl Strategy<Value = u64> {
    // At the bounds and beside them, below and far beyond.
    let at_bound = prop::sample::select(vec![500_000_u64, 1_000_000, 75_000_000, 10_000_000_000]);
    let at_bound = (at_bound, 0..3_u64).prop_map(|(bound, off)| bound + off - 1);
    prop_oneof![0..2_000_000_u64, 0..20_000_000_000_u64, at_bound, Just(0)]
}

fn case() -> impl Strategy<Value = Case> {
    let methods = vec![
        None,
        Some(Known::Get),
        Some(Known::Post),
        Some(Known::Connect),
    ];
    let statuses = vec![200, 204, 404, 429, 499, 503];
    let labels = (
        prop::sample::select(vec![0_u8, 1, 64, 255]),
        prop::sample::select(methods),
        prop::option::of(0..3_usize),
        prop::sample::select(statuses),
    );
    let values = (
        duration(),
        0..=1_000_000_u64,
        prop::option::of(duration()),
        prop::option::of((0..2_usize, any::<bool>())),
        (0..1000_u64, 0..1_000_000_u64),
    );
    (labels, values).prop_map(|(labels, values)| {
        let (lane, method, route, status) = labels;
        let (duration, overhead, stream, upstream, bytes) = values;
        Case {
            lane,
            method,
            route,
            status,
            duration,
            overhead,
            stream,
            upstream,
            bytes,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_is_counted_is_what_was_observed(cases in prop::collection::vec(case(), 0..60)) {
        let arena = arena(256);
        let workers: BTreeMap<u8, Metrics> =
            [0, 1, 64, 255].into_iter().map(|lane| (lane, metrics(&arena, lane))).collect();
        let mut requests = BTreeMap::<_, Expected>::new();
        let mut upstreams = BTreeMap::<_, Expected>::new();
        let (mut overhead, mut stream) = (Expected::default(), Expected::default());
        for case in &cases {
            workers[&case.lane].observe(&case.observation());
            let method = case.method.map_or("_OTHER", Known::name);
            let route = case.route.map_or(String::new(), |route| format!("route-{route}"));
            let expected = requests.entry((method, route, case.status.to_string())).or_default();
            expected.put(case.duration);
            expected.request_bytes += case.bytes.0;
            expected.response_bytes += case.bytes.1;
            overhead.put(case.overhead());
            case.stream.into_iter().for_each(|seconds| stream.put(seconds));
            if let Some((upstream, has_answered)) = case.upstream {
                let status = if has_answered { case.status.to_string() } else { String::new() };
                let expected = upstreams.entry((["app", "files"][upstream], status));
                expected.or_default().put(case.duration - case.overhead());
            }
        }
        let found = arena.measurements();
        prop_assert_eq!(found.requests.len(), requests.len());
        for series in &found.requests {
            let key = (series.method, series.route.clone(), series.status.clone());
            let expected = &requests[&key];
            expected.check(&series.durations, &DURATIONS);
            prop_assert_eq!(series.request_bytes, expected.request_bytes);
            prop_assert_eq!(series.response_bytes, expected.response_bytes);
        }
        prop_assert_eq!(found.upstreams.len(), upstreams.len());
        for series in &found.upstreams {
            let expected = &upstreams[&(&*series.upstream, series.status.clone())];
            // What is left of a duration is off by less than a nanosecond, which matters at a bound.
            prop_assert_eq!(series.durations.count(), expected.durations.len() as u64);
            prop_assert!((series.durations.sum - expected.sum()).abs() < 1e-6);
        }
        overhead.check(&found.overhead, &OVERHEADS);
        stream.check(&found.phases["stream"], &DURATIONS);
    }
}
