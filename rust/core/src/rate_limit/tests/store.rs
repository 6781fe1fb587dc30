//! Policies that the store counts.

use super::*;

const SHARED: &str = "shared";

/// A gate under one policy of the store's, which answers.
fn shared(changes: &Value) -> Gate {
    let gate = shared_in(&arena(), changes);
    set_store(&gate, true, 1, 1);
    gate
}

fn shared_in(arena: &Arc<Arena>, changes: &Value) -> Gate {
    let mut policy = json!({"name": SHARED, "by": [], "mode": "leased"});
    for (key, value) in changes.as_object().expect("an object") {
        policy[key] = value.clone();
    }
    gate_in(arena, &[policy])
}

fn set_store(gate: &Gate, up: bool, gateways: u32, incarnation: u64) {
    gate.rate_limits().expect("limits").set_store(&StoreReport {
        up,
        gateways,
        incarnation,
    });
}

fn answer(granted: u32, remaining: u32) -> Answer {
    Answer {
        granted,
        remaining,
        bucket: 173_113_520,
        reset_ms: 10_000,
        retry_ms: 4000,
    }
}

fn fund(gate: &Gate, shortfall: &Shortfall, answers: &[Option<Answer>], now: f64) -> Funding {
    let limits = gate.rate_limits().expect("limits");
    limits.fund(shortfall, answers, (now, now), None)
}

fn again(gate: &Gate, funding: &Funding, now: f64) -> Decision {
    let known = Known {
        earlier: None,
        verdict: None,
        funding: Some(funding),
    };
    get("/").decide_knowing(gate, now, known)
}

#[test]
fn the_store_is_asked_and_its_grant_is_spent_once() {
    let gate = shared(&json!({"mode": "strict"}));
    let shortfall = unfunded(at(&get("/"), &gate, NOW));
    let [acquire] = &shortfall.acquires[..] else {
        panic!("{shortfall:?}")
    };
    assert_eq!((acquire.quota, acquire.cost, acquire.want), (10, 1, 1));
    assert_eq!(acquire.digest.len(), 32);
    let funding = fund(&gate, &shortfall, &[Some(answer(1, 7))], NOW);
    let forward = forwarded(again(&gate, &funding, NOW));
    let head = response(&forward, &[]);
    assert_eq!(values(&head, "X-RateLimit-Remaining"), ["7"]);
    assert_eq!(values(&head, "X-RateLimit-Reset"), ["10"]);
    assert_eq!(funding.refunds(NOW), []);
    // Spent is spent, and nothing of it lies about.
    unfunded(again(&gate, &funding, NOW));
    unfunded(at(&get("/"), &gate, NOW));
}

#[test]
fn what_is_not_spent_can_be_given_back_once() {
    let gate = shared(&json!({"mode": "strict"}));
    let shortfall = unfunded(at(&get("/"), &gate, NOW));
    let funding = fund(&gate, &shortfall, &[Some(answer(1, 7))], NOW);
    let refunds = funding.refunds(NOW);
    assert_eq!(refunds.len(), 1);
    assert_eq!((refunds[0].amount, refunds[0].bucket), (1, 173_113_520));
    assert_eq!(refunds[0].digest, shortfall.acquires[0].digest);
    assert_eq!(funding.refunds(NOW), []);
    unfunded(again(&gate, &funding, NOW));
}

#[test]
fn a_refusal_holds_for_all_and_is_looked_at_again_after_a_second() {
    let gate = shared(&json!({"mode": "strict"}));
    let shortfall = unfunded(at(&get("/"), &gate, NOW));
    let funding = fund(&gate, &shortfall, &[Some(answer(0, 0))], NOW);
    let reject = rejected(again(&gate, &funding, NOW));
    assert_eq!(values(&refusal_head(&reject), "Retry-After"), ["4"]);
    let reject = rejected(at(&get("/"), &gate, NOW + 0.9));
    let head = refusal_head(&reject);
    // What the store had said, not when it is asked again.
    assert_eq!(values(&head, "Retry-After"), ["4"]);
    assert_eq!(values(&head, "X-RateLimit-Remaining"), ["0"]);
    unfunded(at(&get("/"), &gate, NOW + 1.1));
}

