//! Tokens: by shared secrets, by private keys, and by keys that only others can use.

use super::*;

#[test]
fn a_token_by_a_shared_secret_is_accepted_at_once() {
    let gate = simple_gate();
    assert_eq!(show(&gate, &token(&json!({}))), "as alice");
    assert_eq!(
        show(
            &gate,
            &token_by(b"another secret of 32 or more bytes", &json!({}))
        ),
        "token-invalid"
    );
    assert_eq!(
        show(&gate, &token(&json!({"exp": NOW - 31.0}))),
        "token-expired"
    );
    assert_eq!(
        show(&gate, &token(&json!({"aud": "other"}))),
        "token-invalid"
    );
    assert_eq!(show(&gate, "a.b.c"), "token-invalid");
    assert_eq!(show(&gate, &"a".repeat(2001)), "token-invalid");
    assert_eq!(ask(&gate, "/0", &[]), "token-missing");
    assert_eq!(
        ask(&gate, "/0", &[("Authorization", "Basic YTpi")]),
        "token-missing"
    );
}

#[test]
fn every_secret_of_the_ring_is_tried_for_tokens_without_key_id() {
    let gate = simple_gate();
    let other = [3; 32];
    set_keys(&gate, 0, vec![secret("1", &SECRET), secret("2", &other)]);
    assert_eq!(show(&gate, &token_by(&other, &json!({}))), "as alice");
    let by_name = |id: &str| {
        let input = signing_input(&json!({"alg": "HS256", "kid": id}), &claims(&json!({})));
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &other), input.as_bytes());
        show(&gate, &format!("{input}.{}", URL_SAFE_NO_PAD.encode(tag)))
    };
    assert_eq!(by_name("2"), "as alice");
    assert_eq!(by_name("1"), "token-invalid");
    assert_eq!(by_name("../../dev/null"), "token-invalid");
}

#[test]
fn a_signature_by_a_private_key_is_checked_outside_of_decisions() {
    let gate = simple_gate();
    let (pair, key) = pair(1, "e");
    set_keys(&gate, 0, vec![key]);
    let token = signed_by(&pair, &json!({"alg": "EdDSA", "kid": "e"}), &json!({}));
    let open = pending_of(&gate, &token);
    assert_eq!(
        (open.open, open.provider, open.key_id.as_deref()),
        (Open::Signature, 0, Some("e"))
    );
    assert_eq!(open.algorithm, Some(Algorithm::EdDsa));
    assert_eq!(&*open.credential, token.as_bytes());
    let verdict = of(&gate).verify(&open, NOW).expect("a signature");
    assert!(verdict.outcome.is_ok());
    // Remembered, and also known from the verdict by itself.
    assert_eq!(show(&gate, &token), "as alice");
    of(&gate).memory.forget(0, token.as_bytes());
    assert_eq!(show(&gate, &token), "signature");
    let fields = [("Authorization", &*bearer(&token))];
    assert_eq!(
        outcome(&ask_at(&gate, "/0", &fields, NOW, Some(&verdict))),
        "as alice"
    );
}

#[test]
fn a_forgery_is_refused_and_costs_nothing_the_next_time() {
    let gate = simple_gate();
    let (_, key) = pair(1, "e");
    let (forger, _) = pair(2, "e");
    set_keys(&gate, 0, vec![key]);
    let token = signed_by(&forger, &json!({"alg": "EdDSA"}), &json!({}));
    let open = pending_of(&gate, &token);
    let verdict = of(&gate).verify(&open, NOW).expect("a signature");
    assert_eq!(verdict.outcome.as_ref().err(), Some(&Reason::TokenInvalid));
    assert_eq!(show(&gate, &token), "token-invalid");
    assert_eq!(show_at(&gate, &token, NOW + 59.0), "token-invalid");
    assert_eq!(show_at(&gate, &token, NOW + 61.0), "signature");
    // Other keys could say otherwise.
    let again = of(&gate).verify(&open, NOW).expect("a signature");
    assert!(again.outcome.is_err());
    set_keys(&gate, 0, vec![pair(1, "e").1, pair(3, "f").1]);
    assert_eq!(show(&gate, &token), "signature");
}

#[test]
fn a_verdict_holds_for_its_credential_alone() {
    let gate = simple_gate();
    let (pair, key) = pair(1, "e");
    set_keys(&gate, 0, vec![key]);
    let good = signed_by(&pair, &json!({"alg": "EdDSA"}), &json!({}));
    let other = signed_by(&pair, &json!({"alg": "EdDSA"}), &json!({"sub": "bob"}));
    let verdict = of(&gate)
        .verify(&pending_of(&gate, &good), NOW)
        .expect("a signature");
    let with = |gate: &Gate, token: &str, now| {
        outcome(&ask_at(
            gate,
            "/0",
            &[("Authorization", &bearer(token))],
            now,
            Some(&verdict),
        ))
    };
    assert_eq!(with(&gate, &other, NOW), "signature");
    // Nor for another gate, after its token's end, or without its key.
    let second = simple_gate();
    set_keys(&second, 0, vec![super::pair(1, "e").1]);
    assert_eq!(with(&second, &good, NOW), "signature");
    assert!(of(&second).verify(&pending_of(&gate, &other), NOW).is_err());
    assert_eq!(with(&gate, &good, NOW + 1031.0), "token-expired");
    set_keys(&gate, 0, vec![super::pair(5, "e").1]);
    assert_eq!(with(&gate, &good, NOW), "signature");
}

