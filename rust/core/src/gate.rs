//! The story of a decision, from a request head to what becomes of it.
//!
//! 1. The guards read the head ([`RequestHead::read`]); what fails is rejected before anything
//!    else is known of it.
//! 2. The client, its address and identifiers, are told apart from what it claims.
//! 3. The canonical path selects a route.
//! 4. The gateway answers by itself: health and preflights. All else goes on only if every way in
//!    which an upstream could read the path selects the same route.
//! 5. The route's limits are held against the request.
//! 6. The route's action gives the answer; to forward is to write the request head.

use std::sync::Arc;

use crate::client::{Peer, TrustedProxies};
use crate::cors::OwnedField;
use crate::date::DateCache;
use crate::decision::{Decision, Forward, Kind, Reason, Refusal, Reject, Respond};
use crate::field::Field;
use crate::framing::{RequestBody, Version};
use crate::grammar::is_token;
use crate::head::Outgoing;
use crate::host::LookupName;
use crate::identity::{Generator, Traceparent, is_request_id};
use crate::path;
use crate::policy::{Action, Policy, ResponseFields};
use crate::reply::Reply;
use crate::request::{RawRequest, RequestHead};
use crate::rewrite::Rewrite;
use crate::route::table::Matcher;
use crate::route::{Criteria, HostPattern, Match, PathPattern, Question, RouteTable};
use crate::specification::{self, FieldChanges, Limits, SpecError, Specification};
use crate::template::{Template, Values};

/// The compiled configuration.
#[derive(Debug, Clone)]
pub struct Gate {
    tables: Arc<Tables>,
}

/// Everything that decisions and replies look up.
#[derive(Debug)]
pub struct Tables {
    /// Guards.
    pub limits: Limits,
    /// Bounds of the gateway's own replies, which nobody else can make large.
    pub own_limits: Limits,
    /// The gateway's name in Via.
    pub via: String,
    /// Health path without final slash.
    pub health_path: Option<String>,
    /// Whose word is believed.
    pub proxies: TrustedProxies,
    /// How routes are found.
    pub routes: RouteTable,
    /// What routes do, by index.
    pub policies: Vec<Policy>,
    /// Response fields where there is no route.
    pub default_response: ResponseFields,
    /// Identifiers.
    pub generator: Generator,
    /// Dates.
    pub dates: DateCache,
}

impl Gate {
    /// Compile a specification. `seed` starts the identifiers.
    ///
    /// # Errors
    ///
    /// [`SpecError`] says where the specification is unusable, and why.
    pub fn new(specification: &Specification, seed: &[u8; 32]) -> Result<Self, SpecError> {
        if !is_token(specification.via.as_bytes()) {
            return Err(SpecError(format!(
                "via: {:?} is no token",
                specification.via
            )));
        }
        let mut matchers = Vec::with_capacity(specification.routes.len());
        let mut policies = Vec::with_capacity(specification.routes.len());
        for route in &specification.routes {
            let within = |error: SpecError| error.within(&format!("route {:?}", route.name));
            let matcher = compile_matcher(route).map_err(within)?;
            let policy = Policy::compile(route, &matcher.paths, specification).map_err(within)?;
            matchers.push(matcher);
            policies.push(policy);
        }
        let default_response = ResponseFields::compile(
            &FieldChanges::default(),
            &specification.security_headers,
            specification.hsts.as_deref(),
        );
        let unlimited = Limits {
            header_bytes: usize::MAX,
            header_count: usize::MAX,
            ..specification.limits.clone()
        };
        Ok(Self {
            tables: Arc::new(Tables {
                limits: specification.limits.clone(),
                own_limits: unlimited,
                via: specification.via.clone(),
                health_path: compile_health_path(specification.health_path.as_deref())?,
                proxies: TrustedProxies::parse(&specification.trusted_proxies)?,
                routes: RouteTable::new(matchers),
                policies,
                default_response: default_response
                    .map_err(|error| error.within("security_headers"))?,
                generator: Generator::new(seed),
                dates: DateCache::default(),
            }),
        })
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

    /// May this request go, where, and with which bytes at its head?
    #[must_use]
    pub fn decide(&self, raw: &RawRequest<'_>, peer: &Peer, now: f64) -> Decision {
        match RequestHead::read(raw, &self.tables.limits) {
            Ok(request) => self.decide_read(&request, peer, now),
            Err(refusal) => {
                let mut reject = self.refuse(refusal, peer, now);
                let forwarded_for = raw
                    .fields
                    .iter()
                    .filter(|(name, _)| name.eq_ignore_ascii_case(b"X-Forwarded-For"))
                    .map(|&(_, value)| value);
                reject.reply.client = self.tables.proxies.client(peer, forwarded_for);
                reject.reply.head_only = raw.method == b"HEAD";
                Decision::Reject(reject)
            }
        }
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
            expects_continue: false,
            upgrade: false,
            cors: None,
        };
        Reject { reply, refusal }
    }

