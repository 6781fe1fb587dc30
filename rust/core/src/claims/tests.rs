use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::decision::Reason;

const NOW: f64 = 1_700_000_000.0;

fn expectations(changes: &Value) -> Expectations {
    let mut jwt = json!({
        "issuer": "https://i", "audiences": ["api"], "algorithms": ["RS256"], "types": [],
        "leeway": 30.0, "required_claims": [], "longest_life": 1000.0,
    });
    for (name, value) in changes.as_object().expect("an object") {
        jwt[name] = value.clone();
    }
    Expectations::compile(&serde_json::from_value(jwt).expect("a provider")).expect("expectations")
}

/// A token with these claims, put over good ones.
fn token(claims: &Value) -> Jwt<'static> {
    let mut all = json!({"iss": "https://i", "aud": "api", "exp": NOW + 100.0});
    for (name, value) in claims.as_object().expect("an object") {
        all[name] = value.clone();
    }
    let Value::Object(claims) = all else {
        panic!("an object")
    };
    Jwt {
        algorithm: Algorithm::Rs256,
        key_id: None,
        media_type: None,
        claims,
        signing_input: b"",
        signature: Vec::new(),
    }
}

fn check_with(changes: &Value, claims: &Value) -> Result<(), Reason> {
    let expectations = expectations(changes);
    let checked = expectations.check(&token(claims), NOW).map(|_| ());
    checked.map_err(Reason::from)
}

fn check(claims: &Value) -> Result<(), Reason> {
    check_with(&json!({}), claims)
}

#[test]
fn registered_claims_are_told() {
    let token = token(&json!({"sub": "s", "jti": "j", "iat": NOW, "nbf": NOW - 5.0}));
    let expectations = expectations(&json!({}));
    let registered = expectations.check(&token, NOW).expect("valid");
    assert_eq!(registered.issuer, Some("https://i"));
    assert_eq!(
        (registered.subject, registered.token_id),
        (Some("s"), Some("j"))
    );
    assert_eq!(registered.issued_at, Some(NOW));
    let validity = registered.validity;
    assert!(validity.holds(NOW - 35.0) && validity.is_early(NOW - 36.0));
    assert!(validity.holds(NOW + 129.0) && validity.is_over(NOW + 130.0));
}

#[test]
fn the_issuer_is_compared_exactly() {
    for issuer in [
        json!("https://i/"),
        json!("HTTPS://i"),
        json!(["https://i"]),
        json!(null),
    ] {
        assert_eq!(
            check(&json!({"iss": issuer})),
            Err(Reason::TokenInvalid),
            "{issuer}"
        );
    }
    let any = json!({"issuer": null});
    assert_eq!(check_with(&any, &json!({"iss": "x"})), Ok(()));
    assert_eq!(
        check_with(&any, &json!({"iss": 1})),
        Err(Reason::TokenInvalid)
    );
    let nobody = Map::new();
    assert!(expectations(&any).is_issuer(&nobody) && !expectations(&json!({})).is_issuer(&nobody));
}

#[test]
fn a_token_for_others_is_refused() {
    for audience in [json!("api"), json!(["x", "api"])] {
        assert_eq!(check(&json!({"aud": audience})), Ok(()), "{audience}");
    }
    for audience in [
        json!("API"),
        json!([]),
        json!(["x"]),
        json!(["api", 1]),
        json!(null),
        json!({}),
    ] {
        assert_eq!(
            check(&json!({"aud": audience})),
            Err(Reason::TokenInvalid),
            "{audience}"
        );
    }
    let none = expectations(&json!({"audiences": []}));
    assert!(none.is_audience(&Map::new()) && !expectations(&json!({})).is_audience(&Map::new()));
    assert!(!none.is_audience(&token(&json!({"aud": "api"})).claims));
    assert!(!none.is_audience(&token(&json!({"aud": []})).claims));
}

