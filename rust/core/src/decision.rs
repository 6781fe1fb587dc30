//! The answer to the one question: forward, respond, or reject, or what has to be found out first.

use std::borrow::Cow;
use std::fmt;

use crate::cors::OwnedField;
use crate::rate_limit::funding::Shortfall;
use crate::reply::Reply;
use crate::verdict::Pending;

/// What a gate decided.
#[derive(Debug)]
pub enum Decision {
    /// The request goes to its route's upstream.
    Forward(Forward),
    /// The gateway answers by itself.
    Respond(Respond),
    /// The request is refused.
    Reject(Reject),
    /// Something has to be found out about its credential first.
    Unverified(Unverified),
    /// The store has to be asked first whether it is within its limits.
    Unfunded(Unfunded),
}

/// A request on its way to an upstream.
#[derive(Debug)]
pub struct Forward {
    /// What every reply to this request needs.
    pub reply: Reply,
    /// Request head for the upstream.
    pub head: Vec<u8>,
    /// Whether the head still lacks Host, whose value the endpoint gives, and the blank line.
    pub host_from_endpoint: bool,
    /// Whether the method is idempotent (RFC 9110 section 9.2.2).
    pub idempotent: bool,
}

/// Why the gateway answers by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The route has a fixed response.
    Fixed,
    /// The route redirects.
    Redirect,
    /// A browser asks whether a cross-origin request is allowed.
    Preflight,
    /// The gateway's own health; the body comes from elsewhere.
    Health,
}

impl Kind {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::Redirect => "redirect",
            Self::Preflight => "preflight",
            Self::Health => "health",
        }
    }
}

/// A response of the gateway itself.
#[derive(Debug)]
pub struct Respond {
    /// What every reply to this request needs.
    pub reply: Reply,
    /// Why.
    pub kind: Kind,
    /// What.
    pub answer: Answer,
}

/// What the gateway answers by itself.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Fields.
    pub headers: Vec<OwnedField>,
    /// Body.
    pub body: Vec<u8>,
}

impl Answer {
    /// An answer that consists of its status.
    #[must_use]
    pub const fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }
}

/// A refusal.
#[derive(Debug)]
pub struct Reject {
    /// What every reply to this request needs.
    pub reply: Reply,
    /// What for.
    pub refusal: Refusal,
}

/// A request about whose credential something has to be found out.
#[derive(Debug)]
pub struct Unverified {
    /// What every reply to this request needs.
    pub reply: Reply,
    /// What has to be found out. Apart, so that no other decision is moved about with room for it.
    pub pending: Box<Pending>,
}

/// A request for which the store has to be asked.
#[derive(Debug)]
pub struct Unfunded {
    /// What every reply to this request needs.
    pub reply: Reply,
    /// What to ask for. Apart, so that no other decision is moved about with room for it.
    pub shortfall: Box<Shortfall>,
}

/// Names of the problems for which a request is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// 400
    BadRequest,
    /// 401
    TokenMissing,
    /// 401
    TokenInvalid,
    /// 401
    TokenExpired,
    /// 401
    TokenRevoked,
    /// 403
    InsufficientScope,
    /// 404
    RouteNotFound,
    /// 405
    MethodNotAllowed,
    /// 408
    RequestTimeout,
    /// 413
    BodyTooLarge,
    /// 414
    TargetTooLong,
    /// 417
    ExpectationFailed,
    /// 429
    RateLimited,
    /// 431
    HeadersTooLarge,
    /// 500
    Internal,
    /// 501
    NotImplemented,
    /// 503
    AuthUnavailable,
    /// 503
    Overloaded,
    /// 503
    RateLimitUnavailable,
    /// 505
    VersionNotSupported,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 20] = [
        Self::BadRequest,
        Self::TokenMissing,
        Self::TokenInvalid,
        Self::TokenExpired,
        Self::TokenRevoked,
        Self::InsufficientScope,
        Self::RouteNotFound,
        Self::MethodNotAllowed,
        Self::RequestTimeout,
        Self::BodyTooLarge,
        Self::TargetTooLong,
        Self::ExpectationFailed,
        Self::RateLimited,
        Self::HeadersTooLarge,
        Self::Internal,
        Self::NotImplemented,
        Self::AuthUnavailable,
        Self::Overloaded,
        Self::RateLimitUnavailable,
        Self::VersionNotSupported,
    ];

    /// The name under which the problem is documented.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BadRequest => "bad-request",
            Self::TokenMissing => "token-missing",
            Self::TokenInvalid => "token-invalid",
            Self::TokenExpired => "token-expired",
            Self::TokenRevoked => "token-revoked",
            Self::InsufficientScope => "insufficient-scope",
            Self::RouteNotFound => "route-not-found",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::RequestTimeout => "request-timeout",
            Self::BodyTooLarge => "body-too-large",
            Self::TargetTooLong => "target-too-long",
            Self::ExpectationFailed => "expectation-failed",
            Self::RateLimited => "rate-limited",
            Self::HeadersTooLarge => "headers-too-large",
            Self::Internal => "internal",
            Self::NotImplemented => "not-implemented",
            Self::AuthUnavailable => "auth-unavailable",
            Self::Overloaded => "overloaded",
            Self::RateLimitUnavailable => "rate-limit-unavailable",
            Self::VersionNotSupported => "version-not-supported",
        }
    }

    /// Whether the connection may persist after such a rejection: the request was understood, and
    /// what follows it is known. Otherwise nobody can say where the next one starts.
    #[must_use]
    pub const fn permits_persistence(self) -> bool {
        matches!(
            self,
            Self::RouteNotFound
                | Self::MethodNotAllowed
                | Self::RateLimited
                | Self::RateLimitUnavailable
        ) || self.is_of_credential()
    }

    /// Whether it is about the client's credential.
    #[must_use]
    pub const fn is_of_credential(self) -> bool {
        matches!(
            self,
            Self::TokenMissing
                | Self::TokenInvalid
                | Self::TokenExpired
                | Self::TokenRevoked
                | Self::InsufficientScope
                | Self::AuthUnavailable
        )
    }

    /// The reason with a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }
}

/// Why a request is rejected, and what the client is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Name of the problem.
    pub reason: Reason,
    /// One sentence, which never echoes what the client sent.
    pub detail: Cow<'static, str>,
    /// Fields that the problem calls for.
    pub headers: Vec<OwnedField>,
    /// Names of the rate limits that are violated.
    pub violated: Vec<Box<str>>,
}

impl Refusal {
    /// A refusal without fields.
    #[must_use]
    pub fn new(reason: Reason, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            reason,
            detail: detail.into(),
            headers: Vec::new(),
            violated: Vec::new(),
        }
    }

    /// The commonest of all.
    #[must_use]
    pub fn bad_request(detail: &'static str) -> Self {
        Self::new(Reason::BadRequest, detail)
    }
}

/// The upstream's response breaks a guard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProtocolError(pub &'static str);

impl fmt::Display for ProtocolError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

impl std::error::Error for ProtocolError {}
