use std::sync::Arc;

use serde_json::{Value, json};

use super::StoreReport;
use super::funding::{Answer, Funding, Shortfall};
use crate::arena::Arena;
use crate::decision::{Decision, Forward, Reject};
use crate::fixture::{NOW, PROXY, Request, STRANGER, get, limited, values};
use crate::gate::{Gate, Known};
use crate::reply::RawResponse;

mod keys;
mod local;
mod store;

/// A policy, with what differs from ten requests in ten seconds by address.
fn policy(changes: &Value) -> Value {
    let mut policy = json!({
        "name": "per-ip", "by": [{"ip": {"ipv4": 32, "ipv6": 64}}],
        "window": {"quota": 10, "length": 10_000}, "concurrency": null,
        "mode": "local", "on_store_failure": "local", "tiers": null, "cost_header": null,
        "exempt": {"networks": [], "subjects": [], "scopes": []}, "shadow": false,
    });
    for (key, value) in changes.as_object().expect("an object") {
        policy[key] = value.clone();
    }
    policy
}

fn arena() -> Arc<Arena> {
    Arc::new(Arena::private(4096).expect("an arena"))
}

/// A gate with one route, under all of these policies.
fn gate(policies: &[Value]) -> Gate {
    gate_in(&arena(), policies)
}

fn gate_in(arena: &Arc<Arena>, policies: &[Value]) -> Gate {
    let policies: Vec<_> = policies.iter().map(policy).collect();
    let limits: Vec<_> = (0..policies.len())
        .map(|number| json!({"policy": number, "cost": 1}))
        .collect();
    limited(arena, &[json!({"rate_limits": limits})], &policies)
}

fn at(request: &Request<'_>, gate: &Gate, now: f64) -> Decision {
    request.decide_at(gate, now, None)
}

/// What its policies have decided, which is what the arena says of the only gate that counts in it.
fn statistics(gate: &Gate) -> Value {
    let limits = gate.rate_limits().expect("limits");
    let statistics = limits.statistics();
    let policies = serde_json::to_value(limits.arena().measurements().policies);
    assert_eq!(policies.expect("counts"), statistics);
    statistics
}

/// How many of a number of requests go on.
fn admitted(request: &Request<'_>, gate: &Gate, now: f64, requests: u32) -> u32 {
    let goes_on = |_: &u32| matches!(at(request, gate, now), Decision::Forward(_));
    (0..requests).filter(goes_on).count() as u32
}

fn forwarded(decision: Decision) -> Forward {
    match decision {
        Decision::Forward(forward) => forward,
        other => panic!("not forwarded: {other:?}"),
    }
}

fn rejected(decision: Decision) -> Reject {
    match decision {
        Decision::Reject(reject) => reject,
        other => panic!("not refused: {other:?}"),
    }
}

fn unfunded(decision: Decision) -> Shortfall {
    match decision {
        Decision::Unfunded(unfunded) => *unfunded.shortfall,
        other => panic!("not unfunded: {other:?}"),
    }
}

/// The head that the client gets when the upstream answers with these fields.
fn response(forward: &Forward, fields: &[(&[u8], &[u8])]) -> String {
    let raw = RawResponse {
        status: 200,
        reason: b"OK",
        fields,
        version: 11,
    };
    let (head, _) = forward
        .reply
        .response_head(&raw, NOW, false)
        .expect("a head");
    String::from_utf8(head).expect("UTF-8")
}

/// The head of the answer to a request that was refused.
fn refusal_head(reject: &Reject) -> String {
    let fields = reject.refusal.headers.iter();
    let fields: Vec<_> = fields
        .map(|(name, value)| (&name[..], &value[..]))
        .collect();
    let head = reject.reply.own_head(429, &fields, 0, NOW, false);
    String::from_utf8(head.expect("a head")).expect("UTF-8")
}
