//! Signatures of standards, and forged ones.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize as RsaKeySize;
use aws_lc_rs::signature::{self, EcdsaKeyPair, KeyPair, RsaKeyPair};

use super::*;

/// RFC 7515 appendices A.1 to A.3: what follows the header.
const JOE: &str = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt\
    cGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

/// Tokens of RFC 7515 appendix A and RFC 8037 appendix A.4: algorithm, kind of key, material,
/// header, payload, signature.
fn examples() -> [(Algorithm, &'static str, Vec<u8>, [&'static str; 3]); 5] {
    let secret = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAz\
        Zr1Z9CAow";
    let modulus = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS\
        2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-\
        bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5Z\
        wKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyu\
        XpoQ";
    let p256 = [
        "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    ];
    let p521 = [
        "AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk",
        "ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2",
    ];
    let point = |[x, y]: [&str; 2]| [vec![4], base64url(x), base64url(y)].concat();
    [
        (
            Algorithm::Hs256,
            "hmac",
            base64url(secret),
            [
                "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9",
                JOE,
                "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
            ],
        ),
        (
            Algorithm::Rs256,
            "rsa",
            rsa(&base64url(modulus), &[1, 0, 1]),
            [
                "eyJhbGciOiJSUzI1NiJ9",
                JOE,
                "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5\
                YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h\
                6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZE\
                Sc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0ig\
                cN_IoypGlUPQGe77Rw",
            ],
        ),
        (
            Algorithm::Es256,
            "p256",
            point(p256),
            [
                "eyJhbGciOiJFUzI1NiJ9",
                JOE,
                "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg\
                6NU1Q",
            ],
        ),
        (
            Algorithm::Es512,
            "p521",
            point(p521),
            [
                "eyJhbGciOiJFUzUxMiJ9",
                "UGF5bG9hZA",
                "AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0\
                aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERB\
                XukOXolLzeO_Jn",
            ],
        ),
        (
            Algorithm::EdDsa,
            "ed25519",
            base64url("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"),
            [
                "eyJhbGciOiJFZERTQSJ9",
                "RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
                "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_Mu\
                M0KAg",
            ],
        ),
    ]
}

#[test]
fn the_examples_of_the_standards_hold() {
    for (algorithm, kind, material, [header, payload, signature]) in examples() {
        let key = key(algorithm, kind, &material);
        let (signature, input) = (base64url(signature), format!("{header}.{payload}"));
        assert!(
            key.verify(algorithm, input.as_bytes(), &signature),
            "{kind}"
        );
        assert_eq!(key.is_symmetric(), kind == "hmac");
    }
}

#[test]
fn a_changed_token_does_not_hold() {
    for (algorithm, kind, material, [header, payload, signature]) in examples() {
        let key = key(algorithm, kind, &material);
        let (signature, input) = (base64url(signature), format!("{header}.{payload}"));
        let verify = |input: &[u8], signature: &[u8]| key.verify(algorithm, input, signature);
        for place in 0..signature.len() {
            let mut forged = signature.clone();
            forged[place] ^= 1 << (place % 8);
            assert!(!verify(input.as_bytes(), &forged), "{kind} at {place}");
        }
        for length in 0..signature.len() {
            let (cut, rest) = (&signature[..length], &signature[length..]);
            assert!(!verify(input.as_bytes(), cut), "{kind} up to {length}");
            assert!(
                length == 0 || !verify(input.as_bytes(), rest),
                "{kind} from {length}"
            );
        }
        for longer in [
            [&signature[..], &[0]].concat(),
            [&[0], &signature[..]].concat(),
        ] {
            assert!(!verify(input.as_bytes(), &longer), "{kind}");
        }
        assert!(
            !verify(input.to_lowercase().as_bytes(), &signature),
            "{kind}"
        );
        assert!(!verify(b"", &signature), "{kind}");
    }
}

#[test]
fn a_key_checks_nothing_but_its_own_algorithms() {
    for (algorithm, kind, material, [header, payload, signature]) in examples() {
        let key = key(algorithm, kind, &material);
        let (signature, input) = (base64url(signature), format!("{header}.{payload}"));
        for other in [
            "HS256", "HS512", "RS256", "PS256", "ES256", "ES512", "EdDSA", "Ed25519",
        ] {
            let other = Algorithm::from_name(other).expect("an algorithm");
            let holds = key.verify(other, input.as_bytes(), &signature);
            assert_eq!(holds, other == algorithm, "{kind} as {}", other.name());
            assert_eq!(key.fits(None, other), other == algorithm);
        }
    }
}

/// Pairs on the curves, with the kind of their public half.
fn pairs() -> [(Algorithm, &'static str, EcdsaKeyPair); 3] {
    let pair = |algorithm| EcdsaKeyPair::generate(algorithm).expect("a key pair");
    [
        (
            Algorithm::Es256,
            "p256",
            pair(&signature::ECDSA_P256_SHA256_FIXED_SIGNING),
        ),
        (
            Algorithm::Es384,
            "p384",
            pair(&signature::ECDSA_P384_SHA384_FIXED_SIGNING),
        ),
        (
            Algorithm::Es512,
            "p521",
            pair(&signature::ECDSA_P521_SHA512_FIXED_SIGNING),
        ),
    ]
}

#[test]
fn numbers_that_fit_every_text_do_not_hold() {
    for (algorithm, kind, pair) in pairs() {
        let key = key(algorithm, kind, pair.public_key().as_ref());
        let good = pair
            .sign(&SystemRandom::new(), b"text")
            .expect("a signature");
        assert!(key.verify(algorithm, b"text", good.as_ref()), "{kind}");
        let (r, s) = good.as_ref().split_at(good.as_ref().len() / 2);
        let number = |first: u8, last: u8| {
            let mut number = vec![first; r.len()];
            *number.last_mut().expect("a byte") = last;
            number
        };
        for bad in [number(0, 0), number(0, 1), number(0xff, 0xff)] {
            for forged in [[r, &bad], [&bad, s], [&bad, &bad], [s, r]] {
                assert!(
                    !key.verify(algorithm, b"text", &forged.concat()),
                    "{kind} {bad:?}"
                );
            }
        }
    }
}

#[test]
fn signatures_in_der_do_not_hold() {
    for algorithm in [
        &signature::ECDSA_P256_SHA256_ASN1_SIGNING,
        &signature::ECDSA_P384_SHA384_ASN1_SIGNING,
        &signature::ECDSA_P521_SHA512_ASN1_SIGNING,
    ] {
        let pair = EcdsaKeyPair::generate(algorithm).expect("a key pair");
        let signature = pair
            .sign(&SystemRandom::new(), b"text")
            .expect("a signature");
        let public = pair.public_key().as_ref();
        let (own, kind) = match public.len() {
            65 => (Algorithm::Es256, "p256"),
            97 => (Algorithm::Es384, "p384"),
            _ => (Algorithm::Es512, "p521"),
        };
        assert!(
            !key(own, kind, public).verify(own, b"text", signature.as_ref()),
            "{kind}"
        );
    }
}

#[test]
fn paddings_and_hashes_of_rsa_are_told_apart() {
    let pair = RsaKeyPair::generate(RsaKeySize::Rsa2048).expect("a key pair");
    let schemes: [(Algorithm, &dyn signature::RsaEncoding); 6] = [
        (Algorithm::Rs256, &signature::RSA_PKCS1_SHA256),
        (Algorithm::Rs384, &signature::RSA_PKCS1_SHA384),
        (Algorithm::Rs512, &signature::RSA_PKCS1_SHA512),
        (Algorithm::Ps256, &signature::RSA_PSS_SHA256),
        (Algorithm::Ps384, &signature::RSA_PSS_SHA384),
        (Algorithm::Ps512, &signature::RSA_PSS_SHA512),
    ];
    let algorithms = schemes.map(|(algorithm, _)| algorithm);
    let public = pair.public_key().as_ref();
    let key = Key::new(None, &algorithms, "rsa", public).expect("a key");
    for (algorithm, scheme) in schemes {
        let mut signature = vec![0; pair.public_modulus_len()];
        let signed = pair.sign(scheme, &SystemRandom::new(), b"text", &mut signature);
        signed.expect("a signature");
        for other in algorithms {
            let holds = key.verify(other, b"text", &signature);
            assert_eq!(
                holds,
                other == algorithm,
                "{} as {}",
                algorithm.name(),
                other.name()
            );
        }
    }
}

#[test]
fn secrets_of_every_hash_check_what_was_made_with_them() {
    let secret = [7; 64];
    for (algorithm, hash) in [
        (Algorithm::Hs256, hmac::HMAC_SHA256),
        (Algorithm::Hs384, hmac::HMAC_SHA384),
        (Algorithm::Hs512, hmac::HMAC_SHA512),
    ] {
        let tag = hmac::sign(&hmac::Key::new(hash, &secret), b"text");
        let key = key(algorithm, "hmac", &secret);
        assert!(key.verify(algorithm, b"text", tag.as_ref()));
        assert!(!key.verify(algorithm, b"test", tag.as_ref()));
    }
}
