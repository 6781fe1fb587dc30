//! The story of what is counted, for those who look at the gateway.
//!
//! 1. A gate gives names to what it will count: routes, upstreams and policies have numbers in the
//!    arena, which all workers share ([`Metrics::compile`]).
//! 2. Every request that has ended is counted once ([`Metrics::observe`]): in the series of its
//!    route, method and status, in that of its upstream, and in the totals of overhead and phases.
//!    What happens on the way there is counted as it happens ([`events`]).
//! 3. Where a series is counted is looked up once and then remembered. When there are too many
//!    series, a request is counted in one that stands in for others, and keeps its status; it is
//!    counted how many those were.
//! 4. Whoever is asked adds up what all workers have counted, whether they are alive or not
//!    ([`measurements`]).
//!
//! To count is to add to a word, and nothing else: a worker that is killed between two additions
//! leaves a request of which one is missing, in a sum or a phase, and never a count that is wrong.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use crate::access_log::LineOutcome;
use crate::arena::{Arena, Exemplar, Name};
use crate::method::Known;
use crate::specification::Specification;

pub mod events;
pub mod histogram;
mod layout;
pub mod measurements;
mod places;
mod series;

pub use events::{AuthOutcome, Cache, CacheEvent, PolicyOutcome, UpstreamEvent};
use histogram::{DURATIONS, OVERHEADS, record, sane};
use places::Places;
use series::Series;

/// What is to be counted of one request that has ended.
#[derive(Debug, Clone, Copy)]
pub struct Observation {
    /// Method; nothing for one that metrics do not know.
    pub method: Option<Known>,
    /// Index of the route that took it.
    pub route: Option<usize>,
    /// Status that the client was sent, or 499.
    pub status: u16,
    /// Seconds that it took.
    pub duration: f64,
    /// Seconds of these that were the gateway's.
    pub overhead: f64,
    /// Where the time went.
    pub phases: Phases,
    /// Index of the upstream that it went to, and whether that has answered.
    pub upstream: Option<(usize, bool)>,
    /// Bytes of the request's body.
    pub request_bytes: u64,
    /// Bytes of the response's body.
    pub response_bytes: u64,
    /// Identifier of its trace, and the Unix seconds now, if the trace is sampled.
    pub exemplar: Option<(u128, f64)>,
}

/// Seconds of each part of a request's life; nothing for one that did not happen.
#[derive(Debug, Clone, Copy, Default)]
pub struct Phases {
    /// From the first byte of a head that came in pieces to its end.
    pub parse: Option<f64>,
    /// To decide, and to write the request's head.
    pub decide: Option<f64>,
    /// For the verification of its credential.
    pub verify: Option<f64>,
    /// For the store of rate limits.
    pub limit: Option<f64>,
    /// For a connection to the upstream.
    pub connect: Option<f64>,
    /// For the upstream's response head.
    pub wait: Option<f64>,
    /// To pass the response on.
    pub stream: Option<f64>,
}

impl Phases {
    /// The phases in the order in which they are counted.
    #[inline]
    const fn in_order(&self) -> [Option<f64>; layout::PHASES.len()] {
        [
            self.parse,
            self.decide,
            self.verify,
            self.limit,
            self.connect,
            self.wait,
            self.stream,
        ]
    }
}

/// Counts what one gate does.
#[derive(Debug)]
pub struct Metrics {
    arena: Arc<Arena>,
    stripe: usize,
    routes: Box<[Name]>,
    upstreams: Box<[Upstream]>,
    /// Where the decisions of policies are counted.
    policies: Box<[usize]>,
    places: Places,
}

/// An upstream.
#[derive(Debug)]
struct Upstream {
    name: Name,
    /// Where what happens to it is counted.
    events: usize,
}

impl Metrics {
    /// Metrics of the routes, upstreams and policies of a specification, counted in an arena as
    /// the worker in a lane.
    #[must_use]
    pub fn compile(specification: &Specification, arena: Arc<Arena>, lane: u8) -> Self {
        let routes = specification.routes.iter();
        let routes = routes.map(|route| arena.intern(&route.name)).collect();
        let upstreams = specification.upstreams.iter().map(|upstream| {
            let name = arena.intern(upstream);
            let events = find(&arena, Series::Events { upstream: name });
            Upstream { name, events }
        });
        let upstreams = upstreams.collect();
        let policies = specification.rate_limits.iter().map(|policy| {
            let policy = arena.intern(&policy.name);
            find(&arena, Series::Policy { policy })
        });
        let policies = policies.collect();
        Self {
            stripe: arena.stripe(lane),
            routes,
            upstreams,
            policies,
            places: Places::new(arena.series()),
            arena,
        }
    }

