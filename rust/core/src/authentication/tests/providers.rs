//! Several providers, several places, and what routes make of them.

use super::*;

fn issuer(name: &str, issuer: &Value, audience: &str) -> Value {
    let kind = json!({"jwt": tokens(&json!({"issuer": issuer, "audiences": [audience]}))});
    provider(&json!({"name": name, "kind": kind}))
}

#[test]
fn the_issuer_picks_the_provider() {
    let providers = [
        issuer("one", &json!("https://one"), "api"),
        issuer("two", &json!("https://two"), "api"),
        issuer("three", &json!("https://two"), "other"),
        issuer("any", &json!(null), "any"),
    ];
    let routes = [
        access(&[0, 1, 2], &json!({})),
        access(&[0], &json!({})),
        access(&[3, 1], &json!({})),
    ];
    let gate = gate(&providers, &routes);
    for (number, key) in [b"0", b"1", b"2", b"3"].into_iter().enumerate() {
        set_keys(&gate, number, vec![secret("1", &key.repeat(32))]);
    }
    let ask = |path: &str, key: &[u8], iss: &str, aud: &str| {
        let token = token_by(&key.repeat(32), &json!({"iss": iss, "aud": aud}));
        ask(&gate, path, &[("Authorization", &bearer(&token))])
    };
    assert_eq!(ask("/0", b"0", "https://one", "api"), "as alice");
    assert_eq!(ask("/0", b"1", "https://two", "api"), "as alice");
    assert_eq!(ask("/0", b"2", "https://two", "other"), "as alice");
    // Signed by somebody else's key, or for somebody else.
    assert_eq!(ask("/0", b"0", "https://two", "api"), "token-invalid");
    assert_eq!(ask("/0", b"1", "https://two", "other"), "token-invalid");
    assert_eq!(ask("/0", b"1", "https://two", "nobody"), "token-invalid");
    assert_eq!(ask("/0", b"0", "https://three", "api"), "token-invalid");
    // A token of one provider is nothing on a route of another, though it is remembered.
    assert_eq!(ask("/1", b"0", "https://one", "api"), "as alice");
    assert_eq!(ask("/1", b"1", "https://two", "api"), "token-invalid");
    // A provider of any issuer comes first where it is named first, and is meant.
    assert_eq!(ask("/2", b"3", "https://two", "any"), "as alice");
    assert_eq!(ask("/2", b"1", "https://two", "api"), "as alice");
}

#[test]
fn the_first_place_with_a_credential_counts() {
    let keys = json!({"name": "keys", "sources": [{"header": "X-Key"}], "kind": {"api_keys": {"remote": false}}});
    let browser = json!({"sources": [{"bearer": {}}, {"cookie": "session"}]});
    let routes = [access(&[0, 1], &json!({}))];
    let gate = gate(&[provider(&browser), provider(&keys)], &routes);
    let good = token(&json!({}));
    let cookie = format!("a=b; session={good}");
    assert_eq!(ask(&gate, "/0", &[("Cookie", &cookie)]), "as alice");
    // A bad one in front of it counts.
    let bad = [("Cookie", &*cookie), ("Authorization", "Bearer bad")];
    assert_eq!(ask(&gate, "/0", &bad), "token-invalid");
    let none = [
        ("Cookie", &*cookie),
        ("Authorization", "Basic bad"),
        ("X-Key", "k"),
    ];
    assert_eq!(ask(&gate, "/0", &none), "as alice");
    assert_eq!(ask(&gate, "/0", &[("X-Key", "k")]), "token-invalid");
    assert_eq!(
        ask(&gate, "/0", &[("Cookie", "session=a; session=b")]),
        "token-invalid"
    );
    let twice = [("Authorization", "Bearer a"), ("Authorization", "Bearer a")];
    assert_eq!(ask(&gate, "/0", &twice), "bad-request");
    assert_eq!(ask(&gate, "/0?access_token=x", &[]), "token-missing");
}

