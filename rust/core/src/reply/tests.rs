//! Heads for the client, of upstreams' responses and of the gateway's own.

use super::*;
use crate::fixture::{NOW, Request, TextField, bytes, gate, get, values};
use serde_json::{Value, json};

/// A response of an upstream.
#[derive(Clone, Copy)]
struct Response<'a> {
    status: u16,
    fields: &'a [TextField<'a>],
    version: u32,
}

const OK: Response<'_> = Response {
    status: 200,
    fields: &[],
    version: 11,
};

fn passed(
    route: &Value,
    request: Request<'_>,
    response: Response<'_>,
) -> Result<(String, ResponseFraming), ProtocolError> {
    let fields: Vec<_> = bytes(response.fields).collect();
    let raw = RawResponse {
        status: response.status,
        reason: b"Fine",
        fields: &fields,
        version: response.version,
    };
    let reply = request.forward(&gate(std::slice::from_ref(route))).reply;
    let (head, framing) = reply.response_head(&raw, NOW, false)?;
    Ok((String::from_utf8(head).expect("UTF-8"), framing))
}

fn head(route: &Value, response: Response<'_>) -> String {
    passed(route, get("/"), response)
        .expect("a sound response")
        .0
}

fn framing(request: Request<'_>, response: Response<'_>) -> (String, ResponseFraming) {
    passed(&json!({}), request, response).expect("a sound response")
}

#[test]
fn a_whole_head() {
    let fields = [
        ("x-One", "1"),
        ("Connection", "X-Hop"),
        ("X-Hop", "1"),
        ("Keep-Alive", "5"),
        ("Content-Length", "5"),
        ("Via", "1.1 inner"),
        ("X-Request-ID", "theirs"),
        ("X-Two", "2"),
    ];
    let head = head(
        &json!({}),
        Response {
            fields: &fields,
            ..OK
        },
    );
    let (start, rest) = head.split_once("X-Request-ID: ").expect("an identifier");
    assert_eq!(
        start,
        "HTTP/1.1 200 Fine\r\nx-One: 1\r\nX-Two: 2\r\nContent-Length: 5\r\n\
         Via: 1.1 inner, 1.1 gw\r\nX-Frame-Options: DENY\r\n"
    );
    let (_, rest) = rest.split_once("\r\n").expect("a next line");
    assert_eq!(rest, "Date: Sat, 09 Nov 2024 06:53:20 GMT\r\n\r\n");
}

#[test]
fn bodies_are_framed_for_the_client() {
    let old = Request {
        version: 10,
        fields: &[("Connection", "keep-alive")],
        ..get("/")
    };
    let length = Response {
        fields: &[("Content-Length", "5")],
        ..OK
    };
    let chunked = Response {
        fields: &[("Transfer-Encoding", "chunked")],
        ..OK
    };
    for (request, response, expected) in [
        (get("/"), length, (false, Some(5), false, false)),
        (get("/"), chunked, (true, None, false, false)),
        (get("/"), OK, (true, None, false, false)),
        (old, length, (false, Some(5), false, false)),
        (old, chunked, (false, None, false, true)),
        (old, OK, (false, None, false, true)),
        (
            get("/"),
            Response {
                status: 204,
                ..length
            },
            (false, Some(0), true, false),
        ),
        (
            get("/"),
            Response {
                status: 304,
                ..length
            },
            (false, Some(0), true, false),
        ),
        (
            Request {
                method: "HEAD",
                ..get("/")
            },
            chunked,
            (false, Some(0), true, false),
        ),
    ] {
        let (head, framing) = framing(request, response);
        let ResponseFraming {
            chunked,
            length,
            bodiless,
            closes,
            ..
        } = framing;
        assert_eq!((chunked, length, bodiless, closes), expected, "{head}");
        assert_eq!(
            values(&head, "Transfer-Encoding").len(),
            usize::from(chunked)
        );
        assert_eq!(values(&head, "Connection") == ["close"], closes, "{head}");
    }
}

#[test]
fn lengths_without_bodies() {
    let length = Response {
        fields: &[("Content-Length", "5")],
        ..OK
    };
    let shown = |method, status| {
        let request = Request { method, ..get("/") };
        let (head, _) = framing(request, Response { status, ..length });
        values(&head, "Content-Length").len()
    };
    assert_eq!(
        (shown("HEAD", 200), shown("GET", 304), shown("GET", 204)),
        (1, 1, 0)
    );
}

