//! Policies that this machine counts by itself.

use super::*;

#[test]
fn the_quota_is_admitted_and_no_more() {
    let gate = gate(&[json!({})]);
    assert_eq!(admitted(&get("/"), &gate, NOW, 30), 10);
    let reject = rejected(at(&get("/"), &gate, NOW));
    assert_eq!(reject.refusal.reason.name(), "rate-limited");
    assert_eq!(*reject.refusal.violated, ["per-ip".into()]);
    assert!(reject.reply.keep_alive);
    // NOW is the start of a bucket: the tenth is free again a tenth into the next.
    assert_eq!(values(&refusal_head(&reject), "Retry-After"), ["11"]);
    assert_eq!(admitted(&get("/"), &gate, NOW + 10.9, 1), 0);
    assert_eq!(admitted(&get("/"), &gate, NOW + 11.0, 2), 1);
}

#[test]
fn retry_after_is_never_too_early() {
    for tenth in 0..300_u32 {
        let gate = gate(&[json!({"window": {"quota": 3, "length": 7_000}})]);
        let now = NOW + f64::from(tenth) / 10.0;
        admitted(&get("/"), &gate, now - 2.5, 2);
        while matches!(at(&get("/"), &gate, now), Decision::Forward(_)) {}
        let reject = rejected(at(&get("/"), &gate, now));
        let head = refusal_head(&reject);
        let wait: f64 = values(&head, "Retry-After")[0].parse().expect("a number");
        assert!((1.0..=14.0).contains(&wait));
        assert!(
            admitted(&get("/"), &gate, now + wait, 1) == 1,
            "at {now}, {wait} s are too short"
        );
    }
}

#[test]
fn clients_are_told_how_they_stand() {
    let policies = [
        json!({"window": {"quota": 10, "length": 60_000}}),
        json!({"name": "all", "by": [], "window": {"quota": 1000, "length": 1_500}}),
    ];
    let gate = gate(&policies);
    let forward = forwarded(at(&get("/"), &gate, NOW));
    let head = response(
        &forward,
        &[(b"RateLimit", b"theirs"), (b"x-ratelimit_limit", b"1")],
    );
    assert_eq!(
        values(&head, "RateLimit-Policy"),
        ["\"per-ip\";q=10;w=60, \"all\";q=1000;w=2"]
    );
    let [standing] = values(&head, "RateLimit")[..] else {
        panic!("{head}")
    };
    assert!(standing.starts_with("\"per-ip\";r=9;t="), "{standing}");
    assert!(standing.contains(", \"all\";r=999;t="), "{standing}");
    assert_eq!(values(&head, "X-RateLimit-Limit"), ["10"]);
    assert_eq!(values(&head, "X-RateLimit-Remaining"), ["9"]);
    assert_eq!(values(&head, "X-RateLimit-Reset").len(), 1);
    assert!(!head.contains("x-ratelimit_limit"));
}

#[test]
fn a_route_decides_about_its_own_fields() {
    let route = json!({
        "rate_limits": [{"policy": 0, "cost": 1}],
        "response_headers": {
            "set": [["X-RateLimit-Limit", "many"]], "add": [], "remove": ["RateLimit"],
        },
    });
    let gate = limited(&arena(), &[route], &[policy(&json!({}))]);
    let head = response(&forwarded(at(&get("/"), &gate, NOW)), &[]);
    assert_eq!(values(&head, "X-RateLimit-Limit"), ["many"]);
    assert_eq!(values(&head, "RateLimit"), [] as [&str; 0]);
    assert_eq!(values(&head, "RateLimit-Policy").len(), 1);
}

