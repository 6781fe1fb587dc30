use std::fs::File;
use std::os::fd::AsRawFd;

use proptest::prelude::*;
use regex_lite::Regex;
use serde_json::{Map, Value, json};

use super::*;
use crate::json::parse;
use crate::line_ring::LEAST_CAPACITY;

const DEFAULT: [&str; 16] = [
    "timestamp",
    "request_id",
    "trace_id",
    "client",
    "method",
    "path",
    "route",
    "status",
    "duration_ms",
    "overhead_ms",
    "upstream",
    "upstream_ms",
    "user",
    "bytes_in",
    "bytes_out",
    "problem",
];
const OTHERS: [&str; 6] = [
    "host",
    "scheme",
    "protocol",
    "user_agent",
    "referer",
    "worker",
];

fn ring(capacity: usize) -> Arc<LineRing> {
    // A file that was removed is as good as one without a name; the ring has its own descriptor.
    let path = std::env::temp_dir().join(format!(
        "pygateway-log-{}-{:?}",
        std::process::id(),
        std::thread::current().id()
    ));
    let mut options = File::options();
    let file = options.read(true).write(true).create_new(true).open(&path);
    std::fs::remove_file(path).unwrap();
    Arc::new(LineRing::create(file.unwrap().as_raw_fd(), capacity, 3).unwrap())
}

fn specification(format: &str, fields: &[&str], sample: f64) -> Specification {
    let document = json!({
        "limits": {"header_bytes": 1, "header_count": 1, "target_bytes": 1, "body_bytes": 1},
        "trusted_proxies": [],
        "via": "pygateway",
        "health_path": null,
        "security_headers": [],
        "hsts": null,
        "routes": [],
        "access_log": {"format": format, "fields": fields, "sample": sample},
    });
    Specification::from_json(document.to_string().as_bytes()).unwrap()
}

fn log(format: &str, fields: &[&str], sample: f64) -> AccessLog {
    let specification = specification(format, fields, sample);
    AccessLog::compile(&specification, Some(ring(1 << 16)))
        .unwrap()
        .unwrap()
}

fn entry() -> Entry<'static> {
    Entry {
        at: 1_795_844_356.123,
        request_id: "019f2b3c-0000-7000-8000-000000000000",
        trace_id: 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736,
        client: "192.0.2.7",
        method: "GET",
        path: "/users/7",
        version: Version::Http11,
        route: Some("users"),
        status: 200,
        duration: 0.012_345,
        overhead: 0.000_245,
        upstream: Some("app"),
        user: Some("ada"),
        request_bytes: 0,
        response_bytes: 136,
        problem: None,
        details: None,
        random: 0,
    }
}

fn details() -> Details {
    Details {
        host: "api.example:8443".into(),
        secure: true,
        user_agent: Some(Box::from(&b"curl/8.5.0"[..])),
        referer: Some(Box::from(&b"https://ada:pw@a.example/b?token=c"[..])),
    }
}

/// Everything that lies in the log's ring.
fn written(log: &AccessLog) -> Vec<u8> {
    let mut lines = Vec::new();
    log.ring.take(usize::MAX, &mut lines);
    lines
}

fn line(log: &AccessLog, entry: &Entry<'_>) -> String {
    assert_eq!(log.write(entry), LineOutcome::Written);
    String::from_utf8(written(log)).expect("UTF-8")
}

fn members(line: &str) -> Map<String, Value> {
    let text = line.strip_suffix('\n').expect("an end of line");
    assert!(!text.contains(char::is_control), "{text:?}");
    parse(text.as_bytes()).expect("one JSON object")
}

#[test]
fn a_line_of_the_usual_fields() {
    assert_eq!(
        line(&log("json", &DEFAULT, 1.0), &entry()),
        concat!(
            r#"{"timestamp":"2026-11-28T05:39:16.123Z","#,
            r#""request_id":"019f2b3c-0000-7000-8000-000000000000","#,
            r#""trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","client":"192.0.2.7","#,
            r#""method":"GET","path":"/users/7","route":"users","status":200,"#,
            r#""duration_ms":12.345,"overhead_ms":0.245,"upstream":"app","upstream_ms":12.100,"#,
            r#""user":"ada","bytes_in":0,"bytes_out":136,"problem":null}"#,
            "\n"
        )
    );
}

