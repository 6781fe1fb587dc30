//! The story of a decision, from a request head to what becomes of it.
//!
//! 1. The guards read the head ([`RequestHead::read`]); what fails is rejected before anything
//!    else is known of it.
//! 2. The client, its address and identifiers, are told apart from what it claims.
//! 3. The canonical path selects a route.
//! 4. The gateway answers by itself: health and preflights. All else goes on only if every way in
//!    which an upstream could read the path selects the same route.
//! 5. Whoever sent the request has to be somebody whom the route lets in; perhaps something has to
//!    be found out about that first.
//! 6. The route's limits are held against the request: its body's size, then its rate. The store may
//!    have to be asked first. Windows are charged here, as the last thing that can fail.
//! 7. The route's action gives the answer; to forward is to write the request head.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::sync::Arc;
use std::sync::atomic::AtomicU16;

use crate::access_log::{AccessLog, Details};
use crate::arena::{Arena, ArenaError};
use crate::authentication::{Asked, Authentication, Stop};
use crate::client::Peer;
use crate::credential::Withheld;
use crate::decision::{Answer, Decision, Forward, Kind, Reason, Refusal, Reject};
use crate::field::Field;
use crate::framing::{RequestBody, Version};
use crate::grammar::is_token;
use crate::head::Outgoing;
use crate::identity::{Traceparent, is_request_id};
use crate::line_ring::LineRing;
use crate::method::Method;
use crate::policy::{Action, Policy};
use crate::rate_limit::applicant::Applicant;
use crate::rate_limit::funding::Funding;
use crate::rate_limit::{Limited, Outcome, RateLimits, compile_policies};
use crate::reply::Reply;
use crate::request::{RawRequest, RequestHead};
use crate::rewrite::Rewrite;
use crate::route::Match;
use crate::specification::{SpecError, Specification};
use crate::tables::Tables;
use crate::telemetry::Telemetry;
use crate::template::{Template, Values};
use crate::verdict::Verdict;

/// Keys for which a gate has room that counts for itself alone.
const OWN_SLOTS: usize = 65_536;

/// The one that decides.
#[derive(Debug, Clone)]
pub struct Gate {
    tables: Arc<Tables>,
    authentication: Option<Arc<Authentication>>,
    rate_limits: Option<Arc<RateLimits>>,
}

/// What was found out about a request since the gate was last asked about it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known<'a> {
    /// About its credential.
    pub verdict: Option<&'a Verdict>,
    /// About its limits.
    pub funding: Option<&'a Funding>,
    /// What the gate itself said then: under which identifiers.
    pub earlier: Option<&'a Reply>,
}

/// What a request must show for itself.
#[derive(Debug, Clone, Copy)]
enum Demand<'a> {
    /// What its route requires; something may have been found out about that already.
    Everything(Known<'a>),
    /// Nothing: the question is only where it would go.
    Nothing,
}

impl Gate {
    /// A gate for a specification, which counts for itself alone. `seed` starts the identifiers.
    ///
    /// # Errors
    ///
    /// [`SpecError`] says where the specification is unusable, and why.
    pub fn new(specification: &Specification, seed: &[u8; 32]) -> Result<Self, SpecError> {
        let arena = Arena::private(OWN_SLOTS);
        let arena = arena.map_err(|error: ArenaError| SpecError(error.to_string()))?;
        Self::in_arena(specification, seed, Arc::new(arena), 0)
    }

    /// A gate that counts in an arena, as the worker with the number `lane`.
    ///
    /// # Errors
    ///
    /// [`SpecError`] says where the specification is unusable, and why.
    pub fn in_arena(
        specification: &Specification,
        seed: &[u8; 32],
        arena: Arc<Arena>,
        lane: u8,
    ) -> Result<Self, SpecError> {
        Self::logging(specification, seed, arena, lane, None)
    }

    /// A gate that counts in an arena, as the worker with the number `lane`, and puts a line for each
    /// request into a ring.
    ///
    /// # Errors
    ///
    /// [`SpecError`] says where the specification is unusable, and why.
    pub fn logging(
        specification: &Specification,
        seed: &[u8; 32],
        arena: Arc<Arena>,
        lane: u8,
        log: Option<Arc<LineRing>>,
    ) -> Result<Self, SpecError> {
        let telemetry = Telemetry::compile(specification, Arc::clone(&arena), lane, log)?;
        let metrics = Arc::clone(&telemetry.metrics);
        let tables = Arc::new(Tables::compile(specification, seed, telemetry)?);
        let (policies, entitlements) = compile_policies(specification)?;
        let authentication = Authentication::compile(specification, &entitlements, &metrics)?;
        let authentication = authentication.map(Arc::new);
        let rate_limits = RateLimits::compile(specification, policies, arena, lane, metrics)?;
        let rate_limits = rate_limits.map(Arc::new);
        Ok(Self {
            tables,
            authentication,
            rate_limits,
        })
    }

