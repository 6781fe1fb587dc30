use super::*;

mod properties;

fn token(name: &str, issuer: Option<&str>, expires: f64) -> Revocation {
    Revocation {
        target: Target::Token(name.to_owned()),
        issuer: issuer.map(str::to_owned),
        expires,
    }
}

fn subject(name: &str, issued_before: f64, expires: f64) -> Revocation {
    let subject = name.to_owned();
    Revocation {
        target: Target::Subject {
            subject,
            issued_before,
        },
        issuer: None,
        expires,
    }
}

#[test]
fn a_token_is_revoked_by_its_identifier() {
    let mut revocations = Revocations::new(10);
    let entries = vec![
        token("a", Some("https://one"), 100.0),
        token("b", None, 100.0),
    ];
    assert_eq!(revocations.apply(entries.clone(), 0.0), Ok(2));
    assert_eq!(revocations.apply(entries, 0.0), Ok(0));
    let is_revoked =
        |issuer, name, now| revocations.is_revoked(issuer, None, Some(name), None, now);
    assert!(is_revoked("https://one", "a", 0.0) && !is_revoked("https://two", "a", 0.0));
    assert!(is_revoked("https://one", "b", 99.9) && is_revoked("https://two", "b", 99.9));
    assert!(!is_revoked("https://one", "a", 100.0) && !is_revoked("https://one", "c", 0.0));
    assert!(!revocations.is_revoked("https://one", Some("a"), None, None, 0.0));
    assert_eq!((revocations.len(), revocations.version()), (2, 1));
}

#[test]
fn tokens_issued_strictly_before_are_revoked() {
    let mut revocations = Revocations::new(10);
    let entries = vec![
        subject("ann", 50.0, 100.0),
        Revocation {
            target: Target::Everything {
                issued_before: 20.0,
            },
            issuer: Some("one".to_owned()),
            expires: 100.0,
        },
    ];
    assert_eq!(revocations.apply(entries, 0.0), Ok(2));
    let is_revoked =
        |issuer, name, issued| revocations.is_revoked(issuer, name, None, issued, 60.0);
    assert!(is_revoked("two", Some("ann"), Some(49.9)));
    assert!(!is_revoked("two", Some("ann"), Some(50.0)));
    // A token that does not say when it was issued counts as old.
    assert!(is_revoked("two", Some("ann"), None) && is_revoked("one", None, None));
    assert!(is_revoked("one", Some("bob"), Some(19.0)) && !is_revoked("one", None, Some(20.0)));
    assert!(!is_revoked("two", Some("bob"), None) && !is_revoked("two", None, Some(0.0)));
}

#[test]
fn all_or_nothing_is_taken() {
    let mut revocations = Revocations::new(3);
    let names = |names: &[&str], expires| {
        names
            .iter()
            .map(|name| token(name, None, expires))
            .collect()
    };
    assert_eq!(revocations.apply(names(&["a", "b"], 10.0), 0.0), Ok(2));
    let full = Err(Full { maximum: 3 });
    assert_eq!(revocations.apply(names(&["c", "d"], 20.0), 0.0), full);
    assert!(!revocations.is_revoked("one", None, Some("c"), None, 0.0));
    assert_eq!((revocations.len(), revocations.version()), (2, 1));
    // What is held already needs no room, and neither does what is named twice.
    assert_eq!(
        revocations.apply(names(&["a", "b", "c", "c"], 10.0), 0.0),
        Ok(1)
    );
    assert_eq!(revocations.apply(names(&["d"], 20.0), 9.9), full);
    // What has expired makes room.
    assert_eq!(revocations.apply(names(&["d"], 20.0), 10.0), Ok(1));
    assert_eq!(revocations.len(), 1);
    assert_eq!(revocations.apply(names(&["e"], 5.0), 10.0), Ok(0));
    assert_eq!(
        Revocations::new(0).apply(names(&["a"], 10.0), 0.0),
        Err(Full { maximum: 0 })
    );
}

