//! Services that are asked about requests.

use super::*;
use crate::fixture::PROXY;

fn service_gate(cache: f64, changes: &Value) -> Gate {
    let service = json!({"name": "svc", "sources": [], "claims_to_headers": [], "kind": {"forward_auth": {
        "request_headers": ["Authorization", "Cookie"], "response_headers": ["X-Auth-User", "X-Team"],
        "cache": cache, "failure": "deny"}}});
    gate(&[provider(&service)], &[access(&[0], changes)])
}

fn question(request: &Request<'_>, gate: &Gate) -> Question {
    let open = pending(request.decide(gate));
    assert_eq!(open.open, Open::ForwardAuth);
    *open.question.expect("a question")
}

#[test]
fn the_service_is_told_what_it_decides_by() {
    let gate = service_gate(0.0, &json!({}));
    let fields = [
        ("cookie", "a=1"),
        ("X-Other", "x"),
        ("AUTHORIZATION", "Basic x"),
        ("X-Forwarded-Proto", "https"),
    ];
    let request = Request {
        method: "DELETE",
        fields: &fields,
        ..get("/./0?a=%41")
    };
    let told = question(&request, &gate);
    assert_eq!(
        (&*told.method, &*told.target, &*told.host),
        (&b"DELETE"[..], &b"/0?a=%41"[..], &b"a.example"[..])
    );
    assert_eq!(told.scheme, "http");
    let names: Vec<_> = told.fields.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, [&b"cookie"[..], b"AUTHORIZATION"]);
    assert_eq!(
        question(
            &Request {
                peer: PROXY,
                ..request
            },
            &gate
        )
        .scheme,
        "https"
    );
    assert_eq!(
        question(
            &Request {
                secure: true,
                fields: &[],
                ..request
            },
            &gate
        )
        .scheme,
        "https"
    );
}

#[test]
fn what_the_service_says_holds_for_the_same_question() {
    let gate = service_gate(10.0, &json!({}));
    let fields = [("Authorization", "Basic x")];
    let request = Request {
        fields: &fields,
        ..get("/0")
    };
    let admission = Admission {
        claims: br#"{"sub": "s"}"#,
        until: f64::INFINITY,
        headers: &[],
    };
    let open = pending(request.decide(&gate));
    of(&gate).admit(&open, &admission, NOW).expect("claims");
    let at = |request: Request<'_>, now| outcome(&request.decide_at(&gate, now, None));
    assert_eq!(at(request, NOW + 9.0), "as s");
    for other in [
        Request {
            method: "PUT",
            ..request
        },
        Request {
            target: "/0?x",
            ..request
        },
        Request {
            fields: &[("Authorization", "Basic y")],
            ..request
        },
        Request {
            fields: &[fields[0], fields[0]],
            ..request
        },
        Request {
            fields: &[fields[0], ("Host", "b.example")],
            ..request
        },
        Request {
            peer: "192.0.2.2",
            ..request
        },
        Request {
            secure: true,
            ..request
        },
    ] {
        assert_eq!(at(other, NOW), "forward-auth", "{:?}", other.fields);
    }
    assert_eq!(at(request, NOW + 10.0), "forward-auth");
}

#[test]
fn without_memory_a_verdict_holds_for_one_decision() {
    let gate = service_gate(0.0, &json!({}));
    let open = pending(get("/0").decide(&gate));
    let headers: [(&[u8], &[u8]); 4] = [
        (b"x_auth_user", b" ann "),
        (b"X-Team", b"a"),
        (b"X-Evil", b"1"),
        (b"X-Auth-User", b"a\nb"),
    ];
    let admission = Admission {
        claims: b"{}",
        until: f64::INFINITY,
        headers: &headers,
    };
    let verdict = of(&gate).admit(&open, &admission, NOW).expect("claims");
    let decision = get("/0").decide_at(&gate, NOW, Some(&verdict));
    assert_eq!(outcome(&decision), "as somebody");
    let Decision::Forward(forward) = decision else {
        panic!("it goes on")
    };
    let head = String::from_utf8(forward.head).expect("UTF-8");
    assert_eq!(values(&head, "X-Auth-User"), ["ann"]);
    assert_eq!(values(&head, "X-Team"), ["a"]);
    assert!(!head.contains("Evil"));
    assert_eq!(ask(&gate, "/0", &[]), "forward-auth");
}

#[test]
fn nobody_is_asked_about_requests_that_need_no_credential_and_have_none() {
    let gate = service_gate(0.0, &json!({"optional": true}));
    assert_eq!(ask(&gate, "/0", &[("X-Other", "1")]), "as nobody");
    assert_eq!(ask(&gate, "/0", &[("Cookie", "a=1")]), "forward-auth");
}

#[test]
fn parts_of_a_question_cannot_be_shifted() {
    let question = |method: &str, target: &str| Question {
        method: method.into(),
        target: target.into(),
        ..Question::default()
    };
    assert_ne!(
        question("GE", "T/").fingerprint(),
        question("GET", "/").fingerprint()
    );
}
