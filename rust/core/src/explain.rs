//! Says why a request is taken by a route, and why not by the others. Looks at every route, so it
//! is for people and not for traffic.

use serde_json::{Value, json};

use crate::client::Peer;
use crate::decision::{Decision, Kind};
use crate::gate::Gate;
use crate::reply::Reply;
use crate::request::{RawRequest, RequestHead};
use crate::route::table::Matcher;
use crate::route::{Mismatch, Question};

/// Most routes that are listed besides the winner.
const MOST_CANDIDATES: usize = 50;

/// How near a route came to taking a request; the nearest are the most interesting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Outranked,
    Method,
    Query,
    Header,
    Path,
    Host,
}

impl Outcome {
    const fn sentence(self) -> &'static str {
        match self {
            Self::Outranked => "outranked: it matches, but the winner has precedence",
            Self::Method => "method: it takes other methods",
            Self::Query => "query: a query parameter is missing or has another value",
            Self::Header => "header: a header is missing or has another value",
            Self::Path => "path: none of its paths matches",
            Self::Host => "host: none of its hosts matches",
        }
    }
}

impl Gate {
    /// A JSON object with the route, the reason, the canonical path, the providers one of whose
    /// credentials is needed, and other candidates.
    #[must_use]
    pub fn explain(&self, raw: &RawRequest<'_>, peer: &Peer) -> String {
        let decision = self.locate(raw, peer);
        self.placed(raw, &decision).to_string()
    }

    /// Which route a decision is about, and why.
    pub(crate) fn placed(&self, raw: &RawRequest<'_>, decision: &Decision) -> Value {
        let tables = self.tables();
        let (reply, reason) = told(decision);
        let candidates = RequestHead::read(raw, &tables.limits)
            .map(|request| self.candidates(&request, reply.route))
            .unwrap_or_default();
        let providers = match (self.authentication(), reply.route) {
            (Some(authentication), Some(route)) => authentication.providers_of(route),
            _ => Vec::new(),
        };
        json!({
            "route": reply.route.map(|route| &*tables.policies[route].name),
            "reason": reason,
            "canonical_path": reply.path,
            "providers": providers,
            "candidates": candidates,
        })
    }

    fn candidates(&self, request: &RequestHead<'_>, winner: Option<usize>) -> Vec<Value> {
        let tables = self.tables();
        let question = request.question();
        let mut outcomes: Vec<_> = tables
            .routes
            .routes()
            .iter()
            .enumerate()
            .filter(|(index, _)| Some(*index) != winner)
            .map(|(index, route)| (outcome(route, &question), index))
            .collect();
        outcomes.sort_unstable();
        outcomes.truncate(MOST_CANDIDATES);
        outcomes
            .into_iter()
            .map(|(outcome, index)| {
                json!({"route": tables.policies[index].name, "why_not": outcome.sentence()})
            })
            .collect()
    }
}

/// What every reply to the request needs, and why it was decided so.
pub(crate) fn told(decision: &Decision) -> (&Reply, String) {
    match decision {
        Decision::Forward(forward) => (
            &forward.reply,
            "forward: to the upstream of the route".to_owned(),
        ),
        Decision::Respond(respond) => (
            &respond.reply,
            format!("{}: {}", respond.kind.name(), sentence(respond.kind)),
        ),
        Decision::Reject(reject) => {
            let refusal = &reject.refusal;
            (
                &reject.reply,
                format!("{}: {}", refusal.reason.name(), refusal.detail),
            )
        }
        Decision::Unverified(unverified) => (
            &unverified.reply,
            "unverified: something has to be found out about the credential".to_owned(),
        ),
        Decision::Unfunded(unfunded) => (
            &unfunded.reply,
            "unfunded: the store has to be asked".to_owned(),
        ),
    }
}

const fn sentence(kind: Kind) -> &'static str {
    match kind {
        Kind::Fixed => "the route has a fixed response",
        Kind::Redirect => "the route redirects",
        Kind::Preflight => "the gateway answers for the route that would take the request",
        Kind::Health => "the gateway answers for itself",
    }
}

fn outcome(route: &Matcher, question: &Question<'_>) -> Outcome {
    if !route.hosts.iter().any(|host| host.matches(question.host)) {
        return Outcome::Host;
    }
    if !route
        .paths
        .iter()
        .any(|path| path.captures(question.path).is_some())
    {
        return Outcome::Path;
    }
    match route
        .criteria
        .check(question.method, question.lines, question.query)
    {
        Ok(()) => Outcome::Outranked,
        Err(Mismatch::Method) => Outcome::Method,
        Err(Mismatch::Query) => Outcome::Query,
        Err(Mismatch::Header) => Outcome::Header,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{STRANGER, gate};

    fn explain(routes: &[Value], method: &str, target: &str) -> Value {
        let gate = gate(routes);
        let raw = RawRequest {
            method: method.as_bytes(),
            target: target.as_bytes(),
            fields: &[(b"Host", b"a.example")],
            version: 11,
        };
        let peer = gate.peer(STRANGER, false).expect("an address");
        serde_json::from_str(&gate.explain(&raw, &peer)).expect("JSON")
    }

    #[test]
    fn each_candidate_says_why_not_the_nearest_first() {
        let routes = [
            json!({"name": "host", "hosts": ["b.example"]}),
            json!({"name": "path", "paths": ["/b"]}),
            json!({"name": "header", "headers": [["X-A", null]]}),
            json!({"name": "query", "query": [["q", "1"]]}),
            json!({"name": "method", "methods": ["POST"]}),
            json!({"name": "outranked"}),
            json!({"name": "winner", "paths": ["/a"]}),
        ];
        let explained = explain(&routes, "GET", "/./a");
        assert_eq!(explained["route"], "winner");
        assert_eq!(explained["canonical_path"], "/a");
        let candidates = explained["candidates"].as_array().expect("a list");
        let names: Vec<_> = candidates
            .iter()
            .map(|candidate| &candidate["route"])
            .collect();
        assert_eq!(
            names,
            ["outranked", "method", "query", "header", "path", "host"]
        );
        for candidate in candidates {
            let name = candidate["route"].as_str().expect("a name");
            let why_not = candidate["why_not"].as_str().expect("a sentence");
            assert!(why_not.starts_with(name), "{name}: {why_not}");
        }
    }

    #[test]
    fn refusals_and_own_answers_have_reasons() {
        let routes = [json!({"name": "only", "paths": ["/a"], "methods": ["GET"]})];
        let reason = |method, target| {
            let explained = explain(&routes, method, target);
            assert_eq!(explained["route"], Value::Null);
            explained["reason"].as_str().expect("a reason").to_owned()
        };
        assert!(reason("GET", "/b").starts_with("route-not-found: "));
        assert!(reason("PUT", "/a").starts_with("method-not-allowed: "));
        assert!(reason("GET", "/a#b").starts_with("bad-request: "));
        assert!(reason("GET", "/health").starts_with("health: "));
    }

    #[test]
    fn the_list_is_bounded() {
        let routes = vec![json!({}); MOST_CANDIDATES + 5];
        let explained = explain(&routes, "GET", "/");
        assert_eq!(
            explained["candidates"].as_array().expect("a list").len(),
            MOST_CANDIDATES
        );
    }
}
