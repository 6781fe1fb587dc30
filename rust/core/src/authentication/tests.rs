//! Gates with providers, from credentials to what becomes of requests.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::*;
use crate::api_keys::ApiKeys;
use crate::decision::Decision;
use crate::fixture::{NOW, Request, TextField, get, specification, values};
use crate::gate::Gate;
use crate::keys::{Algorithm, Key};
use crate::verdict::{Open, Question};

mod api_keys;
mod identity;
mod memory;
mod providers;
mod revocations;
mod services;
mod signatures;

const SECRET: [u8; 32] = *b"a secret of thirty-two bytes or ";
const PEPPER: [u8; 32] = [9; 32];

/// A provider, with what differs from one of tokens in Authorization.
fn provider(changes: &Value) -> Value {
    let mut provider = json!({
        "name": "main", "sources": [{"bearer": {}}], "claims_to_headers": [[["sub"], "X-User"]],
        "scope_claims": [["scope"]], "roles_claim": ["roles"], "kind": {"jwt": tokens(&json!({}))},
    });
    put_over(&mut provider, changes);
    provider
}

/// What tokens must claim, with what differs from tokens by HS256 or EdDSA for `api`.
fn tokens(changes: &Value) -> Value {
    let mut tokens = json!({
        "issuer": "https://i", "audiences": ["api"], "algorithms": ["HS256", "EdDSA", "Ed448"],
        "types": [], "leeway": 30.0, "required_claims": [], "longest_life": 1e6,
    });
    put_over(&mut tokens, changes);
    tokens
}

/// What a route requires, with what differs from any credential of these providers.
fn access(providers: &[u32], changes: &Value) -> Value {
    let mut access = json!({
        "providers": providers, "optional": false, "authorization": "pass",
        "rule": {"all_scopes": [], "any_scopes": [], "any_roles": [], "claims": []},
    });
    put_over(&mut access, changes);
    access
}

fn put_over(base: &mut Value, changes: &Value) {
    for (name, value) in changes.as_object().expect("an object") {
        match value {
            Value::Object(inner) if name == "rule" => {
                for (name, value) in inner {
                    base["rule"][name] = value.clone();
                }
            }
            _ => base[name] = value.clone(),
        }
    }
}

/// A gate with these providers, and the routes `/0`, `/1`, ... that require this.
fn try_gate(providers: &[Value], routes: &[Value], changes: &Value) -> Result<Gate, SpecError> {
    let mut auth = json!({
        "realm": "r", "token_bytes": 2000, "when_stale": "allow", "revocations": 10,
        "cache": {"bytes": 1 << 20, "ttl": 300.0, "refused_bytes": 1 << 20, "refused_ttl": 60.0},
        "providers": providers,
    });
    put_over(&mut auth, changes);
    let routes: Vec<_> = routes
        .iter()
        .enumerate()
        .map(|(number, access)| json!({"paths": [format!("/{number}")], "auth": access}))
        .collect();
    specification(&routes, &json!({"auth": auth}))
}

/// A gate with these providers and routes, of which every provider of tokens knows [`SECRET`].
fn gate(providers: &[Value], routes: &[Value]) -> Gate {
    let gate = try_gate(providers, routes, &json!({})).expect("a usable specification");
    for (number, provider) in providers.iter().enumerate() {
        if provider["kind"].get("jwt").is_some() {
            set_keys(&gate, number, vec![secret("1", &SECRET)]);
        }
    }
    gate
}

/// A gate with one provider of tokens and one route that wants them.
fn simple_gate() -> Gate {
    gate(&[provider(&json!({}))], &[access(&[0], &json!({}))])
}

fn of(gate: &Gate) -> &Authentication {
    gate.authentication().expect("providers")
}

fn set_keys(gate: &Gate, provider: usize, keys: Vec<Key>) {
    of(gate)
        .set_keys(provider, keys, false)
        .expect("a provider of tokens");
}

