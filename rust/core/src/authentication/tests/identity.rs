//! What the upstream is told of the client, and what is kept from it.

use super::*;

/// A gate with the route `/0` for tokens, and `/1` for everybody, both with these changes.
fn identity_gate(provider_changes: &Value, access_changes: &Value, route_changes: &Value) -> Gate {
    let auth = json!({
        "realm": "r", "token_bytes": 2000, "when_stale": "allow", "revocations": 10,
        "cache": {"bytes": 1 << 20, "ttl": 300.0, "refused_bytes": 1 << 20, "refused_ttl": 60.0},
        "providers": [provider(provider_changes)],
    });
    let mut routes = [
        json!({"paths": ["/0"], "auth": access(&[0], access_changes)}),
        json!({"paths": ["/1"]}),
    ];
    for route in &mut routes {
        put_over(route, route_changes);
    }
    let gate = specification(&routes, &json!({"auth": auth})).expect("a gate");
    set_keys(&gate, 0, vec![secret("1", &SECRET)]);
    gate
}

fn head(gate: &Gate, path: &str, fields: &[TextField<'_>]) -> String {
    match ask_at(gate, path, fields, NOW, None) {
        Decision::Forward(forward) => String::from_utf8(forward.head).expect("UTF-8"),
        other => panic!("not forwarded: {}", outcome(&other)),
    }
}

#[test]
fn the_upstream_is_told_by_the_gateway_alone() {
    let both = json!({"claims_to_headers": [[["sub"], "X-User"], [["plan"], "X-Forwarded-Plan"]]});
    let gate = identity_gate(&both, &json!({}), &json!({}));
    let good = bearer(&token(&json!({"plan": ["a", "b"]})));
    let forged = [
        ("Authorization", &*good),
        ("x-user", "root"),
        ("X_User", "root"),
        ("X-Forwarded-Plan", "root"),
        ("x_forwarded-plan", "root"),
        ("X-Users", "1"),
    ];
    let told = head(&gate, "/0", &forged);
    assert_eq!(values(&told, "X-User"), ["alice"]);
    assert_eq!(values(&told, "X-Forwarded-Plan"), ["a,b"]);
    assert_eq!(values(&told, "X-Users"), ["1"]);
    assert_eq!(values(&told, "Authorization"), [&*good]);
    assert!(!told.contains("root"));
    // On open routes nobody is told, and nothing forged gets through either.
    let open = head(&gate, "/1", &forged);
    assert!(!open.contains("root") && !open.contains("alice"));
    // What a claim does not say is not taken from the client instead.
    let poor = bearer(&token(&json!({"sub": "a\nb"})));
    assert!(
        values(
            &head(&gate, "/0", &[("Authorization", &poor), ("X-User", "root")]),
            "X-User"
        )
        .is_empty()
    );
}

#[test]
fn a_client_cannot_nominate_its_identity_away() {
    let gate = identity_gate(&json!({}), &json!({}), &json!({}));
    let good = bearer(&token(&json!({})));
    let told = head(
        &gate,
        "/0",
        &[
            ("Authorization", &good),
            ("Connection", "X-User, Authorization"),
        ],
    );
    assert_eq!(values(&told, "X-User"), ["alice"]);
    assert_eq!(values(&told, "Authorization"), [&*good]);
}

#[test]
fn the_routes_own_changes_win() {
    let changes =
        json!({"request_headers": {"set": [["x_user", "route"]], "add": [], "remove": ["X-Plan"]}});
    let three = json!({"claims_to_headers": [
        [["sub"], "X-User"], [["plan"], "X-Plan"], [["jti"], "X-Token"]]});
    let gate = identity_gate(&three, &json!({}), &changes);
    let good = bearer(&token(&json!({"plan": "a"})));
    let told = head(&gate, "/0", &[("Authorization", &good)]);
    assert_eq!(values(&told, "x_user"), ["route"]);
    assert!(values(&told, "X-User").is_empty() && values(&told, "X-Plan").is_empty());
    assert_eq!(values(&told, "X-Token"), ["7"]);
}

#[test]
fn credentials_stay_behind_where_that_is_wanted() {
    let sources =
        json!({"sources": [{"bearer": {}}, {"header": "X-Token"}, {"cookie": "session"}]});
    let gate = identity_gate(&sources, &json!({"authorization": "remove"}), &json!({}));
    let good = bearer(&token(&json!({})));
    let fields = [
        ("Authorization", &*good),
        ("x_token", "other"),
        ("Cookie", "a=1; session=x; b=2"),
        ("Cookie", "session=y"),
    ];
    let told = head(&gate, "/0", &fields);
    assert!(values(&told, "Authorization").is_empty() && !told.contains("other"));
    assert_eq!(values(&told, "Cookie"), ["a=1; b=2"]);
    assert_eq!(
        values(&head(&gate, "/1", &fields), "Authorization"),
        [&*good]
    );
    let set = json!({"request_headers": {"set": [["Authorization", "Basic own"]], "add": [], "remove": ["Cookie"]}});
    let replaced = identity_gate(&sources, &json!({"authorization": "remove"}), &set);
    let told = head(&replaced, "/0", &fields);
    assert_eq!(values(&told, "Authorization"), ["Basic own"]);
    assert!(values(&told, "Cookie").is_empty());
}

#[test]
fn what_nobody_verified_stays_behind() {
    let sources = json!({"sources": [{"cookie": "session"}, {"bearer": {}}, {"header": "X-Token"}, {"cookie": "old"}]});
    let gate = identity_gate(&sources, &json!({"optional": true}), &json!({}));
    let good = token(&json!({}));
    let cookies = format!("a=1; session={good}; old=forged; b=2 old=forged");
    let fields = [
        ("Authorization", "Bearer forged"),
        ("Cookie", &*cookies),
        ("X_Token", "forged"),
        ("Cookie", "old=forged"),
    ];
    let told = head(&gate, "/0", &fields);
    assert!(!told.contains("forged"), "{told}");
    let kept = format!("a=1; session={good}");
    assert_eq!(values(&told, "Cookie"), [&*kept]);

    let second = bearer(&good);
    let fields = [
        ("Authorization", &*second),
        ("x-token", "forged"),
        ("Cookie", "old=forged; a=1"),
    ];
    let told = head(&gate, "/0", &fields);
    assert!(!told.contains("forged"), "{told}");
    assert_eq!(values(&told, "Authorization"), [&*second]);
    assert_eq!(values(&told, "Cookie"), ["a=1"]);

    // Nobody said who it is: then nothing says so by accident either.
    let nobody = [("Authorization", "Basic own"), ("Cookie", "a=1 old=x")];
    let told = head(&gate, "/0", &nobody);
    assert_eq!(values(&told, "Authorization"), ["Basic own"]);
    assert_eq!(values(&told, "Cookie"), ["a=1 old=x"]);
    let open = head(&gate, "/1", &fields);
    assert_eq!(values(&open, "x-token"), ["forged"]);
}

#[test]
fn explanations_need_no_credential() {
    let gate = identity_gate(&json!({}), &json!({}), &json!({}));
    let explain = |path: &str| -> Value {
        let raw = crate::request::RawRequest {
            method: b"GET",
            target: path.as_bytes(),
            fields: &[(b"Host", b"a.example")],
            version: 11,
        };
        let peer = gate.peer("192.0.2.1", false).expect("an address");
        serde_json::from_str(&gate.explain(&raw, &peer)).expect("JSON")
    };
    let said = explain("/0");
    assert!(
        said["reason"]
            .as_str()
            .is_some_and(|reason| reason.starts_with("forward: "))
    );
    assert_eq!(
        (&said["providers"], &explain("/1")["providers"]),
        (&json!(["main"]), &json!([]))
    );
    assert_eq!(of(&gate).statistics()["outcomes"]["token-missing"], 0);
}
