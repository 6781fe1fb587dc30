//! API keys: known by a keyed digest alone, so that whoever reads the list cannot use it.

use std::collections::HashMap;
use std::fmt;

use aws_lc_rs::hmac;

use crate::claims::{self, Claims, Registered, Validity};
use crate::decision::Reason;
use crate::json;

/// HMAC-SHA256 of a key under the pepper.
pub type Digest = [u8; 32];

/// Fewest bytes of a pepper: as many as the hash has.
const SHORTEST_PEPPER: usize = 32;

/// The keys that a provider knows by itself.
///
/// They are looked up by digest. How long that takes may tell something about digests, but without
/// the pepper nobody can choose one.
#[derive(Default)]
pub struct ApiKeys {
    pepper: Option<Box<hmac::Key>>,
    keys: HashMap<Digest, ApiKey>,
}

/// A key, apart from itself.
#[derive(Debug)]
pub struct ApiKey {
    /// What it stands for: `sub` is its owner, `jti` its name.
    pub claims: Claims,
    /// When it is valid.
    pub validity: Validity,
}

/// A list of keys that cannot be used; the text says why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeyError(pub &'static str);

impl ApiKeys {
    /// Keys under a pepper.
    ///
    /// # Errors
    ///
    /// [`ApiKeyError`] when the pepper is short.
    pub fn new(pepper: &[u8]) -> Result<Self, ApiKeyError> {
        if pepper.len() < SHORTEST_PEPPER {
            return Err(ApiKeyError("a pepper has at least 32 bytes"));
        }
        Ok(Self {
            pepper: Some(Box::new(hmac::Key::new(hmac::HMAC_SHA256, pepper))),
            keys: HashMap::new(),
        })
    }

    /// Add a key by its digest.
    ///
    /// # Errors
    ///
    /// [`ApiKeyError`] when the digest does not have its length or stands twice, or the claims make
    /// no sense.
    pub fn insert(
        &mut self,
        digest: &[u8],
        claims: &[u8],
        not_before: f64,
        expires: f64,
    ) -> Result<(), ApiKeyError> {
        let digest =
            Digest::try_from(digest).map_err(|_| ApiKeyError("a digest does not have 32 bytes"))?;
        if not_before.is_nan() || expires.is_nan() {
            return Err(ApiKeyError("a time is no number"));
        }
        let validity = Validity {
            not_before,
            expires,
            leeway: 0.0,
        };
        let claims = read_claims(claims)?;
        match self.keys.insert(digest, ApiKey { claims, validity }) {
            None => Ok(()),
            Some(_) => Err(ApiKeyError("a digest stands twice")),
        }
    }

    /// The digest of a key; nothing while there is no pepper.
    #[must_use]
    pub fn digest(&self, key: &[u8]) -> Option<Digest> {
        let tag = hmac::sign(self.pepper.as_ref()?, key);
        tag.as_ref().try_into().ok()
    }

    /// The key with a digest.
    #[must_use]
    pub fn get(&self, digest: &Digest) -> Option<&ApiKey> {
        self.keys.get(digest)
    }
}

impl fmt::Debug for ApiKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ApiKeys({})", self.keys.len())
    }
}

/// Read the claims of somebody who is known otherwise than by a token.
///
/// # Errors
///
/// [`ApiKeyError`] when they are no JSON object, or registered ones are malformed.
pub fn read_claims(text: &[u8]) -> Result<Claims, ApiKeyError> {
    let claims = json::parse(text).map_err(|_| ApiKeyError("the claims are no JSON object"))?;
    registered(&claims, UNBOUNDED).map_err(|_| ApiKeyError("a registered claim is malformed"))?;
    Ok(claims)
}

/// Valid for ever.
const UNBOUNDED: Validity = Validity {
    not_before: f64::NEG_INFINITY,
    expires: f64::INFINITY,
    leeway: 0.0,
};