#[test]
fn optional_credentials_may_be_missing_but_not_wrong() {
    let routes = [access(
        &[0],
        &json!({"optional": true, "rule": {"all_scopes": ["a"]}}),
    )];
    let gate = gate(&[provider(&json!({}))], &routes);
    assert_eq!(ask(&gate, "/0", &[]), "as nobody");
    assert_eq!(show(&gate, "bad"), "token-invalid");
    assert_eq!(show(&gate, &token(&json!({}))), "insufficient-scope");
    assert_eq!(show(&gate, &token(&json!({"scope": "a"}))), "as alice");
}

#[test]
fn every_route_has_its_rule() {
    let routes = [
        access(&[0], &json!({"rule": {"all_scopes": ["read"]}})),
        access(&[0], &json!({"rule": {"any_roles": ["admin"]}})),
        access(&[0], &json!({})),
        access(
            &[0],
            &json!({"rule": {"claims": [[["tenant"], {"equals": "acme"}]]}}),
        ),
    ];
    let gate = gate(&[provider(&json!({}))], &routes);
    let token = bearer(&token(&json!({"scope": "read", "tenant": "acme"})));
    let outcomes: Vec<_> = (0..4)
        .map(|number| ask(&gate, &format!("/{number}"), &[("Authorization", &token)]))
        .collect();
    assert_eq!(
        outcomes,
        ["as alice", "insufficient-scope", "as alice", "as alice"]
    );
}

fn with(value: &str) -> [TextField<'_>; 1] {
    [("Authorization", value)]
}

