//! The gate specification: JSON, written by Python's validated configuration.
//!
//! Unknown keys are errors, so that the two sides cannot drift apart unnoticed.

use std::fmt;

use serde::Deserialize;

mod auth;
mod rate_limits;

pub use auth::{
    Access, ApiKeys, Auth, Authorization, Cache, Condition, Failure, ForwardAuth, Jwt, Provider,
    ProviderKind, Rule, Source, WhenStale,
};
pub use rate_limits::{
    AppliedLimit, Exempt, KeyPart, LIMIT_FIELDS, Mode, RateLimitPolicy, StoreFailure, Tiers,
    WindowSize,
};

/// A name with a value.
pub type Pair = (String, String);

/// A name with a value, or none where presence is enough.
pub type NameMatch = (String, Option<String>);

/// Everything from which a gate is built.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Specification {
    /// Guards.
    pub limits: Limits,
    /// Networks whose word about the client is believed, as `address` or `address/bits`.
    pub trusted_proxies: Vec<String>,
    /// The gateway's name in Via.
    pub via: String,
    /// Path at which the gateway answers for itself.
    pub health_path: Option<String>,
    /// Security headers of routes that have none of their own.
    pub security_headers: Vec<Pair>,
    /// Strict-Transport-Security on TLS.
    pub hsts: Option<String>,
    /// Routes, the first before the later where precedence leaves a choice.
    pub routes: Vec<Route>,
    /// Who vouches for clients.
    #[serde(default)]
    pub auth: Option<Auth>,
    /// How much anybody may ask for, by number.
    #[serde(default)]
    pub rate_limits: Vec<RateLimitPolicy>,
    /// Names of the upstreams.
    #[serde(default)]
    pub upstreams: Vec<String>,
    /// Which traces are sampled; none where nobody collects them.
    #[serde(default)]
    pub tracing: Option<Tracing>,
    /// What is logged of requests.
    #[serde(default)]
    pub access_log: Option<AccessLog>,
}

/// What is logged of requests.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessLog {
    /// How a line is written.
    pub format: LogFormat,
    /// Names of what is in a line, in order; the combined format has its own.
    pub fields: Vec<String>,
    /// The share of requests that is logged, from 0 to 1, of those with which nothing was wrong.
    pub sample: f64,
}

/// How a line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// A JSON object.
    Json,
    /// As by Apache and nginx.
    Combined,
}

/// Which traces are sampled.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tracing {
    /// The share of those that nobody has decided about, from 0 to 1.
    pub ratio: f64,
}

/// Sizes beyond which a message is refused.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Bytes of all header fields.
    pub header_bytes: usize,
    /// Number of header fields.
    pub header_count: usize,
    /// Bytes of the request target.
    pub target_bytes: usize,
    /// Bytes of a request's body; 0 is no limit.
    pub body_bytes: u64,
}

/// One route.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// Name, for people.
    pub name: String,
    /// Host patterns; empty is any.
    pub hosts: Vec<String>,
    /// Path patterns; empty is any.
    pub paths: Vec<String>,
    /// Methods; empty is any.
    pub methods: Vec<String>,
    /// Header fields asked for.
    pub headers: Vec<NameMatch>,
    /// Query parameters asked for.
    pub query: Vec<NameMatch>,
    /// What is done with a request.
    pub action: Action,
    /// Changes of path and host.
    pub rewrite: Rewrite,
    /// Changes of the request's fields.
    pub request_headers: FieldChanges,
    /// Changes of the response's fields.
    pub response_headers: FieldChanges,
    /// Security headers instead of the gate's.
    pub security_headers: Option<Vec<Pair>>,
    /// Strict-Transport-Security on TLS.
    pub hsts: Option<String>,
    /// Limit of the request's body instead of the gate's; 0 is no limit.
    pub body_bytes: Option<u64>,
    /// Cross-origin policy.
    pub cors: Option<Cors>,
    /// Who may use it; everybody, if nothing is said.
    #[serde(default)]
    pub auth: Option<Access>,
    /// The limits that are held against its requests.
    #[serde(default)]
    pub rate_limits: Vec<AppliedLimit>,
}

/// What is done with a request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Action {
    /// It goes to the route's upstream.
    Forward {},
    /// The client is sent elsewhere.
    Redirect {
        /// Status.
        status: u16,
        /// Template.
        location: String,
    },
    /// A fixed response.
    Respond {
        /// Status.
        status: u16,
        /// Fields.
        headers: Vec<Pair>,
        /// Body.
        body: String,
    },
}

/// Changes of path and host.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rewrite {
    /// Prefix to remove.
    pub strip_prefix: Option<String>,
    /// Prefix to put in front.
    pub add_prefix: Option<String>,
    /// Template that replaces the path.
    pub path: Option<String>,
    /// Host that the upstream gets.
    pub host: HostChange,
}

/// Host that the upstream gets.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HostChange {
    /// What the client sent.
    Preserve,
    /// The endpoint's authority.
    Upstream,
    /// This text.
    Literal(String),
}

/// Changes of fields.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldChanges {
    /// Fields that replace all of the same name.
    pub set: Vec<Pair>,
    /// Fields in addition.
    pub add: Vec<Pair>,
    /// Names to remove.
    pub remove: Vec<String>,
}

/// Cross-origin policy (Fetch).
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cors {
    /// `*`, origins, or origins whose host starts with `*.`.
    pub origins: Vec<String>,
    /// Methods; `*` or none is any.
    pub methods: Vec<String>,
    /// Request header fields; `*` is any.
    pub headers: Vec<String>,
    /// Response header fields that scripts may read.
    pub expose: Vec<String>,
    /// Whether cookies and the like may be sent.
    pub credentials: bool,
    /// Seconds for which a preflight may be remembered.
    pub max_age: Option<u64>,
}

/// A specification that cannot be used; the text says where and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecError(pub String);

impl SpecError {
    /// The same problem, seen from further out.
    #[must_use]
    pub fn within(self, place: &str) -> Self {
        Self(format!("{place}: {}", self.0))
    }
}

impl From<String> for SpecError {
    fn from(problem: String) -> Self {
        Self(problem)
    }
}

impl fmt::Display for SpecError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for SpecError {}

impl Specification {
    /// Read a specification.
    ///
    /// # Errors
    ///
    /// [`SpecError`] with line and column of what is wrong.
    pub fn from_json(json: &[u8]) -> Result<Self, SpecError> {
        serde_json::from_slice(json).map_err(|error| SpecError(error.to_string()))
    }
}