#[test]
fn what_is_given_back_ends_a_refusal() {
    let gate = shared(&json!({"mode": "strict"}));
    let first = unfunded(at(&get("/"), &gate, NOW));
    let second = unfunded(at(&get("/"), &gate, NOW));
    let granted = fund(&gate, &first, &[Some(answer(1, 0))], NOW);
    drop(fund(&gate, &second, &[Some(answer(0, 0))], NOW));
    rejected(at(&get("/"), &gate, NOW));
    // Its client has left.
    assert_eq!(granted.refunds(NOW).len(), 1);
    let third = unfunded(at(&get("/"), &gate, NOW));
    // Neither is it held against the machine that something was granted and given back.
    set_store(&gate, true, 1, 2);
    assert_eq!(
        unfunded(at(&get("/"), &gate, NOW)).acquires[0].debt.current,
        0
    );
    drop(third);
}

#[test]
fn all_that_refuse_are_named_with_the_longest_wait() {
    let second = json!({"quota": 1, "length": 1000});
    let policies = [
        json!({"name": "here", "by": [], "window": second}),
        json!({"name": SHARED, "by": [], "mode": "strict"}),
        json!({"name": "other", "by": [], "mode": "strict"}),
    ];
    let gate = gate(&policies);
    set_store(&gate, true, 1, 1);
    let shortfall = unfunded(at(&get("/"), &gate, NOW));
    let answers = [
        Some(answer(0, 0)),
        Some(Answer {
            retry_ms: 9000,
            ..answer(0, 0)
        }),
    ];
    drop(fund(&gate, &shortfall, &answers, NOW));
    let reject = rejected(at(&get("/"), &gate, NOW));
    assert_eq!(*reject.refusal.violated, [SHARED.into(), "other".into()]);
    let head = refusal_head(&reject);
    assert_eq!(values(&head, "Retry-After"), ["9"]);
    let standing = values(&head, "RateLimit")[0];
    assert!(standing.starts_with("\"here\";r=1;"), "{standing}");
}

#[test]
fn leases_grow_with_use_and_end_with_their_window() {
    let gate = shared(&json!({"window": {"quota": 1000, "length": 10_000}}));
    let mut sizes = Vec::new();
    let mut requests = 0;
    while sizes.len() < 6 {
        requests += 1;
        match at(&get("/"), &gate, NOW) {
            Decision::Unfunded(unfunded) => {
                let want = unfunded.shortfall.acquires[0].want;
                sizes.push(want);
                let funding = fund(&gate, &unfunded.shortfall, &[Some(answer(want, 500))], NOW);
                forwarded(again(&gate, &funding, NOW));
            }
            other => drop(forwarded(other)),
        }
    }
    assert_eq!(sizes, [1, 2, 4, 8, 16, 32]);
    assert_eq!(requests, 32);
    assert_eq!(admitted(&get("/"), &gate, NOW + 9.9, 3), 3);
    unfunded(at(&get("/"), &gate, NOW + 10.0));
}

#[test]
fn leases_that_rest_are_given_back() {
    let gate = shared(&json!({}));
    let limits = gate.rate_limits().expect("limits");
    let shortfall = unfunded(at(&get("/"), &gate, NOW));
    let funding = fund(&gate, &shortfall, &[Some(answer(5, 5))], NOW);
    forwarded(again(&gate, &funding, NOW));
    forwarded(at(&get("/"), &gate, NOW));
    assert_eq!(limits.unused_leases(NOW, 9), [], "it was used since");
    let refunds = limits.unused_leases(NOW, 9);
    assert_eq!(refunds.len(), 1);
    assert_eq!((refunds[0].amount, refunds[0].policy), (3, 0));
    assert_eq!(limits.unused_leases(NOW, 9), []);
    unfunded(at(&get("/"), &gate, NOW));
}

#[test]
fn without_the_store_the_policy_says_what_happens() {
    for (value, expected) in [("local", 10), ("open", 30), ("closed", 0)] {
        let gate = shared_in(&arena(), &json!({"on_store_failure": value}));
        assert_eq!(admitted(&get("/"), &gate, NOW, 30), expected, "{value}");
        set_store(&gate, false, 3, 0);
        if value == "local" {
            assert_eq!(admitted(&get("/"), &gate, NOW + 100.0, 30), 3);
        }
        if value == "closed" {
            let reject = rejected(at(&get("/"), &gate, NOW));
            assert_eq!(reject.refusal.reason.name(), "rate-limit-unavailable");
            assert!(reject.refusal.violated.is_empty());
        }
    }
}