#[test]
fn what_is_not_known_is_null() {
    let nothing = Entry {
        client: "",
        method: "",
        path: "",
        route: None,
        upstream: None,
        user: None,
        problem: Some("bad-request"),
        ..entry()
    };
    let fields: Vec<&str> = DEFAULT.iter().chain(&OTHERS).copied().collect();
    let members = members(&line(&log("json", &fields, 1.0), &nothing));
    let nulls: Vec<&str> = fields
        .iter()
        .filter(|field| members[**field].is_null())
        .copied()
        .collect();
    let expected = [
        "client",
        "method",
        "path",
        "route",
        "upstream",
        "upstream_ms",
        "user",
        "host",
        "scheme",
        "user_agent",
        "referer",
    ];
    assert_eq!(nulls, expected);
    assert_eq!(members["problem"], "bad-request");
}

#[test]
fn fields_are_those_that_were_chosen_in_their_order() {
    let details = details();
    let entry = Entry {
        details: Some(&details),
        ..entry()
    };
    let log = log(
        "json",
        &[
            "worker",
            "referer",
            "user_agent",
            "protocol",
            "scheme",
            "host",
        ],
        1.0,
    );
    assert_eq!(
        line(&log, &entry),
        concat!(
            r#"{"worker":3,"referer":"a.example/b","user_agent":"curl/8.5.0","#,
            r#""protocol":"HTTP/1.1","scheme":"https","host":"api.example:8443"}"#,
            "\n"
        )
    );
}

#[test]
fn details_are_wanted_where_they_are_used() {
    assert!(!log("json", &DEFAULT, 1.0).wants_details());
    assert!(!log("json", &["protocol", "worker"], 1.0).wants_details());
    for field in ["host", "scheme", "user_agent", "referer"] {
        assert!(log("json", &["path", field], 1.0).wants_details());
    }
    assert!(log("combined", &[], 1.0).wants_details());
}

#[test]
fn a_line_of_the_combined_format() {
    let details = details();
    let entry = Entry {
        details: Some(&details),
        ..entry()
    };
    let log = log("combined", &[], 1.0);
    assert_eq!(
        line(&log, &entry),
        "192.0.2.7 - ada [28/Nov/2026:05:39:16 +0000] \"GET /users/7 HTTP/1.1\" 200 136 \
         \"a.example/b\" \"curl/8.5.0\"\n"
    );
    let nothing = Entry {
        client: "",
        method: "",
        path: "",
        user: None,
        status: 400,
        details: None,
        version: Version::Http10,
        ..entry
    };
    assert_eq!(
        line(&log, &nothing),
        "- - - [28/Nov/2026:05:39:16 +0000] \"- - HTTP/1.0\" 400 136 \"-\" \"-\"\n"
    );
}

#[test]
fn requests_are_sampled_by_their_own_bits_and_errors_always_kept() {
    let log = log("json", &DEFAULT, 0.25);
    let outcome = |entry: &Entry<'_>| log.write(entry);
    let with = |random, status, problem| Entry {
        status,
        problem,
        random,
        ..entry()
    };
    let quarter = 1 << 62;
    for random in [0, 1, quarter - 1] {
        assert_eq!(outcome(&with(random, 200, None)), LineOutcome::Written);
    }
    for random in [quarter, u64::MAX] {
        assert_eq!(outcome(&with(random, 200, None)), LineOutcome::SampledOut);
        assert_eq!(outcome(&with(random, 399, None)), LineOutcome::SampledOut);
        assert_eq!(outcome(&with(random, 400, None)), LineOutcome::Written);
        let problem = Some("client-closed-request");
        assert_eq!(outcome(&with(random, 200, problem)), LineOutcome::Written);
    }
}

