//! The end of a request: its time is divided up, and it is counted and logged.
//!
//! ```text
//!   began            sent                 answered  written              ended
//!     |-- decide, ----|------- wait --------|--------|-- more of it ------|
//!     |  verify,      |                     |         \                   |
//!     |  limit,       |                     |------- stream --------------|
//!     |  connect      |                     |
//!     |<- overhead -->|<---- upstream ----->|<- o. ->|<---- upstream ---->|
//! ```
//!
//! What the gateway itself takes, its overhead, ends when the request's head is given to the system
//! to be sent, and begins again when the response's has come; when that is given to the system, too,
//! the rest comes as fast as upstream and client allow. What sending takes is not in it: on a machine
//! that they share with the gateway, those who receive may run before it returns. To wait for the store or for whoever knows a credential is overhead
//! as well; to wait for a connection is not. So the two always make up the whole.

use crate::access_log::Entry;
use crate::metrics::{Observation, Phases};
use crate::reply::Reply;

/// The status of a request whose client left before anything was sent to it. It has no number of
/// its own in RFC 9110; this one is what operators know from nginx.
pub const CLIENT_CLOSED_REQUEST: u16 = 499;

/// How a request went. Times are seconds of a clock that never goes back.
#[derive(Debug, Clone, Copy, Default)]
pub struct Conclusion<'a> {
    /// When its head was complete.
    pub began: f64,
    /// When its head was given to the system for the upstream that answered or was to; 0 if never.
    pub sent: f64,
    /// When the upstream's response head had come; 0 if never.
    pub answered: f64,
    /// When the first piece of a response that came in several was given to the system for the
    /// client; 0 if it came in one.
    pub written: f64,
    /// When it had ended.
    pub ended: f64,
    /// Bytes of the request's body.
    pub request_bytes: u64,
    /// Bytes of the response's body.
    pub response_bytes: u64,
    /// Index of the upstream that it went to.
    pub upstream: Option<usize>,
    /// Name of the problem that it met.
    pub problem: Option<&'a str>,
    /// What took longer than usual.
    pub waits: Waits,
}

/// Seconds that only some requests wait.
#[derive(Debug, Clone, Copy, Default)]
pub struct Waits {
    /// For the rest of the head.
    pub parse: f64,
    /// For the verification of the credential.
    pub verify: f64,
    /// For the store of rate limits.
    pub limit: f64,
    /// For connections.
    pub connect: f64,
    /// For upstreams that did not answer, before the request was tried again.
    pub earlier: f64,
}

/// How a request's time is made up, in seconds.
#[derive(Debug, Clone, Copy)]
struct Division {
    duration: f64,
    overhead: f64,
    phases: Phases,
}

impl Conclusion<'_> {
    fn divide(&self) -> Division {
        let waits = &self.waits;
        let duration = (self.ended - self.began).max(0.0);
        let was_sent = self.sent > 0.0;
        let was_answered = self.answered > 0.0;
        let prepared = if was_sent { self.sent } else { self.ended };
        let away = waits.connect + waits.earlier;
        let before = (prepared - self.began - away).max(0.0);
        let wait = if was_sent {
            let until = if was_answered {
                self.answered
            } else {
                self.ended
            };
            Some((until - self.sent).max(0.0) + waits.earlier)
        } else {
            some(waits.earlier)
        };
        let after = if was_answered {
            let passed_on = if self.written > 0.0 {
                self.written
            } else {
                self.ended
            };
            (passed_on - self.answered).max(0.0)
        } else {
            0.0
        };
        let stream = was_answered.then(|| (self.ended - self.answered).max(0.0));
        Division {
            duration,
            overhead: (before + after).min(duration),
            phases: Phases {
                parse: some(waits.parse),
                decide: Some((before - waits.verify - waits.limit).max(0.0)),
                verify: some(waits.verify),
                limit: some(waits.limit),
                connect: some(waits.connect),
                wait,
                stream,
            },
        }
    }
}

/// Only what happened.
fn some(seconds: f64) -> Option<f64> {
    (seconds > 0.0).then_some(seconds)
}