    /// The same gate, with others who say who may do what, and how much.
    pub(crate) fn with(
        &self,
        authentication: Option<Arc<Authentication>>,
        rate_limits: Option<Arc<RateLimits>>,
    ) -> Self {
        Self {
            authentication,
            rate_limits,
            ..self.clone()
        }
    }

    /// How much anybody may ask for; nothing, where that is not limited.
    #[must_use]
    pub fn rate_limits(&self) -> Option<&RateLimits> {
        self.rate_limits.as_deref()
    }

    /// Who may do what; nothing, where everybody may do everything.
    #[must_use]
    pub fn authentication(&self) -> Option<&Authentication> {
        self.authentication.as_deref()
    }

    /// The tables.
    #[must_use]
    pub fn tables(&self) -> &Tables {
        &self.tables
    }

    /// The peer at an IP address, or at a unix socket if the address is empty.
    #[must_use]
    pub fn peer(&self, address: &str, secure: bool) -> Option<Peer> {
        self.tables.proxies.peer(address, secure)
    }

    /// May this request go, where, and with which bytes at its head? `known` is what was found out since
    /// the last time that this was asked.
    #[must_use]
    pub fn decide(
        &self,
        raw: &RawRequest<'_>,
        peer: &Peer,
        now: f64,
        known: Known<'_>,
    ) -> Decision {
        self.decide_by(raw, peer, now, Demand::Everything(known))
    }

