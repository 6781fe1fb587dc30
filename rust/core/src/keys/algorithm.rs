//! Signature algorithms by their names (RFC 7518 section 3.1, RFC 8037, RFC 8812, RFC 9864).

/// A signature algorithm that a token may name. There is no `none`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// HMAC with SHA-256.
    Hs256,
    /// HMAC with SHA-384.
    Hs384,
    /// HMAC with SHA-512.
    Hs512,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// ECDSA on P-521 with SHA-512.
    Es512,
    /// ECDSA on secp256k1 with SHA-256.
    Es256K,
    /// EdDSA on whichever curve the key has.
    EdDsa,
    /// EdDSA on Curve25519.
    Ed25519,
    /// EdDSA on Curve448.
    Ed448,
}

/// Every algorithm with its registered name.
const NAMES: [(Algorithm, &str); 16] = [
    (Algorithm::Hs256, "HS256"),
    (Algorithm::Hs384, "HS384"),
    (Algorithm::Hs512, "HS512"),
    (Algorithm::Rs256, "RS256"),
    (Algorithm::Rs384, "RS384"),
    (Algorithm::Rs512, "RS512"),
    (Algorithm::Ps256, "PS256"),
    (Algorithm::Ps384, "PS384"),
    (Algorithm::Ps512, "PS512"),
    (Algorithm::Es256, "ES256"),
    (Algorithm::Es384, "ES384"),
    (Algorithm::Es512, "ES512"),
    (Algorithm::Es256K, "ES256K"),
    (Algorithm::EdDsa, "EdDSA"),
    (Algorithm::Ed25519, "Ed25519"),
    (Algorithm::Ed448, "Ed448"),
];

impl Algorithm {
    /// The algorithm of this name, in exactly this spelling.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let known = NAMES.iter().find(|(_, known)| *known == name);
        known.map(|(algorithm, _)| *algorithm)
    }

    /// Its registered name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        NAMES[self as usize].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_exact() {
        for (place, (algorithm, name)) in NAMES.into_iter().enumerate() {
            assert_eq!(algorithm as usize, place);
            assert_eq!(Algorithm::from_name(name), Some(algorithm));
            assert_eq!(algorithm.name(), name);
        }
        for name in [
            "", "none", "None", "NONE", "nOnE", "hs256", "HS256 ", "RS1", "HS256\0", "EDDSA",
        ] {
            assert_eq!(Algorithm::from_name(name), None, "{name}");
        }
    }
}
