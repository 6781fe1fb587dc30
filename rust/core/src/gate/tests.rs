//! Decisions as a whole, from request heads to what becomes of them.

use super::*;
use crate::cors::OwnedField;
use crate::fixture::{PROXY, Request, TextField, gate, get, specification};
use proptest::prelude::*;
use serde_json::{Value, json};

fn text(fields: &[OwnedField], name: &str) -> Option<String> {
    let found = fields.iter().find(|(known, _)| known == name.as_bytes())?;
    String::from_utf8(found.1.clone()).ok()
}

#[test]
fn the_route_the_path_and_the_limit_are_told() {
    let gate = gate(&[
        json!({"paths": ["/a"]}),
        json!({"paths": ["/b/*"], "body_bytes": 5}),
    ]);
    let forward = get("/b/./%63").forward(&gate);
    assert_eq!(
        (forward.reply.route, forward.reply.body_limit),
        (Some(1), 5)
    );
    assert_eq!(forward.reply.path, "/b/c");
    assert!(forward.idempotent && forward.reply.keep_alive);
    assert_eq!(get("/a").forward(&gate).reply.body_limit, 1000);
}

#[test]
fn wrong_places_and_wrong_methods() {
    let gate = gate(&[json!({"paths": ["/a"], "methods": ["PUT", "GET"]})]);
    let elsewhere = get("/b").reject(&gate);
    assert_eq!(elsewhere.refusal.reason, Reason::RouteNotFound);
    assert!(elsewhere.reply.keep_alive);
    let wrong = Request {
        method: "POST",
        ..get("/a")
    }
    .reject(&gate);
    assert_eq!(wrong.refusal.reason, Reason::MethodNotAllowed);
    assert_eq!(
        text(&wrong.refusal.headers, "Allow").as_deref(),
        Some("GET, HEAD, PUT")
    );
    assert!(wrong.reply.keep_alive);
}

#[test]
fn paths_that_upstreams_could_read_as_another_routes_are_refused() {
    let gate = gate(&[
        json!({"paths": ["/public/*"]}),
        json!({"paths": ["/admin/*"]}),
        json!({"paths": ["/exact"]}),
    ]);
    for path in [
        "/public/..%2Fadmin/x",
        "/public/..%5cadmin/x",
        "/public/..;/admin/x",
        "/public%2Fx",
        "/exact;x",
        "/admin;/x",
        "/public/a;%2F..%2F..%2Fadmin/x",
        "/public/%2e%2e;/admin/x",
        "/..%2Fadmin/x",
    ] {
        let reject = get(path).reject(&gate);
        assert_eq!(reject.refusal.reason, Reason::BadRequest, "{path}");
        assert!(!reject.reply.keep_alive, "{path}");
    }
    assert_eq!(get("/public/a;b/c%2Fd").forward(&gate).reply.route, Some(0));
    assert_eq!(
        get("/public/../admin/x").forward(&gate).reply.route,
        Some(1)
    );
}

#[test]
fn health_is_answered_unless_a_route_claims_it() {
    let open = gate(&[
        json!({"paths": ["/*"]}),
        json!({"paths": ["/{any}"], "methods": ["GET"]}),
    ]);
    for path in ["/health", "/health/", "/%68ealth"] {
        assert_eq!(get(path).respond(&open).kind, Kind::Health);
    }
    assert_eq!(
        Request {
            method: "POST",
            ..get("/health")
        }
        .forward(&open)
        .reply
        .route,
        Some(0)
    );
    get("/health/x").forward(&open);
    let claimed = gate(&[json!({"paths": ["/health"], "methods": ["GET"]})]);
    get("/health").forward(&claimed);
    assert_eq!(get("/health/").respond(&claimed).kind, Kind::Health);
    let off = specification(&[json!({})], &json!({"health_path": null})).expect("a gate");
    get("/health").forward(&off);
}

fn cors(methods: &Value) -> Value {
    json!({"methods": methods, "cors": {
        "origins": ["https://a.example"], "methods": ["PUT"], "headers": ["X-A"], "expose": [],
        "credentials": true, "max_age": 5,
    }})
}

const PREFLIGHT: &[TextField<'_>] = &[
    ("Origin", "https://a.example"),
    ("Access-Control-Request-Method", "PUT"),
];

