//! What keys are refused for.

use super::*;

#[test]
fn secrets_are_as_long_as_the_hash() {
    for (algorithm, least) in [
        (Algorithm::Hs256, 32),
        (Algorithm::Hs384, 48),
        (Algorithm::Hs512, 64),
    ] {
        let secret = vec![7; least];
        assert_eq!(problem(&[algorithm], "hmac", &secret), "");
        let short = problem(&[algorithm], "hmac", &secret[1..]);
        let expected = format!("has at least {least} bytes, and this one {}", least - 1);
        assert!(short.ends_with(&expected), "{short}");
        assert!(!problem(&[algorithm], "hmac", b"").is_empty());
    }
    // The longest hash decides.
    let both = [Algorithm::Hs256, Algorithm::Hs512];
    assert!(problem(&both, "hmac", &[7; 32]).contains("HS512"));
}

#[test]
fn algorithms_fit_the_kind() {
    for (kind, fitting) in [
        ("hmac", &["HS256", "HS384", "HS512"][..]),
        (
            "rsa",
            &["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
        ),
        ("p256", &["ES256"]),
        ("p384", &["ES384"]),
        ("p521", &["ES512"]),
        ("ed25519", &["EdDSA", "Ed25519"]),
        ("external", &["ES256K", "EdDSA", "Ed448"]),
        ("dsa", &[]),
        ("", &[]),
    ] {
        for name in [
            "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512",
            "ES256", "ES384", "ES512", "ES256K", "EdDSA", "Ed25519", "Ed448",
        ] {
            let algorithm = Algorithm::from_name(name).expect(name);
            let problem = problem(&[algorithm], kind, b"");
            let is_unfit = problem.contains("does not fit") || problem.contains("no kind");
            assert_eq!(
                is_unfit,
                !fitting.contains(&name),
                "{name} {kind}: {problem}"
            );
        }
    }
    assert!(problem(&[], "hmac", &[7; 64]).contains("no algorithm"));
}

#[test]
fn rsa_numbers_are_of_sensible_size() {
    let modulus = |bits: usize| {
        let mut modulus = vec![0xa5; bits.div_ceil(8)];
        modulus[0] = 0xff >> (8 * modulus.len() - bits);
        modulus
    };
    let rs256 = |der: &[u8]| problem(&[Algorithm::Rs256], "rsa", der);
    for bits in [2048, 2049, 3072, 4096, 8192] {
        assert_eq!(rs256(&rsa(&modulus(bits), &[1, 0, 1])), "", "{bits}");
    }
    for bits in [512, 1024, 2040, 2047, 8193, 16384] {
        let problem = rs256(&rsa(&modulus(bits), &[1, 0, 1]));
        assert!(problem.ends_with(&format!("this one {bits}")), "{problem}");
    }
    assert_eq!(rs256(&rsa(&modulus(2048), &[3])), "");
    for exponent in [&[1][..], &[2], &[1, 0, 0], &[1, 0, 0, 0, 1]] {
        let problem = rs256(&rsa(&modulus(2048), exponent));
        assert!(problem.contains("exponent odd"), "{exponent:?} {problem}");
    }
    let mut even = modulus(2048);
    even[255] = 0x10;
    assert!(rs256(&rsa(&even, &[1, 0, 1])).contains("modulus is odd"));
}

#[test]
fn rsa_keys_are_canonical_der() {
    let modulus = [0xa5; 256];
    let good = rsa(&modulus, &[1, 0, 1]);
    let (number, exponent) = (element(2, &[&[0], &modulus[..]].concat()), [2, 3, 1, 0, 1]);
    let sequence = |parts: &[&[u8]]| element(0x30, &parts.concat());
    assert_eq!(problem(&[Algorithm::Rs256], "rsa", &good), "");
    let mut long_length = good.clone();
    long_length.splice(1..4, [0x83, 0, 1, 0x0a]);
    for der in [
        &[][..],
        b"-----BEGIN RSA PUBLIC KEY-----",
        &[&good[..], &[0]].concat(),
        &good[..good.len() - 1],
        &sequence(&[&number]),
        &sequence(&[&number, &exponent, &[5, 0]]),
        // Negative, with needless zeros, empty, of another type, of a needlessly long length.
        &sequence(&[&element(2, &modulus), &exponent]),
        &sequence(&[&number, &[2, 4, 0, 1, 0, 1]]),
        &sequence(&[&number, &[2, 0]]),
        &sequence(&[&number, &[2, 1, 0]]),
        &sequence(&[&number, &[3, 3, 1, 0, 1]]),
        &long_length,
        // SubjectPublicKeyInfo.
        &sequence(&[
            &[
                0x30, 0x0d, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0,
            ],
            &element(3, &[&[0], &good[..]].concat()),
        ]),
    ] {
        assert!(
            problem(&[Algorithm::Rs256], "rsa", der).contains("not an RSAPublicKey"),
            "{der:?}"
        );
    }
}

#[test]
fn points_are_uncompressed_and_on_the_curve() {
    for (algorithm, kind, length) in [
        (Algorithm::Es256, "p256", 65),
        (Algorithm::Es384, "p384", 97),
        (Algorithm::Es512, "p521", 133),
    ] {
        let mut point = vec![0; length];
        assert!(problem(&[algorithm], kind, &point).contains("starts with 4"));
        point[0] = 4;
        point[length - 1] = 1;
        assert!(
            problem(&[algorithm], kind, &point).contains("not a public key"),
            "{kind}"
        );
        for wrong in [0, 1, 32, length / 2, length - 1, length + 1] {
            let problem = problem(&[algorithm], kind, &vec![4; wrong]);
            assert!(
                problem.contains(&format!("has {length} bytes")),
                "{problem}"
            );
        }
    }
    let neutral: [u8; 32] = std::array::from_fn(|place| u8::from(place == 0));
    assert!(problem(&[Algorithm::EdDsa], "ed25519", &neutral).contains("small order"));
    for wrong in [0, 31, 33, 44] {
        assert!(problem(&[Algorithm::EdDsa], "ed25519", &vec![1; wrong]).contains("has 32 bytes"));
    }
}

#[test]
fn nothing_shows_a_secret() {
    let secret = b"correct horse battery staple, many times over";
    let key = Key::new(Some("one"), &[Algorithm::Hs256], "hmac", secret).expect("a key");
    let shown = format!("{key:?}");
    assert!(shown.contains("one") && !shown.contains("correct") && !shown.contains("99, 111"));
    let refused = problem(&[Algorithm::Hs512], "hmac", secret);
    assert!(!refused.contains("correct"), "{refused}");
    assert!(Key::new(Some(&"k".repeat(257)), &[Algorithm::Hs256], "hmac", secret).is_err());
}
