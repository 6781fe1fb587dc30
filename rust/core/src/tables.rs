//! The compiled configuration: everything that decisions and replies look up, and the questions
//! that need more of it than one table.

use crate::client::TrustedProxies;
use crate::cors::OwnedField;
use crate::date::DateCache;
use crate::decision::{Reason, Refusal};
use crate::grammar::is_token;
use crate::identity::{Generator, Trace, Traceparent};
use crate::path;
use crate::policy::{Policy, ResponseFields};
use crate::request::RequestHead;
use crate::route::table::Matcher;
use crate::route::{Criteria, HostPattern, Match, PathPattern, Question, RouteTable};
use crate::specification::{self, FieldChanges, Limits, SpecError, Specification};
use crate::telemetry::Telemetry;

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
    /// What is told of all this.
    pub telemetry: Telemetry,
}

impl Tables {
    /// Compile a specification. `seed` starts the identifiers.
    ///
    /// # Errors
    ///
    /// [`SpecError`] says where the specification is unusable, and why.
    pub fn compile(
        specification: &Specification,
        seed: &[u8; 32],
        telemetry: Telemetry,
    ) -> Result<Self, SpecError> {
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
            limits: specification.limits.clone(),
            own_limits: unlimited,
            via: specification.via.clone(),
            health_path: compile_health_path(specification.health_path.as_deref())?,
            proxies: TrustedProxies::parse(&specification.trusted_proxies)?,
            routes: RouteTable::new(matchers),
            policies,
            default_response: default_response.map_err(|error| error.within("security_headers"))?,
            generator: Generator::new(seed),
            dates: DateCache::default(),
            telemetry,
        })
    }

    /// The trace of a request: that of `parent` continued, or a new one.
    #[must_use]
    #[inline]
    pub fn trace(&self, parent: Option<&Traceparent>) -> Trace {
        self.generator.trace(parent, self.telemetry.sampling)
    }

    /// The path pattern by which a route takes a request.
    #[must_use]
    pub fn pattern(&self, found: Match) -> &PathPattern {
        &self.routes.routes()[found.route].paths[found.path]
    }

    /// Refuse what no route takes, and a path that an upstream could read so that another route
    /// than `found` would have taken it.
    ///
    /// # Errors
    ///
    /// [`Refusal`].
    pub fn confirm(&self, question: &Question<'_>, found: Option<Match>) -> Result<Match, Refusal> {
        if path::is_ambiguous(question.path) {
            let route = found.map(|found| found.route);
            let selects_the_same = |path: String| {
                let other = self.routes.find(&Question {
                    path: &path,
                    ..*question
                });
                other.map(|found| found.route) == route
            };
            if !path::readings(question.path).all(|reading| reading.is_ok_and(selects_the_same)) {
                return Err(Refusal::bad_request("The path is ambiguous."));
            }
        }
        found.ok_or_else(|| self.refuse_unrouted(question))
    }

    /// Whether the gateway's health is asked for, and no route claims its path by name.
    #[must_use]
    pub fn is_health(&self, question: &Question<'_>, found: Option<Match>) -> bool {
        let Some(health_path) = &self.health_path else {
            return false;
        };
        let is_path = question
            .path
            .strip_prefix(&**health_path)
            .is_some_and(|rest| rest.is_empty() || rest == "/");
        is_path
            && matches!(question.method, b"GET" | b"HEAD")
            && !found.is_some_and(|found| self.pattern(found).is_static())
    }

    /// The answer to a preflight (Fetch section 3.3.5): that of the route which would take the
    /// request announced, unless a route is there for OPTIONS itself.
    #[must_use]
    pub fn preflight(
        &self,
        request: &RequestHead<'_>,
        found: Option<Match>,
    ) -> Option<(usize, Vec<OwnedField>)> {
        if request.method != b"OPTIONS" {
            return None;
        }
        let origin = request.singles.origin.once()?;
        let method = request
            .singles
            .request_method
            .once()
            .filter(|method| is_token(method))?;
        if found.is_some_and(|found| {
            self.routes.routes()[found.route]
                .criteria
                .names_method(b"OPTIONS")
        }) {
            return None;
        }
        let announced = self.routes.find(&Question {
            method,
            ..request.question()
        })?;
        let cors = self.policies[announced.route].cors.as_ref()?;
        let headers = cors.preflight(origin, method, request.singles.request_headers.once());
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
