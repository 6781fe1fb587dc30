//! What a token must claim, apart from its signature: the registered claims of RFC 7519 section 4.1
//! as a provider wants them.

use std::fmt;

use serde_json::{Map, Number, Value};

use crate::flaw::Flaw;
use crate::jwt::{Jwt, media_type};
use crate::keys::Algorithm;
use crate::specification::{self, SpecError};

/// Longest sub and jti; they are held for as long as the token is remembered.
const LONGEST_NAME: usize = 1024;

/// The members of an object.
pub type Claims = Map<String, Value>;

/// Names that lead to a claim, from the outermost object inwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimPath(Box<[Box<str>]>);

impl ClaimPath {
    /// The path with these names.
    ///
    /// # Errors
    ///
    /// [`SpecError`] when there is none.
    pub fn new(names: &[String]) -> Result<Self, SpecError> {
        if names.is_empty() {
            return Err(SpecError("a claim has no name".to_owned()));
        }
        Ok(Self(
            names.iter().map(|name| name.as_str().into()).collect(),
        ))
    }

    /// The claim at the end, if there is one and it says something.
    #[must_use]
    pub fn find<'a>(&self, claims: &'a Claims) -> Option<&'a Value> {
        let (first, rest) = self.0.split_first()?;
        let mut value = claims.get(&**first)?;
        for name in rest {
            value = value.as_object()?.get(&**name)?;
        }
        (!value.is_null()).then_some(value)
    }
}

impl fmt::Display for ClaimPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}", self.0.join("."))
    }
}

/// What a provider's tokens must claim.
#[derive(Debug)]
pub struct Expectations {
    issuer: Option<Box<str>>,
    audiences: Vec<Box<str>>,
    algorithms: Vec<Algorithm>,
    types: Vec<String>,
    leeway: f64,
    required: Vec<Box<str>>,
    longest_life: f64,
}

/// The registered claims of a token.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Registered<'a> {
    /// iss.
    pub issuer: Option<&'a str>,
    /// sub.
    pub subject: Option<&'a str>,
    /// jti.
    pub token_id: Option<&'a str>,
    /// iat.
    pub issued_at: Option<f64>,
    /// When it is valid.
    pub validity: Validity,
}

/// When something is valid, in Unix seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Validity {
    /// From then on.
    pub not_before: f64,
    /// Until then, itself excluded.
    pub expires: f64,
    /// By how much clocks may differ.
    pub leeway: f64,
}

impl Validity {
    /// Whether it is not valid yet.
    #[must_use]
    pub fn is_early(&self, now: f64) -> bool {
        self.not_before > now + self.leeway
    }

    /// Whether it is not valid any more.
    #[must_use]
    pub fn is_over(&self, now: f64) -> bool {
        self.expires <= now - self.leeway
    }

    /// Whether it is valid.
    #[must_use]
    pub fn holds(&self, now: f64) -> bool {
        !self.is_early(now) && !self.is_over(now)
    }
}

impl Expectations {
    /// Compile what a provider's specification says.
    ///
    /// # Errors
    ///
    /// [`SpecError`].
    pub fn compile(jwt: &specification::Jwt) -> Result<Self, SpecError> {
        let algorithms = jwt.algorithms.iter().map(|name| {
            Algorithm::from_name(name).ok_or_else(|| SpecError(format!("{name:?} is no algorithm")))
        });
        let is_duration = |seconds: f64| seconds.is_finite() && seconds >= 0.0;
        if !is_duration(jwt.leeway) || !is_duration(jwt.longest_life) {
            return Err(SpecError(
                "leeway or longest_life is no duration".to_owned(),
            ));
        }
        let boxed = |names: &[String]| names.iter().map(|name| name.as_str().into()).collect();
        Ok(Self {
            issuer: jwt.issuer.as_deref().map(Into::into),
            audiences: boxed(&jwt.audiences),
            algorithms: algorithms.collect::<Result<_, _>>()?,
            types: jwt.types.iter().map(|name| media_type(name)).collect(),
            leeway: jwt.leeway,
            required: boxed(&jwt.required_claims),
            longest_life: jwt.longest_life,
        })
    }

    /// Whether tokens may be signed by an algorithm.
    #[must_use]
    pub fn is_algorithm(&self, algorithm: Algorithm) -> bool {
        self.algorithms.contains(&algorithm)
    }

    /// Whether a token with these claims is this provider's to judge.
    #[must_use]
    pub fn is_issuer(&self, claims: &Claims) -> bool {
        match (&self.issuer, claims.get("iss")) {
            (None, None | Some(Value::String(_))) => true,
            (Some(own), Some(Value::String(issuer))) => **own == **issuer,
            _ => false,
        }
    }

    /// Whether the token is meant for one of the provider's audiences. Where the provider has none,
    /// one that names any is meant for somebody else (RFC 7519 section 4.1.3).
    #[must_use]
    pub fn is_audience(&self, claims: &Claims) -> bool {
        let is_own = |name: &str| self.audiences.iter().any(|own| **own == *name);
        match claims.get("aud") {
            None => self.audiences.is_empty(),
            Some(Value::String(name)) => is_own(name),
            Some(Value::Array(names)) => {
                names.iter().all(Value::is_string)
                    && names.iter().filter_map(Value::as_str).any(is_own)
            }
            Some(_) => false,
        }
    }

