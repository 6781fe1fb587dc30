//! Writes the request head that the upstream gets.

use crate::client::Peer;
use crate::credential::{Withheld, put_other_cookies};
use crate::field::Field;
use crate::framing::RequestBody;
use crate::grammar::{list, write_decimal};
use crate::host::Authority;
use crate::identity::TRACEPARENT_LENGTH;
use crate::lines::Line;
use crate::policy::RequestFields;
use crate::request::RequestHead;
use crate::rewrite::UpstreamHost;
use crate::tracestate::put_tracestate;

/// Room for what the gateway adds to a head, so that the buffer need not grow.
const ROOM: usize = 512;

/// A request head in the making.
#[derive(Debug)]
pub struct Outgoing<'a> {
    /// What the client sent.
    pub request: &'a RequestHead<'a>,
    /// Path for the upstream, or `*`.
    pub path: &'a str,
    /// Host for the upstream.
    pub host: &'a UpstreamHost,
    /// The route's changes.
    pub fields: &'a RequestFields,
    /// Credentials beside the one that counted.
    pub withheld: Option<&'a Withheld>,
    /// Who sent it.
    pub peer: &'a Peer,
    /// Its X-Request-ID.
    pub request_id: &'a str,
    /// Whether a trusted peer sent a well-formed traceparent.
    pub continues_trace: bool,
    /// Its traceparent for the upstream.
    pub traceparent: [u8; TRACEPARENT_LENGTH],
    /// The gateway's name in Via.
    pub via: &'a str,
    /// Lines that tell who the client is.
    pub identity: &'a [u8],
}

