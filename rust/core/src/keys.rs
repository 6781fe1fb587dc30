//! The keys of a provider: which signatures they may check, and for how long.
//!
//! A key carries its own list of algorithms, and nothing that a token says can widen it. That is
//! what keeps the public half of an RSA pair from being taken for the secret of an HMAC.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

mod algorithm;
mod edwards;
mod material;
mod ring;
#[cfg(test)]
mod tests;

pub use algorithm::Algorithm;
pub use ring::KeyRing;

use material::{Fingerprint, Verifier};

/// Longest key id, that of a token (RFC 7515 leaves it open).
const LONGEST_ID: usize = 256;

/// A key that checks signatures.
pub struct Key {
    id: Option<Box<str>>,
    verifiers: Vec<(Algorithm, Verifier)>,
    fingerprint: Fingerprint,
    alive: AtomicBool,
}

/// A key that cannot be used; the text says why and does not contain it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyError(pub String);

impl fmt::Display for KeyError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for KeyError {}

impl Key {
    /// A key for these algorithms. `kind` names the form of its `material`:
    ///
    /// | kind | material |
    /// |---|---|
    /// | `hmac` | the secret |
    /// | `rsa` | RSAPublicKey in DER (RFC 8017 appendix A.1.1) |
    /// | `p256`, `p384`, `p521` | the point, uncompressed (SEC 1 section 2.3.3) |
    /// | `ed25519` | the 32 bytes of RFC 8032 section 5.1.5 |
    /// | `external` | whatever helps the one who checks such signatures elsewhere |
    ///
    /// # Errors
    ///
    /// [`KeyError`] for material that is malformed or weak, and for algorithms that do not fit it.
    pub fn new(
        id: Option<&str>,
        algorithms: &[Algorithm],
        kind: &str,
        material: &[u8],
    ) -> Result<Self, KeyError> {
        if id.is_some_and(|id| id.len() > LONGEST_ID) {
            return Err(KeyError(format!("an id of more than {LONGEST_ID} bytes")));
        }
        if algorithms.is_empty() {
            return Err(KeyError("no algorithm".to_owned()));
        }
        let mut algorithms = algorithms.to_vec();
        algorithms.sort_unstable();
        algorithms.dedup();
        let verifiers = algorithms.into_iter().map(|algorithm| {
            Verifier::new(kind, algorithm, material).map(|verifier| (algorithm, verifier))
        });
        Ok(Self {
            id: id.map(Into::into),
            verifiers: verifiers.collect::<Result<_, _>>()?,
            fingerprint: material::fingerprint(kind, material),
            alive: AtomicBool::new(true),
        })
    }

    /// The key's id.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Whether the key may check a token with this key id and algorithm. A token without an id fits
    /// every key, and a key without an id every token.
    #[must_use]
    pub fn fits(&self, kid: Option<&str>, algorithm: Algorithm) -> bool {
        let same = kid.is_none() || self.id.is_none() || kid == self.id();
        same && self.verifier(algorithm).is_some()
    }

    /// Whether `signature` is that of `signing_input`. Never so for an algorithm that is not the
    /// key's, and for external keys.
    #[must_use]
    pub fn verify(&self, algorithm: Algorithm, signing_input: &[u8], signature: &[u8]) -> bool {
        self.verifier(algorithm)
            .is_some_and(|verifier| verifier.verify(signing_input, signature))
    }

    /// Whether the key is a shared secret, which makes checking cheap.
    #[must_use]
    pub fn is_symmetric(&self) -> bool {
        matches!(self.verifiers[0].1, Verifier::Hmac(_))
    }

    /// The material of a key that is used elsewhere.
    #[must_use]
    pub fn external(&self) -> Option<&[u8]> {
        match &self.verifiers[0].1 {
            Verifier::External(material) => Some(material),
            _ => None,
        }
    }

    /// Whether the key still is in the ring that it was in.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.alive.load(Ordering::Relaxed)
    }

    fn end(&self) {
        self.alive.store(false, Ordering::Relaxed);
    }

    fn verifier(&self, algorithm: Algorithm) -> Option<&Verifier> {
        self.verifiers
            .iter()
            .find(|(own, _)| *own == algorithm)
            .map(|(_, verifier)| verifier)
    }

    fn algorithms(&self) -> impl Iterator<Item = Algorithm> {
        self.verifiers.iter().map(|(algorithm, _)| *algorithm)
    }

    /// Whether nothing tells the two apart.
    fn equals(&self, other: &Self) -> bool {
        self.id == other.id
            && self.fingerprint == other.fingerprint
            && self.algorithms().eq(other.algorithms())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Key")
            .field("id", &self.id)
            .field("algorithms", &self.algorithms().collect::<Vec<_>>())
            .field("alive", &self.is_alive())
            .finish_non_exhaustive()
    }
}