    /// Where would this request go, whoever sent it?
    #[must_use]
    #[cold]
    pub fn locate(&self, raw: &RawRequest<'_>, peer: &Peer) -> Decision {
        self.decide_by(raw, peer, 0.0, Demand::Nothing)
    }

    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "one caller is hot, and the other one cold"
    )]
    fn decide_by(
        &self,
        raw: &RawRequest<'_>,
        peer: &Peer,
        now: f64,
        demand: Demand<'_>,
    ) -> Decision {
        match RequestHead::read(raw, &self.tables.limits) {
            Ok(request) => self.decide_read(&request, peer, now, demand),
            Err(refusal) => {
                let mut reject = self.refuse(refusal, peer, now);
                let forwarded_for = raw
                    .fields
                    .iter()
                    .filter(|(name, _)| name.eq_ignore_ascii_case(b"X-Forwarded-For"))
                    .map(|&(_, value)| value);
                reject.reply.client = self.tables.proxies.client(peer, forwarded_for);
                reject.reply.head_only = raw.method == b"HEAD";
                if is_token(raw.method) {
                    reject.reply.method = Method::of(raw.method);
                }
                Decision::Reject(reject)
            }
        }
    }

    /// A rejection of a request that something else was decided about, after which the connection has
    /// to close. It is told of under the same identifiers.
    #[must_use]
    pub fn refuse_after_all(
        &self,
        refusal: Refusal,
        peer: &Peer,
        now: f64,
        earlier: &Reply,
    ) -> Reject {
        let mut reject = self.refuse(refusal, peer, now);
        let reply = &mut reject.reply;
        reply.request_id.clone_from(&earlier.request_id);
        reply.path.clone_from(&earlier.path);
        reply.client = Arc::clone(&earlier.client);
        reply.details.clone_from(&earlier.details);
        reply.accepted.clone_from(&earlier.accepted);
        reply.method = earlier.method.clone();
        reply.head_only = earlier.head_only;
        reply.route = earlier.route;
        reply.trace = earlier.trace;
        reply.at = earlier.at;
        reject
    }

    /// A rejection of a head that could not be read, after which the connection has to close.
    #[must_use]
    pub fn refuse(&self, refusal: Refusal, peer: &Peer, now: f64) -> Reject {
        let reply = Reply {
            tables: Arc::clone(&self.tables),
            route: None,
            request_id: self.tables.generator.uuid7(now),
            client: Arc::clone(&peer.address),
            path: String::new(),
            version: Version::Http11,
            keep_alive: false,
            head_only: false,
            secure: peer.secure,
            body: RequestBody::Absent,
            undefined_body: false,
            expects_continue: false,
            upgrade: false,
            cors: None,
            body_limit: self.tables.limits.body_bytes,
            accepted: None,
            limited: Limited::default(),
            at: now,
            method: Method::Unreadable,
            trace: self.tables.trace(None),
            details: None,
            sent_status: AtomicU16::new(0),
        };
        Reject { reply, refusal }
    }

    fn decide_read(
        &self,
        request: &RequestHead<'_>,
        peer: &Peer,
        now: f64,
        demand: Demand<'_>,
    ) -> Decision {
        let tables = &*self.tables;
        let mut reply = self.reply(request, peer, now, demand);
        let question = request.question();
        let found = tables.routes.find(&question);
        if tables.is_health(&question, found) {
            return reply.respond(Kind::Health, Answer::empty(200));
        }
        if let Some((route, headers)) = tables.preflight(request, found) {
            reply.route = Some(route);
            return reply.respond(
                Kind::Preflight,
                Answer {
                    headers,
                    ..Answer::empty(204)
                },
            );
        }
        let found = match tables.confirm(&question, found) {
            Ok(found) => found,
            Err(refusal) => return reply.reject(refusal),
        };
        let policy = &tables.policies[found.route];
        reply.route = Some(found.route);
        reply.body_limit = policy.body_limit;
        if let Some(cors) = &policy.cors {
            reply.cors = Some(cors.answer(request.singles.origin.once()));
        }
        let mut withheld = None;
        if let (Some(authentication), Demand::Everything(known)) = (&self.authentication, demand) {
            let asked = Asked {
                request,
                peer,
                client: &reply.client,
                verdict: known.verdict,
                is_counted: known.funding.is_some(),
                now,
            };
            match authentication.identify(found.route, &asked) {
                Ok(None) => {}
                Ok(Some(identified)) => {
                    reply.accepted = Some(identified.accepted);
                    withheld = identified.withheld;
                }
                Err(Stop::Pending(pending)) => return reply.unverified(pending),
                Err(Stop::Refused(refusal, accepted)) => {
                    reply.accepted = accepted;
                    return reply.reject(*refusal);
                }
            }
        }
        if let Err(refusal) = check_limits(request, policy) {
            return reply.reject(refusal);
        }
        let routed = Routed {
            tables,
            request,
            peer,
            policy,
            found,
            withheld,
        };
        match &policy.action {
            Action::Forward(rewrite) => match routed.rewritten(rewrite) {
                Ok(path) => match self.limit(&routed, reply, now, demand) {
                    Ok(reply) => routed.forward(rewrite, &path, reply),
                    Err(decision) => *decision,
                },
                Err(refusal) => reply.reject(refusal),
            },
            Action::Redirect { status, location } => {
                match self.limit(&routed, reply, now, demand) {
                    Ok(reply) => routed.redirect(*status, location, reply),
                    Err(decision) => *decision,
                }
            }
            Action::Respond(answer) => match self.limit(&routed, reply, now, demand) {
                Ok(reply) => reply.respond(Kind::Fixed, answer.clone()),
                Err(decision) => *decision,
            },
        }
    }

    fn reply(&self, request: &RequestHead<'_>, peer: &Peer, now: f64, demand: Demand<'_>) -> Reply {
        let tables = &*self.tables;
        let earlier = match demand {
            Demand::Everything(known) => known.earlier,
            Demand::Nothing => None,
        };
        let given_id = request
            .singles
            .request_id
            .once()
            .filter(|value| peer.trusted && is_request_id(value))
            .and_then(|value| std::str::from_utf8(value).ok())
            .or_else(|| earlier.map(|earlier| &*earlier.request_id));
        let given_parent = request.singles.traceparent.once();
        let parent = given_parent.filter(|_| peer.trusted);
        let parent = parent.and_then(Traceparent::parse);
        let wants_details = tables
            .telemetry
            .log
            .as_ref()
            .is_some_and(AccessLog::wants_details);
        let forwarded_for = request.lines.values(Field::ForwardedFor);
        Reply {
            tables: Arc::clone(&self.tables),
            route: None,
            request_id: given_id.map_or_else(|| tables.generator.uuid7(now), str::to_owned),
            client: tables.proxies.client(peer, forwarded_for),
            path: request.path.to_string(),
            version: request.version,
            keep_alive: request.persists(),
            head_only: request.method == b"HEAD",
            secure: peer.secure,
            body: request.body,
            undefined_body: request.has_undefined_body(),
            expects_continue: request.expects_continue,
            upgrade: request.upgrade.is_some(),
            cors: None,
            body_limit: tables.limits.body_bytes,
            accepted: None,
            limited: Limited::default(),
            at: earlier.map_or(now, |earlier| earlier.at),
            method: Method::of(request.method),
            trace: earlier.map_or_else(|| tables.trace(parent.as_ref()), |earlier| earlier.trace),
            details: wants_details.then(|| Box::new(details_of(request, peer))),
            sent_status: AtomicU16::new(0),
        }
    }

    /// Hold a request against the rate limits of its route, and charge them.
    #[inline]
    fn limit(
        &self,
        routed: &Routed<'_>,
        mut reply: Reply,
        now: f64,
        demand: Demand<'_>,
    ) -> Result<Reply, Box<Decision>> {
        let (Some(limits), Demand::Everything(known)) = (&self.rate_limits, demand) else {
            return Ok(reply);
        };
        let accepted = reply.accepted.as_deref();
        let applicant = Applicant {
            request: routed.request,
            peer: routed.peer,
            client: &reply.client,
            principal: accepted.map(|accepted| &accepted.principal),
            route: routed.found.route,
            route_name: &routed.policy.name,
            address: OnceCell::new(),
        };
        match limits.admit(&applicant, now, known.funding) {
            Outcome::Free => Ok(reply),
            Outcome::Admitted(limited) => {
                reply.limited = limited;
                Ok(reply)
            }
            Outcome::Refused(refusal, limited) => {
                reply.limited = limited;
                Err(Box::new(reply.reject(*refusal)))
            }
            Outcome::Unfunded(shortfall) => Err(Box::new(reply.unfunded(shortfall))),
        }
    }
}