#[test]
fn all_or_none_are_kept_at_the_ends_of_the_scale() {
    let last = Entry {
        random: u64::MAX,
        ..entry()
    };
    assert_eq!(
        log("json", &DEFAULT, 1.0).write(&last),
        LineOutcome::Written
    );
    assert_eq!(
        log("json", &DEFAULT, 0.0).write(&entry()),
        LineOutcome::SampledOut
    );
}

#[test]
fn a_line_without_room_is_dropped() {
    let specification = specification("json", &DEFAULT, 1.0);
    let log = AccessLog::compile(&specification, Some(ring(LEAST_CAPACITY)))
        .unwrap()
        .unwrap();
    let mut lines = 0;
    while log.write(&entry()) == LineOutcome::Written {
        lines += 1;
    }
    assert_eq!(log.write(&entry()), LineOutcome::Dropped);
    let text = String::from_utf8(written(&log)).unwrap();
    assert_eq!(text.lines().count(), lines);
    assert_eq!(log.write(&entry()), LineOutcome::Written);
}

#[test]
fn there_is_no_log_where_nobody_wants_or_takes_it() {
    let specification = specification("json", &DEFAULT, 1.0);
    assert!(AccessLog::compile(&specification, None).unwrap().is_none());
    let silent = Specification {
        access_log: None,
        ..specification
    };
    let ring = ring(LEAST_CAPACITY);
    assert!(AccessLog::compile(&silent, Some(ring)).unwrap().is_none());
}

#[test]
fn specifications_that_cannot_be_followed_are_refused() {
    for (fields, sample, problem) in [
        (
            &["path", "pth"][..],
            1.0,
            "access_log: fields: there is no \"pth\"",
        ),
        (
            &["path", "path"],
            1.0,
            "access_log: fields: \"path\" stands twice",
        ),
        (&[], 1.0, "access_log: fields: there are none"),
        (
            &["path"],
            1.5,
            "access_log: sample: 1.5 is not within 0 and 1",
        ),
        (
            &["path"],
            -0.1,
            "access_log: sample: -0.1 is not within 0 and 1",
        ),
    ] {
        let specification = specification("json", fields, sample);
        let refused = AccessLog::compile(&specification, Some(ring(LEAST_CAPACITY)));
        assert_eq!(refused.unwrap_err().0, problem);
    }
}

#[test]
fn what_is_too_long_is_cut_off_and_says_so() {
    let long = "x".repeat(10_000);
    let details = Details {
        host: long.as_str().into(),
        secure: false,
        user_agent: Some(long.as_bytes().into()),
        referer: Some(long.as_bytes().into()),
    };
    let entry = Entry {
        method: &long,
        path: &long,
        user: Some(&long),
        details: Some(&details),
        ..entry()
    };
    let fields = ["method", "path", "user", "host", "user_agent", "referer"];
    let members = members(&line(&log("json", &fields, 1.0), &entry));
    for (field, longest) in fields.into_iter().zip([32, 2048, 256, 262, 512, 1024]) {
        let expected = format!("{}...", &long[..longest]);
        assert_eq!(members[field].as_str(), Some(&*expected), "{field}");
    }
}

/// A combined line, taken apart.
fn combined() -> Regex {
    Regex::new(concat!(
        r#"^(\S+) - (\S+) \[(\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000)\] "#,
        r#""(\S+) (\S+) HTTP/(1\.[01])" (\d{3}) (\d+) "([^"]*)" "([^"]*)"\n$"#
    ))
    .unwrap()
}

/// Undo what the combined format does to text.
fn plain(text: &str) -> Vec<u8> {
    if text == "-" {
        return Vec::new();
    }
    let mut bytes = Vec::new();
    let mut parts = text.split(r"\x");
    bytes.extend_from_slice(parts.next().unwrap().as_bytes());
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).expect("two digits"));
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    bytes
}

fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let known = prop_oneof![
        Just(&b"\"}\n{\"status\":200"[..]),
        Just(&b"\" 200 0 \"-\" \"-\"\r\n10.0.0.1 - admin [01/Jan/2026"[..]),
        Just(&b"\\"[..]),
        Just(&b"\\x22\\u0022\\n"[..]),
        Just(&b"\x1b]0;title\x07\x1b[2J"[..]),
        Just("\u{85}\u{2028}\u{202e}".as_bytes()),
        Just(&b"\xe2\x80"[..]),
        Just(&b"\0"[..]),
    ];
    prop_oneof![
        known.prop_map(<[u8]>::to_vec),
        proptest::collection::vec(any::<u8>(), 0..300),
    ]
}

proptest! {
    #[test]
    fn whatever_clients_send_is_one_object_of_the_chosen_members(
        texts in proptest::collection::vec(any::<String>(), 5),
        bytes in proptest::collection::vec(hostile(), 2),
        numbers in any::<(u16, f64, f64, f64, u64, u64, u128)>(),
    ) {
        let details = Details {
            host: texts[4].as_str().into(),
            secure: false,
            user_agent: Some(bytes[0].as_slice().into()),
            referer: Some(bytes[1].as_slice().into()),
        };
        let entry = Entry {
            at: numbers.1,
            request_id: &texts[0],
            trace_id: numbers.6,
            method: &texts[1],
            path: &texts[2],
            user: Some(&texts[3]),
            status: numbers.0,
            duration: numbers.2,
            overhead: numbers.3,
            request_bytes: numbers.4,
            response_bytes: numbers.5,
            details: Some(&details),
            ..entry()
        };
        let fields: Vec<&str> = DEFAULT.iter().chain(&OTHERS).copied().collect();
        let text = line(&log("json", &fields, 1.0), &entry);
        prop_assert_eq!(text.matches('\n').count(), 1);
        let members = members(&text);
        prop_assert_eq!(members.len(), fields.len());
        prop_assert_eq!(&members["status"], numbers.0);
        if !texts[2].is_empty() && texts[2].len() <= 2048 {
            prop_assert_eq!(members["path"].as_str(), Some(&*texts[2]));
        }
        if let Ok(user_agent) = str::from_utf8(&bytes[0]) {
            prop_assert_eq!(members["user_agent"].as_str(), Some(user_agent));
        }
        let referer = members["referer"].as_str().expect("text");
        prop_assert!(!referer.contains(['?', '#']) || str::from_utf8(&bytes[1]).is_err());
    }

    #[test]
    fn combined_lines_are_read_back(
        texts in proptest::collection::vec(any::<String>(), 3),
        bytes in proptest::collection::vec(hostile(), 2),
        numbers in (100_u16..600, any::<u64>()),
    ) {
        let details = Details {
            host: "a".into(),
            secure: false,
            user_agent: Some(bytes[0].as_slice().into()),
            referer: Some(bytes[1].as_slice().into()),
        };
        let entry = Entry {
            method: &texts[0],
            path: &texts[1],
            user: Some(&texts[2]),
            status: numbers.0,
            response_bytes: numbers.1,
            details: Some(&details),
            ..entry()
        };
        let text = line(&log("combined", &[], 1.0), &entry);
        let parts = combined();
        let parts = parts.captures(&text).expect("a combined line");
        prop_assert_eq!(plain(&parts[10]), bytes[0].as_slice());
        prop_assert_eq!(plain(&parts[9]), text::bare_referer(&bytes[1]));
        for (part, (text, longest)) in
            [(4, (&texts[0], 32)), (5, (&texts[1], 2048)), (2, (&texts[2], 256))]
        {
            if text.len() <= longest {
                prop_assert_eq!(plain(&parts[part]), text.as_bytes());
            }
        }
        prop_assert_eq!(parts[7].parse::<u16>(), Ok(numbers.0));
        prop_assert_eq!(parts[8].parse::<u64>(), Ok(numbers.1));
    }
}
