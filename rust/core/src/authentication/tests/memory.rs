//! What is remembered of tokens, and what ends it.

use super::*;

/// What was remembered and answered, which is what the arena says of the only gate that counts in
/// it.
fn statistics(gate: &Gate) -> Value {
    let statistics = of(gate).statistics();
    let measurements = gate.tables().telemetry.metrics.arena().measurements();
    assert_eq!(json!(measurements.auth), statistics["outcomes"]);
    for (cache, counts) in &measurements.token_cache {
        for (event, count) in counts {
            assert_eq!(statistics[cache][event], *count, "{cache} {event}");
        }
    }
    statistics
}

#[test]
fn a_token_is_examined_once() {
    let gate = simple_gate();
    let token = token(&json!({}));
    for _ in 0..3 {
        assert_eq!(show(&gate, &token), "as alice");
    }
    let statistics = statistics(&gate);
    assert_eq!(statistics["tokens"]["hits"], 2);
    assert_eq!(statistics["tokens"]["entries"], 1);
    assert_eq!(statistics["outcomes"]["accepted"], 3);
}

#[test]
fn times_are_looked_at_on_every_hit() {
    let gate = simple_gate();
    let token = token(&json!({"exp": NOW + 100.0, "nbf": NOW - 10.0}));
    assert_eq!(show(&gate, &token), "as alice");
    assert_eq!(show_at(&gate, &token, NOW + 129.0), "as alice");
    assert_eq!(show_at(&gate, &token, NOW + 130.0), "token-expired");
    assert_eq!(show(&gate, &token), "as alice");
    // A clock that was set back.
    assert_eq!(show_at(&gate, &token, NOW - 41.0), "token-invalid");
}

#[test]
fn no_memory_is_longer_than_its_time() {
    let gate = simple_gate();
    let token = token(&json!({}));
    assert_eq!(show(&gate, &token), "as alice");
    assert_eq!(show_at(&gate, &token, NOW + 299.0), "as alice");
    assert_eq!(statistics(&gate)["tokens"]["misses"], 1);
    assert_eq!(show_at(&gate, &token, NOW + 300.0), "as alice");
    // It was found, but had to be examined again.
    let before = statistics(&gate)["tokens"]["hits"].clone();
    assert_eq!(show_at(&gate, &token, NOW + 599.0), "as alice");
    assert_ne!(statistics(&gate)["tokens"]["hits"], before);
}

#[test]
fn a_key_that_leaves_ends_its_tokens() {
    let gate = simple_gate();
    let token = token(&json!({}));
    assert_eq!(show(&gate, &token), "as alice");
    // The same key stays the same key.
    set_keys(&gate, 0, vec![secret("2", &[5; 32]), secret("1", &SECRET)]);
    assert_eq!(show(&gate, &token), "as alice");
    assert_eq!(statistics(&gate)["tokens"]["hits"], 1);
    set_keys(&gate, 0, vec![secret("2", &[5; 32])]);
    assert_eq!(show(&gate, &token), "token-invalid");
    set_keys(&gate, 0, vec![secret("1", &SECRET)]);
    assert_eq!(show(&gate, &token), "as alice");
}

#[test]
fn refusals_do_not_take_the_room_of_others() {
    let gate = simple_gate();
    let good = token(&json!({}));
    assert_eq!(show(&gate, &good), "as alice");
    for number in 0..5000 {
        let forged = token_by(&[1; 32], &json!({"jti": number.to_string()}));
        assert_eq!(show(&gate, &forged), "token-invalid");
    }
    assert_eq!(show(&gate, &good), "as alice");
    let statistics = statistics(&gate);
    assert_eq!(statistics["tokens"]["entries"], 1);
    assert!(
        statistics["refusals"]["evictions"].as_u64() > Some(0),
        "{statistics}"
    );
    assert!(
        statistics["refusals"]["bytes"].as_u64() <= Some(1 << 20),
        "{statistics}"
    );
    assert_eq!(statistics["outcomes"]["token-invalid"], 5000);
}

#[test]
fn cheap_refusals_are_not_remembered() {
    let gate = simple_gate();
    for token in [
        "bad",
        "a.b.c",
        &token(&json!({"aud": "x"})),
        &token(&json!({"exp": 1})),
    ] {
        show(&gate, token);
    }
    assert_eq!(statistics(&gate)["refusals"]["entries"], 0);
}