#[test]
fn clients_are_told_what_is_wanted() {
    let keys = json!({"name": "keys", "sources": [{"header": "X-Key"}], "kind": {"api_keys": {"remote": false}}});
    let routes = [
        access(
            &[0],
            &json!({"rule": {"all_scopes": ["a", "b"], "any_scopes": ["c"]}}),
        ),
        access(&[0], &json!({"rule": {"any_roles": ["x"]}})),
        access(&[1], &json!({})),
        access(&[1, 0], &json!({})),
    ];
    let gate = gate(&[provider(&json!({})), provider(&keys)], &routes);
    let told = |path: &str, fields: &[TextField<'_>]| {
        challenge(ask_at(&gate, path, fields, NOW, None)).expect("a challenge")
    };
    let good = bearer(&token(&json!({})));
    let expired = bearer(&token(&json!({"exp": 1})));
    assert_eq!(told("/0", &[]), r#"Bearer realm="r""#);
    assert_eq!(
        told("/0", &with(&good)),
        r#"Bearer realm="r", error="insufficient_scope", scope="a b c""#
    );
    assert_eq!(
        told("/1", &with(&good)),
        r#"Bearer realm="r", error="insufficient_scope""#
    );
    assert!(
        told("/0", &with("Bearer x")).starts_with(r#"Bearer realm="r", error="invalid_token", "#)
    );
    assert!(told("/0", &with(&expired)).ends_with(r#"error_description="The token has expired""#));
    let twice = [("Authorization", "Bearer a"), ("Authorization", "Bearer b")];
    assert_eq!(
        told("/0", &twice),
        r#"Bearer realm="r", error="invalid_request""#
    );
    assert_eq!(told("/2", &[]), r#"ApiKey realm="r""#);
    assert_eq!(told("/2", &[("X-Key", "k")]), r#"ApiKey realm="r""#);
    assert_eq!(told("/3", &[]), r#"Bearer realm="r""#);
}

#[test]
fn own_answers_need_no_credential_but_redirects_do() {
    let routes = [json!({
        "paths": ["/a"], "action": {"redirect": {"status": 308, "location": "/b"}},
        "cors": {"origins": ["*"], "methods": ["PUT"], "headers": [], "expose": [],
                 "credentials": false, "max_age": null},
        "auth": access(&[0], &json!({})),
    })];
    let gate = try_gate(&[provider(&json!({}))], &[], &json!({})).map(|_| ());
    assert!(gate.is_ok(), "a gate without routes");
    let auth = json!({
        "realm": "a \"b\" \\c", "token_bytes": 2000, "when_stale": "allow", "revocations": 10,
        "cache": {"bytes": 0, "ttl": 300.0, "refused_bytes": 0, "refused_ttl": 60.0},
        "providers": [provider(&json!({}))],
    });
    let gate = specification(&routes, &json!({"auth": auth})).expect("a gate");
    set_keys(&gate, 0, vec![secret("1", &SECRET)]);
    assert_eq!(ask(&gate, "/health", &[]), "respond");
    let preflight = Request {
        method: "OPTIONS",
        fields: &[
            ("Origin", "https://o"),
            ("Access-Control-Request-Method", "PUT"),
        ],
        ..get("/a")
    };
    assert_eq!(outcome(&preflight.decide(&gate)), "respond");
    assert_eq!(ask(&gate, "/nowhere", &[]), "route-not-found");
    let refused = ask_at(&gate, "/a", &[("Origin", "https://o")], NOW, None);
    assert!(matches!(&refused, Decision::Reject(reject) if reject.reply.cors.is_some()));
    assert_eq!(
        challenge(refused).expect("one"),
        r#"Bearer realm="a \"b\" \\c""#
    );
    // Without any memory at all.
    let good = bearer(&token(&json!({})));
    assert_eq!(ask(&gate, "/a", &[("Authorization", &good)]), "respond");
}

#[test]
fn credentials_come_before_the_limits_of_the_route() {
    let gate = simple_gate();
    let large = Request {
        method: "POST",
        fields: &[("Content-Length", "5000")],
        ..get("/0")
    };
    assert_eq!(large.reason(&gate), "token-missing");
    let good = bearer(&token(&json!({})));
    let known = Request {
        fields: &[("Content-Length", "5000"), ("Authorization", &good)],
        ..large
    };
    assert_eq!(known.reason(&gate), "body-too-large");
}

#[test]
fn specifications_that_make_no_sense_are_refused() {
    let good = provider(&json!({}));
    let service = provider(&json!({"sources": [], "kind": {"forward_auth": {
        "request_headers": [], "response_headers": [], "cache": 0.0, "failure": "deny"}}}));
    let nowhere = provider(&json!({"sources": []}));
    let is_refused =
        |providers: &[Value], route: Value| try_gate(providers, &[route], &json!({})).is_err();
    assert!(!is_refused(
        std::slice::from_ref(&good),
        access(&[0], &json!({}))
    ));
    assert!(is_refused(
        std::slice::from_ref(&good),
        access(&[1], &json!({}))
    ));
    assert!(is_refused(
        std::slice::from_ref(&good),
        access(&[], &json!({}))
    ));
    assert!(is_refused(
        &[good.clone(), service.clone()],
        access(&[0, 1], &json!({}))
    ));
    assert!(is_refused(&[nowhere], access(&[0], &json!({}))));
    let faulty = json!({"rule": {"claims": [[["a"], {"matches": "("}]]}});
    assert!(is_refused(
        std::slice::from_ref(&good),
        access(&[0], &faulty)
    ));
    for header in [
        "Authorization",
        "Cookie",
        "Host",
        "a b",
        "X-Request-ID",
        "X-Forwarded-For",
        "Content-Type",
    ] {
        let provider = provider(&json!({"claims_to_headers": [[["sub"], header]]}));
        assert!(
            is_refused(&[provider], access(&[0], &json!({}))),
            "{header}"
        );
    }
    for source in [
        json!({"cookie": "a b"}),
        json!({"header": "a b"}),
        json!({"cookie": ""}),
    ] {
        assert!(is_refused(
            &[provider(&json!({"sources": [source]}))],
            access(&[0], &json!({}))
        ));
    }
    let controlled = try_gate(&[good], &[], &json!({"realm": "a\r\nb"}));
    assert!(controlled.is_err());
    let alone = specification(&[json!({"auth": access(&[0], &json!({}))})], &json!({}));
    assert!(alone.is_err_and(|error| error.0.contains("no providers")));
}