#[test]
fn a_store_that_does_not_answer_one_request_is_away_for_that_one() {
    let gate = shared(&json!({"on_store_failure": "open"}));
    let shortfall = unfunded(at(&get("/"), &gate, NOW));
    let funding = fund(&gate, &shortfall, &[None], NOW);
    forwarded(again(&gate, &funding, NOW));
    unfunded(at(&get("/"), &gate, NOW));
    let statistics = statistics(&gate);
    assert_eq!(statistics[SHARED]["uncounted"], 1);
}

#[test]
fn what_was_admitted_without_the_store_is_owed_to_it() {
    let gate = shared_in(&arena(), &json!({}));
    assert_eq!(admitted(&get("/"), &gate, NOW, 4), 4);
    set_store(&gate, true, 1, 1);
    let shortfall = unfunded(at(&get("/"), &gate, NOW));
    let debt = shortfall.acquires[0].debt;
    assert_eq!(
        (debt.bucket, debt.previous, debt.current),
        (173_113_520, 0, 4)
    );
    // It is asked for once at a time; where it was in vain, again.
    assert_eq!(
        unfunded(at(&get("/"), &gate, NOW)).acquires[0].debt.current,
        0
    );
    drop(fund(&gate, &shortfall, &[None], NOW));
    let shortfall = unfunded(at(&get("/"), &gate, NOW));
    assert_eq!(shortfall.acquires[0].debt.current, 4);
    drop(fund(&gate, &shortfall, &[Some(answer(1, 5))], NOW));
    assert_eq!(
        unfunded(at(&get("/"), &gate, NOW)).acquires[0].debt.current,
        0
    );
}

#[test]
fn a_store_that_has_forgotten_is_told_what_it_had_granted() {
    let gate = shared(&json!({"mode": "strict"}));
    for _ in 0..3 {
        let shortfall = unfunded(at(&get("/"), &gate, NOW));
        drop(fund(&gate, &shortfall, &[Some(answer(1, 7))], NOW));
    }
    set_store(&gate, true, 1, 2);
    let shortfall = unfunded(at(&get("/"), &gate, NOW));
    assert_eq!(shortfall.acquires[0].debt.current, 3);
}

#[test]
fn a_store_that_forgets_again_and_again_is_told_everything_each_time() {
    let gate = shared(&json!({"mode": "strict"}));
    for _ in 0..3 {
        let shortfall = unfunded(at(&get("/"), &gate, NOW));
        drop(fund(&gate, &shortfall, &[Some(answer(1, 7))], NOW));
    }
    for incarnation in 2..5 {
        set_store(&gate, true, 1, incarnation);
    }
    let shortfall = unfunded(at(&get("/"), &gate, NOW));
    assert_eq!(shortfall.acquires[0].debt.current, 3);
    drop(fund(&gate, &shortfall, &[Some(answer(1, 6))], NOW));
    assert_eq!(
        unfunded(at(&get("/"), &gate, NOW)).acquires[0].debt.current,
        0
    );
    set_store(&gate, true, 1, 5);
    assert_eq!(
        unfunded(at(&get("/"), &gate, NOW)).acquires[0].debt.current,
        4
    );
    // One that is not known is none.
    set_store(&gate, true, 1, 0);
    assert_eq!(
        unfunded(at(&get("/"), &gate, NOW)).acquires[0].debt.current,
        0
    );
}

#[test]
fn a_debt_of_the_bucket_before_is_told_as_such() {
    let gate = shared_in(&arena(), &json!({}));
    assert_eq!(admitted(&get("/"), &gate, NOW + 9.0, 4), 4);
    set_store(&gate, true, 1, 1);
    for _ in 0..2 {
        let shortfall = unfunded(at(&get("/"), &gate, NOW + 11.0));
        let debt = shortfall.acquires[0].debt;
        assert_eq!(
            (debt.bucket, debt.previous, debt.current),
            (173_113_521, 4, 0)
        );
        drop(fund(&gate, &shortfall, &[None], NOW + 11.0));
    }
}