fn secret(id: &str, secret: &[u8]) -> Key {
    Key::new(Some(id), &[Algorithm::Hs256], "hmac", secret).expect("a key")
}

/// The claims of a good token, with what differs.
fn claims(changes: &Value) -> Value {
    let mut claims = json!({
        "iss": "https://i", "aud": "api", "exp": NOW + 1000.0, "iat": NOW, "sub": "alice", "jti": "7",
    });
    put_over(&mut claims, changes);
    claims
}

fn signing_input(header: &Value, claims: &Value) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", encode(header), encode(claims))
}

/// A token with a shared secret.
fn token_by(secret: &[u8], changes: &Value) -> String {
    let input = signing_input(&json!({"alg": "HS256"}), &claims(changes));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), input.as_bytes());
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(tag))
}

fn token(changes: &Value) -> String {
    token_by(&SECRET, changes)
}

/// A pair of keys of EdDSA, and its public half for gates.
fn pair(number: u8, id: &str) -> (Ed25519KeyPair, Key) {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[number; 32]).expect("a pair");
    let public = pair.public_key().as_ref();
    let key = Key::new(Some(id), &[Algorithm::EdDsa], "ed25519", public).expect("a key");
    (pair, key)
}

fn signed_by(pair: &Ed25519KeyPair, header: &Value, changes: &Value) -> String {
    let input = signing_input(header, &claims(changes));
    let signature = pair.sign(input.as_bytes());
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn ask_at(
    gate: &Gate,
    path: &str,
    fields: &[TextField<'_>],
    now: f64,
    verdict: Option<&Verdict>,
) -> Decision {
    Request {
        fields,
        ..get(path)
    }
    .decide_at(gate, now, verdict)
}

/// What becomes of a request with these fields: whom the upstream is told, or the problem, or what
/// has to be found out.
fn outcome(decision: &Decision) -> String {
    match decision {
        Decision::Forward(forward) => {
            let accepted = forward.reply.accepted.as_ref();
            let subject = accepted.map(|accepted| accepted.principal.subject.as_deref());
            format!(
                "as {}",
                subject.map_or("nobody", |subject| subject.unwrap_or("somebody"))
            )
        }
        Decision::Reject(reject) => reject.refusal.reason.name().to_owned(),
        Decision::Unverified(unverified) => unverified.pending.open.name().to_owned(),
        Decision::Respond(_) => "respond".to_owned(),
        Decision::Unfunded(_) => "unfunded".to_owned(),
    }
}

fn ask(gate: &Gate, path: &str, fields: &[TextField<'_>]) -> String {
    outcome(&ask_at(gate, path, fields, NOW, None))
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// What becomes of a request for `/0` with a token.
fn show_at(gate: &Gate, token: &str, now: f64) -> String {
    outcome(&ask_at(
        gate,
        "/0",
        &[("Authorization", &bearer(token))],
        now,
        None,
    ))
}

fn show(gate: &Gate, token: &str) -> String {
    show_at(gate, token, NOW)
}

/// What has to be found out about a request.
fn pending(decision: Decision) -> Pending {
    match decision {
        Decision::Unverified(unverified) => *unverified.pending,
        other => panic!("nothing is open: {}", outcome(&other)),
    }
}

fn pending_of(gate: &Gate, token: &str) -> Pending {
    pending(ask_at(
        gate,
        "/0",
        &[("Authorization", &bearer(token))],
        NOW,
        None,
    ))
}

/// The value of WWW-Authenticate.
fn challenge(decision: Decision) -> Option<String> {
    let Decision::Reject(reject) = decision else {
        panic!("not refused: {}", outcome(&decision));
    };
    assert!(reject.reply.keep_alive || reject.refusal.reason == Reason::BadRequest);
    let headers = reject.refusal.headers.into_iter();
    let mut found = headers.filter(|(name, _)| name == b"WWW-Authenticate");
    found
        .next()
        .map(|(_, value)| String::from_utf8(value).expect("UTF-8"))
}
