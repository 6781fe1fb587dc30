//! A request head that passed every guard which needs no route.

use std::borrow::Cow;

use crate::connection;
use crate::decision::{Reason, Refusal};
use crate::field::Field;
use crate::framing::{FramingError, RequestBody, Seen, Version};
use crate::grammar::is_token;
use crate::host::Authority;
use crate::lines::{Line, Lines, LinesError, RawFields};
use crate::route::Question;
use crate::specification::Limits;
use crate::target::Target;

/// A request head as a tokeniser delivered it.
#[derive(Debug, Clone, Copy)]
pub struct RawRequest<'a> {
    /// Method.
    pub method: &'a [u8],
    /// Target.
    pub target: &'a [u8],
    /// Fields.
    pub fields: &'a RawFields<'a>,
    /// Two digits, as in 11 for HTTP/1.1.
    pub version: u32,
}

/// The fields of a request that count only where they stand alone.
#[derive(Debug, Default)]
pub struct Singles<'a> {
    /// Host.
    pub host: Seen<'a>,
    /// Expect.
    pub expect: Seen<'a>,
    /// Upgrade.
    pub upgrade: Seen<'a>,
    /// X-Request-ID, believed from trusted peers only; so are the next three.
    pub request_id: Seen<'a>,
    /// X-Forwarded-Proto.
    pub forwarded_proto: Seen<'a>,
    /// X-Forwarded-Host.
    pub forwarded_host: Seen<'a>,
    /// traceparent.
    pub traceparent: Seen<'a>,
    /// Origin.
    pub origin: Seen<'a>,
    /// Access-Control-Request-Method.
    pub request_method: Seen<'a>,
    /// Access-Control-Request-Headers.
    pub request_headers: Seen<'a>,
}

impl<'a> Singles<'a> {
    fn of(lines: &[Line<'a>]) -> Self {
        let mut singles = Self::default();
        for line in lines {
            let slot = match line.field {
                Field::Host => &mut singles.host,
                Field::Expect => &mut singles.expect,
                Field::Upgrade => &mut singles.upgrade,
                Field::RequestId => &mut singles.request_id,
                Field::ForwardedProto => &mut singles.forwarded_proto,
                Field::ForwardedHost => &mut singles.forwarded_host,
                Field::Traceparent => &mut singles.traceparent,
                Field::Origin => &mut singles.origin,
                Field::RequestMethod => &mut singles.request_method,
                Field::RequestHeaders => &mut singles.request_headers,
                _ => continue,
            };
            slot.add(line.value);
        }
        singles
    }
}

/// A request head that passed the guards.
#[derive(Debug)]
pub struct RequestHead<'a> {
    /// Method: a token.
    pub method: &'a [u8],
    /// Version.
    pub version: Version,
    /// Target, taken apart.
    pub target: Target<'a>,
    /// Canonical path.
    pub path: Cow<'a, str>,
    /// The server that is asked for: Host, or what absolute-form names.
    pub host: Option<Authority<'a>>,
    /// Its name, as routes are looked up.
    pub host_name: Option<Cow<'a, str>>,
    /// Field lines.
    pub lines: Lines<'a>,
    /// Body.
    pub body: RequestBody,
    /// Whether the client waits for 100 (Continue) before it sends its body.
    pub expects_continue: bool,
    /// Protocols to which the client wishes to change and may.
    pub upgrade: Option<&'a [u8]>,
    /// Fields that count only where they stand alone.
    pub singles: Singles<'a>,
}

impl<'a> RequestHead<'a> {
    /// Apply the guards, in the order in which a recipient would stumble.
    ///
    /// # Errors
    ///
    /// [`Refusal`] with what the client is told.
    pub fn read(raw: &RawRequest<'a>, limits: &Limits) -> Result<Self, Refusal> {
        let version = Version::from_digits(raw.version).ok_or_else(|| {
            Refusal::new(
                Reason::VersionNotSupported,
                "Only HTTP/1.0 and HTTP/1.1 are spoken.",
            )
        })?;
        check_method(raw.method)?;
        if raw.target.len() > limits.target_bytes {
            return Err(Refusal::new(
                Reason::TargetTooLong,
                "The request target is too long.",
            ));
        }
        let lines = Lines::read(raw.fields, limits)?;
        let singles = Singles::of(&lines.all);
        let body = lines.framing(version).request_body()?;
        let target = Target::parse(raw.method, raw.target).map_err(Refusal::bad_request)?;
        let host = read_host(singles.host, &target, version)?;
        check_expectation(singles.expect, version)?;
        let path = crate::path::canonical(target.path)
            .map_err(|error| Refusal::bad_request(error.detail()))?;
        // An upgrade is possible from 1.1 only, and a body would have to be read before the change.
        let may_upgrade = lines.options.upgrade && version == Version::Http11 && body.is_empty();
        Ok(Self {
            method: raw.method,
            version,
            target,
            path,
            host,
            host_name: host.map(|host| host.lookup_name()),
            body,
            // Ignored from 1.0 clients, and without a body there is nothing to wait for.
            expects_continue: version == Version::Http11
                && singles.expect != Seen::Absent
                && !body.is_empty(),
            upgrade: singles
                .upgrade
                .once()
                .filter(|value| may_upgrade && connection::may_be_tunnelled(value)),
            singles,
            lines,
        })
    }