/// A request with the route that takes it.
struct Routed<'a> {
    tables: &'a Tables,
    request: &'a RequestHead<'a>,
    peer: &'a Peer,
    policy: &'a Policy,
    found: Match,
    /// Credentials that did not count.
    withheld: Option<&'a Withheld>,
}

impl<'a> Routed<'a> {
    /// The path as the upstream gets it.
    fn rewritten<'s>(&'s self, rewrite: &'s Rewrite) -> Result<Cow<'s, str>, Refusal> {
        rewrite
            .apply(&self.request.path, || self.values())
            .map_err(|error| Refusal::bad_request(error.detail()))
    }

    fn forward(&self, rewrite: &Rewrite, path: &str, reply: Reply) -> Decision {
        let request = self.request;
        let is_about_server = request.target.asterisk && rewrite.keeps_path();
        let outgoing = Outgoing {
            request,
            path: if is_about_server { "*" } else { path },
            host: &rewrite.host,
            fields: &self.policy.request,
            withheld: self.withheld,
            peer: self.peer,
            request_id: &reply.request_id,
            continues_trace: reply.trace.parent.is_some(),
            traceparent: reply.trace.traceparent(),
            via: &self.tables.via,
            identity: reply
                .accepted
                .as_ref()
                .map_or(&[][..], |accepted| &accepted.principal.lines),
        };
        let (head, host_from_endpoint) = outgoing.write();
        Decision::Forward(Forward {
            head,
            host_from_endpoint,
            idempotent: is_idempotent(request.method),
            reply,
        })
    }

    /// Send the client elsewhere. The query goes along unless the template decides about it.
    fn redirect(&self, status: u16, template: &Template, reply: Reply) -> Decision {
        let values = self.values();
        let mut location = template.render(&values);
        if !template.has_query() {
            location.push_str(values.query);
        }
        let headers = vec![(b"Location".to_vec(), location.into_bytes())];
        reply.respond(
            Kind::Redirect,
            Answer {
                headers,
                ..Answer::empty(status)
            },
        )
    }

    fn values(&self) -> Values<'a> {
        let request = self.request;
        let pattern = self.tables.pattern(self.found);
        Values {
            path: &request.path,
            host: request.host_name.as_deref().unwrap_or_default(),
            query: std::str::from_utf8(request.target.query).unwrap_or_default(),
            captures: pattern.captures(&request.path).unwrap_or_default(),
        }
    }
}

/// What only some logs want of a request.
#[cold]
fn details_of(request: &RequestHead<'_>, peer: &Peer) -> Details {
    let value = |wanted: &[u8]| {
        let mut lines = request.lines.all.iter();
        let line = lines.find(|line| line.name.eq_ignore_ascii_case(wanted));
        line.map(|line| line.value.into())
    };
    Details {
        host: request.host_name.as_deref().unwrap_or_default().into(),
        secure: peer.secure,
        user_agent: value(b"User-Agent"),
        referer: value(b"Referer"),
    }
}

/// What a route with its policy accepts.
fn check_limits(request: &RequestHead<'_>, policy: &Policy) -> Result<(), Refusal> {
    match request.body {
        RequestBody::Length(length) if policy.body_limit > 0 && length > policy.body_limit => {
            let detail = "The body is larger than this route accepts.";
            Err(Refusal::new(Reason::BodyTooLarge, detail))
        }
        _ => Ok(()),
    }
}

/// RFC 9110 section 9.2.2, without TRACE, which is not forwarded.
fn is_idempotent(method: &[u8]) -> bool {
    matches!(method, b"GET" | b"HEAD" | b"OPTIONS" | b"PUT" | b"DELETE")
}

#[cfg(test)]
mod tests;