#[test]
fn preflights_are_answered_for_the_route_of_the_request_to_come() {
    let options = |fields| Request {
        method: "OPTIONS",
        fields,
        ..get("/")
    };
    let gate_with = |routes: &[Value]| gate(routes);
    let answer = options(PREFLIGHT).respond(&gate_with(&[cors(&json!(["PUT"]))]));
    assert_eq!((answer.kind, answer.answer.status), (Kind::Preflight, 204));
    assert_eq!(answer.reply.route, Some(0));
    let allowed = text(&answer.answer.headers, "Access-Control-Allow-Origin");
    assert_eq!(allowed.as_deref(), Some("https://a.example"));

    let is_forwarded = |routes: &[Value], fields| {
        matches!(
            options(fields).decide(&gate_with(routes)),
            Decision::Forward(_)
        )
    };
    let own = json!({"methods": ["OPTIONS"]});
    assert!(is_forwarded(&[cors(&json!([])), own], PREFLIGHT));
    assert!(is_forwarded(&[json!({})], PREFLIGHT));
    assert!(is_forwarded(&[cors(&json!([]))], &PREFLIGHT[1..]));
    assert!(is_forwarded(&[cors(&json!([]))], &PREFLIGHT[..1]));
    let refused = options(PREFLIGHT).reject(&gate_with(&[cors(&json!(["GET"]))]));
    assert_eq!(refused.refusal.reason, Reason::MethodNotAllowed);
}

#[test]
fn preflights_are_not_answered_twice() {
    let request = Request {
        method: "OPTIONS",
        fields: PREFLIGHT,
        ..get("/")
    };
    let answer = request.respond(&gate(&[cors(&json!([]))]));
    let fields: Vec<_> = answer
        .answer
        .headers
        .iter()
        .map(|(name, value)| (&**name, &**value))
        .collect();
    let head = answer
        .reply
        .own_head(204, &fields, 0, 0.0, false)
        .expect("a head");
    let head = String::from_utf8(head).expect("UTF-8");
    assert_eq!(head.matches("Access-Control-Allow-Origin").count(), 1);
    assert_eq!(head.matches("Vary").count(), 1);
}

#[test]
fn large_bodies_are_refused_before_they_are_sent() {
    let gate = gate(&[
        json!({"body_bytes": 5, "paths": ["/small"]}),
        json!({"body_bytes": 0, "paths": ["/any"]}),
    ]);
    let put = |target, length| {
        let fields = [("Content-Length", length)];
        Request {
            method: "PUT",
            fields: &fields,
            ..get(target)
        }
        .decide(&gate)
    };
    assert!(matches!(put("/small", "5"), Decision::Forward(_)));
    assert!(matches!(
        put("/any", "9223372036854775807"),
        Decision::Forward(_)
    ));
    let Decision::Reject(reject) = put("/small", "6") else {
        panic!("not refused")
    };
    assert_eq!(reject.refusal.reason, Reason::BodyTooLarge);
    assert!(!reject.reply.keep_alive && reject.reply.route == Some(0));
}

#[test]
fn redirects_keep_the_query_unless_the_template_has_one() {
    let location = |template, target| {
        let action = json!({"redirect": {"status": 308, "location": template}});
        let gate = gate(&[json!({"paths": ["/old/{id}/*"], "action": action})]);
        let answer = get(target).respond(&gate).answer;
        assert_eq!(answer.status, 308);
        text(&answer.headers, "Location").expect("a place")
    };
    let target = "/old/1/a/b?q=2";
    assert_eq!(
        location("https://{host}{path}", target),
        "https://a.example/old/1/a/b?q=2"
    );
    assert_eq!(location("/new/{id}/{rest}", target), "/new/1/a/b?q=2");
    assert_eq!(location("/new{query}#x", target), "/new?q=2#x");
    assert_eq!(location("/new?id={id}", target), "/new?id=1");
}

#[test]
fn fixed_responses() {
    let action = json!({"respond": {"status": 410, "headers": [["X-A", "b"]], "body": "gone"}});
    let answer = get("/").respond(&gate(&[json!({"action": action})]));
    assert_eq!((answer.kind, answer.answer.status), (Kind::Fixed, 410));
    assert_eq!(text(&answer.answer.headers, "X-A").as_deref(), Some("b"));
    assert_eq!(answer.answer.body, b"gone");
}

#[test]
fn options_about_the_server_stay_so_unless_rewritten() {
    let options = Request {
        method: "OPTIONS",
        ..get("*")
    };
    assert!(
        options
            .head(&gate(&[json!({})]))
            .starts_with("OPTIONS * HTTP/1.1\r\n")
    );
    let prefix = json!({"rewrite": {"add_prefix": "/v1"}});
    assert!(
        options
            .head(&gate(&[prefix]))
            .starts_with("OPTIONS /v1/ HTTP/1.1\r\n")
    );
    assert_eq!(
        options.reason(&gate(&[json!({"paths": ["/a"]})])),
        "route-not-found"
    );
}