    /// Whether the connection may persist after the exchange.
    ///
    /// Not after a body of GET or HEAD, whose meaning is not defined (RFC 9110 section 9.3.1): one
    /// side may read it and another take it for the next request.
    #[must_use]
    pub fn persists(&self) -> bool {
        self.lines.options.persists(self.version) && !self.has_undefined_body()
    }

    /// Whether there is a body whose meaning is not defined (RFC 9110 section 9.3.1).
    #[must_use]
    pub fn has_undefined_body(&self) -> bool {
        matches!(self.method, b"GET" | b"HEAD") && !self.body.is_empty()
    }

    /// What a route is chosen by.
    #[must_use]
    pub fn question(&self) -> Question<'_> {
        Question {
            host: self.host_name.as_deref(),
            path: &self.path,
            method: self.method,
            lines: &self.lines.all,
            query: self.target.query,
        }
    }
}

/// RFC 9110 section 10.1.1: one expectation is known, and 1.0 clients have none.
fn check_expectation(expect: Seen<'_>, version: Version) -> Result<(), Refusal> {
    let is_met = match expect {
        Seen::Absent => true,
        Seen::Once(value) => value.eq_ignore_ascii_case(b"100-continue"),
        Seen::Repeated => false,
    };
    if is_met || version == Version::Http10 {
        return Ok(());
    }
    let detail = "No expectation but 100-continue can be met.";
    Err(Refusal::new(Reason::ExpectationFailed, detail))
}

fn check_method(method: &[u8]) -> Result<(), Refusal> {
    if !is_token(method) {
        return Err(Refusal::bad_request("The request method is malformed."));
    }
    if matches!(method, b"CONNECT" | b"TRACE") {
        let detail = "The gateway implements neither CONNECT nor TRACE.";
        return Err(Refusal::new(Reason::NotImplemented, detail));
    }
    Ok(())
}

/// RFC 9112 section 3.2: one valid Host on 1.1, at most one on 1.0, and no second opinion in the
/// target.
fn read_host<'a>(
    host: Seen<'a>,
    target: &Target<'a>,
    version: Version,
) -> Result<Option<Authority<'a>>, Refusal> {
    let host = match host {
        Seen::Repeated => return Err(Refusal::bad_request("There is more than one Host field.")),
        Seen::Absent if version == Version::Http11 => {
            return Err(Refusal::bad_request("The Host field is missing."));
        }
        Seen::Absent => None,
        Seen::Once(b"") if version == Version::Http10 => None,
        Seen::Once(value) => Some(
            Authority::parse(value)
                .ok_or_else(|| Refusal::bad_request("The Host field is malformed."))?,
        ),
    };
    match (host, target.authority) {
        (Some(host), Some((authority, default_port)))
            if !host.is_same(&authority, default_port) =>
        {
            Err(Refusal::bad_request(
                "The request target and the Host field disagree.",
            ))
        }
        (None, Some((authority, _))) => Ok(Some(authority)),
        _ => Ok(host),
    }
}

impl From<LinesError> for Refusal {
    fn from(error: LinesError) -> Self {
        match error {
            LinesError::TooLarge(detail) => Self::new(Reason::HeadersTooLarge, detail),
            LinesError::Malformed(detail) => Self::bad_request(detail),
        }
    }
}

