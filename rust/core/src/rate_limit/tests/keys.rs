//! Which requests count together.

use serde_json::json;

use super::*;
use crate::rate_limit::entitlements::EntitlementRecipe;
use crate::specification::{RateLimitPolicy, SpecError};

/// Whether one request leaves less for another.
fn share(by: &Value, one: &Request<'_>, other: &Request<'_>) -> bool {
    let gate = gate(&[json!({"by": by, "window": {"quota": 1, "length": 10_000}})]);
    forwarded(at(one, &gate, NOW));
    matches!(at(other, &gate, NOW), Decision::Reject(_))
}

fn from(peer: &str) -> Request<'_> {
    Request { peer, ..get("/") }
}

#[test]
fn addresses_count_by_network() {
    let by = json!([{"ip": {"ipv4": 32, "ipv6": 64}}]);
    assert!(share(&by, &from("192.0.2.1"), &from("192.0.2.1")));
    assert!(!share(&by, &from("192.0.2.1"), &from("192.0.2.2")));
    assert!(share(
        &by,
        &from("2001:db8:0:1::1"),
        &from("2001:db8:0:1:ffff::2")
    ));
    assert!(!share(
        &by,
        &from("2001:db8:0:1::1"),
        &from("2001:db8:0:2::1")
    ));
    let wide = json!([{"ip": {"ipv4": 24, "ipv6": 1}}]);
    assert!(share(&wide, &from("192.0.2.1"), &from("192.0.2.255")));
    assert!(!share(&wide, &from("192.0.2.1"), &from("192.0.3.1")));
    assert!(share(&wide, &from("2001:db8::1"), &from("4001::")));
    assert!(!share(&wide, &from("2001:db8::1"), &from("8001::")));
    assert!(share(&wide, &from(""), &from("")));
    assert!(!share(&wide, &from(""), &from("192.0.2.1")));
}

#[test]
fn the_clients_of_a_trusted_proxy_are_told_apart() {
    let by = json!([{"ip": {"ipv4": 32, "ipv6": 64}}]);
    let client = |fields: &'static [(&'static str, &'static str)], peer: &'static str| Request {
        fields,
        peer,
        ..get("/")
    };
    let one = client(&[("X-Forwarded-For", "192.0.2.1")], PROXY);
    let other = client(&[("X-Forwarded-For", "192.0.2.2")], PROXY);
    assert!(!share(&by, &one, &other));
    let one = client(&[("X-Forwarded-For", "192.0.2.1")], STRANGER);
    let other = client(&[("X-Forwarded-For", "192.0.2.2")], STRANGER);
    assert!(share(&by, &one, &other));
}

#[test]
fn header_fields_count_where_they_stand_alone() {
    let by = json!([{"header": "X-Tenant"}]);
    let with = |fields: &'static [(&'static str, &'static str)]| Request { fields, ..get("/") };
    let a = with(&[("X-Tenant", "a")]);
    assert!(share(&by, &a, &with(&[("x_tenant", "a")])));
    assert!(!share(&by, &a, &with(&[("X-Tenant", "b")])));
    assert!(!share(
        &by,
        &a,
        &with(&[("X-Tenant", "a"), ("X-Tenant", "")])
    ));
    assert!(!share(&by, &a, &with(&[])));
    // Without it, or with one beside, clients count by their address.
    let twice = [("X-Tenant", "a"), ("x_tenant", "b")];
    let twice = Request {
        fields: &twice,
        ..get("/")
    };
    assert!(share(
        &by,
        &twice,
        &with(&[("X-Tenant", "a"), ("X-Tenant", "c")])
    ));
    assert!(share(&by, &with(&[]), &with(&[])));
    assert!(!share(&by, &from("192.0.2.1"), &from("192.0.2.2")));
}

#[test]
fn what_nobody_has_said_counts_by_address() {
    for part in ["user", "api_key"] {
        let by = json!([{part: {}}]);
        assert!(share(&by, &from("192.0.2.1"), &from("192.0.2.1")));
        assert!(!share(&by, &from("192.0.2.1"), &from("192.0.2.2")));
    }
    let by = json!([{"claim": ["org"]}]);
    assert!(!share(&by, &from("192.0.2.1"), &from("192.0.2.2")));
}

#[test]
fn without_a_part_everybody_counts_together() {
    assert!(share(&json!([]), &from("192.0.2.1"), &from("2001:db8::1")));
}