impl Reply {
    /// Say that the request has ended, and how; once. It no longer counts among those in flight.
    ///
    /// Whether its trace is sampled.
    pub fn conclude(&self, conclusion: &Conclusion<'_>) -> bool {
        self.release();
        let division = conclusion.divide();
        let telemetry = &self.tables.telemetry;
        let status = match self.status() {
            0 => CLIENT_CLOSED_REQUEST,
            status => status,
        };
        let upstream = conclusion.upstream;
        let is_sampled = self.trace.is_sampled;
        telemetry.metrics.observe(&Observation {
            method: self.method.known(),
            route: self.route,
            status,
            duration: division.duration,
            overhead: division.overhead,
            phases: division.phases,
            upstream: upstream.map(|upstream| (upstream, conclusion.answered > 0.0)),
            request_bytes: conclusion.request_bytes,
            response_bytes: conclusion.response_bytes,
            exemplar: is_sampled.then_some((self.trace.id, self.at + division.duration)),
        });
        if let Some(log) = &telemetry.log {
            let outcome = log.write(&Entry {
                at: self.at,
                request_id: &self.request_id,
                trace_id: self.trace.id,
                client: &self.client,
                method: self.method.text(),
                path: &self.path,
                version: self.version,
                route: self.route.map(|route| &*self.tables.policies[route].name),
                status,
                duration: division.duration,
                overhead: division.overhead,
                upstream: upstream.map(|upstream| &*telemetry.upstreams[upstream]),
                user: self
                    .accepted
                    .as_ref()
                    .and_then(|accepted| accepted.principal.subject.as_deref()),
                request_bytes: conclusion.request_bytes,
                response_bytes: conclusion.response_bytes,
                problem: conclusion.problem,
                details: self.details.as_deref(),
                random: self.trace.span,
            });
            telemetry.metrics.count_line(outcome);
        }
        is_sampled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(one: f64, other: f64) -> bool {
        (one - other).abs() < 1e-9
    }

    #[test]
    fn overhead_is_what_is_not_waited_for_elsewhere() {
        let division = Conclusion {
            began: 10.0,
            sent: 10.5,
            answered: 12.0,
            ended: 12.25,
            ..Conclusion::default()
        }
        .divide();
        assert!(close(division.duration, 2.25) && close(division.overhead, 0.75));
        let phases = division.phases;
        assert!(close(phases.decide.unwrap(), 0.5) && close(phases.wait.unwrap(), 1.5));
        assert!(close(phases.stream.unwrap(), 0.25));
        assert!(phases.parse.is_none() && phases.connect.is_none() && phases.verify.is_none());
    }

    #[test]
    fn a_response_in_pieces_is_not_overhead_after_its_first() {
        let division = Conclusion {
            began: 10.0,
            sent: 10.5,
            answered: 12.0,
            written: 12.125,
            ended: 20.0,
            ..Conclusion::default()
        }
        .divide();
        assert!(close(division.duration, 10.0) && close(division.overhead, 0.625));
        assert!(close(division.phases.stream.unwrap(), 8.0));
    }

    #[test]
    fn waits_are_apart_and_connections_are_not_overhead() {
        let division = Conclusion {
            began: 10.0,
            sent: 20.0,
            answered: 21.0,
            ended: 21.0,
            waits: Waits {
                parse: 5.0,
                verify: 1.0,
                limit: 2.0,
                connect: 3.0,
                earlier: 3.5,
            },
            ..Conclusion::default()
        }
        .divide();
        let phases = division.phases;
        assert!(close(division.overhead, 3.5) && close(phases.decide.unwrap(), 0.5));
        assert!(close(phases.wait.unwrap(), 4.5) && close(phases.connect.unwrap(), 3.0));
        assert!(close(phases.verify.unwrap(), 1.0) && close(phases.limit.unwrap(), 2.0));
        assert!(close(phases.parse.unwrap(), 5.0) && close(division.duration, 11.0));
    }

    #[test]
    fn what_never_went_anywhere_is_overhead_but_for_connecting() {
        let mut conclusion = Conclusion {
            began: 10.0,
            ended: 11.0,
            ..Conclusion::default()
        };
        assert!(close(conclusion.divide().overhead, 1.0));
        conclusion.waits.connect = 0.75;
        let division = conclusion.divide();
        assert!(close(division.overhead, 0.25) && division.phases.wait.is_none());
        conclusion.ended = 9.0;
        assert!(close(conclusion.divide().duration, 0.0));
    }
}
