//! What all workers have counted, added up.
//!
//! As JSON this is what the admin server reads. Everything in it only ever grows; two numbers that
//! belong together may differ by requests that are being counted while they are read.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use serde::Serialize;

use super::events::{AuthOutcome, Cache, CacheEvent, PolicyOutcome, UpstreamEvent};
use super::histogram::{DURATIONS, Histogram, OVERHEADS};
use super::layout;
use super::series::{Series, method_name};
use crate::access_log::LineOutcome;
use crate::arena::{Arena, BLOCK_WORDS, Exemplar, TOTALS_WORDS};

/// Counts by the word for what is counted.
pub type Counts = BTreeMap<&'static str, u64>;

/// What was counted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measurements {
    /// Upper bounds of buckets, in seconds.
    pub bounds: Bounds,
    /// Requests by method, route and status.
    pub requests: Vec<Requests>,
    /// What the gateway added to them.
    pub overhead: Histogram,
    /// Where their time went.
    pub phases: BTreeMap<&'static str, Histogram>,
    /// Requests to upstreams, by status.
    pub upstreams: Vec<Upstream>,
    /// What happened on the way to upstreams.
    pub upstream_events: Vec<Event>,
    /// What those were told who asked for what is not open.
    pub auth: Counts,
    /// What was remembered of credentials.
    pub token_cache: BTreeMap<&'static str, Counts>,
    /// What policies decided, by their name.
    pub policies: BTreeMap<String, Counts>,
    /// What became of the lines of the access log.
    pub access_log: Counts,
    /// Requests that were counted as others', because there are too many series.
    pub crowded_series: u64,
}

/// Upper bounds of buckets, in seconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(missing_docs, reason = "they are those of the parts of the same name")]
pub struct Bounds {
    pub requests: &'static [f64],
    pub overhead: &'static [f64],
    pub phases: &'static [f64],
    pub upstreams: &'static [f64],
}

/// Requests of a series.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Requests {
    /// Method, or what stands for the unknown ones.
    pub method: &'static str,
    /// Name of the route; empty if none took them.
    pub route: String,
    /// Status in digits.
    pub status: String,
    /// What they took.
    #[serde(flatten)]
    pub durations: Histogram,
    /// Bytes of their bodies.
    pub request_bytes: u64,
    /// Bytes of the responses' bodies.
    pub response_bytes: u64,
    /// Bucket, trace, seconds, and Unix seconds of requests that stand for those of their bucket.
    pub exemplars: Vec<(usize, String, f64, f64)>,
}

/// Requests to an upstream, of a series.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Upstream {
    /// Name of the upstream.
    pub upstream: String,
    /// Status in digits; empty if it never answered.
    pub status: String,
    /// What they took.
    #[serde(flatten)]
    pub durations: Histogram,
}

/// How often something happened on the way to an upstream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Event {
    /// Name of the upstream.
    pub upstream: String,
    /// What.
    pub event: &'static str,
    /// How often.
    pub count: u64,
}

impl Arena {
    /// What all workers have counted, those that have ended included.
    #[must_use]
    pub fn measurements(&self) -> Measurements {
        let mut totals = [0; TOTALS_WORDS];
        for stripe in self.stripes() {
            add_up(&mut totals, self.totals(stripe));
        }
        let mut measurements = of_totals(&totals);
        for (place, key) in self.places() {
            if let Some(series) = Series::from_key(key) {
                self.measure(&mut measurements, place, series);
            }
        }
        measurements
    }

    /// Add what was counted in a series.
    fn measure(&self, into: &mut Measurements, place: usize, series: Series) {
        let mut block = [0; BLOCK_WORDS];
        for stripe in self.stripes() {
            add_up(&mut block, self.block(stripe, place));
        }
        let durations = || Histogram::read(&block[layout::DURATION], &DURATIONS);
        // A series has a name that somebody was given; it cannot be missing.
        let name = |name| self.name(name).unwrap_or_default();
        match series {
            Series::Requests {
                route,
                method,
                status,
            } => {
                let durations = durations();
                into.requests.push(Requests {
                    method: method_name(method),
                    route: name(route),
                    status: status.to_string(),
                    exemplars: self.exemplars(place, &durations),
                    durations,
                    request_bytes: block[layout::REQUEST_BYTES],
                    response_bytes: block[layout::RESPONSE_BYTES],
                });
            }
            Series::Upstream { upstream, status } => into.upstreams.push(Upstream {
                upstream: name(upstream),
                status: match status {
                    0 => String::new(),
                    status => status.to_string(),
                },
                durations: durations(),
            }),
            Series::Events { upstream } => {
                let events = UpstreamEvent::ALL.iter().map(|&event| Event {
                    upstream: name(upstream),
                    event: event.name(),
                    count: block[event as usize],
                });
                into.upstream_events.extend(events);
            }
            Series::Policy { policy } => {
                let counts = PolicyOutcome::ALL
                    .iter()
                    .map(|&outcome| (outcome.name(), block[outcome as usize]));
                into.policies.insert(name(policy), counts.collect());
            }
        }
    }

    /// The exemplars of a series' buckets in which anything was counted.
    fn exemplars(&self, place: usize, durations: &Histogram) -> Vec<(usize, String, f64, f64)> {
        let counted = durations.buckets.iter().enumerate();
        let counted = counted.filter(|&(_, &count)| count > 0);
        let exemplars = counted.filter_map(|(bucket, _)| {
            let Exemplar {
                trace_id,
                seconds,
                unix_seconds,
            } = self.exemplar(place, bucket)?;
            Some((bucket, format!("{trace_id:032x}"), seconds, unix_seconds))
        });
        exemplars.collect()
    }
}

/// What was counted without labels.
fn of_totals(totals: &[u64]) -> Measurements {
    let phases = layout::PHASES.into_iter().enumerate();
    let phases = phases.map(|(number, name)| {
        let words = &totals[layout::phase(number)];
        (name, Histogram::read(words, &DURATIONS))
    });
    let auth = AuthOutcome::ALL.iter();
    let auth = auth.map(|&outcome| (outcome.name(), totals[layout::auth(outcome)]));
    let token_cache = Cache::ALL.iter().map(|&cache| {
        let events = CacheEvent::ALL.iter();
        let counts = events.map(|&event| (event.name(), totals[layout::cache(cache, event)]));
        (cache.name(), counts.collect())
    });
    let lines = layout::LINE_OUTCOMES.into_iter();
    let lines = lines.map(|outcome| (line_name(outcome), totals[layout::line(outcome)]));
    Measurements {
        bounds: Bounds {
            requests: &DURATIONS,
            overhead: &OVERHEADS,
            phases: &DURATIONS,
            upstreams: &DURATIONS,
        },
        requests: Vec::new(),
        overhead: Histogram::read(&totals[layout::OVERHEAD], &OVERHEADS),
        phases: phases.collect(),
        upstreams: Vec::new(),
        upstream_events: Vec::new(),
        auth: auth.collect(),
        token_cache: token_cache.collect(),
        policies: BTreeMap::new(),
        access_log: lines.collect(),
        crowded_series: totals[layout::CROWDED],
    }
}

const fn line_name(outcome: LineOutcome) -> &'static str {
    match outcome {
        LineOutcome::Written => "written",
        LineOutcome::SampledOut => "sampled_out",
        LineOutcome::Dropped => "dropped",
    }
}

fn add_up(sums: &mut [u64], words: &[AtomicU64]) {
    for (sum, word) in sums.iter_mut().zip(words) {
        *sum = sum.wrapping_add(word.load(Relaxed));
    }
}