#[test]
fn of_several_policies_all_are_charged_or_none() {
    let policies = [
        json!({"name": "wide", "by": []}),
        json!({"name": "narrow", "by": [], "window": {"quota": 2, "length": 10_000}}),
        json!({"name": "other", "by": [], "window": {"quota": 2, "length": 10_000}}),
    ];
    let gate = gate(&policies);
    assert_eq!(admitted(&get("/"), &gate, NOW, 20), 2);
    let reject = rejected(at(&get("/"), &gate, NOW));
    assert_eq!(*reject.refusal.violated, ["narrow".into(), "other".into()]);
    let head = refusal_head(&reject);
    let standing = values(&head, "RateLimit")[0];
    assert!(standing.starts_with("\"wide\";r=8;"), "{standing}");
    assert_eq!(values(&head, "X-RateLimit-Remaining"), ["0"]);
}

#[test]
fn a_policy_in_the_shadow_only_counts() {
    let policies = [
        json!({"name": "shadow", "shadow": true, "window": {"quota": 1, "length": 10_000}}),
        json!({"name": "real", "by": []}),
    ];
    for count in [1, 2] {
        let gate = gate(&policies[..count]);
        assert_eq!(admitted(&get("/"), &gate, NOW, 3), 3);
        let statistics = statistics(&gate);
        assert_eq!(statistics["shadow"]["admitted"], 1);
        assert_eq!(statistics["shadow"]["shadowed"], 2);
        let head = response(&forwarded(at(&get("/"), &gate, NOW)), &[]);
        assert!(!head.contains("\"shadow\""));
    }
}

#[test]
fn a_trusted_peer_says_what_a_request_costs() {
    let gate = gate(&[json!({"cost_header": "X-Cost", "by": []})]);
    let with_cost = |value: &'static str, peer| {
        let fields = [("X-Cost", value)];
        let request = Request {
            fields: &fields,
            peer,
            ..get("/")
        };
        let forward = forwarded(at(&request, &gate, NOW));
        let head = response(&forward, &[]);
        values(&head, "X-RateLimit-Remaining")[0].to_owned()
    };
    assert_eq!(with_cost("4", PROXY), "6");
    assert_eq!(with_cost("4", STRANGER), "5");
    assert_eq!(with_cost("0", PROXY), "5");
    assert_eq!(with_cost("nonsense", PROXY), "4");
    let later = |value: &'static str| {
        let fields = [("X-Cost", value)];
        let request = Request {
            fields: &fields,
            peer: PROXY,
            ..get("/")
        };
        at(&request, &gate, NOW + 100.0)
    };
    // More than the quota is the whole of it: it could never be had otherwise.
    forwarded(later("999999999999999999999999"));
    rejected(later("1"));
}

#[test]
fn requests_in_flight_are_counted_until_they_end() {
    let gate = gate(&[json!({"name": "busy", "window": null, "concurrency": 2})]);
    let first = forwarded(at(&get("/"), &gate, NOW));
    let second = forwarded(at(&get("/"), &gate, NOW));
    let head = response(&second, &[]);
    assert_eq!(
        values(&head, "RateLimit-Policy"),
        ["\"busy\";q=2;qu=\"concurrent-requests\""]
    );
    assert_eq!(values(&head, "RateLimit"), ["\"busy\";r=0"]);
    let reject = rejected(at(&get("/"), &gate, NOW));
    assert_eq!(values(&refusal_head(&reject), "Retry-After"), ["1"]);
    assert_eq!(
        values(&refusal_head(&reject), "RateLimit"),
        ["\"busy\";r=0"]
    );
    first
        .reply
        .limited
        .permits
        .as_ref()
        .expect("permits")
        .give_back();
    drop(first);
    let third = forwarded(at(&get("/"), &gate, NOW));
    rejected(at(&get("/"), &gate, NOW));
    drop((second, third));
    assert_eq!(admitted(&get("/"), &gate, NOW, 2), 2);
}

#[test]
fn a_crowd_is_told_about_its_window_as_well() {
    let gate = gate(&[json!({"concurrency": 1})]);
    let first = forwarded(at(&get("/"), &gate, NOW));
    let head = refusal_head(&rejected(at(&get("/"), &gate, NOW)));
    assert_eq!(values(&head, "X-RateLimit-Remaining"), ["9"]);
    drop(first);
}