#[test]
fn a_worker_that_starts_while_the_store_is_away_knows_the_share() {
    let arena = arena();
    let first = shared_in(&arena, &json!({"window": {"quota": 90, "length": 10_000}}));
    set_store(&first, true, 3, 1);
    set_store(&first, false, 3, 0);
    assert_eq!(admitted(&get("/"), &first, NOW, 100), 30);
    let second = shared_in(&arena, &json!({"window": {"quota": 90, "length": 10_000}}));
    set_store(&second, false, 1, 0);
    assert_eq!(admitted(&get("/"), &second, NOW, 100), 0);
}

#[test]
fn what_a_lost_store_had_granted_is_not_given_to_the_next_one() {
    let gate = shared(&json!({
        "cost_header": "X-Cost", "window": {"quota": 100, "length": 10_000},
    }));
    let limits = gate.rate_limits().expect("limits");
    let idle = unfunded(at(&get("/"), &gate, NOW));
    drop(fund(&gate, &idle, &[Some(answer(50, 50))], NOW));
    let waiting = unfunded_with(&gate, 60);
    let granted = fund(&gate, &waiting, &[Some(answer(60, 0))], NOW);
    set_store(&gate, true, 2, 2);
    assert_eq!(limits.unused_leases(NOW, 9), []);
    assert_eq!(limits.unused_leases(NOW, 9), []);
    assert_eq!(granted.refunds(NOW), []);
    // What it was told of since is another matter.
    let told = unfunded(at(&get("/"), &gate, NOW));
    assert_eq!(told.acquires[0].debt.current, 1);
}

/// What has to be had for a request that costs so much.
fn unfunded_with(gate: &Gate, cost: u32) -> Shortfall {
    let value = cost.to_string();
    let fields = [("X-Cost", &*value)];
    let request = Request {
        fields: &fields,
        peer: PROXY,
        ..get("/")
    };
    unfunded(at(&request, gate, NOW))
}

#[test]
fn few_leases_are_taken_at_a_time() {
    let gate = shared(&json!({"by": [{"ip": {"ipv4": 32, "ipv6": 64}}]}));
    let limits = gate.rate_limits().expect("limits");
    for host in 0..20 {
        let peer = format!("192.0.2.{host}");
        let request = Request {
            peer: &peer,
            ..get("/")
        };
        let shortfall = unfunded(at(&request, &gate, NOW));
        drop(fund(&gate, &shortfall, &[Some(answer(5, 5))], NOW));
    }
    assert_eq!(limits.unused_leases(NOW, 8), []);
    let taken: Vec<_> = (0..4).map(|_| limits.unused_leases(NOW, 8).len()).collect();
    assert_eq!(taken, [8, 8, 4, 0]);
}

#[test]
fn a_refusal_of_a_small_cost_says_nothing_of_a_greater_one() {
    let gate = shared(&json!({"mode": "strict", "cost_header": "X-Cost"}));
    let small = unfunded(at(&get("/"), &gate, NOW));
    drop(fund(&gate, &small, &[Some(answer(0, 0))], NOW));
    rejected(at(&get("/"), &gate, NOW));
    assert_eq!(unfunded_with(&gate, 5).acquires[0].cost, 5);
}

#[test]
fn what_costs_nothing_is_admitted_without_asking() {
    let gate = shared(&json!({"mode": "strict", "cost_header": "X-Cost"}));
    let shortfall = unfunded(at(&get("/"), &gate, NOW));
    drop(fund(&gate, &shortfall, &[Some(answer(1, 7))], NOW));
    let fields = [("X-Cost", "0")];
    let request = Request {
        fields: &fields,
        peer: PROXY,
        ..get("/")
    };
    forwarded(at(&request, &gate, NOW));
    assert_eq!(statistics(&gate)[SHARED]["admitted"], 1);
}

#[test]
fn a_crowd_is_told_what_is_left_in_the_store() {
    let gate = shared(&json!({"concurrency": 1, "window": {"quota": 100, "length": 10_000}}));
    let shortfall = unfunded(at(&get("/"), &gate, NOW));
    let funding = fund(&gate, &shortfall, &[Some(answer(10, 40))], NOW);
    let first = forwarded(again(&gate, &funding, NOW));
    let reject = rejected(at(&get("/"), &gate, NOW));
    let head = refusal_head(&reject);
    assert_eq!(values(&head, "Retry-After"), ["1"]);
    assert_eq!(values(&head, "RateLimit"), ["\"shared\";r=49;t=10"]);
    drop(first);
}