#[test]
fn persistence_is_told_where_it_is_not_the_default() {
    let connection = |version, option, length| {
        let fields = [("Connection", option)];
        let request = Request {
            version,
            fields: &fields,
            ..get("/")
        };
        let response = Response {
            fields: &[("Content-Length", length)],
            ..OK
        };
        values(&framing(request, response).0, "Connection").join("|")
    };
    assert_eq!(connection(11, "", "1"), "");
    assert_eq!(connection(11, "close", "1"), "close");
    assert_eq!(connection(10, "", "1"), "close");
    assert_eq!(connection(10, "keep-alive", "1"), "keep-alive");
}

#[test]
fn responses_that_break_a_guard() {
    for response in [
        Response { status: 99, ..OK },
        Response { status: 100, ..OK },
        Response { status: 101, ..OK },
        Response { status: 600, ..OK },
        Response { version: 9, ..OK },
        Response { version: 20, ..OK },
        Response {
            fields: &[("X", "a\0b")],
            ..OK
        },
        Response {
            fields: &[("X ", "b")],
            ..OK
        },
        Response {
            fields: &[("Content-Length", "1"), ("Content-Length", "1")],
            ..OK
        },
        Response {
            fields: &[("Content-Length", "-1")],
            ..OK
        },
        Response {
            fields: &[("Content-Length", "1"), ("Transfer-Encoding", "chunked")],
            ..OK
        },
        Response {
            fields: &[("Transfer-Encoding", "gzip, chunked")],
            ..OK
        },
        Response {
            fields: &[("Transfer-Encoding", "chunked")],
            version: 10,
            ..OK
        },
        Response {
            fields: &[("Transfer-Encoding", "chunked")],
            status: 204,
            ..OK
        },
        Response {
            fields: &[("X", "y"); 21],
            ..OK
        },
    ] {
        assert!(
            passed(&json!({}), get("/"), response).is_err(),
            "{:?}",
            response.fields
        );
    }
}

#[test]
fn protocols_change_only_as_asked() {
    let fields = [("Connection", "upgrade"), ("Upgrade", "websocket")];
    let request = Request {
        fields: &fields,
        ..get("/")
    };
    let response = Response {
        status: 101,
        fields: &fields,
        ..OK
    };
    let (head, framing) = framing(request, response);
    assert_eq!(values(&head, "Connection"), ["upgrade"]);
    assert_eq!(values(&head, "Upgrade"), ["websocket"]);
    assert!(framing.bodiless && framing.closes);
    assert!(passed(&json!({}), get("/"), response).is_err());
}

#[test]
fn reason_phrases_are_checked() {
    let reply = get("/").forward(&gate(&[json!({})])).reply;
    let head = |reason| {
        let raw = RawResponse {
            status: 200,
            reason,
            fields: &[],
            version: 11,
        };
        reply.response_head(&raw, NOW, false)
    };
    assert!(head(b"").is_ok_and(|(head, _)| head.starts_with(b"HTTP/1.1 200 \r\n")));
    assert!(head("caf\u{e9}".as_bytes()).is_ok());
    assert!(head(b"a\r\nX: y").is_err());
    assert!(head(&[b'a'; LONGEST_REASON + 1]).is_err());
}

#[test]
fn interim_responses_go_to_those_who_know_them() {
    let interim = |request: Request<'_>, status| {
        let fields = [
            (&b"Link"[..], &b"</a>"[..]),
            (b"Connection", b"x"),
            (b"Content-Length", b"1"),
        ];
        let raw = RawResponse {
            status,
            reason: b"R",
            fields: &fields,
            version: 11,
        };
        let head = request
            .forward(&gate(&[json!({})]))
            .reply
            .interim_head(&raw);
        head.map(|head| String::from_utf8(head).expect("UTF-8"))
    };
    let hints = "HTTP/1.1 103 R\r\nLink: </a>\r\n\r\n";
    assert_eq!(interim(get("/"), 103).as_deref(), Ok(hints));
    assert_eq!(
        interim(
            Request {
                version: 10,
                ..get("/")
            },
            103
        )
        .as_deref(),
        Ok("")
    );
    assert_eq!(interim(get("/"), 100).as_deref(), Ok(""));
    let waiting = [("Expect", "100-continue"), ("Content-Length", "1")];
    let waiting = Request {
        method: "PUT",
        fields: &waiting,
        ..get("/")
    };
    assert!(interim(waiting, 100).is_ok_and(|head| head.starts_with("HTTP/1.1 100 R")));
    assert!(interim(get("/"), 101).is_err() && interim(get("/"), 200).is_err());
}