/// The registered claims of somebody who is known otherwise than by a token. The issuer is always
/// the provider. `nbf` and `exp` bound the validity further.
///
/// What does not say when it was issued was issued when its validity began, if that is known: a key
/// that was made after everybody had been logged out has to work.
///
/// # Errors
///
/// [`Reason`] when one of them is malformed.
pub fn registered(claims: &Claims, validity: Validity) -> Result<Registered<'_>, Reason> {
    let not_before = claims::time(claims, "nbf")?.unwrap_or(f64::NEG_INFINITY);
    let not_before = not_before.max(validity.not_before);
    let expires = claims::time(claims, "exp")?.unwrap_or(f64::INFINITY);
    Ok(Registered {
        issuer: None,
        subject: claims::name(claims, "sub")?,
        token_id: claims::name(claims, "jti")?,
        issued_at: claims::time(claims, "iat")?.or((not_before > 0.0).then_some(not_before)),
        validity: Validity {
            not_before,
            expires: validity.expires.min(expires),
            ..validity
        },
    })
}

/// The registered claims of somebody whose validity only the claims bound.
///
/// # Errors
///
/// [`Reason`] when one of them is malformed.
pub fn registered_unbounded(claims: &Claims) -> Result<Registered<'_>, Reason> {
    registered(claims, UNBOUNDED)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> ApiKeys {
        ApiKeys::new(&[1; 32]).expect("a pepper")
    }

    #[test]
    fn keys_are_found_by_their_keyed_digest() {
        let mut keys = keys();
        let digest = keys.digest(b"secret").expect("a digest");
        keys.insert(&digest, br#"{"sub": "alice"}"#, 0.0, 10.0)
            .expect("a key");
        assert_eq!(keys.get(&digest).expect("a key").claims["sub"], "alice");
        assert!(
            keys.get(&keys.digest(b"Secret").expect("a digest"))
                .is_none()
        );
        let other = ApiKeys::new(&[2; 32]).expect("a pepper");
        assert_ne!(other.digest(b"secret").expect("a digest"), digest);
        assert_eq!(ApiKeys::default().digest(b"secret"), None);
    }

    #[test]
    fn the_digest_is_hmac_sha256() {
        // RFC 4231 section 4.4 (test case 3), whose key is shorter than a pepper may be.
        let short = hmac::Key::new(hmac::HMAC_SHA256, &[0xaa; 20]);
        let keys = ApiKeys {
            pepper: Some(Box::new(short)),
            keys: HashMap::new(),
        };
        let digest = keys.digest(&[0xdd; 50]).expect("a digest");
        assert_eq!(&digest[..4], [0x77, 0x3e, 0xa9, 0x1e]);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        assert!(ApiKeys::new(&[1; 31]).is_err());
        let mut keys = keys();
        assert!(keys.insert(&[0; 31], b"{}", 0.0, 1.0).is_err());
        assert!(keys.insert(&[0; 32], b"{}", f64::NAN, 1.0).is_err());
        assert!(keys.insert(&[1; 32], b"{}", 0.0, 1.0).is_ok());
        assert!(keys.insert(&[1; 32], b"{}", 0.0, 1.0).is_err());
        for claims in [
            "",
            "[]",
            r#"{"sub": 1}"#,
            r#"{"exp": "1"}"#,
            r#"{"jti": null}"#,
        ] {
            assert!(
                keys.insert(&[0; 32], claims.as_bytes(), 0.0, 1.0).is_err(),
                "{claims}"
            );
        }
    }

    #[test]
    fn claims_bound_the_validity_further() {
        let claims = read_claims(br#"{"nbf": 5, "exp": 20}"#).expect("claims");
        let validity = registered_unbounded(&claims).expect("claims").validity;
        assert!(!validity.holds(4.0) && validity.holds(5.0) && !validity.holds(20.0));
        let bounded = Validity {
            not_before: 8.0,
            expires: 9.0,
            leeway: 0.0,
        };
        assert_eq!(
            registered(&claims, bounded).expect("claims").validity,
            bounded
        );
    }
}
