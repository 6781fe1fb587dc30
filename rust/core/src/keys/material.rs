//! What a key is made of, checked once, when the key is made.

use aws_lc_rs::signature::{self, ParsedPublicKey, VerificationAlgorithm};
use aws_lc_rs::{digest, hmac};

use super::edwards::is_of_small_order;
use super::{Algorithm, KeyError};

/// Shortest and longest RSA modulus in bits (RFC 7518 section 3.3; beyond it a check takes long).
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// SHA-256 over kind and material, so that equal keys are known without keeping secrets twice.
pub(super) type Fingerprint = [u8; digest::SHA256_OUTPUT_LEN];

pub(super) fn fingerprint(kind: &str, material: &[u8]) -> Fingerprint {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(kind.as_bytes());
    // No kind contains it.
    context.update(b"\0");
    context.update(material);
    let mut fingerprint = Fingerprint::default();
    fingerprint.copy_from_slice(context.finish().as_ref());
    fingerprint
}

/// A key, made ready for one algorithm.
pub(super) enum Verifier {
    Hmac(Box<hmac::Key>),
    Public(ParsedPublicKey),
    External(Box<[u8]>),
}

impl Verifier {
    pub(super) fn new(kind: &str, algorithm: Algorithm, material: &[u8]) -> Result<Self, KeyError> {
        match kind {
            "hmac" => {
                let hash = hmac_algorithm(algorithm).ok_or_else(|| unfit(kind, algorithm))?;
                check_secret(hash, algorithm, material)?;
                return Ok(Self::Hmac(Box::new(hmac::Key::new(hash, material))));
            }
            "external" if is_external(algorithm) => return Ok(Self::External(material.into())),
            _ => {}
        }
        let scheme = scheme(kind, algorithm)?;
        match kind {
            "rsa" => check_rsa(material)?,
            "ed25519" => check_edwards(kind, material)?,
            "p256" => check_point(kind, material, 32)?,
            "p384" => check_point(kind, material, 48)?,
            _ => check_point(kind, material, 66)?,
        }
        ParsedPublicKey::new(scheme, material)
            .map(Self::Public)
            .map_err(|_| KeyError(format!("not a public key of kind {kind}")))
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            // Takes the same time, whatever the signature.
            Self::Hmac(key) => hmac::verify(key, message, signature).is_ok(),
            Self::Public(key) => key.verify_sig(message, signature).is_ok(),
            Self::External(_) => false,
        }
    }
}

fn unfit(kind: &str, algorithm: Algorithm) -> KeyError {
    KeyError(format!(
        "algorithm {} does not fit a key of kind {kind}",
        algorithm.name()
    ))
}

fn hmac_algorithm(algorithm: Algorithm) -> Option<hmac::Algorithm> {
    match algorithm {
        Algorithm::Hs256 => Some(hmac::HMAC_SHA256),
        Algorithm::Hs384 => Some(hmac::HMAC_SHA384),
        Algorithm::Hs512 => Some(hmac::HMAC_SHA512),
        _ => None,
    }
}

/// Whether there is nobody here who could check it, at least on some curve.
const fn is_external(algorithm: Algorithm) -> bool {
    matches!(
        algorithm,
        Algorithm::Es256K | Algorithm::EdDsa | Algorithm::Ed448
    )
}

fn scheme(
    kind: &str,
    algorithm: Algorithm,
) -> Result<&'static dyn VerificationAlgorithm, KeyError> {
    Ok(match (kind, algorithm) {
        ("rsa", Algorithm::Rs256) => &signature::RSA_PKCS1_2048_8192_SHA256,
        ("rsa", Algorithm::Rs384) => &signature::RSA_PKCS1_2048_8192_SHA384,
        ("rsa", Algorithm::Rs512) => &signature::RSA_PKCS1_2048_8192_SHA512,
        ("rsa", Algorithm::Ps256) => &signature::RSA_PSS_2048_8192_SHA256,
        ("rsa", Algorithm::Ps384) => &signature::RSA_PSS_2048_8192_SHA384,
        ("rsa", Algorithm::Ps512) => &signature::RSA_PSS_2048_8192_SHA512,
        ("p256", Algorithm::Es256) => &signature::ECDSA_P256_SHA256_FIXED,
        ("p384", Algorithm::Es384) => &signature::ECDSA_P384_SHA384_FIXED,
        ("p521", Algorithm::Es512) => &signature::ECDSA_P521_SHA512_FIXED,
        ("ed25519", Algorithm::EdDsa | Algorithm::Ed25519) => &signature::ED25519,
        ("rsa" | "p256" | "p384" | "p521" | "ed25519" | "external", _) => {
            return Err(unfit(kind, algorithm));
        }
        _ => return Err(KeyError(format!("{kind:?} is no kind of key"))),
    })
}