impl Outgoing<'_> {
    /// The head, and whether it lacks the Host line and the blank line.
    #[must_use]
    pub fn write(&self) -> (Vec<u8>, bool) {
        let request = self.request;
        let given = self.path.len() + request.target.query.len() + request.lines.size;
        let added = self.fields.appended.len() + self.identity.len() + ROOM;
        let mut out = Vec::with_capacity(given + added);
        put(&mut out, &[request.method, b" ", self.path.as_bytes()]);
        put(&mut out, &[request.target.query, b" HTTP/1.1\r\n"]);
        let host = match (self.host, request.host) {
            (UpstreamHost::Literal(text), _) => Some(text.as_bytes()),
            (UpstreamHost::Preserve, Some(host)) => Some(host.text),
            // A 1.0 client may name no host, but a 1.1 request must.
            (UpstreamHost::Preserve, None) | (UpstreamHost::Endpoint, _) => None,
        };
        if let Some(host) = host {
            put_field(&mut out, b"Host", host);
        }
        self.write_kept_fields(&mut out);
        self.write_forwarded(&mut out);
        self.write_identity(&mut out);
        self.write_framing(&mut out);
        self.fields.put_identity(&mut out, self.identity);
        out.extend_from_slice(&self.fields.appended);
        if host.is_some() {
            out.extend_from_slice(b"\r\n");
        }
        (out, host.is_none())
    }

    /// The client's fields that are for the upstream, as they were written.
    fn write_kept_fields(&self, out: &mut Vec<u8>) {
        let lines = &self.request.lines;
        for line in &lines.all {
            let is_kept = match line.field {
                Field::Other => !lines.options.nominates(line.name),
                Field::Cookie if self.takes_cookies() => {
                    self.write_cookies(out, line);
                    false
                }
                Field::Essential
                | Field::Authorization
                | Field::Cookie
                | Field::Date
                | Field::Origin
                | Field::RequestMethod
                | Field::RequestHeaders
                | Field::AccessControl => true,
                _ => false,
            };
            if is_kept && !self.drops(line.name) {
                put_field(out, line.name, line.value);
            }
        }
    }

    /// A Cookie field without the cookies that the gateway keeps.
    #[cold]
    fn write_cookies(&self, out: &mut Vec<u8>, line: &Line<'_>) {
        if self.drops(line.name) {
            return;
        }
        let start = out.len();
        put(out, &[line.name, b": "]);
        let withheld = self.withheld.into_iter().flat_map(|those| &those.cookies);
        let taken = self.fields.taken_cookies.iter().chain(withheld);
        if put_other_cookies(out, line.value, &taken) {
            out.extend_from_slice(b"\r\n");
        } else {
            out.truncate(start);
        }
    }

    /// Whether some cookies stay behind.
    fn takes_cookies(&self) -> bool {
        let is_any = |those: &Withheld| !those.cookies.is_empty();
        !self.fields.taken_cookies.is_empty() || self.withheld.is_some_and(is_any)
    }

    /// Whether a field of the client's stays behind.
    #[inline]
    fn drops(&self, name: &[u8]) -> bool {
        self.fields.dropped.contains(name)
            || self
                .withheld
                .is_some_and(|those| those.fields.contains(name))
    }

    /// X-Forwarded-For, -Proto and -Host: what a trusted peer said, or what the connection shows.
    fn write_forwarded(&self, out: &mut Vec<u8>) {
        let request = self.request;
        if self.adds(b"X-Forwarded-For") {
            let start = out.len();
            out.extend_from_slice(b"X-Forwarded-For: ");
            let first = out.len();
            if self.peer.trusted {
                put_list(
                    out,
                    first,
                    request.lines.values(Field::ForwardedFor).flat_map(list),
                );
            }
            put_list(out, first, [self.peer.address.as_bytes()].into_iter());
            if out.len() == first {
                out.truncate(start);
            } else {
                out.extend_from_slice(b"\r\n");
            }
        }
        if self.adds(b"X-Forwarded-Proto") {
            let scheme = self.peer.scheme(request.singles.forwarded_proto);
            put_field(out, b"X-Forwarded-Proto", scheme.as_bytes());
        }
        if self.adds(b"X-Forwarded-Host") {
            let given = request
                .singles
                .forwarded_host
                .once()
                .filter(|value| self.peer.trusted && Authority::parse(value).is_some());
            if let Some(host) = given.or(request.host.map(|host| host.text)) {
                put_field(out, b"X-Forwarded-Host", host);
            }
        }
    }

    /// X-Request-ID, traceparent and Via.
    fn write_identity(&self, out: &mut Vec<u8>) {
        let lines = &self.request.lines;
        if self.adds(b"X-Request-ID") {
            put_field(out, b"X-Request-ID", self.request_id.as_bytes());
        }
        if self.adds(b"traceparent") {
            put_field(out, b"traceparent", &self.traceparent);
            // The state belongs to the trace that is continued.
            if self.continues_trace && self.adds(b"tracestate") {
                put_tracestate(out, lines.values(Field::Tracestate));
            }
        }
        if self.adds(b"Via") {
            out.extend_from_slice(b"Via: ");
            put_via(
                out,
                lines.values(Field::Via),
                self.request.version.text(),
                self.via,
            );
        }
    }

    /// How the body follows, and what is for the next hop only.
    fn write_framing(&self, out: &mut Vec<u8>) {
        let request = self.request;
        match request.body {
            RequestBody::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
            RequestBody::Length(length) => put_content_length(out, length),
            // RFC 9110 section 8.6: methods that are expected to have a body say that there is none.
            RequestBody::Absent if matches!(request.method, b"POST" | b"PUT" | b"PATCH") => {
                put_content_length(out, 0);
            }
            RequestBody::Absent => {}
        }
        if request.expects_continue {
            out.extend_from_slice(b"Expect: 100-continue\r\n");
        }
        if let Some(protocols) = request.upgrade {
            out.extend_from_slice(b"Connection: upgrade\r\n");
            put_field(out, b"Upgrade", protocols);
        }
    }

    /// Whether the gateway adds this field, which the route may set or remove instead.
    fn adds(&self, name: &[u8]) -> bool {
        !self.fields.dropped.contains(name)
    }
}

/// Append each of `parts`.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "unrolled, it takes a third of the time, and there is one for every field"
)]
pub fn put(out: &mut Vec<u8>, parts: &[&[u8]]) {
    for part in parts {
        out.extend_from_slice(part);
    }
}

/// Append a field line.
#[inline(always)]
#[expect(clippy::inline_always, reason = "as for `put`")]
pub fn put_field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    put(out, &[name, b": ", value, b"\r\n"]);
}

/// Append a Content-Length line.
pub fn put_content_length(out: &mut Vec<u8>, length: u64) {
    out.extend_from_slice(b"Content-Length: ");
    write_decimal(out, length);
    out.extend_from_slice(b"\r\n");
}

/// Append the rest of a Via line: what others wrote, then this hop (RFC 9110 section 7.6.3).
pub fn put_via<'a>(
    out: &mut Vec<u8>,
    given: impl Iterator<Item = &'a [u8]>,
    version: &str,
    name: &str,
) {
    let first = out.len();
    put_list(out, first, given);
    if out.len() > first {
        out.extend_from_slice(b", ");
    }
    put(out, &[version.as_bytes(), b" ", name.as_bytes(), b"\r\n"]);
}