#[test]
fn a_refusal_of_one_tier_is_none_of_another() {
    // A key that clients share whose quotas differ: here by two gates over one arena.
    let arena = arena();
    let with_quota = |quota: u32| {
        let window = json!({"window": {"quota": quota, "length": 10_000}});
        let gate = shared_in(&arena, &window);
        set_store(&gate, true, 1, 1);
        gate
    };
    let (basic, gold) = (with_quota(10), with_quota(100));
    let shortfall = unfunded(at(&get("/"), &basic, NOW));
    drop(fund(&basic, &shortfall, &[Some(answer(0, 0))], NOW));
    rejected(at(&get("/"), &basic, NOW));
    let shortfall = unfunded(at(&get("/"), &gold, NOW));
    drop(fund(&gold, &shortfall, &[Some(answer(9, 50))], NOW));
    forwarded(at(&get("/"), &gold, NOW));
    rejected(at(&get("/"), &basic, NOW));
}

#[test]
fn what_the_store_has_granted_counts_when_it_is_away() {
    let gate = shared(&json!({"mode": "strict"}));
    for _ in 0..3 {
        let shortfall = unfunded(at(&get("/"), &gate, NOW));
        drop(fund(&gate, &shortfall, &[Some(answer(1, 7))], NOW));
    }
    set_store(&gate, false, 2, 1);
    // Half of ten is its share, and three of those are spent.
    assert_eq!(admitted(&get("/"), &gate, NOW, 30), 2);
    set_store(&gate, false, 4, 1);
    assert_eq!(admitted(&get("/"), &gate, NOW, 30), 0);
    let reject = rejected(at(&get("/"), &gate, NOW));
    assert_eq!(*reject.refusal.violated, [SHARED.into()]);
}

#[test]
fn a_lease_is_spent_even_when_the_store_has_gone() {
    let gate = shared(&json!({"on_store_failure": "closed"}));
    let shortfall = unfunded(at(&get("/"), &gate, NOW));
    drop(fund(&gate, &shortfall, &[Some(answer(4, 5))], NOW));
    set_store(&gate, false, 1, 1);
    assert_eq!(admitted(&get("/"), &gate, NOW, 30), 3);
}

#[test]
fn a_local_policy_beside_refuses_before_the_store_is_asked() {
    let policies = [
        json!({"name": "here", "by": [], "window": {"quota": 1, "length": 10_000}}),
        json!({"name": SHARED, "by": [], "mode": "strict"}),
    ];
    let gate = gate(&policies);
    set_store(&gate, true, 1, 1);
    let shortfall = unfunded(at(&get("/"), &gate, NOW));
    assert_eq!(shortfall.acquires.len(), 1);
    let late = unfunded(at(&get("/"), &gate, NOW));
    let funding = fund(&gate, &shortfall, &[Some(answer(1, 5))], NOW);
    forwarded(again(&gate, &funding, NOW));
    rejected(at(&get("/"), &gate, NOW));
    // Another one had asked by then: what it was granted is given back.
    let funding = fund(&gate, &late, &[Some(answer(1, 4))], NOW);
    let reject = rejected(again(&gate, &funding, NOW));
    assert_eq!(*reject.refusal.violated, ["here".into()]);
    assert_eq!(funding.refunds(NOW).len(), 1);
}

#[test]
fn earlier_grants_go_over_to_the_next_funding() {
    let gate = shared(&json!({"mode": "strict"}));
    let shortfall = unfunded(at(&get("/"), &gate, NOW));
    let earlier = fund(&gate, &shortfall, &[Some(answer(1, 5))], NOW);
    let limits = gate.rate_limits().expect("limits");
    let none = Shortfall {
        origin: shortfall.origin,
        acquires: Vec::new(),
    };
    let funding = limits.fund(&none, &[], (NOW, NOW), Some(&earlier));
    assert_eq!(earlier.refunds(NOW), []);
    forwarded(again(&gate, &funding, NOW));
}

#[test]
fn fundings_of_other_gates_do_not_count() {
    let (gate, other) = (shared(&json!({})), shared(&json!({})));
    let shortfall = unfunded(at(&get("/"), &other, NOW));
    let funding = fund(&other, &shortfall, &[Some(answer(1, 5))], NOW);
    unfunded(again(&gate, &funding, NOW));
}