    fn decide_read(&self, request: &RequestHead<'_>, peer: &Peer, now: f64) -> Decision {
        let tables = &*self.tables;
        let mut reply = self.reply(request, peer, now);
        let host = request.host.map(|host| host.lookup_name());
        let question = Question {
            host: host.as_ref().map(LookupName::as_str),
            path: &request.path,
            method: request.method,
            lines: &request.lines.all,
            query: request.target.query,
        };
        let found = tables.routes.find(&question);
        if tables.is_health(&question, found) {
            return respond(reply, Kind::Health, 200, Vec::new(), Vec::new());
        }
        if let Some((route, headers)) = tables.preflight(request, &question, found) {
            reply.route = Some(route);
            return respond(reply, Kind::Preflight, 204, headers, Vec::new());
        }
        if let Err(refusal) = tables.check_readings(&question, found) {
            reply.keep_alive = false;
            return Decision::Reject(Reject { reply, refusal });
        }
        let Some(found) = found else {
            let refusal = tables.refuse_unrouted(&question);
            return Decision::Reject(Reject { reply, refusal });
        };
        let policy = &tables.policies[found.route];
        reply.route = Some(found.route);
        if let Some(cors) = &policy.cors {
            reply.cors = Some(cors.answer(request.origin));
        }
        if let Err(refusal) = check_limits(request, policy) {
            // The body will not be read, so nothing can follow it.
            reply.keep_alive = false;
            return Decision::Reject(Reject { reply, refusal });
        }
        let values = || Values {
            path: &request.path,
            host: question.host.unwrap_or_default(),
            query: std::str::from_utf8(request.target.query).unwrap_or_default(),
            captures: tables.routes.routes()[found.route].paths[found.path]
                .captures(&request.path)
                .unwrap_or_default(),
        };
        match &policy.action {
            Action::Forward(rewrite) => {
                let asking = Asking {
                    tables,
                    request,
                    peer,
                    policy,
                    rewrite,
                };
                asking.forward(reply, values)
            }
            Action::Redirect { status, location } => {
                let location = redirect_location(location, &values());
                let headers = vec![(b"Location".to_vec(), location.into_bytes())];
                respond(reply, Kind::Redirect, *status, headers, Vec::new())
            }
            Action::Respond {
                status,
                headers,
                body,
            } => respond(reply, Kind::Fixed, *status, headers.clone(), body.clone()),
        }
    }

    fn reply(&self, request: &RequestHead<'_>, peer: &Peer, now: f64) -> Reply {
        let tables = &*self.tables;
        let given_id = request
            .request_id
            .filter(|value| peer.trusted && is_request_id(value))
            .and_then(|value| std::str::from_utf8(value).ok());
        Reply {
            tables: Arc::clone(&self.tables),
            route: None,
            request_id: given_id.map_or_else(|| tables.generator.uuid7(now), str::to_owned),
            client: tables
                .proxies
                .client(peer, request.lines.values(Field::ForwardedFor)),
            path: request.path.to_string(),
            version: request.version,
            keep_alive: request.persists() && !request.has_undefined_body(),
            head_only: request.method == b"HEAD",
            secure: peer.secure,
            body: request.body,
            expects_continue: request.expects_continue,
            upgrade: request.upgrade.is_some(),
            cors: None,
        }
    }
}

impl Tables {
    /// Refuse a path that an upstream could read so that another route would take it.
    fn check_readings(&self, question: &Question<'_>, found: Option<Match>) -> Result<(), Refusal> {
        if !path::is_ambiguous(question.path) {
            return Ok(());
        }
        let route = found.map(|found| found.route);
        for reading in path::readings(question.path) {
            let is_same = reading.is_ok_and(|path| {
                let other = self.routes.find(&Question {
                    path: &path,
                    ..*question
                });
                other.map(|found| found.route) == route
            });
            if !is_same {
                return Err(Refusal::bad_request("The path is ambiguous."));
            }
        }
        Ok(())
    }

    /// Whether the gateway's health is asked for, and no route claims its path by name.
    fn is_health(&self, question: &Question<'_>, found: Option<Match>) -> bool {
        let Some(health_path) = &self.health_path else {
            return false;
        };
        let is_path = question
            .path
            .strip_prefix(&**health_path)
            .is_some_and(|rest| rest.is_empty() || rest == "/");
        is_path
            && matches!(question.method, b"GET" | b"HEAD")
            && !found.is_some_and(|found| {
                self.routes.routes()[found.route].paths[found.path].is_static()
            })
    }

    /// The answer to a preflight (Fetch section 3.3.5): that of the route which would take the
    /// request announced, unless a route is there for OPTIONS itself.
    fn preflight(
        &self,
        request: &RequestHead<'_>,
        question: &Question<'_>,
        found: Option<Match>,
    ) -> Option<(usize, Vec<OwnedField>)> {
        if request.method != b"OPTIONS" {
            return None;
        }
        let origin = request.origin?;
        let method = request.request_method.filter(|method| is_token(method))?;
        if found.is_some_and(|found| {
            self.routes.routes()[found.route]
                .criteria
                .names_method(b"OPTIONS")
        }) {
            return None;
        }
        let announced = self.routes.find(&Question {
            method,
            ..*question
        })?;
        let cors = self.policies[announced.route].cors.as_ref()?;
        let headers = cors.preflight(origin, method, request.request_headers);
        Some((announced.route, headers))
    }

