//! What a line of the access log costs: rendered and put into its ring.
//!
//!     cargo run --release -p pygateway-core --example log_cost
//!
//! Nanoseconds per line, the median of nine runs. The ring is emptied between the lines, and that is
//! not a part of the time.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pygateway_core::access_log::{AccessLog, Details, Entry, LineOutcome};
use pygateway_core::framing::Version;
use pygateway_core::line_ring::LineRing;
use pygateway_core::specification::Specification;
use serde_json::json;

const LINES: u32 = 400_000;
/// So many fit into the ring.
const BATCH: u32 = 2000;
const RUNS: usize = 9;

const USUAL: &str = "timestamp request_id trace_id client method path route status duration_ms \
     overhead_ms upstream upstream_ms user bytes_in bytes_out problem";
const ALL: &str = "timestamp request_id trace_id client method path route status duration_ms \
     overhead_ms upstream upstream_ms user bytes_in bytes_out problem host scheme protocol \
     user_agent referer worker";

fn ring() -> Arc<LineRing> {
    let path = std::env::temp_dir().join(format!("log-cost-{}", std::process::id()));
    let mut options = File::options();
    let options = options.read(true).write(true).create_new(true);
    let file = options.open(&path).expect("a file for the ring");
    std::fs::remove_file(path).expect("the ring's file");
    Arc::new(LineRing::create(file.as_raw_fd(), 1 << 22, 0).expect("a ring"))
}

fn log(format: &str, fields: &str, sample: f64, ring: &Arc<LineRing>) -> AccessLog {
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let document = json!({
        "limits": {"header_bytes": 1, "header_count": 1, "target_bytes": 1, "body_bytes": 1},
        "trusted_proxies": [], "via": "gw", "health_path": null, "security_headers": [],
        "hsts": null, "routes": [],
        "access_log": {"format": format, "fields": fields, "sample": sample},
    });
    let text = document.to_string();
    let specification = Specification::from_json(text.as_bytes()).expect("a specification");
    let log = AccessLog::compile(&specification, Some(Arc::clone(ring)));
    log.expect("a log").expect("a log")
}

fn entry(details: &Details) -> Entry<'_> {
    Entry {
        at: 1_795_844_356.123,
        request_id: "019f2b3c-0000-7000-8000-000000000000",
        trace_id: 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736,
        client: "192.0.2.7",
        method: "GET",
        path: "/users/1234567/accounts/89",
        version: Version::Http11,
        route: Some("users"),
        status: 200,
        duration: 0.012_345,
        overhead: 0.000_245,
        upstream: Some("users"),
        user: Some("user-000123"),
        request_bytes: 0,
        response_bytes: 136,
        problem: None,
        details: Some(details),
        random: u64::MAX,
    }
}

fn measure(name: &str, log: &AccessLog, ring: &LineRing, entry: &Entry<'_>) {
    let mut lines = Vec::new();
    let mut entry = *entry;
    let mut times = [0.0; RUNS];
    for time in &mut times {
        let mut spent = Duration::ZERO;
        for _ in 0..LINES / BATCH {
            let start = Instant::now();
            for _ in 0..BATCH {
                // A few thousand requests a second.
                entry.at += 0.000_25;
                assert!(log.write(&entry) != LineOutcome::Dropped);
            }
            spent += start.elapsed();
            lines.clear();
            ring.take(usize::MAX, &mut lines);
        }
        *time = spent.as_secs_f64() * 1e9 / f64::from(LINES);
    }
    times.sort_by(f64::total_cmp);
    let length = lines.len() / BATCH as usize;
    println!("{name:<44} {:>7.1} ns {length:>5} bytes", times[RUNS / 2]);
}

fn main() {
    let ring = ring();
    let details = Details {
        host: "api.example".into(),
        secure: true,
        user_agent: Some(Box::from(
            &b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0"[..],
        )),
        referer: Some(Box::from(&b"https://app.example/somewhere?q=1"[..])),
    };
    let entry = entry(&details);
    let mut rare = entry;
    rare.path = "/Zo\u{eb}/\u{1f980}/\"quoted\"";
    let json = log("json", USUAL, 1.0, &ring);
    measure("JSON, the usual fields", &json, &ring, &entry);
    measure("JSON, a path that has to be escaped", &json, &ring, &rare);
    measure(
        "JSON, every field",
        &log("json", ALL, 1.0, &ring),
        &ring,
        &entry,
    );
    measure(
        "JSON, the path alone",
        &log("json", "path", 1.0, &ring),
        &ring,
        &entry,
    );
    measure("combined", &log("combined", "", 1.0, &ring), &ring, &entry);
    measure(
        "not among those that are kept",
        &log("json", USUAL, 0.1, &ring),
        &ring,
        &entry,
    );
}