#[test]
fn what_was_taken_back_is_not_told_as_spent() {
    let policies = [
        json!({"name": "wide", "by": []}),
        json!({"name": "busy", "by": [], "window": null, "concurrency": 1}),
    ];
    let gate = gate(&policies);
    let first = forwarded(at(&get("/"), &gate, NOW));
    let head = refusal_head(&rejected(at(&get("/"), &gate, NOW)));
    assert_eq!(values(&head, "RateLimit")[0].split(';').nth(1), Some("r=9"));
    drop(first);
}

#[test]
fn a_refused_window_leaves_nobody_in_flight() {
    let gate = gate(&[json!({"concurrency": 1, "window": {"quota": 1, "length": 10_000}})]);
    assert_eq!(admitted(&get("/"), &gate, NOW, 3), 1);
    assert_eq!(admitted(&get("/"), &gate, NOW + 60.0, 3), 1);
}

#[test]
fn own_answers_are_limited_too_but_not_health_or_refusals() {
    let limits = json!([{"policy": 0, "cost": 4}]);
    let routes = [
        json!({
            "paths": ["/fixed"], "rate_limits": limits,
            "action": {"respond": {"status": 200, "headers": [], "body": ""}},
        }),
        json!({
            "paths": ["/moved"], "rate_limits": limits,
            "action": {"redirect": {"status": 308, "location": "/x"}},
        }),
    ];
    let gate = limited(&arena(), &routes, &[policy(&json!({}))]);
    for _ in 0..20 {
        assert!(matches!(
            at(&get("/health"), &gate, NOW),
            Decision::Respond(_)
        ));
        rejected(at(&get("/nowhere"), &gate, NOW));
    }
    assert!(matches!(
        at(&get("/fixed"), &gate, NOW),
        Decision::Respond(_)
    ));
    assert!(matches!(
        at(&get("/moved"), &gate, NOW),
        Decision::Respond(_)
    ));
    assert_eq!(
        rejected(at(&get("/fixed"), &gate, NOW))
            .refusal
            .reason
            .name(),
        "rate-limited"
    );
}

#[test]
fn counts_survive_another_gate_and_another_quota() {
    let arena = arena();
    let with_quota = |quota: u32| {
        gate_in(
            &arena,
            &[json!({"window": {"quota": quota, "length": 10_000}})],
        )
    };
    assert_eq!(admitted(&get("/"), &with_quota(10), NOW, 20), 10);
    assert_eq!(admitted(&get("/"), &with_quota(10), NOW, 20), 0);
    assert_eq!(admitted(&get("/"), &with_quota(12), NOW, 20), 2);
    let longer = json!({"window": {"quota": 10, "length": 20_000}});
    assert_eq!(
        admitted(&get("/"), &gate_in(&arena, &[longer]), NOW, 20),
        10
    );
}

#[test]
fn keys_without_a_place_share_one_window() {
    let arena = Arc::new(Arena::private(16).expect("an arena"));
    let gate = gate_in(&arena, &[json!({})]);
    let mut total = 0;
    let mut crowded = 0;
    for host in 1..=200_u32 {
        let address = format!("192.0.2.{host}");
        let request = Request {
            peer: &address,
            ..get("/")
        };
        let own = admitted(&request, &gate, NOW, 11);
        assert!(own <= 10);
        let head = refusal_head(&rejected(at(&request, &gate, NOW)));
        assert_eq!(values(&head, "X-RateLimit-Remaining"), ["0"]);
        total += own;
        crowded += u32::from(own < 10);
    }
    assert!(crowded >= 200 - 17, "{crowded}");
    assert!(total <= 16 * 10 + 10, "{total}");
    let statistics = statistics(&gate);
    assert!(statistics["per-ip"]["crowded"].as_u64() > Some(1000));
}