#[test]
fn routes_share_a_policy_unless_they_are_part_of_the_key() {
    let outcome = |by: &Value| {
        let routes: Vec<_> = ["/a", "/b"]
            .map(|path| {
                json!({"name": path, "paths": [path], "rate_limits": [{"policy": 0, "cost": 6}]})
            })
            .into();
        let gate = limited(&arena(), &routes, &[policy(&json!({"by": by}))]);
        forwarded(at(&get("/a"), &gate, NOW));
        matches!(at(&get("/b"), &gate, NOW), Decision::Forward(_))
    };
    assert!(!outcome(&json!([])));
    assert!(outcome(&json!([{"route": {}}])));
}

#[test]
fn exempt_networks_are_not_counted() {
    let exempt = json!({"networks": ["192.0.2.0/24"], "subjects": [], "scopes": []});
    let gate = gate(&[json!({"exempt": exempt, "by": []})]);
    assert_eq!(admitted(&from("192.0.2.7"), &gate, NOW, 30), 30);
    assert_eq!(admitted(&from("198.51.100.7"), &gate, NOW, 30), 10);
    let head = response(&forwarded(at(&from("192.0.2.7"), &gate, NOW)), &[]);
    assert!(!head.contains("RateLimit"));
}

fn recipe(policies: &[Value]) -> EntitlementRecipe {
    let mut recipe = EntitlementRecipe::default();
    for changes in policies {
        let policy: RateLimitPolicy = serde_json::from_value(policy(changes)).expect("a policy");
        recipe.add(&policy).expect("a usable policy");
    }
    recipe
}

#[test]
fn tiers_and_exemptions_are_found_in_claims() {
    let mut recipe = recipe(&[
        json!({}),
        json!({"tiers": {"claim": ["plan"], "quotas": [["gold", 1000], ["silver", 50]]}}),
        json!({"exempt": {"networks": [], "subjects": ["root"], "scopes": ["internal"]}}),
    ]);
    let org = recipe
        .claim(&["org".to_owned(), "id".to_owned()])
        .expect("a claim");
    assert_eq!(recipe.claim(&["org".to_owned(), "id".to_owned()]), Ok(org));
    let make = |subject, scopes: &[&str], claims: &Value| {
        recipe.make(subject, scopes, claims.as_object().expect("an object"))
    };
    let gold = make(Some("ada"), &[], &json!({"plan": "gold", "org": {"id": 7}}));
    assert_eq!(
        (gold.quota(0), gold.quota(1), gold.quota(9)),
        (None, Some(1000), None)
    );
    assert_eq!(gold.claim(org), Some("7"));
    assert!(!gold.is_exempt(2) && !gold.is_exempt(200));
    let several = make(
        None,
        &["internal"],
        &json!({"plan": ["silver", 3, "gold"], "org": {"id": "7"}}),
    );
    assert_eq!(several.quota(1), Some(1000));
    assert_eq!(several.claim(org), Some("\"7\""));
    assert!(several.is_exempt(2) && !several.is_exempt(1));
    let nobody = make(Some("root"), &[], &json!({"plan": 7, "org": {"id": ["7"]}}));
    assert_eq!((nobody.quota(1), nobody.claim(org)), (None, None));
    assert!(nobody.is_exempt(2));
    assert!(nobody.weight() > 0);
}

#[test]
fn unusable_policies_are_refused() {
    let problem = |changes: &Value| -> SpecError {
        let policy: RateLimitPolicy = serde_json::from_value(policy(changes)).expect("a policy");
        let mut recipe = EntitlementRecipe::default();
        super::super::policy::Policy::compile(&policy, &mut recipe).expect_err("a problem")
    };
    for (changes, expected) in [
        (json!({"name": "a\"b"}), "name"),
        (json!({"name": ""}), "name"),
        (json!({"window": null}), "nothing"),
        (json!({"window": {"quota": 0, "length": 1000}}), "quota"),
        (json!({"window": {"quota": 1, "length": 10}}), "window"),
        (json!({"concurrency": 0}), "at a time"),
        (json!({"concurrency": 2001}), "at a time"),
        (json!({"by": vec![json!({"route": {}}); 9]}), "parts"),
        (json!({"by": [{"ip": {"ipv4": 0, "ipv6": 64}}]}), "prefix"),
        (json!({"by": [{"header": "a b"}]}), "field name"),
        (json!({"by": [{"claim": []}]}), "name"),
        (json!({"cost_header": ""}), "field name"),
        (
            json!({"tiers": {"claim": ["a"], "quotas": [["gold", 0]]}}),
            "gold",
        ),
        (json!({"tiers": {"claim": [], "quotas": []}}), "name"),
        (
            json!({"exempt": {"networks": ["x"], "subjects": [], "scopes": []}}),
            "network",
        ),
    ] {
        let SpecError(text) = problem(&changes);
        assert!(text.contains(expected), "{changes}: {text}");
    }
}