#[test]
fn routes_change_fields() {
    let route = json!({"response_headers": {
        "set": [["Server", "gw"], ["X-Frame-Options", "SAMEORIGIN"]],
        "add": [["X-Tag", "b"]],
        "remove": ["X-Powered-By", "Via"],
    }});
    let fields = [
        ("Server", "s"),
        ("SERVER", "t"),
        ("X-Tag", "a"),
        ("X-Powered-By", "p"),
        ("x-frame-options", "ALLOW"),
        ("Date", "theirs"),
    ];
    let head = head(
        &route,
        Response {
            fields: &fields,
            ..OK
        },
    );
    assert_eq!(values(&head, "Server"), ["gw"]);
    assert_eq!(values(&head, "X-Tag"), ["a", "b"]);
    assert_eq!(values(&head, "X-Frame-Options"), ["SAMEORIGIN"]);
    assert_eq!(values(&head, "Date"), ["theirs"]);
    assert!(values(&head, "X-Powered-By").is_empty() && values(&head, "Via").is_empty());
}

#[test]
fn strict_transport_security_is_for_tls() {
    let hsts = |secure| {
        let request = Request { secure, ..get("/") };
        values(&framing(request, OK).0, "Strict-Transport-Security").len()
    };
    assert_eq!((hsts(false), hsts(true)), (0, 1));
}

#[test]
fn cross_origin_fields_are_the_routes() {
    let cors = json!({"cors": {
        "origins": ["https://a.example"], "methods": ["GET"], "headers": [], "expose": [],
        "credentials": false, "max_age": null,
    }});
    let theirs = [("Access-Control-Allow-Origin", "*"), ("Vary", "Accept")];
    let response = Response {
        fields: &theirs,
        ..OK
    };
    let origin = [("Origin", "https://a.example")];
    let asking = Request {
        fields: &origin,
        ..get("/")
    };
    let (head, _) = passed(&cors, asking, response).expect("a sound response");
    assert_eq!(
        values(&head, "Access-Control-Allow-Origin"),
        ["https://a.example"]
    );
    assert_eq!(values(&head, "Vary"), ["Accept", "Origin"]);
    let (head, _) = framing(asking, response);
    assert_eq!(values(&head, "Access-Control-Allow-Origin"), ["*"]);
}

#[test]
fn replies_of_the_gateway() {
    let gate =
        gate(&[json!({"response_headers": {"set": [["X-Set", "1"]], "remove": ["X-Gone"]}})]);
    let own = |request: Request<'_>, status, fields: &[TextField<'_>], close| {
        let fields: Vec<_> = bytes(fields).collect();
        let reply = request.forward(&gate).reply;
        let head = reply.own_head(status, &fields, 7, NOW, close);
        head.map(|head| String::from_utf8(head).expect("UTF-8"))
    };
    let fields = [
        ("Content-Type", "a/b"),
        ("X-Gone", "1"),
        ("Content-Length", "9"),
        ("Date", "x"),
    ];
    let head = own(get("/"), 404, &fields, false).expect("a head");
    assert!(
        head.starts_with("HTTP/1.1 404 Not Found\r\nContent-Type: a/b\r\nContent-Length: 7\r\n")
    );
    assert_eq!(values(&head, "Date"), ["Sat, 09 Nov 2024 06:53:20 GMT"]);
    assert_eq!(
        (values(&head, "X-Set"), values(&head, "X-Gone").len()),
        (vec!["1"], 0)
    );
    assert!(values(&head, "Connection").is_empty() && head.ends_with("\r\n\r\n"));

    let close = own(get("/"), 200, &[], true).expect("a head");
    assert_eq!(values(&close, "Connection"), ["close"]);
    for status in [100, 204, 304] {
        let head = own(get("/"), status, &[], false).expect("a head");
        assert!(values(&head, "Content-Length").is_empty(), "{status}");
    }
    assert!(own(get("/"), 99, &[], false).is_err());
    assert!(own(get("/"), 200, &[("a", "b\r\nc: d")], false).is_err());
}
