//! Says what would become of a request, credential and limits included, and leaves no trace.
//!
//! It is decided by a gate that shares everything with the one that is asked but only looks: at what
//! is remembered of credentials, and at windows. So the answer is the one that a decision at this
//! moment would give, and nothing is remembered, counted or charged. For people, and not for traffic.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::authentication::Admission;
use crate::client::Peer;
use crate::decision::{Decision, Reason, Refusal};
use crate::explain::told;
use crate::gate::{Gate, Known};
use crate::request::{RawRequest, RequestHead};
use crate::verdict::{Accepted, Open, Pending, Verdict};

/// What others found out about a credential, since the gate was last asked: its claims, if it is
/// right.
pub type Found<'a> = (&'a Pending, Option<&'a [u8]>);

impl Gate {
    /// What would become of a request, as a JSON object, and the decision. `found` is about a
    /// signature that only others can check; all others are checked here, with the keys that are
    /// held.
    #[must_use]
    #[cold]
    pub fn rehearse(
        &self,
        raw: &RawRequest<'_>,
        peer: &Peer,
        now: f64,
        found: Option<Found<'_>>,
    ) -> (String, Decision) {
        let gate = self.rehearsal();
        let mut verdict = found.and_then(|found| gate.verdict(found, now));
        let mut decision = gate.decide(raw, peer, now, known(verdict.as_ref()));
        if let (Decision::Unverified(unverified), Some(authentication)) =
            (&decision, gate.authentication())
            && unverified.pending.open == Open::Signature
        {
            // From the gate that asks, so it is no misuse.
            verdict = authentication.verify(&unverified.pending, now).ok();
            decision = gate.decide(raw, peer, now, known(verdict.as_ref()));
        }
        let mut told = gate.placed(raw, &decision);
        if let Value::Object(members) = &mut told {
            gate.describe(raw, &decision, now, members);
        }
        (told.to_string(), decision)
    }

    fn verdict(&self, (pending, claims): Found<'_>, now: f64) -> Option<Verdict> {
        let authentication = self.authentication()?;
        let verdict = match claims {
            Some(claims) => {
                let admission = Admission {
                    claims,
                    until: now,
                    headers: &[],
                };
                authentication.admit(pending, &admission, now)
            }
            None => authentication.deny(pending, Reason::TokenInvalid, now, 0.0),
        };
        verdict.ok()
    }

    fn describe(
        &self,
        raw: &RawRequest<'_>,
        decision: &Decision,
        now: f64,
        members: &mut Map<String, Value>,
    ) {
        let (outcome, reply) = match decision {
            Decision::Forward(forward) => {
                members.insert("head".to_owned(), latin1(&forward.head).into());
                let from_endpoint = forward.host_from_endpoint;
                members.insert("host_from_endpoint".to_owned(), from_endpoint.into());
                ("forward", &forward.reply)
            }
            Decision::Respond(respond) => {
                let answer = &respond.answer;
                let described = json!({
                    "kind": respond.kind.name(),
                    "status": answer.status,
                    "headers": fields(&answer.headers),
                });
                members.insert("answer".to_owned(), described);
                ("respond", &respond.reply)
            }
            Decision::Reject(reject) => {
                members.insert("refusal".to_owned(), refusal(&reject.refusal));
                ("reject", &reject.reply)
            }
            Decision::Unverified(unverified) => ("unverified", &unverified.reply),
            Decision::Unfunded(unfunded) => ("unfunded", &unfunded.reply),
        };
        members.insert("outcome".to_owned(), outcome.into());
        members.insert("client".to_owned(), (*reply.client).into());
        members.insert("route_index".to_owned(), reply.route.into());
        let credential = self.credential(raw, decision, now);
        members.insert("credential".to_owned(), credential);
        let findings = self
            .rate_limits()
            .map(crate::rate_limit::RateLimits::findings);
        members.insert("limits".to_owned(), findings.unwrap_or_default().into());
    }

    /// What is thought of the credential; null, where there is none and none is needed.
    fn credential(&self, raw: &RawRequest<'_>, decision: &Decision, now: f64) -> Value {
        let (reply, _) = told(decision);
        let request = RequestHead::read(raw, &self.tables().limits).ok();
        let (Some(authentication), Some(route), Some(request)) =
            (self.authentication(), reply.route, request)
        else {
            return Value::Null;
        };
        let lines = &request.lines.all;
        let refused = match decision {
            Decision::Reject(reject) => Some(reject.refusal.reason).filter(|&reason| {
                reason.is_of_credential()
                    || reason == Reason::BadRequest && authentication.is_ambiguous(route, lines)
            }),
            _ => None,
        };
        let accepted = reply.accepted.as_deref();
        let mut credential = match (decision, refused, accepted) {
            (Decision::Unverified(unverified), _, _) => self.pending(&unverified.pending),
            (_, Some(reason), accepted) => judged(reason.name(), accepted),
            (_, None, Some(accepted)) => judged("accepted", Some(accepted)),
            (_, None, None) => return Value::Null,
        };
        let account = authentication.account(route, lines, refused, now);
        if let (Some(account), Value::Object(members)) = (account, &mut credential) {
            if accepted.is_some() {
                members.insert("provider".to_owned(), account.provider.into());
            }
            members.insert("says".to_owned(), account.says.unwrap_or_default());
            members.insert("tried".to_owned(), account.tried.into());
        }
        credential
    }

    fn pending(&self, pending: &Pending) -> Value {
        let provider = self
            .authentication()
            .and_then(|authentication| authentication.provider_name(pending.provider));
        json!({
            "verdict": "unverified",
            "open": pending.open.name(),
            "provider": provider,
            "algorithm": pending.algorithm.map(crate::keys::Algorithm::name),
            "key_id": pending.key_id,
        })
    }

    /// A gate that knows the same and changes nothing.
    fn rehearsal(&self) -> Self {
        let authentication = self.authentication();
        let authentication = authentication.map(|real| Arc::new(real.rehearsal()));
        let rate_limits = self.rate_limits().map(|real| Arc::new(real.rehearsal()));
        self.with(authentication, rate_limits)
    }
}

const fn known(verdict: Option<&Verdict>) -> Known<'_> {
    Known {
        verdict,
        funding: None,
        earlier: None,
    }
}

fn judged(verdict: &str, accepted: Option<&Accepted>) -> Value {
    let principal = accepted.map(|accepted| &accepted.principal);
    let expires = principal.map(|principal| principal.validity.expires);
    json!({
        "verdict": verdict,
        "issuer": principal.map(|principal| &principal.issuer),
        "subject": principal.and_then(|principal| principal.subject.as_deref()),
        "token_id": principal.and_then(|principal| principal.token_id.as_deref()),
        "issued_at": principal.and_then(|principal| principal.issued_at),
        // JSON has no number for what never ends.
        "expires": expires.filter(|expires| expires.is_finite()),
    })
}

fn refusal(refusal: &Refusal) -> Value {
    json!({
        "name": refusal.reason.name(),
        "detail": refusal.detail,
        "headers": fields(&refusal.headers),
        "violated": refusal.violated,
    })
}

fn fields(fields: &[crate::cors::OwnedField]) -> Vec<[String; 2]> {
    let text = |(name, value): &(Vec<u8>, Vec<u8>)| [latin1(name), latin1(value)];
    fields.iter().map(text).collect()
}

/// Bytes as text: each has its character, so that none is lost.
fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| char::from(byte)).collect()
}
