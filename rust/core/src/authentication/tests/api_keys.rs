//! API keys that are here, and those that others may know.

use super::*;

fn keys_gate(remote: bool) -> Gate {
    let keys = json!({"sources": [{"header": "X-Key"}], "kind": {"api_keys": {"remote": remote}}});
    gate(
        &[provider(&keys)],
        &[access(&[0], &json!({"rule": {"all_scopes": ["read"]}}))],
    )
}

/// Keys by their text, each with claims, from when and until when.
fn set(gate: &Gate, entries: &[(&str, &str, f64, f64)]) {
    let mut keys = ApiKeys::new(&PEPPER).expect("a pepper");
    for (key, claims, from, until) in entries {
        let digest = keys.digest(key.as_bytes()).expect("a digest");
        keys.insert(&digest, claims.as_bytes(), *from, *until)
            .expect("a key");
    }
    of(gate).set_api_keys(0, keys).expect("a provider of keys");
}

const CLAIMS: &str = r#"{"sub": "partner", "scope": "read", "jti": "k1"}"#;

fn show_key(gate: &Gate, key: &str, now: f64) -> String {
    outcome(&ask_at(gate, "/0", &[("X-Key", key)], now, None))
}

#[test]
fn keys_are_known_while_they_are_listed_and_valid() {
    let gate = keys_gate(false);
    assert_eq!(show_key(&gate, "k", NOW), "token-invalid");
    set(
        &gate,
        &[
            ("k", CLAIMS, NOW, NOW + 10.0),
            ("poor", r#"{"sub": "p"}"#, 0.0, f64::INFINITY),
        ],
    );
    assert_eq!(show_key(&gate, "k", NOW), "as partner");
    assert_eq!(show_key(&gate, "k", NOW), "as partner");
    assert_eq!(show_key(&gate, "K", NOW), "token-invalid");
    assert_eq!(show_key(&gate, "poor", NOW), "insufficient-scope");
    assert_eq!(show_key(&gate, "k", NOW + 10.0), "token-expired");
    assert_eq!(show_key(&gate, "k", NOW - 1.0), "token-invalid");
    set(&gate, &[]);
    assert_eq!(show_key(&gate, "k", NOW), "token-invalid");
}

#[test]
fn keys_can_be_revoked_by_the_providers_name() {
    let gate = keys_gate(false);
    set(&gate, &[("k", CLAIMS, 0.0, f64::INFINITY)]);
    assert_eq!(show_key(&gate, "k", NOW), "as partner");
    let entry = json!([{"jti": "k1", "issuer": "main", "expires": NOW + 5.0}]);
    of(&gate)
        .revoke(serde_json::from_value(entry).expect("entries"), NOW)
        .expect("room");
    assert_eq!(show_key(&gate, "k", NOW), "token-revoked");
}

#[test]
fn others_are_asked_about_keys_that_are_not_listed() {
    let gate = keys_gate(true);
    // Without a pepper nobody can be asked.
    assert_eq!(show_key(&gate, "k", NOW), "auth-unavailable");
    set(&gate, &[("listed", CLAIMS, 0.0, f64::INFINITY)]);
    assert_eq!(show_key(&gate, "listed", NOW), "as partner");
    let open = || pending(ask_at(&gate, "/0", &[("X-Key", "k")], NOW, None));
    let digest = ApiKeys::new(&PEPPER).expect("a pepper").digest(b"k");
    assert_eq!((open().open, open().digest), (Open::ApiKey, digest));
    let admit = |claims: &str, until| {
        let admission = Admission {
            claims: claims.as_bytes(),
            until,
            headers: &[],
        };
        of(&gate)
            .admit(&open(), &admission, NOW)
            .expect("claims")
            .outcome
            .map(|_| ())
    };
    assert_eq!(admit(r#"{"exp": 1}"#, NOW), Err(Reason::TokenExpired));
    assert_eq!(admit(r#"{"nbf": 1e12}"#, NOW), Err(Reason::TokenInvalid));
    assert_eq!(admit(CLAIMS, NOW), Ok(()));
    assert_eq!(show_key(&gate, "k", NOW), "api-key");
    assert_eq!(admit(CLAIMS, NOW + 10.0), Ok(()));
    assert_eq!(show_key(&gate, "k", NOW + 9.0), "as partner");
    let late = pending(ask_at(&gate, "/0", &[("X-Key", "k")], NOW + 10.0, None));
    let malformed = Admission {
        claims: b"[]",
        until: NOW,
        headers: &[],
    };
    assert!(of(&gate).admit(&late, &malformed, NOW).is_err());
}

#[test]
fn refusals_of_others_are_remembered_for_as_long_as_they_say() {
    let gate = keys_gate(true);
    set(&gate, &[]);
    let open = pending(ask_at(&gate, "/0", &[("X-Key", "k")], NOW, None));
    of(&gate)
        .deny(&open, Reason::TokenInvalid, NOW, 10.0)
        .expect("a reason");
    assert_eq!(show_key(&gate, "k", NOW + 9.0), "token-invalid");
    assert_eq!(show_key(&gate, "k", NOW + 10.0), "api-key");
    of(&gate)
        .deny(&open, Reason::TokenInvalid, NOW, 1e9)
        .expect("a reason");
    assert_eq!(show_key(&gate, "k", NOW + 59.0), "token-invalid");
    assert_eq!(show_key(&gate, "k", NOW + 60.0), "api-key");
    of(&gate)
        .deny(&open, Reason::TokenInvalid, NOW, 1e9)
        .expect("a reason");
    set(&gate, &[("other", CLAIMS, 0.0, 1e12)]);
    assert_eq!(show_key(&gate, "k", NOW), "api-key");
}

#[test]
fn keys_go_to_those_who_have_some() {
    let gate = keys_gate(false);
    assert!(of(&gate).set_keys(0, Vec::new(), false).is_err());
    assert!(of(&gate).set_keys(1, Vec::new(), false).is_err());
    assert!(
        of(&simple_gate())
            .set_api_keys(0, ApiKeys::default())
            .is_err()
    );
}

#[test]
fn what_was_found_out_by_an_old_list_is_not_remembered_under_the_new_one() {
    let gate = keys_gate(true);
    set(&gate, &[]);
    let open = pending(ask_at(&gate, "/0", &[("X-Key", "k")], NOW, None));
    set(&gate, &[("other", CLAIMS, 0.0, 1e12)]);
    of(&gate)
        .deny(&open, Reason::TokenInvalid, NOW, 10.0)
        .expect("a reason");
    assert_eq!(show_key(&gate, "k", NOW), "api-key");
    let admission = Admission {
        claims: CLAIMS.as_bytes(),
        until: NOW + 10.0,
        headers: &[],
    };
    let verdict = of(&gate).admit(&open, &admission, NOW).expect("claims");
    assert_eq!(show_key(&gate, "k", NOW), "api-key");
    let fields = [("X-Key", "k")];
    let once = ask_at(&gate, "/0", &fields, NOW, Some(&verdict));
    assert_eq!(outcome(&once), "as partner");
}

#[test]
fn a_key_is_as_old_as_it_says_or_as_its_validity() {
    let gate = keys_gate(false);
    let dated = format!(r#"{{"sub": "partner", "scope": "read", "iat": {NOW}}}"#);
    let keys = [
        ("dated", dated.as_str(), 0.0, f64::INFINITY),
        ("begun", CLAIMS, NOW, f64::INFINITY),
        ("earlier", CLAIMS, NOW - 11.0, f64::INFINITY),
        ("timeless", CLAIMS, 0.0, f64::INFINITY),
    ];
    set(&gate, &keys);
    let cut = json!([{"issued_before": NOW - 10.0, "issuer": null, "expires": NOW + 5.0}]);
    of(&gate)
        .revoke(serde_json::from_value(cut).expect("entries"), NOW)
        .expect("room");
    assert_eq!(show_key(&gate, "dated", NOW), "as partner");
    assert_eq!(show_key(&gate, "begun", NOW), "as partner");
    assert_eq!(show_key(&gate, "earlier", NOW), "token-revoked");
    assert_eq!(show_key(&gate, "timeless", NOW), "token-revoked");
}
