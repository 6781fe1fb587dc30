//! Revocations, from the moment in which they arrive.

use super::*;
use crate::revocation::{Full, Revocation};

fn revoke(gate: &Gate, entries: &Value) -> Result<usize, Full> {
    let entries: Vec<Revocation> = serde_json::from_value(entries.clone()).expect("entries");
    of(gate).revoke(entries, NOW)
}

fn until() -> f64 {
    NOW + 2000.0
}

#[test]
fn a_token_that_is_remembered_is_revoked_at_once() {
    let gate = simple_gate();
    let (first, second) = (token(&json!({})), token(&json!({"jti": "8"})));
    assert_eq!(show(&gate, &first), "as alice");
    let entry = json!([{"jti": "7", "issuer": "https://i", "expires": until()}]);
    assert_eq!(revoke(&gate, &entry), Ok(1));
    assert_eq!(show(&gate, &first), "token-revoked");
    assert_eq!(show(&gate, &first), "token-revoked");
    assert_eq!(show(&gate, &second), "as alice");
    assert_eq!(revoke(&gate, &entry), Ok(0));
    assert_eq!(of(&gate).revocations(NOW).len(), 1);
    assert_eq!(of(&gate).statistics()["revocations"], 1);
}

#[test]
fn a_token_that_is_new_is_revoked_as_well() {
    let gate = simple_gate();
    let cut =
        json!([{"sub": "alice", "issuer": null, "issued_before": NOW + 1.0, "expires": until()}]);
    assert_eq!(revoke(&gate, &cut), Ok(1));
    assert_eq!(show(&gate, &token(&json!({}))), "token-revoked");
    assert_eq!(show(&gate, &token(&json!({"iat": NOW + 1.0}))), "as alice");
    assert_eq!(show(&gate, &token(&json!({"sub": "bob"}))), "as bob");
    // A forgery is not told that what it copies was revoked.
    let forged = token_by(&[4; 32], &json!({}));
    assert_eq!(show(&gate, &forged), "token-invalid");
}

#[test]
fn a_verdict_does_not_outlive_a_revocation() {
    let gate = simple_gate();
    let (pair, key) = pair(1, "e");
    set_keys(&gate, 0, vec![key]);
    let token = signed_by(&pair, &json!({"alg": "EdDSA"}), &json!({}));
    let open = pending_of(&gate, &token);
    let verdict = of(&gate).verify(&open, NOW).expect("a signature");
    revoke(
        &gate,
        &json!([{"issued_before": NOW + 1.0, "issuer": null, "expires": until()}]),
    )
    .expect("room");
    let fields = [("Authorization", &*bearer(&token))];
    assert_eq!(
        outcome(&ask_at(&gate, "/0", &fields, NOW, Some(&verdict))),
        "token-revoked"
    );
    let late = of(&gate).verify(&open, NOW).expect("a signature");
    assert_eq!(late.outcome.err(), Some(Reason::TokenRevoked));
}

#[test]
fn what_has_no_room_changes_nothing() {
    let gate = simple_gate();
    let entries: Vec<_> = (0..11)
        .map(|number| json!({"jti": number.to_string(), "issuer": null, "expires": until()}))
        .collect();
    assert!(revoke(&gate, &Value::Array(entries)).is_err());
    assert_eq!(show(&gate, &token(&json!({}))), "as alice");
    assert!(of(&gate).revocations(NOW).is_empty());
}

#[test]
fn nobody_gets_in_while_revocations_may_be_missing_where_that_is_wanted() {
    let routes = [
        access(&[0], &json!({})),
        access(&[0], &json!({"optional": true})),
    ];
    let with = |when_stale: &str| {
        let changes = json!({"when_stale": when_stale});
        let gate = try_gate(&[provider(&json!({}))], &routes, &changes).expect("a gate");
        set_keys(&gate, 0, vec![secret("1", &SECRET)]);
        gate
    };
    let (strict, lenient) = (with("deny"), with("allow"));
    let good = bearer(&token(&json!({})));
    let at = |gate: &Gate, path: &str, now| {
        let fields = [("Authorization", &*good)];
        outcome(&ask_at(gate, path, &fields, now, None))
    };
    assert_eq!(at(&strict, "/0", NOW), "as alice");
    of(&strict).set_fresh_until(NOW + 5.0);
    of(&lenient).set_fresh_until(NOW + 5.0);
    assert_eq!(at(&strict, "/0", NOW + 5.0), "as alice");
    assert_eq!(at(&strict, "/0", NOW + 5.1), "auth-unavailable");
    assert_eq!(at(&strict, "/1", NOW + 5.1), "auth-unavailable");
    assert_eq!(at(&lenient, "/0", NOW + 5.1), "as alice");
    let bare = |path| outcome(&ask_at(&strict, path, &[], NOW + 6.0, None));
    assert_eq!(
        (bare("/0").as_str(), bare("/1").as_str()),
        ("auth-unavailable", "as nobody")
    );
    of(&strict).set_fresh_until(NOW + 10.0);
    assert_eq!(at(&strict, "/0", NOW + 6.0), "as alice");
}