#[test]
fn entries_of_one_target_merge() {
    let mut revocations = Revocations::new(1);
    assert_eq!(
        revocations.apply(vec![subject("ann", 50.0, 100.0)], 0.0),
        Ok(1)
    );
    assert_eq!(
        revocations.apply(vec![subject("ann", 40.0, 90.0)], 0.0),
        Ok(0)
    );
    assert_eq!(revocations.version(), 1);
    assert_eq!(
        revocations.apply(vec![subject("ann", 40.0, 200.0)], 0.0),
        Ok(1)
    );
    assert_eq!(revocations.list(0.0), [subject("ann", 50.0, 200.0)]);
    // What has expired does not come back with another entry.
    assert_eq!(
        revocations.apply(vec![subject("ann", 40.0, 300.0)], 250.0),
        Ok(1)
    );
    assert_eq!(revocations.list(250.0), [subject("ann", 40.0, 300.0)]);
}

#[test]
fn what_is_held_grows_stale_when_told_so() {
    let mut revocations = Revocations::new(1);
    assert!(!revocations.is_stale(1e18));
    revocations.set_fresh_until(10.0);
    assert!(!revocations.is_stale(10.0) && revocations.is_stale(10.1));
    revocations.set_fresh_until(20.0);
    assert!(!revocations.is_stale(10.1));
}

#[test]
fn expired_entries_do_not_pile_up() {
    let mut revocations = Revocations::new(100_000);
    for second in 0..10_000_u32 {
        let now = f64::from(second);
        let entry = token(&second.to_string(), Some("one"), now + 10.0);
        assert_eq!(revocations.apply(vec![entry], now), Ok(1));
    }
    assert!(revocations.len() <= FEW, "{}", revocations.len());
    assert_eq!(revocations.list(9_999.0).len(), 10);
}

#[test]
fn entries_have_one_form_in_json() {
    for (text, entry) in [
        (
            r#"{"jti":"a","issuer":"one","expires":5.0}"#,
            token("a", Some("one"), 5.0),
        ),
        (
            r#"{"sub":"ann","issuer":null,"issued_before":1.5,"expires":5.0}"#,
            subject("ann", 1.5, 5.0),
        ),
        (
            r#"{"issuer":null,"issued_before":1.0,"expires":5.0}"#,
            Revocation {
                target: Target::Everything { issued_before: 1.0 },
                issuer: None,
                expires: 5.0,
            },
        ),
    ] {
        assert_eq!(serde_json::to_string(&entry).ok().as_deref(), Some(text));
        assert_eq!(serde_json::from_str(text).ok(), Some(entry));
    }
    let whole: Revocation = serde_json::from_str(r#"{"jti":"a","expires":5}"#).expect("an entry");
    assert_eq!(whole, token("a", None, 5.0));
}

#[test]
fn malformed_entries_are_refused() {
    let long = format!(r#"{{"jti":"{}","expires":1}}"#, "a".repeat(1025));
    for text in [
        "{}",
        r#"{"expires":1}"#,
        r#"{"jti":"a"}"#,
        r#"{"sub":"a","expires":1}"#,
        r#"{"jti":"a","sub":"a","issued_before":1,"expires":1}"#,
        r#"{"jti":"a","issued_before":1,"expires":1}"#,
        r#"{"jti":1,"expires":1}"#,
        r#"{"jti":"a","expires":"1"}"#,
        r#"{"jti":"a","expires":1e999}"#,
        r#"{"jti":"a","expires":null}"#,
        r#"{"jti":"a","expires":1,"isuser":"one"}"#,
        r#"{"jti":"a","jti":"b","expires":1}"#,
        r#"{"jti":"a","issuer":1,"expires":1}"#,
        &long,
    ] {
        assert!(serde_json::from_str::<Revocation>(text).is_err(), "{text}");
    }
}
