//! One revocation, and its form in JSON.

use serde::{Deserialize, Serialize};

/// Longest name of an issuer, subject or token. Tokens with longer ones are refused anyway.
const LONGEST: usize = 1024;

/// One entry: a target, whose tokens, and until when it matters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Members", into = "Members")]
pub struct Revocation {
    /// What is revoked.
    pub target: Target,
    /// Issuer of the tokens; none is every issuer.
    pub issuer: Option<String>,
    /// Unix seconds at which no token that it hits can be valid any more.
    pub expires: f64,
}

/// What an entry revokes. Times are Unix seconds.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// The token with this identifier (`jti`).
    Token(String),
    /// Tokens of a subject (`sub`) that were issued (`iat`) before a time.
    Subject {
        /// The subject.
        subject: String,
        /// The time.
        issued_before: f64,
    },
    /// Every token that was issued before a time.
    Everything {
        /// The time.
        issued_before: f64,
    },
}

/// What tells targets apart: issuer, kind, name.
pub(super) type TargetKey<'a> = (Option<&'a str>, u8, &'a str);

impl Revocation {
    pub(super) fn key(&self) -> TargetKey<'_> {
        let (kind, name) = match &self.target {
            Target::Token(name) => (0, name.as_str()),
            Target::Subject { subject, .. } => (1, subject.as_str()),
            Target::Everything { .. } => (2, ""),
        };
        (self.issuer.as_deref(), kind, name)
    }
}

impl Target {
    /// The time before which a token must have been issued to be hit.
    pub(super) const fn issued_before(&self) -> f64 {
        match self {
            Self::Token(_) => f64::INFINITY,
            Self::Subject { issued_before, .. } | Self::Everything { issued_before } => {
                *issued_before
            }
        }
    }
}

/// An entry as it stands in JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Members {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    jti: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sub: Option<String>,
    #[serde(default)]
    issuer: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    issued_before: Option<f64>,
    expires: f64,
}

impl TryFrom<Members> for Revocation {
    type Error = String;

    fn try_from(members: Members) -> Result<Self, String> {
        for name in [&members.jti, &members.sub, &members.issuer] {
            if name.as_ref().is_some_and(|name| name.len() > LONGEST) {
                return Err(format!("a name of more than {LONGEST} bytes"));
            }
        }
        let target = match (members.jti, members.sub, members.issued_before) {
            (Some(name), None, None) => Target::Token(name),
            (None, Some(subject), Some(issued_before)) => Target::Subject {
                subject,
                issued_before,
            },
            (None, None, Some(issued_before)) => Target::Everything { issued_before },
            _ => return Err("jti, or sub and issued_before, or issued_before is needed".to_owned()),
        };
        Ok(Self {
            target,
            issuer: members.issuer,
            expires: members.expires,
        })
    }
}

impl From<Revocation> for Members {
    fn from(entry: Revocation) -> Self {
        let (jti, sub, issued_before) = match entry.target {
            Target::Token(name) => (Some(name), None, None),
            Target::Subject {
                subject,
                issued_before,
            } => (None, Some(subject), Some(issued_before)),
            Target::Everything { issued_before } => (None, None, Some(issued_before)),
        };
        Self {
            jti,
            sub,
            issuer: entry.issuer,
            issued_before,
            expires: entry.expires,
        }
    }
}