impl From<FramingError> for Refusal {
    fn from(error: FramingError) -> Self {
        match error {
            FramingError::UnknownCoding => Self::new(Reason::NotImplemented, error.detail()),
            _ => Self::bad_request(error.detail()),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::fixture::{Request, TextField, gate, get};
    use serde_json::json;

    fn reason(request: Request<'_>) -> &'static str {
        request.reason(&gate(&[json!({})]))
    }

    fn is_forwarded(request: Request<'_>) -> bool {
        matches!(
            request.decide(&gate(&[json!({})])),
            crate::Decision::Forward(_)
        )
    }

    #[test]
    fn versions_and_methods_that_are_not_spoken() {
        assert_eq!(
            reason(Request {
                version: 9,
                ..get("/")
            }),
            "version-not-supported"
        );
        assert_eq!(
            reason(Request {
                version: 20,
                ..get("/")
            }),
            "version-not-supported"
        );
        assert_eq!(
            reason(Request {
                method: "CONNECT",
                ..get("a:443")
            }),
            "not-implemented"
        );
        assert_eq!(
            reason(Request {
                method: "TRACE",
                ..get("/")
            }),
            "not-implemented"
        );
        assert_eq!(
            reason(Request {
                method: "GE T",
                ..get("/")
            }),
            "bad-request"
        );
        assert_eq!(
            reason(Request {
                method: "",
                ..get("/")
            }),
            "bad-request"
        );
        assert!(is_forwarded(Request {
            method: "PROPFIND",
            ..get("/")
        }));
    }

    #[test]
    fn sizes_are_limited() {
        let long = format!("/{}", "a".repeat(100));
        assert_eq!(reason(get(&long)), "target-too-long");
        assert!(is_forwarded(get(&long[..100])));
        let large = "x".repeat(8192);
        let fields = [("X-Large", &*large)];
        assert_eq!(
            reason(Request {
                fields: &fields,
                ..get("/")
            }),
            "headers-too-large"
        );
        let many = [("X-Many", "x"); 20];
        assert_eq!(
            reason(Request {
                fields: &many,
                ..get("/")
            }),
            "headers-too-large"
        );
        assert!(is_forwarded(Request {
            fields: &many[1..],
            ..get("/")
        }));
    }

    #[test]
    fn one_host_and_no_second_opinion() {
        let of = |target, version, fields: &[TextField<'_>]| {
            let request = Request {
                fields,
                version,
                ..get(target)
            };
            if is_forwarded(request) {
                "forwarded"
            } else {
                reason(request)
            }
        };
        for (target, version, fields, expected) in [
            ("/", 11, &[("Host", "a"), ("Host", "a")][..], "bad-request"),
            ("/", 10, &[("Host", "a"), ("host", "a")], "bad-request"),
            ("/", 11, &[("Host", "")], "bad-request"),
            ("/", 11, &[("Host", "a@b")], "bad-request"),
            ("/", 10, &[("Host", "a b")], "bad-request"),
            ("/", 10, &[("Host", "")], "forwarded"),
            ("/", 10, &[], "forwarded"),
            ("http://a/", 11, &[("Host", "A:80")], "forwarded"),
            ("https://a/", 11, &[("Host", "a:80")], "bad-request"),
            ("http://a/", 11, &[("Host", "b")], "bad-request"),
            ("http://a/", 10, &[], "forwarded"),
        ] {
            assert_eq!(
                of(target, version, fields),
                expected,
                "{target} {version} {fields:?}"
            );
        }
    }

    #[test]
    fn expectations_that_cannot_be_met() {
        let with = |version, expect: &'static [TextField<'static>]| Request {
            fields: expect,
            version,
            ..get("/")
        };
        assert_eq!(
            reason(with(11, &[("Expect", "200-ok")])),
            "expectation-failed"
        );
        assert_eq!(reason(with(11, &[("Expect", "")])), "expectation-failed");
        assert!(is_forwarded(with(11, &[("Expect", "100-Continue")])));
        assert!(is_forwarded(with(10, &[("Expect", "200-ok")])));
    }

    #[test]
    fn only_a_1_1_client_with_a_body_waits_for_100() {
        let gate = gate(&[json!({})]);
        let waits = |version, length| {
            let fields = [
                ("Host", "a"),
                ("Expect", "100-continue"),
                ("Content-Length", length),
            ];
            let request = Request {
                method: "PUT",
                fields: &fields,
                version,
                ..get("/")
            };
            request.forward(&gate).reply.expects_continue
        };
        assert!(waits(11, "5") && !waits(11, "0") && !waits(10, "5"));
    }

    #[test]
    fn nothing_follows_a_body_without_meaning() {
        let gate = gate(&[json!({})]);
        let persists = |method, length| {
            let fields = [("Content-Length", length)];
            Request {
                method,
                fields: &fields,
                ..get("/")
            }
            .forward(&gate)
            .reply
            .keep_alive
        };
        assert!(!persists("GET", "1") && !persists("HEAD", "1"));
        assert!(persists("GET", "0") && persists("POST", "1"));
    }

    #[test]
    fn upgrades_need_option_version_and_no_body() {
        let gate = gate(&[json!({})]);
        let wish = [
            ("Connection", "keep-alive, Upgrade"),
            ("Upgrade", "websocket"),
        ];
        let upgrades = |version, fields: &[TextField<'_>]| {
            Request {
                fields,
                version,
                ..get("/")
            }
            .forward(&gate)
            .reply
            .upgrade
        };
        assert!(upgrades(11, &wish));
        assert!(!upgrades(10, &wish));
        assert!(!upgrades(11, &wish[1..]) && !upgrades(11, &wish[..1]));
        assert!(!upgrades(11, &[wish[0], wish[1], ("Content-Length", "1")]));
        assert!(!upgrades(11, &[wish[0], ("Upgrade", "h2c")]));
    }
}
