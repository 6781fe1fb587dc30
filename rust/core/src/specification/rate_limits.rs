//! The part of the specification that says how much anybody may ask for.

use serde::Deserialize;

use super::auth::Path;

/// A limit, and whom it counts apart.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimitPolicy {
    /// Name, in header fields and reports.
    pub name: String,
    /// What makes two requests count together: all of these being equal. Nothing: all requests do.
    pub by: Vec<KeyPart>,
    /// How many requests in how much time.
    pub window: Option<WindowSize>,
    /// How many requests at a time, on this machine.
    pub concurrency: Option<u32>,
    /// Who counts.
    pub mode: Mode,
    /// What is done when the store that counts is away.
    pub on_store_failure: StoreFailure,
    /// Other quotas for some.
    pub tiers: Option<Tiers>,
    /// Field in which a trusted peer says what a request costs.
    pub cost_header: Option<String>,
    /// Whom it does not concern.
    pub exempt: Exempt,
    /// Whether it only reports.
    pub shadow: bool,
}

/// Something by which requests are told apart.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum KeyPart {
    /// The subject of the credential.
    User {},
    /// The network of the client's address.
    Ip {
        /// Leading bits that count of an IPv4 address.
        ipv4: u8,
        /// Leading bits that count of an IPv6 address.
        ipv6: u8,
    },
    /// The name of the API key.
    ApiKey {},
    /// A header field.
    Header(String),
    /// A claim of the credential.
    Claim(Path),
    /// The route.
    Route {},
}

/// How many requests in how much time.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WindowSize {
    /// What may be spent in any window.
    pub quota: u32,
    /// Milliseconds.
    pub length: u64,
}

/// Who counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// This machine.
    Local,
    /// The store, each request.
    Strict,
    /// The store, which hands out a little ahead.
    Leased,
}

/// What is done when the store that counts is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StoreFailure {
    /// This machine counts, with its share of the quota.
    Local,
    /// Nobody counts.
    Open,
    /// Nobody gets in.
    Closed,
}

/// Other quotas for some.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tiers {
    /// The claim that names the tier.
    pub claim: Path,
    /// Tiers and their quotas.
    pub quotas: Vec<(String, u32)>,
}

/// Whom a limit does not concern.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exempt {
    /// Networks of clients, as `address` or `address/bits`.
    pub networks: Vec<String>,
    /// Subjects of credentials.
    pub subjects: Vec<String>,
    /// Scopes, any of which is enough.
    pub scopes: Vec<String>,
}

/// A limit on a route.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppliedLimit {
    /// Number of the policy.
    pub policy: u32,
    /// What a request costs.
    pub cost: u32,
}

impl RateLimitPolicy {
    /// Header fields that say how a request stands with the limit; nothing for one that only reports.
    #[must_use]
    pub const fn is_shown(&self) -> bool {
        !self.shadow
    }
}

/// Fields that limited routes put into responses.
pub const LIMIT_FIELDS: [&str; 5] = [
    "RateLimit-Policy",
    "RateLimit",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
];
