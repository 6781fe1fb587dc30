//! What tests share: gates from a few words, and requests to put to them.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::arena::Arena;

use crate::decision::{Decision, Forward, Reject, Respond};
use crate::gate::{Gate, Known};
use crate::request::RawRequest;
use crate::specification::{SpecError, Specification};
use crate::verdict::Verdict;

/// Unix seconds at which tests play: 9 November 2024, 06:53:20 GMT.
pub const NOW: f64 = 1_731_135_200.0;

/// An address from a network that no gate of the tests trusts.
pub const STRANGER: &str = "192.0.2.1";

/// An address that every gate of the tests trusts.
pub const PROXY: &str = "10.0.0.1";

/// A field as a text.
pub type TextField<'a> = (&'a str, &'a str);

/// The specification of a route, with what differs from one that forwards everything.
pub fn route(changes: &Value) -> Value {
    let mut route = json!({
        "name": "route", "hosts": [], "paths": [], "methods": [], "headers": [], "query": [],
        "action": {"forward": {}},
        "rewrite": {"strip_prefix": null, "add_prefix": null, "path": null, "host": "preserve"},
        "request_headers": {"set": [], "add": [], "remove": []},
        "response_headers": {"set": [], "add": [], "remove": []},
        "security_headers": null, "hsts": null, "body_bytes": null, "cors": null, "auth": null,
        "rate_limits": [],
    });
    merge(&mut route, changes);
    route
}

/// The specification of a gate with these routes, and what else differs from the default.
pub fn specification(routes: &[Value], changes: &Value) -> Result<Gate, SpecError> {
    let mut gate = json!({
        "limits": {"header_bytes": 8192, "header_count": 20, "target_bytes": 100, "body_bytes": 1000},
        "trusted_proxies": ["10.0.0.0/8"], "via": "gw", "health_path": "/health",
        "security_headers": [["X-Frame-Options", "DENY"]], "hsts": "max-age=1",
        "routes": routes.iter().map(route).collect::<Vec<_>>(), "auth": null, "rate_limits": [],
    });
    merge(&mut gate, changes);
    let specification = Specification::from_json(gate.to_string().as_bytes())?;
    Gate::new(&specification, &[7; 32])
}

/// A gate that counts in an arena, with these routes and policies.
pub fn limited(arena: &Arc<Arena>, routes: &[Value], policies: &[Value]) -> Gate {
    let mut gate = json!({
        "limits": {"header_bytes": 8192, "header_count": 20, "target_bytes": 100, "body_bytes": 1000},
        "trusted_proxies": ["10.0.0.0/8"], "via": "gw", "health_path": "/health",
        "security_headers": [], "hsts": null, "rate_limits": policies,
    });
    gate["routes"] = routes.iter().map(route).collect();
    let specification = Specification::from_json(gate.to_string().as_bytes());
    let specification = specification.expect("a readable specification");
    Gate::in_arena(&specification, &[7; 32], Arc::clone(arena), 0).expect("a usable one")
}

/// A gate with these routes.
pub fn gate(routes: &[Value]) -> Gate {
    specification(routes, &json!({})).expect("a usable specification")
}

/// Put `changes` over `base`, key by key down to values and to objects with other keys.
fn merge(base: &mut Value, changes: &Value) {
    let is_same_kind = |base: &Value, changes: &serde_json::Map<String, Value>| {
        changes.keys().all(|key| base.get(key).is_some())
    };
    match changes {
        Value::Object(changes) if is_same_kind(base, changes) => {
            for (key, value) in changes {
                merge(&mut base[key], value);
            }
        }
        other => *base = other.clone(),
    }
}

/// A request of HTTP/1.1 for `a.example`, unless its fields name another Host.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    pub method: &'a str,
    pub target: &'a str,
    pub fields: &'a [TextField<'a>],
    pub peer: &'a str,
    pub secure: bool,
    pub version: u32,
}

/// GET of a target.
pub fn get(target: &str) -> Request<'_> {
    Request {
        method: "GET",
        target,
        fields: &[],
        peer: STRANGER,
        secure: false,
        version: 11,
    }
}

impl Request<'_> {
    /// Ask a gate.
    pub fn decide(&self, gate: &Gate) -> Decision {
        self.decide_at(gate, NOW, None)
    }

    /// Ask a gate at a time, with a verdict.
    pub fn decide_at(&self, gate: &Gate, now: f64, verdict: Option<&Verdict>) -> Decision {
        let known = Known {
            verdict,
            ..Known::default()
        };
        self.decide_knowing(gate, now, known)
    }

    /// Ask a gate at a time, with what was found out.
    pub fn decide_knowing(&self, gate: &Gate, now: f64, known: Known<'_>) -> Decision {
        let host = (&b"Host"[..], &b"a.example"[..]);
        let names_host = self
            .fields
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("host"));
        let has_host = names_host || self.version == 10;
        let fields: Vec<_> = (!has_host)
            .then_some(host)
            .into_iter()
            .chain(bytes(self.fields))
            .collect();
        let raw = RawRequest {
            method: self.method.as_bytes(),
            target: self.target.as_bytes(),
            fields: &fields,
            version: self.version,
        };
        let peer = gate.peer(self.peer, self.secure).expect("an address");
        gate.decide(&raw, &peer, now, known)
    }

    /// Ask a gate that forwards it.
    pub fn forward(&self, gate: &Gate) -> Forward {
        match self.decide(gate) {
            Decision::Forward(forward) => forward,
            other => panic!("not forwarded: {other:?}"),
        }
    }

    /// Ask a gate that forwards it, for the head.
    pub fn head(&self, gate: &Gate) -> String {
        String::from_utf8(self.forward(gate).head).expect("UTF-8")
    }

    /// Ask a gate that answers it.
    pub fn respond(&self, gate: &Gate) -> Respond {
        match self.decide(gate) {
            Decision::Respond(respond) => respond,
            other => panic!("not answered: {other:?}"),
        }
    }

    /// Ask a gate that refuses it.
    pub fn reject(&self, gate: &Gate) -> Reject {
        match self.decide(gate) {
            Decision::Reject(reject) => reject,
            other => panic!("not refused: {other:?}"),
        }
    }

    /// Ask a gate that refuses it, for the name of the problem.
    pub fn reason(&self, gate: &Gate) -> &'static str {
        self.reject(gate).refusal.reason.name()
    }
}

/// Fields as bytes.
pub fn bytes<'a>(fields: &'a [TextField<'a>]) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
    fields
        .iter()
        .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
}

/// The values of a field in a head, in order.
pub fn values<'a>(head: &'a str, name: &str) -> Vec<&'a str> {
    head.lines()
        .filter_map(|line| line.split_once(": "))
        .filter(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
        .collect()
}