    /// Check all but the signature, in the order in which a client is told.
    ///
    /// # Errors
    ///
    /// [`Flaw`], the first that is found.
    pub fn check<'a>(&self, jwt: &'a Jwt<'_>, now: f64) -> Result<Registered<'a>, Flaw> {
        let claims = &jwt.claims;
        require(self.is_algorithm(jwt.algorithm), Flaw::Algorithm)?;
        require(self.is_type(jwt.media_type.as_deref()), Flaw::Type)?;
        require(self.is_issuer(claims), Flaw::Issuer)?;
        require(self.is_audience(claims), Flaw::Audience)?;
        let mut validity = Validity {
            not_before: f64::NEG_INFINITY,
            expires: time(claims, "exp")?.ok_or(Flaw::Endless)?,
            leeway: self.leeway,
        };
        require(!validity.is_over(now), Flaw::Expired)?;
        if let Some(not_before) = time(claims, "nbf")? {
            validity.not_before = not_before;
        }
        let issued_at = time(claims, "iat")?;
        let latest = now + self.longest_life + self.leeway;
        require(validity.expires <= latest, Flaw::TooLong)?;
        require(!validity.is_early(now), Flaw::Early)?;
        let is_past = issued_at.is_none_or(|time| time <= now + self.leeway);
        require(is_past, Flaw::Future)?;
        require(self.missing(claims).next().is_none(), Flaw::Claim)?;
        Ok(Registered {
            issuer: claims.get("iss").and_then(Value::as_str),
            subject: name(claims, "sub")?,
            token_id: name(claims, "jti")?,
            issued_at,
            validity,
        })
    }

    /// The claims that the provider requires and a token does not make.
    fn missing<'a>(&'a self, claims: &'a Claims) -> impl Iterator<Item = &'a str> {
        let is_made = |name: &str| claims.get(name).is_some_and(|value| !value.is_null());
        let required = self.required.iter().map(|name| &**name);
        required.filter(move |name| !is_made(name))
    }

    /// What the provider wants where a token has a flaw; for people.
    #[must_use]
    #[cold]
    pub fn wanted(&self, flaw: Flaw, claims: &Claims, now: f64) -> Option<String> {
        let listed = |names: &[&str]| match names {
            [] => "none".to_owned(),
            names => format!("{names:?}").trim_matches(['[', ']']).to_owned(),
        };
        let seconds = |name: &str| claims.get(name).and_then(Value::as_f64);
        let all =
            |names: &[Box<str>]| listed(&names.iter().map(|name| &**name).collect::<Vec<_>>());
        Some(match flaw {
            Flaw::Algorithm | Flaw::UnknownAlgorithm => {
                let names: Vec<_> = self.algorithms.iter().map(|one| one.name()).collect();
                format!("It allows {}.", names.join(", "))
            }
            Flaw::Type => {
                let names: Vec<_> = self.types.iter().map(String::as_str).collect();
                format!("It takes {}.", listed(&names))
            }
            Flaw::Issuer => match &self.issuer {
                Some(issuer) => format!("That is {issuer:?}."),
                None => "It takes none, or a text.".to_owned(),
            },
            Flaw::Audience if self.audiences.is_empty() => {
                "It takes tokens without one.".to_owned()
            }
            Flaw::Audience => format!("That is {}.", all(&self.audiences)),
            Flaw::Claim => {
                let missing: Vec<_> = self.missing(claims).collect();
                format!("Missing: {}.", listed(&missing))
            }
            Flaw::TooLong => format!("That is {} s.", self.longest_life),
            Flaw::Expired => {
                let since = now - seconds("exp")?;
                format!(
                    "That was {since:.0} s ago; clocks may differ by {} s.",
                    self.leeway
                )
            }
            Flaw::Early | Flaw::Future => {
                let name = if flaw == Flaw::Early { "nbf" } else { "iat" };
                let left = seconds(name)? - now;
                format!(
                    "That is in {left:.0} s; clocks may differ by {} s.",
                    self.leeway
                )
            }
            _ => return None,
        })
    }

    fn is_type(&self, given: Option<&str>) -> bool {
        self.types.is_empty() || given.is_some_and(|given| self.types.contains(&media_type(given)))
    }
}

/// Go on where something holds.
#[inline]
const fn require(holds: bool, flaw: Flaw) -> Result<(), Flaw> {
    if holds { Ok(()) } else { Err(flaw) }
}

/// The first whole number that binary64 cannot tell from its neighbours.
const INEXACT: f64 = 9_007_199_254_740_992.0;

/// Whether a number may have lost digits when it was read: it had too many for 64 bits. Two people
/// with such numbers could be one to whoever believes them.
#[must_use]
pub fn is_inexact(number: &Number) -> bool {
    number.is_f64() && number.as_f64().is_none_or(|value| value.abs() >= INEXACT)
}

/// A time claim, which is a number where it is present (RFC 7519 section 2, NumericDate).
///
/// # Errors
///
/// [`Flaw::Malclaim`] when it is something else.
pub fn time(claims: &Claims, claim: &str) -> Result<Option<f64>, Flaw> {
    match claims.get(claim) {
        None => Ok(None),
        Some(value) => value.as_f64().map(Some).ok_or(Flaw::Malclaim),
    }
}

/// A claim that is a text of bounded length where it is present.
///
/// # Errors
///
/// [`Flaw::Malclaim`] when it is something else.
pub fn name<'a>(claims: &'a Claims, claim: &str) -> Result<Option<&'a str>, Flaw> {
    match claims.get(claim) {
        None => Ok(None),
        Some(Value::String(text)) if text.len() <= LONGEST_NAME => Ok(Some(text)),
        Some(_) => Err(Flaw::Malclaim),
    }
}

#[cfg(test)]
mod tests;