#[test]
fn what_changed_while_a_signature_waited_counts() {
    let gate = simple_gate();
    let (pair, key) = pair(1, "e");
    set_keys(&gate, 0, vec![key]);
    let token = signed_by(&pair, &json!({"alg": "EdDSA", "kid": "e"}), &json!({}));
    let open = pending_of(&gate, &token);
    let reason = |now| {
        of(&gate)
            .verify(&open, now)
            .expect("a signature")
            .outcome
            .err()
    };
    assert_eq!(reason(NOW + 1031.0), Some(Reason::TokenExpired));
    set_keys(&gate, 0, vec![super::pair(2, "f").1]);
    assert_eq!(reason(NOW), Some(Reason::TokenInvalid));
    set_keys(&gate, 0, vec![super::pair(1, "e").1]);
    assert_eq!(reason(NOW), None);
}

#[test]
fn unknown_keys_are_asked_for_where_there_may_be_others() {
    let gate = simple_gate();
    let (pair, key) = pair(1, "e");
    let token = signed_by(&pair, &json!({"alg": "EdDSA", "kid": "e"}), &json!({}));
    assert_eq!(show(&gate, &token), "token-invalid");
    of(&gate).set_keys(0, Vec::new(), true).expect("a provider");
    let open = pending_of(&gate, &token);
    assert_eq!((open.open, open.key_id.as_deref()), (Open::Key, Some("e")));
    assert!(of(&gate).verify(&open, NOW).is_err());
    of(&gate).set_keys(0, vec![key], true).expect("a provider");
    assert_eq!(show(&gate, &token), "signature");
    // What is wrong anyway asks for no key.
    let expired = signed_by(
        &pair,
        &json!({"alg": "EdDSA", "kid": "x"}),
        &json!({"exp": 1}),
    );
    assert_eq!(show(&gate, &expired), "token-expired");
}

#[test]
fn a_public_key_is_no_shared_secret() {
    let gate = simple_gate();
    let (pair, key) = pair(1, "e");
    set_keys(&gate, 0, vec![key]);
    let confused = token_by(pair.public_key().as_ref(), &json!({}));
    assert_eq!(show(&gate, &confused), "token-invalid");
}

#[test]
fn others_check_what_cannot_be_checked_here() {
    let gate = simple_gate();
    let external = |id: &str, material: &[u8]| {
        let algorithms = [Algorithm::EdDsa, Algorithm::Ed448];
        Key::new(Some(id), &algorithms, "external", material).expect("a key")
    };
    set_keys(&gate, 0, vec![pair(1, "e").1, external("x", b"opaque")]);
    let with = |length: usize| {
        let input = signing_input(&json!({"alg": "EdDSA"}), &claims(&json!({})));
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(vec![1; length]))
    };
    // 64 bytes are of Curve25519, and 114 of Curve448.
    assert_eq!(show(&gate, &with(64)), "signature");
    let token = with(114);
    let open = pending_of(&gate, &token);
    assert_eq!(open.open, Open::External);
    assert_eq!(
        open.key.as_ref().and_then(|key| key.external()),
        Some(&b"opaque"[..])
    );
    let admission = Admission {
        claims: b"{}",
        until: NOW + 100.0,
        headers: &[],
    };
    let verdict = of(&gate)
        .admit(&open, &admission, NOW)
        .expect("an external one");
    assert!(verdict.outcome.is_ok());
    assert_eq!(show(&gate, &token), "as alice");
    assert_eq!(show_at(&gate, &token, NOW + 101.0), "external");
    set_keys(&gate, 0, vec![external("y", b"other")]);
    let late = of(&gate)
        .admit(&open, &admission, NOW)
        .expect("an external one");
    assert_eq!(late.outcome.err(), Some(Reason::TokenInvalid));
    assert_eq!(show(&gate, &token), "external");
}

#[test]
fn others_decide_about_nothing_else() {
    let gate = simple_gate();
    let (pair, key) = pair(1, "e");
    set_keys(&gate, 0, vec![key]);
    let token = signed_by(&pair, &json!({"alg": "EdDSA"}), &json!({}));
    let open = pending_of(&gate, &token);
    let admission = Admission {
        claims: b"{}",
        until: NOW,
        headers: &[],
    };
    assert!(of(&gate).admit(&open, &admission, NOW).is_err());
    assert!(
        of(&gate)
            .deny(&open, Reason::RouteNotFound, NOW, 0.0)
            .is_err()
    );
    let denied = of(&gate)
        .deny(&open, Reason::AuthUnavailable, NOW, 0.0)
        .expect("a refusal");
    let fields = [("Authorization", &*bearer(&token))];
    let decision = ask_at(&gate, "/0", &fields, NOW, Some(&denied));
    assert_eq!(outcome(&decision), "auth-unavailable");
    let Decision::Reject(reject) = decision else {
        panic!("a refusal")
    };
    assert_eq!(
        reject.refusal.headers,
        [(b"Retry-After".to_vec(), b"1".to_vec())]
    );
    assert_eq!(show(&gate, &token), "signature");
}