/// Append what is not empty to a list that starts at `first`.
fn put_list<'a>(out: &mut Vec<u8>, first: usize, values: impl Iterator<Item = &'a [u8]>) {
    for value in values.filter(|value| !value.is_empty()) {
        if out.len() > first {
            out.extend_from_slice(b", ");
        }
        out.extend_from_slice(value);
    }
}

#[cfg(test)]
mod tests {
    use crate::fixture::{PROXY, Request, TextField, gate, get, values};
    use serde_json::{Value, json};

    fn head(changes: &Value, request: Request<'_>) -> String {
        request.head(&gate(std::slice::from_ref(changes)))
    }

    fn with<'a>(fields: &'a [TextField<'a>]) -> Request<'a> {
        Request {
            fields,
            ..get("/a?b")
        }
    }

    #[test]
    fn a_whole_head() {
        let head = head(&json!({}), with(&[("x-One", "1"), ("X-Two", "2")]));
        let (start, rest) = head.split_once("X-Request-ID: ").expect("an identifier");
        assert_eq!(
            start,
            "GET /a?b HTTP/1.1\r\nHost: a.example\r\nx-One: 1\r\nX-Two: 2\r\n\
             X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: a.example\r\n"
        );
        let (_, rest) = rest.split_once("\r\n").expect("a next line");
        assert!(
            rest.starts_with("traceparent: 00-") && rest.ends_with("-02\r\nVia: 1.1 gw\r\n\r\n")
        );
    }

    #[test]
    fn what_is_for_the_hop_stays_behind() {
        let fields = [
            ("Connection", "close, X-Hop"),
            ("Keep-Alive", "5"),
            ("TE", "trailers"),
            ("Trailer", "X"),
            ("Proxy-Authorization", "x"),
            ("x-hop", "1"),
            ("Upgrade", "websocket"),
            ("X-End", "1"),
        ];
        let head = head(&json!({}), with(&fields));
        for name in [
            "Connection",
            "Keep-Alive",
            "TE",
            "Trailer",
            "Proxy-Authorization",
            "X-Hop",
            "Upgrade",
        ] {
            assert!(values(&head, name).is_empty(), "{name}");
        }
        assert_eq!(values(&head, "X-End"), ["1"]);
    }

    #[test]
    fn strangers_forge_nothing() {
        let fields = [
            ("X-Forwarded-For", "6.6.6.6"),
            ("X_Forwarded_For", "6.6.6.6"),
            ("X-Forwarded-Proto", "https"),
            ("X-Forwarded-Host", "evil"),
            ("X-Forwarded-User", "root"),
            ("Forwarded", "for=6.6.6.6"),
            ("X-Real-IP", "6.6.6.6"),
            ("X-Request-ID", "forged"),
            ("tracestate", "a=1"),
            ("x_request-id", "forged"),
            (
                "traceparent",
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            ),
            ("X-Original-URL", "/admin"),
        ];
        let head = head(&json!({}), with(&fields));
        for text in [
            "6.6.6.6", "evil", "root", "forged", "4bf92f", "a=1", "admin",
        ] {
            assert!(!head.contains(text), "{text}");
        }
        assert_eq!(values(&head, "X-Forwarded-Proto"), ["http"]);
    }

    #[test]
    fn trusted_proxies_are_believed_where_they_are_well_formed() {
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let fields = [
            ("X-Forwarded-For", "192.0.2.9, ,10.0.0.2"),
            ("X-Forwarded-Proto", "https"),
            ("X-Request-ID", "id-1"),
            ("X-Forwarded-Host", "front.example"),
            ("traceparent", trace),
            ("tracestate", "a=1"),
        ];
        let believed = head(
            &json!({}),
            Request {
                peer: PROXY,
                ..with(&fields)
            },
        );
        assert_eq!(
            values(&believed, "X-Forwarded-For"),
            ["192.0.2.9, 10.0.0.2, 10.0.0.1"]
        );
        assert_eq!(values(&believed, "X-Forwarded-Proto"), ["https"]);
        assert_eq!(values(&believed, "X-Forwarded-Host"), ["front.example"]);
        assert_eq!(values(&believed, "X-Request-ID"), ["id-1"]);
        assert_eq!(values(&believed, "tracestate"), ["a=1"]);
        assert!(values(&believed, "traceparent")[0].starts_with(&trace[..36]));

        let malformed = [
            ("X-Forwarded-Proto", "gopher"),
            ("X-Forwarded-Host", "a b"),
            ("X-Request-ID", "a b"),
            ("traceparent", "00-x"),
            ("tracestate", "a=1"),
        ];
        let own = head(
            &json!({}),
            Request {
                peer: PROXY,
                ..with(&malformed)
            },
        );
        assert_eq!(values(&own, "X-Forwarded-Proto"), ["http"]);
        assert_eq!(values(&own, "X-Forwarded-Host"), ["a.example"]);
        assert!(values(&own, "tracestate").is_empty());
    }

    #[test]
    fn each_hop_signs_via() {
        let fields = [("Via", "1.0 fred"), ("Via", "1.1 p")];
        assert_eq!(
            values(&head(&json!({}), with(&fields)), "Via"),
            ["1.0 fred, 1.1 p, 1.1 gw"]
        );
        let old = Request {
            version: 10,
            ..with(&[])
        };
        assert_eq!(values(&head(&json!({}), old), "Via"), ["1.0 gw"]);
    }

    #[test]
    fn bodies_are_announced_anew() {
        let of = |method, fields: &[TextField<'_>]| {
            let head = head(
                &json!({}),
                Request {
                    method,
                    ..with(fields)
                },
            );
            let shown = |name| values(&head, name).join("|");
            (
                shown("Content-Length"),
                shown("Transfer-Encoding"),
                shown("Expect"),
            )
        };
        let texts = |length: &str, coding: &str, expect: &str| {
            (length.to_owned(), coding.to_owned(), expect.to_owned())
        };
        assert_eq!(of("GET", &[]), texts("", "", ""));
        assert_eq!(of("DELETE", &[("content-length", "0")]), texts("0", "", ""));
        assert_eq!(of("POST", &[]), texts("0", "", ""));
        assert_eq!(of("POST", &[("Content-Length", "007")]), texts("7", "", ""));
        let chunked = [("transfer-encoding", "CHUNKED"), ("Expect", "100-CONTINUE")];
        assert_eq!(of("PUT", &chunked), texts("", "chunked", "100-continue"));
        assert_eq!(of("PUT", &chunked[1..]), texts("0", "", ""));
    }

    #[test]
    fn upgrades_are_asked_for_alone() {
        let fields = [
            ("Connection", "Upgrade, X-Hop"),
            ("Upgrade", "websocket"),
            ("HTTP2-Settings", "x"),
        ];
        let head = head(&json!({}), with(&fields));
        assert_eq!(values(&head, "Connection"), ["upgrade"]);
        assert_eq!(values(&head, "Upgrade"), ["websocket"]);
        assert!(values(&head, "HTTP2-Settings").is_empty());
    }

    #[test]
    fn hosts_by_route() {
        let host = |rule: &Value, request: Request<'_>| {
            let forward = request.forward(&gate(&[json!({"rewrite": {"host": rule}})]));
            let head = String::from_utf8(forward.head).expect("UTF-8");
            assert_eq!(
                forward.host_from_endpoint,
                !head.ends_with("\r\n\r\n"),
                "{head}"
            );
            (values(&head, "Host").join("|"), forward.host_from_endpoint)
        };
        let request = with(&[("Host", "A.example:81")]);
        let old = Request {
            version: 10,
            ..with(&[])
        };
        assert_eq!(
            host(&json!("preserve"), request),
            ("A.example:81".to_owned(), false)
        );
        assert_eq!(
            host(&json!({"literal": "b:1"}), request),
            ("b:1".to_owned(), false)
        );
        assert_eq!(host(&json!("upstream"), request), (String::new(), true));
        assert_eq!(host(&json!("preserve"), old), (String::new(), true));
    }

    #[test]
    fn routes_change_fields_in_every_spelling() {
        let changes = json!({"request_headers": {
            "set": [["X-User", "route"], ["X-Forwarded-Proto", "https"]],
            "add": [["X-Tag", "b"]],
            "remove": ["Cookie", "Via"],
        }});
        let fields = [
            ("x_user", "forged"),
            ("X-USER", "forged"),
            ("X-Tag", "a"),
            ("Cookie", "c"),
        ];
        let head = head(&changes, with(&fields));
        assert_eq!(values(&head, "X-User"), ["route"]);
        assert!(!head.contains("forged"));
        assert_eq!(values(&head, "X-Tag"), ["a", "b"]);
        assert_eq!(values(&head, "X-Forwarded-Proto"), ["https"]);
        assert!(values(&head, "Cookie").is_empty() && values(&head, "Via").is_empty());
    }
}
