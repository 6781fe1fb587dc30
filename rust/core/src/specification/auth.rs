//! The part of the specification that says who may do what.

use serde::Deserialize;
use serde_json::Value;

/// Names that lead to a claim, from the outermost object inwards.
pub type Path = Vec<String>;

/// Who vouches for clients.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    /// What clients are told that they need credentials for.
    pub realm: String,
    /// Longest credential that is looked at.
    pub token_bytes: usize,
    /// Bounds of what is remembered.
    pub cache: Cache,
    /// What is done while revocations may be missing.
    pub when_stale: WhenStale,
    /// Most revocations.
    pub revocations: usize,
    /// Those who vouch, by number.
    pub providers: Vec<Provider>,
}

/// Bounds of what is remembered of credentials. Lives are in seconds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cache {
    /// Memory for those that were accepted.
    pub bytes: usize,
    /// Their longest life.
    pub ttl: f64,
    /// Memory for those that were refused.
    pub refused_bytes: usize,
    /// Their longest life.
    pub refused_ttl: f64,
}

/// What is done while revocations may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WhenStale {
    /// What is known has to do.
    Allow,
    /// Nobody gets in.
    Deny,
}

/// One who vouches for clients.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// Name.
    pub name: String,
    /// Where its credentials stand, the preferred place first.
    pub sources: Vec<Source>,
    /// Which claims the upstream gets, and in which header fields.
    pub claims_to_headers: Vec<(Path, String)>,
    /// Where scopes may stand; the first claim that is present counts.
    pub scope_claims: Vec<Path>,
    /// Where roles stand; nowhere if empty.
    pub roles_claim: Path,
    /// How it vouches.
    pub kind: ProviderKind,
}

/// A place where a credential stands.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Source {
    /// Authorization with the scheme Bearer.
    Bearer {},
    /// A cookie.
    Cookie(String),
    /// A header field.
    Header(String),
}

/// How a provider vouches.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProviderKind {
    /// By signing tokens.
    Jwt(Jwt),
    /// By keeping a list of keys.
    ApiKeys(ApiKeys),
    /// By being asked.
    ForwardAuth(ForwardAuth),
}

/// What tokens must claim. Times are in seconds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jwt {
    /// Their issuer; any, if nothing is said.
    pub issuer: Option<String>,
    /// For whom they are meant; if empty, for nobody in particular.
    pub audiences: Vec<String>,
    /// How they may be signed.
    pub algorithms: Vec<String>,
    /// What they may say they are; anything, if empty.
    pub types: Vec<String>,
    /// By how much clocks may differ.
    pub leeway: f64,
    /// Claims that must be there.
    pub required_claims: Vec<String>,
    /// How far away their end may be.
    pub longest_life: f64,
}

/// A list of keys.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiKeys {
    /// Whether there is another list, to be asked about keys that are not on this one.
    pub remote: bool,
}

/// A service that is asked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForwardAuth {
    /// Fields of the request that it gets.
    pub request_headers: Vec<String>,
    /// Fields of its answer that the upstream gets.
    pub response_headers: Vec<String>,
    /// Seconds for which an answer may be remembered.
    pub cache: f64,
    /// What is done when it does not answer.
    pub failure: Failure,
}

/// What is done when a service does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Failure {
    /// Nobody gets in.
    Deny,
    /// Everybody gets in.
    Allow,
}

/// What a route requires.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Access {
    /// Numbers of the providers whose word counts, the preferred one first.
    pub providers: Vec<u32>,
    /// Whether requests without a credential are served as well.
    pub optional: bool,
    /// What becomes of the credential.
    pub authorization: Authorization,
    /// What the client must be allowed.
    pub rule: Rule,
}

/// What becomes of a credential on the way to the upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Authorization {
    /// It goes along.
    Pass,
    /// It stays behind.
    Remove,
}

/// What a client must be allowed; all of it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Scopes, every one of them.
    pub all_scopes: Vec<String>,
    /// Scopes, at least one of them.
    pub any_scopes: Vec<String>,
    /// Roles, at least one of them.
    pub any_roles: Vec<String>,
    /// Claims, every one of them.
    pub claims: Vec<(Path, Condition)>,
}

/// What must hold for a claim.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Condition {
    /// It is this.
    Equals(Value),
    /// It is one of these.
    In(Vec<Value>),
    /// It is a text that this regular expression matches from its start to its end.
    Matches(String),
}