/// A secret has at least as many bytes as the hash (RFC 7518 section 3.2).
fn check_secret(
    hash: hmac::Algorithm,
    algorithm: Algorithm,
    secret: &[u8],
) -> Result<(), KeyError> {
    let least = hash.tag_len();
    if secret.len() < least {
        return Err(KeyError(format!(
            "a secret for {} has at least {least} bytes, and this one {}",
            algorithm.name(),
            secret.len()
        )));
    }
    Ok(())
}

fn check_length(kind: &str, material: &[u8], length: usize) -> Result<(), KeyError> {
    if material.len() != length {
        return Err(KeyError(format!(
            "a key of kind {kind} has {length} bytes, and this one {}",
            material.len()
        )));
    }
    Ok(())
}

/// An uncompressed point; whether it is on the curve is seen when it is parsed.
fn check_point(kind: &str, material: &[u8], coordinate: usize) -> Result<(), KeyError> {
    check_length(kind, material, 1 + 2 * coordinate)?;
    if material[0] != 4 {
        return Err(KeyError(format!(
            "a key of kind {kind} is an uncompressed point and starts with 4"
        )));
    }
    Ok(())
}

/// A point that is not one of the few for which everybody can sign. One that is not on the curve
/// at all verifies nothing.
fn check_edwards(kind: &str, material: &[u8]) -> Result<(), KeyError> {
    check_length(kind, material, 32)?;
    if material
        .first_chunk()
        .is_some_and(|key| is_of_small_order(*key))
    {
        return Err(KeyError(format!(
            "a key of kind {kind} is no point of small order"
        )));
    }
    Ok(())
}

fn check_rsa(der: &[u8]) -> Result<(), KeyError> {
    let Some((modulus, exponent)) = rsa_numbers(der) else {
        return Err(KeyError("not an RSAPublicKey in DER".to_owned()));
    };
    let bits = 8 * modulus.len() - modulus[0].leading_zeros() as usize;
    if !RSA_BITS.contains(&bits) {
        return Err(KeyError(format!(
            "an RSA modulus has 2048 to 8192 bits, and this one {bits}"
        )));
    }
    let is_even = |number: &[u8]| number.last().is_none_or(|last| last % 2 == 0);
    // With 1 as exponent everybody can sign.
    if is_even(modulus) || is_even(exponent) || exponent == [1] || exponent.len() > 4 {
        return Err(KeyError(
            "an RSA modulus is odd, and the exponent odd, at least 3 and of at most 32 bits"
                .to_owned(),
        ));
    }
    Ok(())
}

/// The two numbers of an RSAPublicKey, without leading zeros.
fn rsa_numbers(der: &[u8]) -> Option<(&[u8], &[u8])> {
    const SEQUENCE: u8 = 0x30;
    let (body, rest) = element(SEQUENCE, der)?;
    let (modulus, after) = natural(body)?;
    let (exponent, end) = natural(after)?;
    (rest.is_empty() && end.is_empty()).then_some((modulus, exponent))
}

/// A positive INTEGER in its shortest form, and what follows it.
fn natural(der: &[u8]) -> Option<(&[u8], &[u8])> {
    const INTEGER: u8 = 0x02;
    let (bytes, rest) = element(INTEGER, der)?;
    let number = match bytes {
        [0, second, ..] if *second >= 0x80 => &bytes[1..],
        [1..=0x7f, ..] => bytes,
        _ => return None,
    };
    Some((number, rest))
}

/// The contents of an element with this tag, and what follows it. Two bytes of length are enough
/// for an RSA key of 65,535 bytes.
fn element(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, contents) = match der.strip_prefix(&[tag])? {
        [short @ 0..=0x7f, contents @ ..] => (usize::from(*short), contents),
        [0x81, long @ 0x80..=0xff, contents @ ..] => (usize::from(*long), contents),
        [0x82, high @ 1..=0xff, low, contents @ ..] => {
            (usize::from(u16::from_be_bytes([*high, *low])), contents)
        }
        _ => return None,
    };
    contents.split_at_checked(length)
}