#[test]
fn times_are_numbers_within_bounds() {
    assert_eq!(check(&json!({"exp": NOW - 29.5})), Ok(()));
    assert_eq!(
        check(&json!({"exp": NOW - 30.0})),
        Err(Reason::TokenExpired)
    );
    assert_eq!(check(&json!({"exp": -1e300})), Err(Reason::TokenExpired));
    assert_eq!(
        check(&json!({"exp": NOW + 1030.0, "iat": NOW + 30.0, "nbf": NOW + 30.0})),
        Ok(())
    );
    for claims in [
        json!({"exp": NOW + 1031.0}),
        json!({"exp": 1e300}),
        json!({"exp": "1"}),
        json!({"exp": null}),
        json!({"exp": true}),
        json!({"exp": [NOW]}),
        json!({"nbf": NOW + 31.0}),
        json!({"nbf": "1"}),
        json!({"nbf": null}),
        json!({"iat": NOW + 31.0}),
        json!({"iat": null}),
    ] {
        assert_eq!(check(&claims), Err(Reason::TokenInvalid), "{claims}");
    }
    let mut endless = token(&json!({}));
    endless.claims.remove("exp");
    assert_eq!(
        expectations(&json!({})).check(&endless, NOW),
        Err(Flaw::Endless)
    );
}

#[test]
fn names_are_texts_of_bounded_length() {
    for claim in ["sub", "jti"] {
        assert_eq!(check(&json!({claim: "x".repeat(1024)})), Ok(()));
        for value in [json!("x".repeat(1025)), json!(1), json!(null)] {
            assert_eq!(check(&json!({claim: value})), Err(Reason::TokenInvalid));
        }
    }
}

#[test]
fn required_claims_say_something() {
    let required = json!({"required_claims": ["sub", "tenant"]});
    assert_eq!(
        check_with(&required, &json!({"sub": "s", "tenant": false})),
        Ok(())
    );
    for claims in [json!({"sub": "s"}), json!({"sub": "s", "tenant": null})] {
        assert_eq!(
            check_with(&required, &claims),
            Err(Reason::TokenInvalid),
            "{claims}"
        );
    }
}

#[test]
fn algorithms_and_types_are_the_providers() {
    assert_eq!(
        check_with(&json!({"algorithms": ["HS256"]}), &json!({})),
        Err(Reason::TokenInvalid)
    );
    let typed = expectations(&json!({"types": ["application/at+jwt"]}));
    let with = |media_type: Option<&str>| {
        let token = Jwt {
            media_type: media_type.map(str::to_owned),
            ..token(&json!({}))
        };
        typed.check(&token, NOW).is_ok()
    };
    assert!(with(Some("at+JWT")) && with(Some("Application/at+jwt")));
    assert!(!with(None) && !with(Some("JWT")) && !with(Some("at+jwt ")));
}

#[test]
fn expectations_that_make_no_sense_are_refused() {
    let compile = |changes: Value| {
        let mut jwt = json!({
            "issuer": null, "audiences": [], "algorithms": ["RS256"], "types": [],
            "leeway": 0.0, "required_claims": [], "longest_life": 1.0,
        });
        for (name, value) in changes.as_object().expect("an object") {
            jwt[name] = value.clone();
        }
        Expectations::compile(&serde_json::from_value(jwt).expect("a provider"))
    };
    assert!(compile(json!({})).is_ok());
    assert!(compile(json!({"algorithms": ["none"]})).is_err());
    assert!(compile(json!({"leeway": -1.0})).is_err());
    assert!(compile(json!({"longest_life": -1.0})).is_err());
}

proptest! {
    #[test]
    fn what_was_accepted_is_valid_and_stays_so_until_its_end(
        exp in -2000.0..2000.0_f64, nbf in -2000.0..2000.0_f64, later in 0.0..2000.0_f64,
    ) {
        let token = token(&json!({"exp": NOW + exp, "nbf": NOW + nbf}));
        let expectations = expectations(&json!({"longest_life": 1e9}));
        let at = |now: f64| expectations.check(&token, now);
        if let Ok(registered) = at(NOW) {
            prop_assert!(registered.validity.holds(NOW));
            prop_assert_eq!(registered.validity.holds(NOW + later), at(NOW + later).is_ok());
        }
    }
}