#[test]
fn refusals_know_client_and_method() {
    let fields = [("X-Forwarded-For", "192.0.2.9"), ("Content-Length", "x")];
    let request = Request {
        method: "HEAD",
        fields: &fields,
        peer: PROXY,
        ..get("/")
    };
    let reject = request.reject(&gate(&[json!({})]));
    assert_eq!(&*reject.reply.client, "192.0.2.9");
    assert!(reject.reply.head_only && !reject.reply.keep_alive);
}

#[test]
fn unusable_specifications_say_where_and_why() {
    let error = |routes: &[Value], changes: Value| {
        specification(routes, &changes)
            .expect_err("unusable")
            .to_string()
    };
    for (route, expected) in [
        (
            json!({"hosts": ["a:1"]}),
            "route \"route\": \"a:1\" is no host name without port",
        ),
        (
            json!({"paths": ["a"]}),
            "route \"route\": path \"a\" does not start with /",
        ),
        (
            json!({"methods": ["G T"]}),
            "route \"route\": \"G T\" is no method",
        ),
        (
            json!({"headers": [["a b", null]]}),
            "route \"route\": \"a b\" is no field name",
        ),
        (
            json!({"request_headers": {"set": [["Host", "x"]]}}),
            "route \"route\": request_headers: Host is the gateway's own business",
        ),
        (
            json!({"action": {"redirect": {"status": 200, "location": "/"}}}),
            "route \"route\": redirect: 200 is no redirection",
        ),
        (
            json!({"action": {"respond": {"status": 101, "headers": [], "body": ""}}}),
            "route \"route\": respond: 101 is no final status",
        ),
        (
            json!({"rewrite": {"path": "/a?b"}}),
            "route \"route\": rewrite: the path template contains a query",
        ),
        (
            json!({"rewrite": {"host": {"literal": "a b"}}}),
            "route \"route\": rewrite: \"a b\" is no host",
        ),
    ] {
        assert_eq!(error(&[route], json!({})), expected);
    }
    assert_eq!(
        error(&[], json!({"via": "a b"})),
        "via: \"a b\" is no token"
    );
    assert!(error(&[], json!({"trusted_proxies": ["x"]})).starts_with("trusted_proxies: \"x\""));
    let unknown = Specification::from_json(br#"{"unknown": 1}"#).expect_err("unusable");
    assert!(unknown.to_string().starts_with("unknown field `unknown`"));
    assert!(error(&[], json!({"health_path": "x"})).starts_with("health_path: "));
}

/// The fields of a head that a strict reader accepts.
fn parsed(head: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(head);
    let text = text
        .strip_suffix("\r\n\r\n")
        .expect("a blank line at the end");
    let mut lines = text.split("\r\n");
    let start: Vec<_> = lines.next().expect("a start line").split(' ').collect();
    assert_eq!((start.len(), start[2]), (3, "HTTP/1.1"));
    lines
        .map(|line| {
            let (name, value) = line.split_once(": ").expect("a colon");
            assert!(
                !name.is_empty() && name.bytes().all(crate::grammar::is_tchar),
                "{name:?}"
            );
            assert!(
                crate::grammar::is_field_value(value.as_bytes()),
                "{value:?}"
            );
            (name.to_ascii_lowercase(), value.to_owned())
        })
        .collect()
}

proptest! {
    /// Whatever comes in, what goes out is one well-formed head with one host and one framing.
    #[test]
    fn forwarded_heads_are_beyond_doubt(
        method in "(GET|POST|OPTIONS|X)",
        target in "/[a-b%2;/.\\\\#? ]{0,8}",
        fields in prop::collection::vec(
            (
                "(Host|Content.Length|Transfer-Encoding|Connection|Upgrade|Via|X_Forwarded-For|X-A|[ -~]{0,3})",
                "(|a.example|chunked|5|close, X-A|upgrade|websocket|[ -~\t\r\n]{0,6})",
            ),
            0..6,
        ),
        version in 10_u32..=11,
    ) {
        let fields: Vec<_> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
        let request =
            Request { method: &method, target: &target, fields: &fields, version, ..get("") };
        if let Decision::Forward(mut forward) = request.decide(&gate(&[json!({})])) {
            if forward.host_from_endpoint {
                forward.head.extend_from_slice(b"Host: b\r\n\r\n");
            }
            let fields = parsed(&forward.head);
            let count = |wanted: &str| {
                let alias = |name: &str| name.replace('_', "-") == wanted;
                fields.iter().filter(|(name, _)| alias(name)).count()
            };
            prop_assert_eq!(count("host"), 1);
            let framings = count("content-length") + count("transfer-encoding");
            prop_assert!(framings <= 1);
            prop_assert!(framings == 1 || forward.reply.body == RequestBody::Absent);
            prop_assert_eq!(count("connection"), usize::from(forward.reply.upgrade));
            prop_assert_eq!(count("x-forwarded-for"), 1);
        }
    }
}