    /// Tell a wrong method from a wrong place.
    fn refuse_unrouted(&self, question: &Question<'_>) -> Refusal {
        let methods = self.routes.allowed_methods(question);
        if methods.is_empty() {
            return Refusal::new(Reason::RouteNotFound, "No route takes this host and path.");
        }
        let detail = "The resource does not take this method.";
        let allow = (b"Allow".to_vec(), methods.join(&b", "[..]));
        Refusal {
            headers: vec![allow],
            ..Refusal::new(Reason::MethodNotAllowed, detail)
        }
    }
}

/// A request with the route to whose upstream it goes.
struct Asking<'a> {
    tables: &'a Tables,
    request: &'a RequestHead<'a>,
    peer: &'a Peer,
    policy: &'a Policy,
    rewrite: &'a Rewrite,
}

impl<'a> Asking<'a> {
    fn forward(&self, mut reply: Reply, values: impl FnOnce() -> Values<'a>) -> Decision {
        let request = self.request;
        let path = match self.rewrite.apply(&request.path, values) {
            Ok(path) => path,
            Err(error) => {
                reply.keep_alive = false;
                let refusal = Refusal::bad_request(error.detail());
                return Decision::Reject(Reject { reply, refusal });
            }
        };
        let is_about_server = request.target.asterisk && self.rewrite.keeps_path();
        let parent = request
            .traceparent
            .filter(|_| self.peer.trusted)
            .and_then(Traceparent::parse);
        let outgoing = Outgoing {
            request,
            path: if is_about_server { "*" } else { &path },
            host: &self.rewrite.host,
            fields: &self.policy.request,
            peer: self.peer,
            request_id: &reply.request_id,
            parent: parent.as_ref(),
            traceparent: self.tables.generator.traceparent(parent.as_ref()),
            via: &self.tables.via,
        };
        let (head, host_from_endpoint) = outgoing.write();
        Decision::Forward(Forward {
            head,
            host_from_endpoint,
            idempotent: is_idempotent(request.method),
            body_limit: self.policy.body_limit,
            reply,
        })
    }
}

fn respond(
    reply: Reply,
    kind: Kind,
    status: u16,
    headers: Vec<OwnedField>,
    body: Vec<u8>,
) -> Decision {
    Decision::Respond(Respond {
        reply,
        kind,
        status,
        headers,
        body,
    })
}

/// What a route with its policy accepts.
fn check_limits(request: &RequestHead<'_>, policy: &Policy) -> Result<(), Refusal> {
    match request.body {
        RequestBody::Length(length) if policy.body_limit > 0 && length > policy.body_limit => {
            Err(Refusal::new(
                Reason::BodyTooLarge,
                "The body is larger than this route accepts.",
            ))
        }
        _ => Ok(()),
    }
}

/// The query stays unless the template decides about it.
fn redirect_location(template: &Template, values: &Values<'_>) -> String {
    let mut location = template.render(values);
    if !template.has_query() {
        location.push_str(values.query);
    }
    location
}

/// RFC 9110 section 9.2.2.
fn is_idempotent(method: &[u8]) -> bool {
    matches!(
        method,
        b"GET" | b"HEAD" | b"OPTIONS" | b"PUT" | b"DELETE" | b"TRACE"
    )
}

fn compile_matcher(route: &specification::Route) -> Result<Matcher, SpecError> {
    let mut hosts = Vec::with_capacity(route.hosts.len().max(1));
    for host in &route.hosts {
        hosts.push(HostPattern::parse(host)?);
    }
    if hosts.is_empty() {
        hosts.push(HostPattern::Any);
    }
    let mut paths = Vec::with_capacity(route.paths.len().max(1));
    for path in &route.paths {
        paths.push(PathPattern::parse(path)?);
    }
    if paths.is_empty() {
        paths.push(PathPattern::any());
    }
    let methods: Vec<_> = route.methods.iter().map(String::as_str).collect();
    if let Some(bad) = methods.iter().find(|method| !is_token(method.as_bytes())) {
        return Err(SpecError(format!("{bad:?} is no method")));
    }
    let headers = borrow(&route.headers);
    if let Some((bad, _)) = headers.iter().find(|(name, _)| !is_token(name.as_bytes())) {
        return Err(SpecError(format!("{bad:?} is no field name")));
    }
    let criteria = Criteria::new(&methods, &headers, &borrow(&route.query));
    Ok(Matcher {
        hosts,
        paths,
        criteria,
    })
}

fn borrow(pairs: &[specification::NameMatch]) -> Vec<(&str, Option<&str>)> {
    pairs
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_deref()))
        .collect()
}

fn compile_health_path(text: Option<&str>) -> Result<Option<String>, SpecError> {
    let Some(text) = text else { return Ok(None) };
    let path = path::canonical_of_text(text)
        .map_err(|error| SpecError(format!("health_path: {}", error.detail())))?;
    Ok(Some(
        path.strip_suffix('/').map(str::to_owned).unwrap_or(path),
    ))
}