    /// Where all this is counted.
    #[must_use]
    pub fn arena(&self) -> &Arena {
        &self.arena
    }

    /// Count a request that has ended.
    #[inline]
    pub fn observe(&self, request: &Observation) {
        let totals = self.arena.totals(self.stripe);
        let duration = sane(request.duration);
        let overhead = sane(request.overhead);

        let route = request.route.and_then(|route| self.routes.get(route));
        let place = self.place(Series::Requests {
            route: route.copied().unwrap_or(Name::NONE),
            method: request.method,
            status: request.status,
        });
        if place >= self.arena.series() {
            totals[layout::CROWDED].fetch_add(1, Relaxed);
        }
        let block = self.arena.block(self.stripe, place);
        let bucket = record(&block[layout::DURATION], &DURATIONS, duration);
        add(&block[layout::REQUEST_BYTES], request.request_bytes);
        add(&block[layout::RESPONSE_BYTES], request.response_bytes);
        if let Some((trace_id, unix_seconds)) = request.exemplar {
            let exemplar = Exemplar {
                trace_id,
                seconds: duration,
                unix_seconds,
            };
            self.arena.set_exemplar(place, bucket, &exemplar);
        }

        record(&totals[layout::OVERHEAD], &OVERHEADS, overhead);
        for (number, phase) in request.phases.in_order().into_iter().enumerate() {
            if let Some(seconds) = phase {
                record(&totals[layout::phase(number)], &DURATIONS, sane(seconds));
            }
        }

        if let Some((upstream, has_answered)) = request.upstream
            && let Some(upstream) = self.upstreams.get(upstream)
        {
            let place = self.place(Series::Upstream {
                upstream: upstream.name,
                status: if has_answered { request.status } else { 0 },
            });
            let block = self.arena.block(self.stripe, place);
            let seconds = sane(duration - overhead);
            record(&block[layout::DURATION], &DURATIONS, seconds);
        }
    }

    /// Count what happened on the way to an upstream, by its index.
    pub fn count_upstream(&self, upstream: usize, event: UpstreamEvent) {
        if let Some(upstream) = self.upstreams.get(upstream) {
            self.count_in(upstream.events, event as usize);
        }
    }

    /// Count what a policy decided, by its index.
    #[inline]
    pub fn count_policy(&self, policy: usize, outcome: PolicyOutcome) {
        if let Some(&place) = self.policies.get(policy) {
            self.count_in(place, outcome as usize);
        }
    }

    /// Count what somebody was told who asked for what is not open.
    #[inline]
    pub fn count_auth(&self, outcome: AuthOutcome) {
        self.count(layout::auth(outcome), 1);
    }

    /// Count that a cache did something, so often.
    #[inline]
    pub fn count_cache(&self, cache: Cache, event: CacheEvent, times: u64) {
        self.count(layout::cache(cache, event), times);
    }

    /// Count what became of a line of the access log.
    #[inline]
    pub fn count_line(&self, outcome: LineOutcome) {
        self.count(layout::line(outcome), 1);
    }

    #[inline]
    fn count(&self, total: usize, times: u64) {
        add(&self.arena.totals(self.stripe)[total], times);
    }

    #[inline]
    fn count_in(&self, place: usize, word: usize) {
        self.arena.block(self.stripe, place)[word].fetch_add(1, Relaxed);
    }

    /// Where a series is counted.
    #[inline]
    fn place(&self, series: Series) -> usize {
        self.places.get(series.key(), || find(&self.arena, series))
    }
}

/// Where a series is counted: in its own place, or with all those that have none.
#[cold]
fn find(arena: &Arena, series: Series) -> usize {
    let own = (!series.is_nameless()).then(|| arena.place(series.key()));
    own.flatten().unwrap_or_else(|| {
        let other = series.other();
        arena.reserved_place(other.reserved(), other.key())
    })
}

/// Add to a word, which costs more than to see that there is nothing to add.
#[inline]
fn add(word: &AtomicU64, count: u64) {
    if count > 0 {
        word.fetch_add(count, Relaxed);
    }
}

#[cfg(test)]
mod tests;
